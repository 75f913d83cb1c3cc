"""A running emulated cluster, and what a test or the demo may do to it from outside."""

import base64
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from deployments.simulators.asgi import Receive, Scope, Send
from deployments.simulators.faults import FaultInjector
from deployments.simulators.kubernetes.api import KubernetesApi
from deployments.simulators.kubernetes.harbors.harbor_objects import HarborObjects
from deployments.simulators.kubernetes.log import KubernetesRequestLog
from deployments.simulators.kubernetes.object_store import (
    NAMESPACE_RESOURCE,
    SECRET_RESOURCE,
    SERVICE_ACCOUNT_RESOURCE,
    Json,
    ObjectStore,
)
from deployments.simulators.kubernetes.patches import record_update
from deployments.simulators.kubernetes.rights import ADMIN_USER, ClusterRights, RbacRule
from deployments.simulators.server import run_server
from models.clusters.cluster import PULL_SECRET_NAME, SERVICE_ACCOUNT_NAME

USER_NAME = "system:serviceaccount:platform:registry-integration"

_DOCKER_CONFIG_TYPE = "kubernetes.io/dockerconfigjson"
_DOCKER_CONFIG_KEY = ".dockerconfigjson"
_SYSTEM_NAMESPACES = ("default", "kube-system")


class SimulatedCluster(HarborObjects):
    """A cluster with two namespaces; safe to use from any thread.

    Attributes:
        url: its address; set when it runs.
        token: what the kubeconfig's user proves itself with.
        admin_token: for somebody who may do everything, whatever is limited here.
        faults: misbehaviour on request, see `deployments.simulators.faults`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.token = secrets.token_urlsafe(24)
        self.authority = ""
        self._store = ObjectStore()
        self.admin_token = secrets.token_urlsafe(24)
        self._rights = ClusterRights({self.token: USER_NAME, self.admin_token: ADMIN_USER})
        self._api = KubernetesApi(self._store, self._rights)
        self.faults = FaultInjector(self._api.app)
        for name in _SYSTEM_NAMESPACES:
            self.add_namespace(name)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or misbehave."""
        await self.faults(scope, receive, send)

    @property
    def requests(self) -> KubernetesRequestLog:
        """What was answered so far, in order; `clear()` forgets it."""
        return self._api.requests

    @property
    def kubeconfig(self) -> str:
        """The kubeconfig of a user who may do everything, unless that is limited here."""
        return self.kubeconfig_with_token(self.token)

    def kubeconfig_with_token(self, token: str) -> str:
        """Return the kubeconfig with another token."""
        cluster: Json = {"server": self.url}
        if self.authority:
            encoded = base64.b64encode(self.authority.encode()).decode()
            cluster["certificate-authority-data"] = encoded
        context = {"cluster": "emulated", "user": "platform"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "emulated", "cluster": cluster}],
            "users": [{"name": "platform", "user": {"token": token}}],
            "contexts": [{"name": "emulated", "context": context}],
            "current-context": "emulated",
        }
        return str(yaml.safe_dump(config))

    def add_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Make a namespace; its default ServiceAccount appears at once."""
        with self._store.lock:
            self._store.create(
                NAMESPACE_RESOURCE, {"metadata": {"name": name, "labels": labels or {}}}
            )

    def set_labels(self, name: str, labels: Mapping[str, str | None]) -> None:
        """Set labels of a namespace; None removes one."""
        with self._store.lock:
            manifest = self._require_object(NAMESPACE_RESOURCE, "", name)
            merged = {**manifest["metadata"].get("labels", {}), **labels}
            new_labels = {key: value for key, value in merged.items() if value is not None}
            self._store.put(
                NAMESPACE_RESOURCE,
                {**manifest, "metadata": {**manifest["metadata"], "labels": new_labels}},
            )

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace and all that is in it, at once."""
        with self._store.lock:
            self._store.remove(NAMESPACE_RESOURCE, "", name)

    def terminate_namespace(self, name: str) -> None:
        """Begin to delete a namespace; what is in it stays until `delete_namespace`."""
        with self._store.lock:
            self._store.terminate_namespace(name)

    def remove_service_account(self, namespace: str) -> None:
        """Delete the default ServiceAccount, as it is before its controller made it."""
        with self._store.lock:
            self._store.remove(SERVICE_ACCOUNT_RESOURCE, namespace, SERVICE_ACCOUNT_NAME)

    def add_service_account(self, namespace: str) -> None:
        """Make the default ServiceAccount again."""
        with self._store.lock:
            metadata = {"name": SERVICE_ACCOUNT_NAME, "namespace": namespace}
            self._store.create(SERVICE_ACCOUNT_RESOURCE, {"metadata": metadata})

    def secret(self, namespace: str) -> Json | None:
        """Return what a namespace's pull secret holds; None if there is none."""
        manifest = self.raw_secret(namespace)
        encoded = (manifest or {}).get("data", {}).get(_DOCKER_CONFIG_KEY)
        content: Json | None = json.loads(base64.b64decode(encoded)) if encoded else None
        return content

    def raw_secret(self, namespace: str) -> Json | None:
        """Return the Secret of our name as the API shows it."""
        with self._store.lock:
            return self._store.get(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)

    def edit_secret(
        self, namespace: str, content: Mapping[str, Any], manager: str = "kubectl-edit"
    ) -> None:
        """Change by hand what the pull secret holds."""
        with self._store.lock:
            manifest = self._require_object(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)
            changed = {**manifest, "data": {_DOCKER_CONFIG_KEY: _encode_content(content)}}
            self._store.put(SECRET_RESOURCE, record_update(manifest, changed, manager))

    def relabel_secret(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Give the pull secret exactly these labels, by hand."""
        with self._store.lock:
            manifest = self._require_object(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)
            changed = {**manifest, "metadata": {**manifest["metadata"], "labels": dict(labels)}}
            self._store.put(SECRET_RESOURCE, record_update(manifest, changed, "kubectl-label"))

    def delete_secret(self, namespace: str) -> None:
        """Delete the pull secret by hand."""
        with self._store.lock:
            self._require_object(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)
            self._store.remove(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)

    def add_foreign_secret(
        self,
        namespace: str,
        *,
        kind: str = _DOCKER_CONFIG_TYPE,
        labels: Mapping[str, str] | None = None,
        immutable: bool = False,
    ) -> None:
        """Make a Secret of our name that this service did not make."""
        metadata = {"name": PULL_SECRET_NAME, "namespace": namespace, "labels": dict(labels or {})}
        data = {
            _DOCKER_CONFIG_KEY if kind == _DOCKER_CONFIG_TYPE else "word": _encode_content(
                {"auths": {}}
            )
        }
        manifest: Json = {"metadata": metadata, "type": kind, "data": data}
        if immutable:
            manifest["immutable"] = True
        with self._store.lock:
            self._store.create(
                SECRET_RESOURCE, record_update({"metadata": {}}, manifest, "kubectl-create")
            )

    def image_pull_secrets(self, namespace: str) -> tuple[str, ...]:
        """Return the names that the default ServiceAccount hands out."""
        with self._store.lock:
            manifest = self._require_object(
                SERVICE_ACCOUNT_RESOURCE, namespace, SERVICE_ACCOUNT_NAME
            )
        return tuple(reference["name"] for reference in manifest.get("imagePullSecrets", ()))

    def set_image_pull_secrets(self, namespace: str, *names: str) -> None:
        """Let the default ServiceAccount hand out exactly these, by hand."""
        with self._store.lock:
            manifest = self._require_object(
                SERVICE_ACCOUNT_RESOURCE, namespace, SERVICE_ACCOUNT_NAME
            )
            changed = {**manifest, "imagePullSecrets": [{"name": name} for name in names]}
            self._store.put(
                SERVICE_ACCOUNT_RESOURCE, record_update(manifest, changed, "kubectl-edit")
            )

    def deny(self, verb: str, resource: str) -> None:
        """Take a right away from the kubeconfig's user."""
        self._rights.denied.add((verb, resource))

    def allow(self, verb: str, resource: str) -> None:
        """Give it back."""
        self._rights.denied.discard((verb, resource))

    def limit_rights(self, *rules: RbacRule) -> None:
        """Let the kubeconfig's user do only what these rules say."""
        self._rights.rules = rules

    def revoke_token(self) -> None:
        """Let the kubeconfig's token be known no more."""
        self._rights.users.pop(self.token, None)

    def expire_lists(self) -> None:
        """Let the lists that are being read right now expire."""
        with self._store.lock:
            self._store.compacted_version = self._store.version
            self._store.version += 1


@contextmanager
def running_cluster(
    *, ssl_context: ssl.SSLContext | None = None, authority: str = ""
) -> Iterator[SimulatedCluster]:
    """Serve a fresh cluster on a loopback port of its own, in a thread, until the block ends.

    Args:
        ssl_context: serves https with it.
        authority: PEM of whom its kubeconfig trusts.
    """
    cluster = SimulatedCluster()
    cluster.authority = authority
    with run_server(cluster.app, ssl_context=ssl_context) as url:
        cluster.url = url
        yield cluster


def _encode_content(content: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()
