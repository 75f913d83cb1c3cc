"""Objects of a simulated cluster, and the effects of its controllers."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from deployments.simulators.kubernetes import errors

Json = dict[str, Any]

NAMESPACE_RESOURCE, SECRET_RESOURCE, SERVICE_ACCOUNT_RESOURCE = (
    "namespaces",
    "secrets",
    "serviceaccounts",
)
POD_RESOURCE = "pods"
CONFIG_MAP_RESOURCE, DEPLOYMENT_RESOURCE, HARBOR_CLUSTER_RESOURCE = (
    "configmaps",
    "deployments",
    "harborclusters",
)
KIND_BY_RESOURCE = {
    NAMESPACE_RESOURCE: "Namespace",
    SECRET_RESOURCE: "Secret",
    SERVICE_ACCOUNT_RESOURCE: "ServiceAccount",
    POD_RESOURCE: "Pod",
    CONFIG_MAP_RESOURCE: "ConfigMap",
    DEPLOYMENT_RESOURCE: "Deployment",
    HARBOR_CLUSTER_RESOURCE: "HarborCluster",
}
STATUS_RESOURCES = frozenset({DEPLOYMENT_RESOURCE, HARBOR_CLUSTER_RESOURCE})
"""Resources whose status is a subresource: requests for the object itself do not change it."""


class ObjectStore:
    """Objects by kind, namespace and name.

    An object is replaced, never modified, so a reference to it is a snapshot of one version.

    Attributes:
        lock: held for one whole request, or one change from outside.
        version: the latest resourceVersion.
        compacted_version: continue tokens up to this version are expired.
        operator_versions: served versions of HarborClusters; empty while harbor-operator is not
            installed.
        conversion_status: status of all requests for HarborClusters while the operator's
            conversion webhook is down; 0 while it is up.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 1000
        self.compacted_version = 0
        self.operator_versions: tuple[str, ...] = ()
        self.conversion_status = 0
        self._objects: dict[str, dict[tuple[str, str], Json]] = {
            kind: {} for kind in KIND_BY_RESOURCE
        }

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """Return an object; None if it does not exist."""
        return self._objects[kind].get((namespace, name))

    def list_objects(self, kind: str, namespace: str = "") -> Iterator[Json]:
        """Iterate over objects in etcd's order: by namespace, then by name."""
        objects = self._objects[kind]
        for key in sorted(key for key in objects if not namespace or key[0] == namespace):
            yield objects[key]

    def put(self, kind: str, manifest: Mapping[str, Any]) -> Json:
        """Store an object as a new version."""
        self.version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.version)}
        stored: Json = {**manifest, "metadata": metadata}
        self._objects[kind][metadata.get("namespace", ""), metadata["name"]] = stored
        return stored

    def create(self, kind: str, manifest: Mapping[str, Any]) -> Json:
        """Store a new object; a namespace gets its default ServiceAccount.

        Raises:
            KubernetesApiError: its namespace does not exist, or is terminating.
        """
        metadata = manifest["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if namespace:
            self.require_active_namespace(kind, name, namespace)
        fresh = {"uid": str(uuid.uuid4()), "creationTimestamp": current_timestamp()}
        new_manifest: Json = {**manifest, "metadata": {**metadata, **fresh}}
        if kind == NAMESPACE_RESOURCE:
            labels = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": name}
            new_manifest["metadata"]["labels"] = labels
            new_manifest |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
            new_manifest = self.put(kind, new_manifest)
            self.create(
                SERVICE_ACCOUNT_RESOURCE, {"metadata": {"name": "default", "namespace": name}}
            )
            return new_manifest
        return self.put(kind, new_manifest)

    def back_up(self) -> Callable[[], None]:
        """Copy all objects like a snapshot of etcd; return the function that restores them."""
        objects, version = (
            {kind: dict(items) for kind, items in self._objects.items()},
            self.version,
        )

        def restore() -> None:
            with self.lock:
                self._objects = {kind: dict(items) for kind, items in objects.items()}
                self.version = version

        return restore

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object; the objects of a namespace are deleted with it."""
        del self._objects[kind][namespace, name]
        self.version += 1
        if kind == NAMESPACE_RESOURCE:
            for inner in KIND_BY_RESOURCE.keys() - {NAMESPACE_RESOURCE}:
                for manifest in list(self.list_objects(inner, name)):
                    self.remove(inner, name, manifest["metadata"]["name"])

    def terminate_namespace(self, name: str) -> Json:
        """Set a namespace to Terminating; its objects are kept, as with a finalizer.

        Raises:
            KubernetesApiError: it does not exist.
        """
        manifest = self.get(NAMESPACE_RESOURCE, "", name)
        if manifest is None:
            raise errors.not_found(NAMESPACE_RESOURCE, name)
        metadata = {**manifest["metadata"], "deletionTimestamp": current_timestamp()}
        status = {"status": {"phase": "Terminating"}}
        return self.put(NAMESPACE_RESOURCE, {**manifest, "metadata": metadata, **status})

    def require_active_namespace(self, kind: str, name: str, namespace: str) -> None:
        """Ensure that an object can be created in a namespace.

        Raises:
            KubernetesApiError: the namespace does not exist, or is terminating.
        """
        manifest = self.get(NAMESPACE_RESOURCE, "", namespace)
        if manifest is None:
            raise errors.not_found(NAMESPACE_RESOURCE, namespace)
        if manifest["status"]["phase"] == "Terminating":
            raise errors.terminating(kind, name, namespace)


def current_timestamp() -> str:
    """Return the current time in the format of metadata."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
