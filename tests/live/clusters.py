"""A cluster as somebody else uses it beside us: yours, or the emulated one."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml
from kubernetes_asyncio import client
from kubernetes_asyncio.config import new_client_from_config_dict

from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.kubernetes.object_store import CONFIGMAPS, DEPLOYMENTS, HARBORS, SECRETS
from models.clusters.cluster import ACCOUNT_NAME, SECRET_NAME

_KEY = ".dockerconfigjson"
_TYPE = "kubernetes.io/dockerconfigjson"

Content = dict[str, Any]


class LiveCluster(Protocol):
    """What the tests do to a cluster by hand."""

    @property
    def kubeconfig(self) -> str: ...

    async def add_namespace(self, name: str, labels: dict[str, str]) -> None: ...

    async def secret(self, namespace: str) -> Content | None: ...

    async def edit_secret(self, namespace: str, content: Content) -> None: ...

    async def delete_secret(self, namespace: str) -> None: ...

    async def foreign_secret(self, namespace: str) -> None: ...

    async def links(self, namespace: str) -> tuple[str, ...]: ...

    async def link(self, namespace: str, *names: str) -> None: ...

    async def make(self, kind: str, content: Content) -> None: ...

    async def merge(self, kind: str, namespace: str, name: str, patch: Content) -> None: ...

    async def unmake(self, kind: str, namespace: str, name: str) -> None: ...


@dataclass
class Emulated:
    """The emulated cluster. It is NOT a real Kubernetes."""

    cluster: EmulatedCluster

    @property
    def kubeconfig(self) -> str:
        return self.cluster.kubeconfig

    async def add_namespace(self, name: str, labels: dict[str, str]) -> None:
        self.cluster.add_namespace(name, labels)

    async def secret(self, namespace: str) -> Content | None:
        return self.cluster.secret(namespace)

    async def edit_secret(self, namespace: str, content: Content) -> None:
        self.cluster.edit_secret(namespace, content)

    async def delete_secret(self, namespace: str) -> None:
        self.cluster.delete_secret(namespace)

    async def foreign_secret(self, namespace: str) -> None:
        self.cluster.foreign_secret(namespace)

    async def links(self, namespace: str) -> tuple[str, ...]:
        return self.cluster.image_pull_secrets(namespace)

    async def link(self, namespace: str, *names: str) -> None:
        self.cluster.set_image_pull_secrets(namespace, *names)

    async def make(self, kind: str, content: Content) -> None:
        if kind == HARBORS:
            self.cluster.install_operator()
        self.cluster.put_object(kind, content)

    async def merge(self, kind: str, namespace: str, name: str, patch: Content) -> None:
        found = self.cluster.object(kind, namespace, name)
        self.cluster.put_object(kind, _merged(found, patch))

    async def unmake(self, kind: str, namespace: str, name: str) -> None:
        self.cluster.remove_object(kind, namespace, name)


@dataclass
class Real:
    """A cluster of yours.

    Attributes:
        kubeconfig: what this service is given.
        made: the namespaces to be deleted in the end.
    """

    kubeconfig: str
    raw: client.ApiClient
    made: list[str] = field(default_factory=list)

    @property
    def api(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.raw)

    async def add_namespace(self, name: str, labels: dict[str, str]) -> None:
        self.made.append(name)
        about = client.V1ObjectMeta(name=name, labels=labels)
        await self.api.create_namespace(client.V1Namespace(metadata=about))
        for _ in range(100):  # its controller makes the ServiceAccount a moment later
            with suppress(client.ApiException):
                await self.api.read_namespaced_service_account(ACCOUNT_NAME, name)
                return
            await asyncio.sleep(0.2)
        raise TimeoutError(f"namespace {name} has no ServiceAccount {ACCOUNT_NAME} after 20 s")

    async def _secret(self, namespace: str) -> client.V1Secret | None:
        try:
            return await self.api.read_namespaced_secret(SECRET_NAME, namespace)
        except client.ApiException as error:
            if error.status != 404:
                raise
            return None

    async def secret(self, namespace: str) -> Content | None:
        found = await self._secret(namespace)
        if found is None or _KEY not in (found.data or {}):
            return None
        content: Content = json.loads(base64.b64decode(found.data[_KEY]))
        return content

    async def edit_secret(self, namespace: str, content: Content) -> None:
        found = await self._secret(namespace)
        assert found is not None
        found.data = {_KEY: _encoded(content)}
        await self.api.replace_namespaced_secret(SECRET_NAME, namespace, found)

    async def delete_secret(self, namespace: str) -> None:
        await self.api.delete_namespaced_secret(SECRET_NAME, namespace)

    async def foreign_secret(self, namespace: str) -> None:
        data = {_KEY: _encoded({"auths": {}})}
        about = client.V1ObjectMeta(name=SECRET_NAME)
        body = client.V1Secret(metadata=about, type=_TYPE, data=data)
        await self.api.create_namespaced_secret(namespace, body)

    async def links(self, namespace: str) -> tuple[str, ...]:
        found = await self.api.read_namespaced_service_account(ACCOUNT_NAME, namespace)
        return tuple(one.name for one in found.image_pull_secrets or ())

    async def link(self, namespace: str, *names: str) -> None:
        found = await self.api.read_namespaced_service_account(ACCOUNT_NAME, namespace)
        found.image_pull_secrets = [client.V1LocalObjectReference(name=name) for name in names]
        await self.api.replace_namespaced_service_account(ACCOUNT_NAME, namespace, found)

    async def make(self, kind: str, content: Content) -> None:
        path = _path(kind, content["metadata"]["namespace"])
        await self._ask("POST", path, content)
        if status := content.get("status"):
            with suppress(
                client.ApiException
            ):  # a kind without a status of its own took it already
                name = content["metadata"]["name"]
                await self._ask("PATCH", f"{path}/{name}/status", {"status": status})

    async def merge(self, kind: str, namespace: str, name: str, patch: Content) -> None:
        await self._ask("PATCH", f"{_path(kind, namespace)}/{name}", patch)

    async def unmake(self, kind: str, namespace: str, name: str) -> None:
        await self._ask("DELETE", f"{_path(kind, namespace)}/{name}")

    async def _ask(self, method: str, path: str, body: Content | None = None) -> None:
        sent = "application/merge-patch+json" if method == "PATCH" else "application/json"
        await self.raw.call_api(
            path,
            method,
            header_params={"Content-Type": sent, "Accept": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )

    async def leave(self) -> None:
        """Delete the namespaces that were made, and with them all that is in them."""
        for name in self.made:
            with suppress(client.ApiException):
                await self.api.delete_namespace(name)


@asynccontextmanager
async def real(admin: str, service: str) -> AsyncIterator[Real]:
    """Use a real cluster; nothing of ours is left there in the end.

    Args:
        admin: the kubeconfig of whom the tests act as.
        service: the kubeconfig that this service is given.
    """
    api = await new_client_from_config_dict(yaml.safe_load(admin))
    async with api:
        cluster = Real(service, api)
        try:
            yield cluster
        finally:
            await cluster.leave()


_GROUPS = {
    CONFIGMAPS: "api/v1",
    SECRETS: "api/v1",
    DEPLOYMENTS: "apis/apps/v1",
    HARBORS: "apis/goharbor.io/v1beta1",
}


def _path(kind: str, namespace: str) -> str:
    return f"/{_GROUPS[kind]}/namespaces/{namespace}/{kind}"


def _merged(found: Content, patch: Content) -> Content:
    """Merge as https://www.rfc-editor.org/rfc/rfc7396 says, of which nothing is taken out."""
    both = {
        key: _merged(found[key], one) if isinstance(found.get(key), dict) else one
        for key, one in patch.items()
    }
    return {**found, **both}


def _encoded(content: Content) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()
