"""What is in an emulated cluster, and what its controllers would do."""

import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import kmock

from deployments.simulators.kubernetes import errors

Json = dict[str, Any]

NAMESPACES, SECRETS, ACCOUNTS = "namespaces", "secrets", "serviceaccounts"
CONFIGMAPS, DEPLOYMENTS, HARBORS = "configmaps", "deployments", "harborclusters"
SINGLE = {
    NAMESPACES: "Namespace",
    SECRETS: "Secret",
    ACCOUNTS: "ServiceAccount",
    CONFIGMAPS: "ConfigMap",
    DEPLOYMENTS: "Deployment",
    HARBORS: "HarborCluster",
}
READ_ONLY = frozenset({CONFIGMAPS, DEPLOYMENTS, HARBORS})
"""What is changed from outside only, not through the API."""

_RESOURCES = {kind: kmock.resource(errors.GROUPS.get(kind, ""), "v1", kind) for kind in SINGLE}


class World:
    """Objects by kind, namespace and name.

    An object is replaced, never changed, so that whoever holds one holds a version of it.

    Attributes:
        lock: held for the whole of one request, or of one change from outside.
        version: the last resourceVersion that was given out.
        compacted: pages of lists up to this version are gone.
        operator: versions of HarborClusters that are served; none while it is not installed.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 1000
        self.compacted = 0
        self.operator: tuple[str, ...] = ()
        self._kept = kmock.KubernetesEmulator().objects

    def get(self, kind: str, namespace: str, name: str) -> Json | None:
        """Find an object."""
        key = (_RESOURCES[kind], namespace or None, name)
        return self._kept[key].raw if key in self._kept else None

    def all(self, kind: str, namespace: str = "") -> Iterator[Json]:
        """List objects in etcd's order: by namespace, then by name."""
        wanted = _RESOURCES[kind]
        keys = [
            (within or "", name)
            for resource, within, name in self._kept
            if resource == wanted and (not namespace or within == namespace)
        ]
        for within, name in sorted(keys):
            yield self._kept[wanted, within or None, name].raw

    def put(self, kind: str, found: Mapping[str, Any]) -> Json:
        """Keep an object as a new version."""
        self.version += 1
        made = {**found, "metadata": {**found["metadata"], "resourceVersion": str(self.version)}}
        namespace, name = made["metadata"].get("namespace"), made["metadata"]["name"]
        self._kept[_RESOURCES[kind], namespace, name] = made
        return made

    def create(self, kind: str, found: Mapping[str, Any]) -> Json:
        """Keep a new object; a namespace gets its default ServiceAccount.

        Raises:
            Refused: its namespace is not there, or is terminating.
        """
        metadata = found["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if namespace:
            self.expect_living(kind, name, namespace)
        fresh = {"uid": str(uuid.uuid4()), "creationTimestamp": stamp()}
        made: Json = {**found, "metadata": {**metadata, **fresh}}
        if kind == NAMESPACES:
            labels = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": name}
            made["metadata"]["labels"] = labels
            made |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
            made = self.put(kind, made)
            self.create(ACCOUNTS, {"metadata": {"name": "default", "namespace": name}})
            return made
        return self.put(kind, made)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Forget an object; with a namespace goes all that is in it."""
        del self._kept[_RESOURCES[kind], namespace or None, name]
        self.version += 1
        if kind == NAMESPACES:
            for inner in SINGLE.keys() - {NAMESPACES}:
                for one in list(self.all(inner, name)):
                    self.remove(inner, name, one["metadata"]["name"])

    def terminate(self, name: str) -> Json:
        """Begin to delete a namespace; what is in it stays, as if a finalizer held it.

        Raises:
            Refused: it is not there.
        """
        found = self.get(NAMESPACES, "", name)
        if found is None:
            raise errors.not_found(NAMESPACES, name)
        metadata = {**found["metadata"], "deletionTimestamp": stamp()}
        status = {"status": {"phase": "Terminating"}}
        return self.put(NAMESPACES, {**found, "metadata": metadata, **status})

    def expect_living(self, kind: str, name: str, namespace: str) -> None:
        """Let a new object into a namespace.

        Raises:
            Refused: the namespace is not there, or is terminating.
        """
        found = self.get(NAMESPACES, "", namespace)
        if found is None:
            raise errors.not_found(NAMESPACES, namespace)
        if found["status"]["phase"] == "Terminating":
            raise errors.terminating(kind, name, namespace)


def stamp() -> str:
    """The time, as metadata has it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
