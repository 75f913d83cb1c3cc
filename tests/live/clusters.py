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

from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.object_store import (
    CONFIG_MAP_RESOURCE,
    DEPLOYMENT_RESOURCE,
    HARBOR_CLUSTER_RESOURCE,
    SECRET_RESOURCE,
)
from models.clusters.cluster import PULL_SECRET_NAME, SERVICE_ACCOUNT_NAME

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
        namespaces: the namespaces to be deleted in the end.
    """

    kubeconfig: str
    api_client: client.ApiClient
    namespaces: list[str] = field(default_factory=list)

    @property
    def api(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.api_client)

    async def add_namespace(self, name: str, labels: dict[str, str]) -> None:
        self.namespaces.append(name)
        metadata = client.V1ObjectMeta(name=name, labels=labels)
        await self.api.create_namespace(client.V1Namespace(metadata=metadata))
        for _ in range(100):  # its controller makes the ServiceAccount a moment later
            with suppress(client.ApiException):
                await self.api.read_namespaced_service_account(SERVICE_ACCOUNT_NAME, name)
                return
            await asyncio.sleep(0.2)
        raise TimeoutError(
            f"namespace {name} has no ServiceAccount {SERVICE_ACCOUNT_NAME} after 20 s"
        )

    async def _secret(self, namespace: str) -> client.V1Secret | None:
        try:
            return await self.api.read_namespaced_secret(PULL_SECRET_NAME, namespace)
        except client.ApiException as error:
            if error.status != 404:
                raise
            return None

    async def secret(self, namespace: str) -> Content | None:
        secret = await self._secret(namespace)
        if secret is None or _KEY not in (secret.data or {}):
            return None
        content: Content = json.loads(base64.b64decode(secret.data[_KEY]))
        return content

    async def edit_secret(self, namespace: str, content: Content) -> None:
        secret = await self._secret(namespace)
        assert secret is not None
        secret.data = {_KEY: _encoded(content)}
        await self.api.replace_namespaced_secret(PULL_SECRET_NAME, namespace, secret)

    async def delete_secret(self, namespace: str) -> None:
        await self.api.delete_namespaced_secret(PULL_SECRET_NAME, namespace)

    async def foreign_secret(self, namespace: str) -> None:
        data = {_KEY: _encoded({"auths": {}})}
        metadata = client.V1ObjectMeta(name=PULL_SECRET_NAME)
        body = client.V1Secret(metadata=metadata, type=_TYPE, data=data)
        await self.api.create_namespaced_secret(namespace, body)

    async def links(self, namespace: str) -> tuple[str, ...]:
        account = await self.api.read_namespaced_service_account(SERVICE_ACCOUNT_NAME, namespace)
        return tuple(reference.name for reference in account.image_pull_secrets or ())

    async def link(self, namespace: str, *names: str) -> None:
        account = await self.api.read_namespaced_service_account(SERVICE_ACCOUNT_NAME, namespace)
        account.image_pull_secrets = [client.V1LocalObjectReference(name=name) for name in names]
        await self.api.replace_namespaced_service_account(SERVICE_ACCOUNT_NAME, namespace, account)

    async def create_object(self, kind: str, content: Content) -> None:
        path = _path(kind, content["metadata"]["namespace"])
        await self._request("POST", path, content)
        if status := content.get("status"):
            with suppress(
                client.ApiException
            ):  # a kind without a status of its own took it already
                name = content["metadata"]["name"]
                await self._request("PATCH", f"{path}/{name}/status", {"status": status})

    async def merge_object(self, kind: str, namespace: str, name: str, patch: Content) -> None:
        await self._request("PATCH", f"{_path(kind, namespace)}/{name}", patch)

    async def delete_object(self, kind: str, namespace: str, name: str) -> None:
        await self._request("DELETE", f"{_path(kind, namespace)}/{name}")

    async def _request(self, method: str, path: str, body: Content | None = None) -> None:
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        await self.api_client.call_api(
            path,
            method,
            header_params={"Content-Type": content_type, "Accept": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )

    async def delete_namespaces(self) -> None:
        """Delete the namespaces that were made, and with them all that is in them."""
        for name in self.namespaces:
            with suppress(client.ApiException):
                await self.api.delete_namespace(name)


@asynccontextmanager
async def real_cluster(admin: str, service: str) -> AsyncIterator[RealCluster]:
    """Use a real cluster; nothing of ours is left there in the end.

    Args:
        admin: the kubeconfig of whom the tests act as.
        service: the kubeconfig that this service is given.
    """
    api = await new_client_from_config_dict(yaml.safe_load(admin))
    async with api:
        cluster = RealCluster(service, api)
        try:
            yield cluster
        finally:
            await cluster.delete_namespaces()


_GROUPS = {
    CONFIG_MAP_RESOURCE: "api/v1",
    SECRET_RESOURCE: "api/v1",
    DEPLOYMENT_RESOURCE: "apis/apps/v1",
    HARBOR_CLUSTER_RESOURCE: "apis/goharbor.io/v1beta1",
}


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
