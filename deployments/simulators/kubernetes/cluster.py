"""A simulated cluster, and changes that tests and the demo make outside of its API."""

import base64
import json
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from starlette.types import Receive, Scope, Send

from deployments.simulators.faults import FaultInjector
from deployments.simulators.kubernetes.admission import Admission
from deployments.simulators.kubernetes.api import KubernetesApi
from deployments.simulators.kubernetes.harbors.harbor_objects import HarborObjects
from deployments.simulators.kubernetes.object_store import (
    NAMESPACE_RESOURCE,
    POD_RESOURCE,
    SECRET_RESOURCE,
    SERVICE_ACCOUNT_RESOURCE,
    Json,
    ObjectStore,
)
from deployments.simulators.kubernetes.patches import record_update
from deployments.simulators.kubernetes.request import KubernetesRequestLog
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
        url: address of the API; set while it runs.
        token: token of the kubeconfig's user.
        admin_token: token of an administrator, who is never limited.
        admission: policies, webhooks and quotas, which may be changed at any time.
        faults: fault injection, see `deployments.simulators.faults`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.token = secrets.token_urlsafe(24)
        self.authority = ""
        self._store = ObjectStore()
        self.admin_token = secrets.token_urlsafe(24)
        self._rights = ClusterRights({self.token: USER_NAME, self.admin_token: ADMIN_USER})
        self.admission = Admission()
        self._api = KubernetesApi(self._store, self._rights, self.admission)
        self.faults = FaultInjector(self._api.app)
        for name in _SYSTEM_NAMESPACES:
            self.add_namespace(name)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or inject a fault."""
        await self.faults(scope, receive, send)

    @property
    def requests(self) -> KubernetesRequestLog:
        """The handled requests, in order; `clear()` empties the log."""
        return self._api.requests

    @property
    def kubeconfig(self) -> str:
        """The kubeconfig of a user with all rights, unless they are limited here."""
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

    def back_up(self) -> Callable[[], None]:
        """Take a snapshot of etcd; return the function that restores it."""
        with self._store.lock:
            return self._store.back_up()

    def add_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace with its default ServiceAccount."""
        with self._store.lock:
            self._store.create(
                NAMESPACE_RESOURCE, {"metadata": {"name": name, "labels": labels or {}}}
            )

    def namespace_uid(self, name: str) -> str:
        """Return the uid of a namespace; that of kube-system identifies the cluster."""
        with self._store.lock:
            return str(self._require_object(NAMESPACE_RESOURCE, "", name)["metadata"]["uid"])

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
        """Delete a namespace and its objects immediately."""
        with self._store.lock:
            self._store.remove(NAMESPACE_RESOURCE, "", name)

    def terminate_namespace(self, name: str) -> None:
        """Set a namespace to Terminating; its objects are kept until `delete_namespace`."""
        with self._store.lock:
            self._store.terminate_namespace(name)

    def remove_service_account(self, namespace: str, name: str = SERVICE_ACCOUNT_NAME) -> None:
        """Delete a ServiceAccount; without the default one, as before its controller created it."""
        with self._store.lock:
            self._store.remove(SERVICE_ACCOUNT_RESOURCE, namespace, name)

    def add_service_account(
        self,
        namespace: str,
        name: str = SERVICE_ACCOUNT_NAME,
        labels: Mapping[str, str] | None = None,
        manager: str = "helm",
    ) -> None:
        """Create a ServiceAccount, for example the default one again.

        Without labels it has no managedFields, like the one that Kubernetes creates: then a real
        server does not record who updates it, either.
        """
        manifest: Json = {"metadata": {"name": name, "namespace": namespace}}
        if labels:
            manifest["metadata"]["labels"] = dict(labels)
            manifest = record_update({"metadata": {}}, manifest, manager)
        with self._store.lock:
            self._store.create(SERVICE_ACCOUNT_RESOURCE, manifest)

    def add_pod(
        self,
        namespace: str,
        name: str,
        account: str = SERVICE_ACCOUNT_NAME,
        pull_secrets: Sequence[str] = (),
    ) -> None:
        """Create a pod; without imagePullSecrets it gets those of its ServiceAccount.

        See https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#serviceaccount
        """
        names = pull_secrets or self.image_pull_secrets(namespace, account)
        spec: Json = {"serviceAccountName": account}
        if names:
            spec["imagePullSecrets"] = [{"name": secret} for secret in names]
        manifest = {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        with self._store.lock:
            self._store.create(POD_RESOURCE, manifest)

    def secret(self, namespace: str) -> Json | None:
        """Return the content of a namespace's pull secret; None if there is none."""
        manifest = self.raw_secret(namespace)
        encoded = (manifest or {}).get("data", {}).get(_DOCKER_CONFIG_KEY)
        content: Json | None = json.loads(base64.b64decode(encoded)) if encoded else None
        return content

    def raw_secret(self, namespace: str) -> Json | None:
        """Return the object that has the pull secret's name, as the API shows it."""
        with self._store.lock:
            return self._store.get(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)

    def edit_secret(
        self, namespace: str, content: Mapping[str, Any], manager: str = "kubectl-edit"
    ) -> None:
        """Change the content of the pull secret manually."""
        with self._store.lock:
            manifest = self._require_object(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)
            changed = {**manifest, "data": {_DOCKER_CONFIG_KEY: _encode_content(content)}}
            self._store.put(SECRET_RESOURCE, record_update(manifest, changed, manager))

    def relabel_secret(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Replace the labels of the pull secret manually."""
        with self._store.lock:
            manifest = self._require_object(SECRET_RESOURCE, namespace, PULL_SECRET_NAME)
            changed = {**manifest, "metadata": {**manifest["metadata"], "labels": dict(labels)}}
            self._store.put(SECRET_RESOURCE, record_update(manifest, changed, "kubectl-label"))

    def delete_secret(self, namespace: str) -> None:
        """Delete the pull secret manually."""
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
        """Create a foreign Secret with the name of the pull secret."""
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

    def image_pull_secrets(
        self, namespace: str, account: str = SERVICE_ACCOUNT_NAME
    ) -> tuple[str, ...]:
        """Return the imagePullSecrets of a ServiceAccount."""
        with self._store.lock:
            manifest = self._require_object(SERVICE_ACCOUNT_RESOURCE, namespace, account)
        return tuple(reference["name"] for reference in manifest.get("imagePullSecrets", ()))

    def set_image_pull_secrets(
        self,
        namespace: str,
        *names: str,
        manager: str = "kubectl-edit",
        account: str = SERVICE_ACCOUNT_NAME,
    ) -> None:
        """Replace the imagePullSecrets of a ServiceAccount manually."""
        with self._store.lock:
            manifest = self._require_object(SERVICE_ACCOUNT_RESOURCE, namespace, account)
            changed = {**manifest, "imagePullSecrets": [{"name": name} for name in names]}
            self._store.put(SERVICE_ACCOUNT_RESOURCE, record_update(manifest, changed, manager))

    def deny(self, verb: str, resource: str) -> None:
        """Deny a right to the kubeconfig's user."""
        self._rights.denied.add((verb, resource))

    def allow(self, verb: str, resource: str) -> None:
        """Revert `deny`."""
        self._rights.denied.discard((verb, resource))

    def limit_rights(self, *rules: RbacRule) -> None:
        """Limit the kubeconfig's user to these rules."""
        self._rights.rules = rules

    def revoke_token(self) -> None:
        """Revoke the kubeconfig's token."""
        self._rights.users.pop(self.token, None)

    def renew_token(self) -> None:
        """Give the kubeconfig's user a new token; an old one stays as it is."""
        self.token = secrets.token_urlsafe(24)
        self._rights.users[self.token] = USER_NAME

    def expire_lists(self) -> None:
        """Expire the continue tokens of lists in progress."""
        with self._store.lock:
            self._store.compacted_version = self._store.version
            self._store.version += 1


@contextmanager
def running_cluster(
    *, ssl_context: ssl.SSLContext | None = None, authority: str = ""
) -> Iterator[SimulatedCluster]:
    """Serve a new cluster on a free loopback port, in a thread, until the block ends.

    Args:
        ssl_context: serve https with this context.
        authority: PEM of the certificate authority in its kubeconfig.
    """
    cluster = SimulatedCluster()
    cluster.authority = authority
    with run_server(cluster.app, ssl_context=ssl_context) as url:
        cluster.url = url
        yield cluster


def _encode_content(content: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()
