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
from deployments.simulators.faults import Faults
from deployments.simulators.kubernetes.api import Api
from deployments.simulators.kubernetes.harbors.harbor_objects import HarborsInCluster
from deployments.simulators.kubernetes.log import Calls
from deployments.simulators.kubernetes.object_store import (
    ACCOUNTS,
    NAMESPACES,
    SECRETS,
    Json,
    World,
)
from deployments.simulators.kubernetes.patches import updated
from deployments.simulators.kubernetes.rights import ADMIN, Rights, Rule
from deployments.simulators.server import running
from models.clusters.cluster import ACCOUNT_NAME, SECRET_NAME

USER = "system:serviceaccount:platform:registry-integration"

_DOCKER = "kubernetes.io/dockerconfigjson"
_KEY = ".dockerconfigjson"
_SYSTEM = ("default", "kube-system")


class EmulatedCluster(HarborsInCluster):
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
        self._world = World()
        self.admin_token = secrets.token_urlsafe(24)
        self._rights = Rights({self.token: USER, self.admin_token: ADMIN})
        self._api = Api(self._world, self._rights)
        self.faults = Faults(self._api.app)
        for name in _SYSTEM:
            self.add_namespace(name)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or misbehave."""
        await self.faults(scope, receive, send)

    @property
    def requests(self) -> Calls:
        """What was answered so far, in order; `clear()` forgets it."""
        return self._api.requests

    @property
    def kubeconfig(self) -> str:
        """The kubeconfig of a user who may do everything, unless that is limited here."""
        return self.kubeconfig_with(self.token)

    def kubeconfig_with(self, token: str) -> str:
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
        with self._world.lock:
            self._world.create(NAMESPACES, {"metadata": {"name": name, "labels": labels or {}}})

    def label(self, name: str, labels: Mapping[str, str | None]) -> None:
        """Set labels of a namespace; None removes one."""
        with self._world.lock:
            found = self._there(NAMESPACES, "", name)
            merged = {**found["metadata"].get("labels", {}), **labels}
            kept = {key: value for key, value in merged.items() if value is not None}
            self._world.put(
                NAMESPACES, {**found, "metadata": {**found["metadata"], "labels": kept}}
            )

    def delete_namespace(self, name: str) -> None:
        """Delete a namespace and all that is in it, at once."""
        with self._world.lock:
            self._world.remove(NAMESPACES, "", name)

    def terminate(self, name: str) -> None:
        """Begin to delete a namespace; what is in it stays until `delete_namespace`."""
        with self._world.lock:
            self._world.terminate(name)

    def remove_account(self, namespace: str) -> None:
        """Delete the default ServiceAccount, as it is before its controller made it."""
        with self._world.lock:
            self._world.remove(ACCOUNTS, namespace, ACCOUNT_NAME)

    def add_account(self, namespace: str) -> None:
        """Make the default ServiceAccount again."""
        with self._world.lock:
            metadata = {"name": ACCOUNT_NAME, "namespace": namespace}
            self._world.create(ACCOUNTS, {"metadata": metadata})

    def secret(self, namespace: str) -> Json | None:
        """Return what a namespace's pull secret holds; None if there is none."""
        found = self.raw_secret(namespace)
        encoded = (found or {}).get("data", {}).get(_KEY)
        content: Json | None = json.loads(base64.b64decode(encoded)) if encoded else None
        return content

    def raw_secret(self, namespace: str) -> Json | None:
        """Return the Secret of our name as the API shows it."""
        with self._world.lock:
            return self._world.get(SECRETS, namespace, SECRET_NAME)

    def edit_secret(
        self, namespace: str, content: Mapping[str, Any], manager: str = "kubectl-edit"
    ) -> None:
        """Change by hand what the pull secret holds."""
        with self._world.lock:
            found = self._there(SECRETS, namespace, SECRET_NAME)
            changed = {**found, "data": {_KEY: _encoded(content)}}
            self._world.put(SECRETS, updated(found, changed, manager))

    def relabel_secret(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Give the pull secret exactly these labels, by hand."""
        with self._world.lock:
            found = self._there(SECRETS, namespace, SECRET_NAME)
            changed = {**found, "metadata": {**found["metadata"], "labels": dict(labels)}}
            self._world.put(SECRETS, updated(found, changed, "kubectl-label"))

    def delete_secret(self, namespace: str) -> None:
        """Delete the pull secret by hand."""
        with self._world.lock:
            self._there(SECRETS, namespace, SECRET_NAME)
            self._world.remove(SECRETS, namespace, SECRET_NAME)

    def foreign_secret(
        self,
        namespace: str,
        *,
        kind: str = _DOCKER,
        labels: Mapping[str, str] | None = None,
        immutable: bool = False,
    ) -> None:
        """Make a Secret of our name that this service did not make."""
        metadata = {"name": SECRET_NAME, "namespace": namespace, "labels": dict(labels or {})}
        data = {_KEY if kind == _DOCKER else "word": _encoded({"auths": {}})}
        made: Json = {"metadata": metadata, "type": kind, "data": data}
        if immutable:
            made["immutable"] = True
        with self._world.lock:
            self._world.create(SECRETS, updated({"metadata": {}}, made, "kubectl-create"))

    def image_pull_secrets(self, namespace: str) -> tuple[str, ...]:
        """Return the names that the default ServiceAccount hands out."""
        with self._world.lock:
            found = self._there(ACCOUNTS, namespace, ACCOUNT_NAME)
        return tuple(one["name"] for one in found.get("imagePullSecrets", ()))

    def set_image_pull_secrets(self, namespace: str, *names: str) -> None:
        """Let the default ServiceAccount hand out exactly these, by hand."""
        with self._world.lock:
            found = self._there(ACCOUNTS, namespace, ACCOUNT_NAME)
            changed = {**found, "imagePullSecrets": [{"name": name} for name in names]}
            self._world.put(ACCOUNTS, updated(found, changed, "kubectl-edit"))

    def forbid(self, verb: str, resource: str) -> None:
        """Take a right away from the kubeconfig's user."""
        self._rights.withheld.add((verb, resource))

    def allow(self, verb: str, resource: str) -> None:
        """Give it back."""
        self._rights.withheld.discard((verb, resource))

    def limit(self, *rules: Rule) -> None:
        """Let the kubeconfig's user do only what these rules say."""
        self._rights.rules = rules

    def revoke(self) -> None:
        """Let the kubeconfig's token be known no more."""
        self._rights.users.pop(self.token, None)

    def compact(self) -> None:
        """Let the lists that are being read right now expire."""
        with self._world.lock:
            self._world.compacted = self._world.version
            self._world.version += 1


@contextmanager
def running_cluster(
    *, ssl_context: ssl.SSLContext | None = None, authority: str = ""
) -> Iterator[EmulatedCluster]:
    """Serve a fresh cluster on a loopback port of its own, in a thread, until the block ends.

    Args:
        ssl_context: serves https with it.
        authority: PEM of whom its kubeconfig trusts.
    """
    cluster = EmulatedCluster()
    cluster.authority = authority
    with running(cluster.app, ssl_context=ssl_context) as url:
        cluster.url = url
        yield cluster


def _encoded(content: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()
