"""Harbors in a simulated cluster: of harbor-operator, and of Helm charts.

Nothing runs: the caller writes what an operator or a controller would write.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from deployments.simulators.kubernetes.harbors.charts import (
    PASSWORD_VARIABLE,
    Chart,
    HelmRelease,
    deployment_status,
)
from deployments.simulators.kubernetes.harbors.schema import (
    REQUIRED_SERVICES,
    check_harbor_cluster,
)
from deployments.simulators.kubernetes.object_store import (
    CONFIG_MAP_RESOURCE,
    DEPLOYMENT_RESOURCE,
    HARBOR_CLUSTER_RESOURCE,
    NAMESPACE_RESOURCE,
    SECRET_RESOURCE,
    Json,
    ObjectStore,
    current_timestamp,
)

_PASSWORD_KEY = "secret"
_READY_STATUS = {"healthy": "True", "unhealthy": "False"}


class HarborObjects:
    """Changes of Harbors that tests and the demo make outside of the API."""

    _store: ObjectStore

    def install_operator(self, versions: Sequence[str] = ("v1beta1", "v1alpha3")) -> None:
        """Serve HarborClusters in these versions; without any, the group is not served."""
        with self._store.lock:
            self._store.operator_versions = tuple(versions)

    def break_conversion(self, status: Literal[429, 500] = 500) -> None:
        """Stop the operator's conversion webhook: no HarborCluster can be read in any version.

        Args:
            status: 500, or 429 of a real API server that has not filled its watch cache since.
        """
        with self._store.lock:
            self._store.conversion_status = status

    def repair_conversion(self) -> None:
        """Revert `break_conversion`."""
        with self._store.lock:
            self._store.conversion_status = 0

    def add_harbor_cluster(
        self,
        namespace: str,
        name: str,
        url: str,
        password: str | None,
        *,
        version: str = "2.11.1",
        status: str = "healthy",
        tls: str = "",
    ) -> str:
        """Create a HarborCluster and its admin Secret; install the operator if necessary.

        Args:
            password: admin password; None creates no Secret.
            status: status of the HarborCluster; empty means not processed by the operator yet.
            tls: name of the Secret with its certificate.

        Returns:
            The uid.
        """
        host = url.partition("://")[2].partition("/")[0]
        core: Json = {"ingress": {"host": host}}
        if tls:
            core["tls"] = {"certificateRef": tls}
        spec = {
            "externalURL": url,
            "harborAdminPasswordRef": f"{name}-admin",
            "version": version,
            "expose": {"core": core},
            **REQUIRED_SERVICES,
        }
        check_harbor_cluster({"metadata": {"name": name}, "spec": spec})
        with self._store.lock:
            self._store.operator_versions = self._store.operator_versions or ("v1beta1", "v1alpha3")
            self._ensure_namespace(namespace)
            if password is not None:
                self.put_secret(namespace, f"{name}-admin", {_PASSWORD_KEY: password})
            metadata = {"name": name, "namespace": namespace, "generation": 1}
            manifest = self._store.create(
                HARBOR_CLUSTER_RESOURCE, {"metadata": metadata, "spec": spec}
            )
            if status:
                self.set_harbor_status(namespace, name, status)
            return str(manifest["metadata"]["uid"])

    def set_harbor_status(self, namespace: str, name: str, status: str, message: str = "") -> None:
        """Write a HarborCluster's status and its message, as the operator does."""
        ready: Json = {"type": "Ready", "status": _READY_STATUS.get(status, "Unknown")}
        if message:
            ready |= {"reason": "ComponentUnhealthy", "message": message}
        new_status = {"status": status, "revision": 1, "conditions": [ready]}
        with self._store.lock:
            manifest = self._require_object(HARBOR_CLUSTER_RESOURCE, namespace, name)
            self._store.put(HARBOR_CLUSTER_RESOURCE, {**manifest, "status": new_status})

    def edit_harbor_cluster(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Change parts of a HarborCluster's spec manually; None removes a part."""
        with self._store.lock:
            manifest = self._require_object(HARBOR_CLUSTER_RESOURCE, namespace, name)
            merged = {**manifest["spec"], **spec}
            new_spec = {key: value for key, value in merged.items() if value is not None}
            metadata = {
                **manifest["metadata"],
                "generation": manifest["metadata"]["generation"] + 1,
            }
            self._store.put(
                HARBOR_CLUSTER_RESOURCE, {**manifest, "metadata": metadata, "spec": new_spec}
            )

    def terminate_harbor_cluster(self, namespace: str, name: str) -> None:
        """Mark a HarborCluster as deleted; a finalizer keeps it until `delete_harbor_cluster`."""
        with self._store.lock:
            manifest = self._require_object(HARBOR_CLUSTER_RESOURCE, namespace, name)
            deletion: Json = {
                "finalizers": ["goharbor.io/cleanup"],
                "deletionTimestamp": current_timestamp(),
            }
            deletion |= {"deletionGracePeriodSeconds": 0}
            deletion |= {"generation": manifest["metadata"]["generation"] + 1}
            self._store.put(
                HARBOR_CLUSTER_RESOURCE,
                {**manifest, "metadata": {**manifest["metadata"], **deletion}},
            )

    def delete_harbor_cluster(self, namespace: str, name: str) -> None:
        """Delete a HarborCluster; its admin Secret belongs to the user and is kept."""
        with self._store.lock:
            self._require_object(HARBOR_CLUSTER_RESOURCE, namespace, name)
            self._store.remove(HARBOR_CLUSTER_RESOURCE, namespace, name)

    def recreate_harbor_cluster(self, namespace: str, name: str, status: str = "healthy") -> str:
        """Delete a HarborCluster and create it with the same spec; return its new uid."""
        with self._store.lock:
            manifest = self._require_object(HARBOR_CLUSTER_RESOURCE, namespace, name)
            self._store.remove(HARBOR_CLUSTER_RESOURCE, namespace, name)
            metadata = {"name": name, "namespace": namespace, "generation": 1}
            new_manifest = self._store.create(
                HARBOR_CLUSTER_RESOURCE, {"metadata": metadata, "spec": manifest["spec"]}
            )
            self.set_harbor_status(namespace, name, status)
            return str(new_manifest["metadata"]["uid"])

    def add_helm_harbor(
        self,
        namespace: str,
        release: str,
        url: str,
        password: str,
        *,
        chart: Chart = "goharbor",
        version: str = "2.11.1",
        ready: bool = True,
        name_override: str = "",
        password_secret: str = "",
        authority: str = "",
    ) -> str:
        """Install a release of a Harbor chart: its core's ConfigMap, Secrets and Deployment.

        Args:
            name_override, password_secret: see `HelmRelease`.
            authority: PEM of the generated CA; empty if the chart generates none.

        Returns:
            The Deployment's uid.
        """
        helm_release = HelmRelease(
            namespace, release, chart, version, name_override, password_secret, bool(authority)
        )
        with self._store.lock:
            self._ensure_namespace(namespace)
            self._store.create(CONFIG_MAP_RESOURCE, helm_release.config_map(url))
            secrets = {
                password_secret or helm_release.variables_name: {PASSWORD_VARIABLE: password}
            }
            if password_secret:
                secrets[helm_release.variables_name] = {"CSRF_KEY": "k" * 32}
            if authority:
                secrets[helm_release.ca_secret_name] = {"ca.crt": authority}
            for name, content in secrets.items():
                self.put_secret(namespace, name, content, helm_release.labels)
            core = self._store.create(DEPLOYMENT_RESOURCE, helm_release.deployment())
            self.set_rollout(namespace, helm_release.core_name, ready=ready)
            return str(core["metadata"]["uid"])

    def set_rollout(
        self, namespace: str, core: str, *, ready: bool, was_ready: bool = False
    ) -> None:
        """Set whether a core Deployment has a ready Pod; `was_ready`: it had one before."""
        status = {"status": deployment_status(ready=ready, was_ready=was_ready)}
        with self._store.lock:
            manifest = self._require_object(DEPLOYMENT_RESOURCE, namespace, core)
            self._store.put(DEPLOYMENT_RESOURCE, {**manifest, **status})

    def upgrade_helm_harbor(self, namespace: str, config_map: str, url: str) -> None:
        """Change the address in a core's ConfigMap."""
        with self._store.lock:
            manifest = self._require_object(CONFIG_MAP_RESOURCE, namespace, config_map)
            data = {**manifest["data"], "EXT_ENDPOINT": url}
            self._store.put(CONFIG_MAP_RESOURCE, {**manifest, "data": data})

    def delete_helm_harbor(self, namespace: str, release: str, chart: Chart = "goharbor") -> None:
        """Uninstall a release."""
        helm_release = HelmRelease(namespace, release, chart, "")
        with self._store.lock:
            self.remove_object(DEPLOYMENT_RESOURCE, namespace, helm_release.core_name)
            self.remove_object(CONFIG_MAP_RESOURCE, namespace, helm_release.variables_name)
            self.remove_object(SECRET_RESOURCE, namespace, helm_release.variables_name)

    def set_password(self, namespace: str, name: str, password: str) -> None:
        """Change the admin password in the Secret of a HarborCluster or a release."""
        with self._store.lock:
            self.put_secret(namespace, *self._password_secret(namespace, name, password))

    def remove_password(self, namespace: str, name: str) -> None:
        """Delete the Secret with the admin password."""
        with self._store.lock:
            self.remove_object(
                SECRET_RESOURCE, namespace, self._password_secret(namespace, name, "")[0]
            )

    def put_secret(
        self,
        namespace: str,
        name: str,
        content: Mapping[str, str | bytes],
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Create an opaque Secret, or change its content."""
        plain = {
            key: value.encode() if isinstance(value, str) else value
            for key, value in content.items()
        }
        data = {key: base64.b64encode(value).decode() for key, value in plain.items()}
        with self._store.lock:
            manifest = self._store.get(SECRET_RESOURCE, namespace, name)
            if manifest is not None:
                self._store.put(SECRET_RESOURCE, {**manifest, "data": {**manifest["data"], **data}})
                return
            metadata: Json = {"name": name, "namespace": namespace}
            metadata |= {"labels": dict(labels)} if labels else {}
            self._store.create(
                SECRET_RESOURCE, {"metadata": metadata, "type": "Opaque", "data": data}
            )

    def put_object(self, kind: str, manifest: Json) -> str:
        """Create or replace an object as given, e.g. an unusual one.

        Returns:
            The uid.
        """
        metadata = manifest["metadata"]
        with self._store.lock:
            before = self._store.get(kind, metadata["namespace"], metadata["name"])
            if before is not None:
                self._store.put(kind, {**manifest, "metadata": {**before["metadata"], **metadata}})
                return str(before["metadata"]["uid"])
            self._ensure_namespace(metadata["namespace"])
            return str(self._store.create(kind, manifest)["metadata"]["uid"])

    def object(self, kind: str, namespace: str, name: str) -> Json:
        """Return an object as it is stored."""
        with self._store.lock:
            return self._require_object(kind, namespace, name)

    def remove_object(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object manually."""
        with self._store.lock:
            self._require_object(kind, namespace, name)
            self._store.remove(kind, namespace, name)

    def _password_secret(
        self, namespace: str, name: str, password: str
    ) -> tuple[str, dict[str, str]]:
        if self._store.get(HARBOR_CLUSTER_RESOURCE, namespace, name) is not None:
            return f"{name}-admin", {_PASSWORD_KEY: password}
        charts: tuple[Chart, ...] = ("goharbor", "bitnami")
        for helm_release in (HelmRelease(namespace, name, chart, "") for chart in charts):
            if self._store.get(SECRET_RESOURCE, namespace, helm_release.variables_name) is not None:
                return helm_release.variables_name, {PASSWORD_VARIABLE: password}
        raise LookupError(f"there is no Harbor {namespace}/{name}")

    def _ensure_namespace(self, namespace: str) -> None:
        if self._store.get(NAMESPACE_RESOURCE, "", namespace) is None:
            self._store.create(NAMESPACE_RESOURCE, {"metadata": {"name": namespace, "labels": {}}})

    def _require_object(self, kind: str, namespace: str, name: str) -> Json:
        manifest = self._store.get(kind, namespace, name)
        if manifest is None:
            raise LookupError(f"there is no {kind} {namespace}/{name}")
        return manifest
