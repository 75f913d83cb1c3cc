"""A cluster as somebody else uses it beside us: yours, or the emulated one."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.object_store import (
    CONFIG_MAP_RESOURCE,
    DEPLOYMENT_RESOURCE,
    HARBOR_CLUSTER_RESOURCE,
    SECRET_RESOURCE,
)
from models.clusters.cluster import PULL_SECRET_NAME, SERVICE_ACCOUNT_NAME
from tasks.clusters.factory import cluster_tls_context
from tasks.clusters.kubeconfig import parse_kubeconfig

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

    async def create_object(self, kind: str, content: Content) -> None: ...

    async def merge_object(self, kind: str, namespace: str, name: str, patch: Content) -> None: ...

    async def delete_object(self, kind: str, namespace: str, name: str) -> None: ...


@dataclass
class EmulatedAdapter:
    """The emulated cluster. It is NOT a real Kubernetes."""

    cluster: SimulatedCluster

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
        self.cluster.add_foreign_secret(namespace)

    async def links(self, namespace: str) -> tuple[str, ...]:
        return self.cluster.image_pull_secrets(namespace)

    async def link(self, namespace: str, *names: str) -> None:
        self.cluster.set_image_pull_secrets(namespace, *names)

    async def create_object(self, kind: str, content: Content) -> None:
        if kind == HARBOR_CLUSTER_RESOURCE:
            self.cluster.install_operator()
        self.cluster.put_object(kind, content)

    async def merge_object(self, kind: str, namespace: str, name: str, patch: Content) -> None:
        current = self.cluster.object(kind, namespace, name)
        self.cluster.put_object(kind, _merged(current, patch))

    async def delete_object(self, kind: str, namespace: str, name: str) -> None:
        self.cluster.remove_object(kind, namespace, name)


@dataclass
class RealCluster:
    """A cluster of yours.

    Attributes:
        kubeconfig: what this service is given.
        api: HTTP client of the person who the tests act as.
        namespaces: the namespaces to be deleted in the end.
    """

    kubeconfig: str
    api: httpx.AsyncClient
    namespaces: list[str] = field(default_factory=list)

    async def add_namespace(self, name: str, labels: dict[str, str]) -> None:
        self.namespaces.append(name)
        metadata = {"name": name, "labels": labels}
        await self._request("POST", _NAMESPACES, {"metadata": metadata})
        for _ in range(100):  # its controller makes the ServiceAccount a moment later
            if await self._find(_account_path(name)) is not None:
                return
            await asyncio.sleep(0.2)
        raise TimeoutError(
            f"namespace {name} has no ServiceAccount {SERVICE_ACCOUNT_NAME} after 20 s"
        )

    async def secret(self, namespace: str) -> Content | None:
        secret = await self._find(_secret_path(namespace))
        if secret is None or _KEY not in (secret.get("data") or {}):
            return None
        content: Content = json.loads(base64.b64decode(secret["data"][_KEY]))
        return content

    async def edit_secret(self, namespace: str, content: Content) -> None:
        await self._request("PATCH", _secret_path(namespace), {"data": {_KEY: _encoded(content)}})

    async def delete_secret(self, namespace: str) -> None:
        await self._request("DELETE", _secret_path(namespace))

    async def foreign_secret(self, namespace: str) -> None:
        data = {_KEY: _encoded({"auths": {}})}
        body = {"metadata": {"name": PULL_SECRET_NAME}, "type": _TYPE, "data": data}
        await self._request("POST", _secret_path(namespace).rpartition("/")[0], body)

    async def links(self, namespace: str) -> tuple[str, ...]:
        account = await self._request("GET", _account_path(namespace))
        return tuple(reference["name"] for reference in account.get("imagePullSecrets") or ())

    async def link(self, namespace: str, *names: str) -> None:
        pull_secrets = [{"name": name} for name in names]
        await self._request("PATCH", _account_path(namespace), {"imagePullSecrets": pull_secrets})

    async def create_object(self, kind: str, content: Content) -> None:
        path = _path(kind, content["metadata"]["namespace"])
        await self._request("POST", path, content)
        if status := content.get("status"):
            with suppress(httpx.HTTPStatusError):  # a kind without a status of its own took it
                name = content["metadata"]["name"]
                await self._request("PATCH", f"{path}/{name}/status", {"status": status})

    async def merge_object(self, kind: str, namespace: str, name: str, patch: Content) -> None:
        await self._request("PATCH", f"{_path(kind, namespace)}/{name}", patch)

    async def delete_object(self, kind: str, namespace: str, name: str) -> None:
        await self._request("DELETE", f"{_path(kind, namespace)}/{name}")

    async def delete_namespaces(self) -> None:
        """Delete the namespaces that were made, and with them all that is in them."""
        for name in self.namespaces:
            with suppress(httpx.HTTPStatusError):
                await self._request("DELETE", f"{_NAMESPACES}/{name}")

    async def _find(self, path: str) -> Content | None:
        try:
            return await self._request("GET", path)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise
            return None

    async def _request(self, method: str, path: str, body: Content | None = None) -> Content:
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        response = await self.api.request(
            method, path, json=body, headers={"Content-Type": content_type}
        )
        response.raise_for_status()
        content: Content = response.json()
        return content


@asynccontextmanager
async def real_cluster(admin: str, service: str) -> AsyncIterator[RealCluster]:
    """Use a real cluster; nothing of ours is left there in the end.

    Args:
        admin: the kubeconfig of whom the tests act as, with a token or a client certificate.
        service: the kubeconfig that this service is given.
    """
    kubeconfig = parse_kubeconfig(admin)
    headers = {"Authorization": f"Bearer {kubeconfig.token}"} if kubeconfig.token else {}
    async with httpx.AsyncClient(
        base_url=kubeconfig.server,
        headers=headers,
        verify=cluster_tls_context(kubeconfig),
        timeout=30,
        trust_env=False,
    ) as api:
        cluster = RealCluster(service, api)
        try:
            yield cluster
        finally:
            await cluster.delete_namespaces()


_NAMESPACES = "/api/v1/namespaces"
_GROUPS = {
    CONFIG_MAP_RESOURCE: "api/v1",
    SECRET_RESOURCE: "api/v1",
    DEPLOYMENT_RESOURCE: "apis/apps/v1",
    HARBOR_CLUSTER_RESOURCE: "apis/goharbor.io/v1beta1",
}


def _secret_path(namespace: str) -> str:
    return f"{_NAMESPACES}/{namespace}/secrets/{PULL_SECRET_NAME}"


def _account_path(namespace: str) -> str:
    return f"{_NAMESPACES}/{namespace}/serviceaccounts/{SERVICE_ACCOUNT_NAME}"


def _path(kind: str, namespace: str) -> str:
    return f"/{_GROUPS[kind]}/namespaces/{namespace}/{kind}"


def _merged(current: Content, patch: Content) -> Content:
    """Merge as https://www.rfc-editor.org/rfc/rfc7396 says, of which nothing is taken out."""
    merged = {
        key: _merged(current[key], value) if isinstance(current.get(key), dict) else value
        for key, value in patch.items()
    }
    return {**current, **merged}


def _encoded(content: Content) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()
