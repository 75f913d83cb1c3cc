"""Harbors in an emulated cluster: those of harbor-operator, and those of Helm charts.

Nothing runs: what an operator or a controller would write is written by whoever uses this.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from deployments.simulators.kubernetes.harbors.charts import PASSWORD, Chart, Release, rollout
from deployments.simulators.kubernetes.object_store import (
    CONFIGMAPS,
    DEPLOYMENTS,
    HARBORS,
    NAMESPACES,
    SECRETS,
    Json,
    World,
    stamp,
)

_PASSWORD_KEY = "secret"
_READY = {"healthy": "True", "unhealthy": "False"}


class HarborsInCluster:
    """What a test or the demo may do about Harbors, from outside."""

    _world: World

    def install_operator(self, versions: Sequence[str] = ("v1beta1", "v1alpha3")) -> None:
        """Let HarborClusters be served in these versions; in none, the group is not there."""
        with self._world.lock:
            self._world.operator = tuple(versions)

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
        """Make a HarborCluster and its administrator's Secret, and the operator if need be.

        Args:
            password: None makes no Secret, as when it is forgotten.
            status: empty is before the operator has seen it.
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
        }
        with self._world.lock:
            self._world.operator = self._world.operator or ("v1beta1", "v1alpha3")
            self._settle(namespace)
            if password is not None:
                self.put_secret(namespace, f"{name}-admin", {_PASSWORD_KEY: password})
            metadata = {"name": name, "namespace": namespace, "generation": 1}
            made = self._world.create(HARBORS, {"metadata": metadata, "spec": spec})
            if status:
                self.set_harbor_status(namespace, name, status)
            return str(made["metadata"]["uid"])

    def set_harbor_status(self, namespace: str, name: str, status: str, message: str = "") -> None:
        """Let the operator write a HarborCluster's status, and why it is not healthy."""
        ready: Json = {"type": "Ready", "status": _READY.get(status, "Unknown")}
        if message:
            ready |= {"reason": "ComponentUnhealthy", "message": message}
        written = {"status": status, "revision": 1, "conditions": [ready]}
        with self._world.lock:
            found = self._there(HARBORS, namespace, name)
            self._world.put(HARBORS, {**found, "status": written})

    def edit_harbor_cluster(self, namespace: str, name: str, spec: Mapping[str, Any]) -> None:
        """Change parts of a HarborCluster's spec by hand; None takes one out."""
        with self._world.lock:
            found = self._there(HARBORS, namespace, name)
            merged = {**found["spec"], **spec}
            kept = {key: value for key, value in merged.items() if value is not None}
            metadata = {**found["metadata"], "generation": found["metadata"]["generation"] + 1}
            self._world.put(HARBORS, {**found, "metadata": metadata, "spec": kept})

    def terminate_harbor_cluster(self, namespace: str, name: str) -> None:
        """Begin to delete a HarborCluster; a finalizer holds it until `delete_harbor_cluster`."""
        with self._world.lock:
            found = self._there(HARBORS, namespace, name)
            ending: Json = {"finalizers": ["goharbor.io/cleanup"], "deletionTimestamp": stamp()}
            ending |= {"deletionGracePeriodSeconds": 0}
            ending |= {"generation": found["metadata"]["generation"] + 1}
            self._world.put(HARBORS, {**found, "metadata": {**found["metadata"], **ending}})

    def delete_harbor_cluster(self, namespace: str, name: str) -> None:
        """Delete a HarborCluster; its administrator's Secret stays, it is its user's."""
        with self._world.lock:
            self._there(HARBORS, namespace, name)
            self._world.remove(HARBORS, namespace, name)

    def recreate_harbor_cluster(self, namespace: str, name: str, status: str = "healthy") -> str:
        """Delete a HarborCluster and make it again with the same spec; return its new uid."""
        with self._world.lock:
            found = self._there(HARBORS, namespace, name)
            self._world.remove(HARBORS, namespace, name)
            metadata = {"name": name, "namespace": namespace, "generation": 1}
            made = self._world.create(HARBORS, {"metadata": metadata, "spec": found["spec"]})
            self.set_harbor_status(namespace, name, status)
            return str(made["metadata"]["uid"])

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
    ) -> str:
        """Install a release of a Harbor chart: its core's ConfigMap, Secret and Deployment.

        Returns:
            The Deployment's uid.
        """
        made = Release(namespace, release, chart, version)
        with self._world.lock:
            self._settle(namespace)
            self._world.create(CONFIGMAPS, made.config_map(url))
            self.put_secret(namespace, made.variables, {PASSWORD: password}, made.labels)
            core = self._world.create(DEPLOYMENTS, made.deployment())
            self.set_rollout(namespace, made.core, ready=ready)
            return str(core["metadata"]["uid"])

    def set_rollout(
        self, namespace: str, core: str, *, ready: bool, was_ready: bool = False
    ) -> None:
        """Let a core Deployment have a ready Pod, or none; `was_ready`: none any more."""
        written = {"status": rollout(ready=ready, was_ready=was_ready)}
        with self._world.lock:
            found = self._there(DEPLOYMENTS, namespace, core)
            self._world.put(DEPLOYMENTS, {**found, **written})

    def upgrade_helm_harbor(self, namespace: str, config_map: str, url: str) -> None:
        """Let the address in a core's ConfigMap be another one."""
        with self._world.lock:
            found = self._there(CONFIGMAPS, namespace, config_map)
            data = {**found["data"], "EXT_ENDPOINT": url}
            self._world.put(CONFIGMAPS, {**found, "data": data})

    def delete_helm_harbor(self, namespace: str, release: str, chart: Chart = "goharbor") -> None:
        """Uninstall a release."""
        gone = Release(namespace, release, chart, "")
        with self._world.lock:
            self.remove_object(DEPLOYMENTS, namespace, gone.core)
            self.remove_object(CONFIGMAPS, namespace, gone.variables)
            self.remove_object(SECRETS, namespace, gone.variables)

    def set_password(self, namespace: str, name: str, password: str) -> None:
        """Change the administrator's password in the Secret of a HarborCluster or a release."""
        with self._world.lock:
            self.put_secret(namespace, *self._password_of(namespace, name, password))

    def remove_password(self, namespace: str, name: str) -> None:
        """Delete the Secret with the administrator's password."""
        with self._world.lock:
            self.remove_object(SECRETS, namespace, self._password_of(namespace, name, "")[0])

    def put_secret(
        self,
        namespace: str,
        name: str,
        content: Mapping[str, str | bytes],
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Make an opaque Secret, or change what it holds."""
        plain = {key: one.encode() if isinstance(one, str) else one for key, one in content.items()}
        data = {key: base64.b64encode(one).decode() for key, one in plain.items()}
        with self._world.lock:
            found = self._world.get(SECRETS, namespace, name)
            if found is not None:
                self._world.put(SECRETS, {**found, "data": {**found["data"], **data}})
                return
            metadata: Json = {"name": name, "namespace": namespace}
            metadata |= {"labels": dict(labels)} if labels else {}
            self._world.create(SECRETS, {"metadata": metadata, "type": "Opaque", "data": data})

    def put_object(self, kind: str, found: Json) -> str:
        """Make an object as it is given, or replace one, to have one that is unusual.

        Returns:
            The uid.
        """
        metadata = found["metadata"]
        with self._world.lock:
            before = self._world.get(kind, metadata["namespace"], metadata["name"])
            if before is not None:
                self._world.put(kind, {**found, "metadata": {**before["metadata"], **metadata}})
                return str(before["metadata"]["uid"])
            self._settle(metadata["namespace"])
            return str(self._world.create(kind, found)["metadata"]["uid"])

    def object(self, kind: str, namespace: str, name: str) -> Json:
        """Return an object as it is kept."""
        with self._world.lock:
            return self._there(kind, namespace, name)

    def remove_object(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object by hand."""
        with self._world.lock:
            self._there(kind, namespace, name)
            self._world.remove(kind, namespace, name)

    def _password_of(self, namespace: str, name: str, password: str) -> tuple[str, dict[str, str]]:
        """Name the Secret with a Harbor's password, and what it would hold."""
        if self._world.get(HARBORS, namespace, name) is not None:
            return f"{name}-admin", {_PASSWORD_KEY: password}
        charts: tuple[Chart, ...] = ("goharbor", "bitnami")
        for made in (Release(namespace, name, chart, "") for chart in charts):
            if self._world.get(SECRETS, namespace, made.variables) is not None:
                return made.variables, {PASSWORD: password}
        raise LookupError(f"there is no Harbor {namespace}/{name}")

    def _settle(self, namespace: str) -> None:
        if self._world.get(NAMESPACES, "", namespace) is None:
            self._world.create(NAMESPACES, {"metadata": {"name": namespace, "labels": {}}})

    def _there(self, kind: str, namespace: str, name: str) -> Json:
        found = self._world.get(kind, namespace, name)
        if found is None:
            raise LookupError(f"there is no {kind} {namespace}/{name}")
        return found
