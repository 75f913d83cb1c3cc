"""A cluster as somebody else uses it beside us, with its API."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

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


class RefusedRequest(Exception):
    """The API server did not do what was asked for; its own words say why."""

    def __init__(self, method: str, path: str, response: httpx.Response) -> None:
        self.status = response.status_code
        super().__init__(f"{method} {path} answered {self.status}: {response.text[:2_000]}")


@dataclass
class LiveCluster:
    """A cluster as somebody else uses it beside us: yours, or the emulated one.

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
        if status := content.get("status"):  # a subresource, which a POST does not take
            name = content["metadata"]["name"]
            await self._request("PATCH", f"{path}/{name}/status", {"status": status})

    async def wait_for_deadline(self, namespace: str, name: str) -> None:
        """Wait until the controller has seen a Deployment and gives up on it, at most 60 s."""
        for _ in range(300):
            found = await self._find(f"{_path(DEPLOYMENT_RESOURCE, namespace)}/{name}")
            if found is not None and _is_past_deadline(found):
                return
            await asyncio.sleep(0.2)
        raise TimeoutError(f"Deployment {namespace}/{name} is not past its deadline after 60 s")

    async def merge_object(self, kind: str, namespace: str, name: str, patch: Content) -> None:
        await self._request("PATCH", f"{_path(kind, namespace)}/{name}", patch)

    async def delete_object(self, kind: str, namespace: str, name: str) -> None:
        await self._request("DELETE", f"{_path(kind, namespace)}/{name}")

    async def delete_namespaces(self) -> None:
        """Delete the namespaces that were made, and with them all that is in them."""
        remaining = []
        for name in self.namespaces:
            try:
                await self._request("DELETE", f"{_NAMESPACES}/{name}")
            except RefusedRequest as error:
                remaining.append(str(error))
        assert not remaining, f"these namespaces are left: {remaining}"

    async def _find(self, path: str) -> Content | None:
        try:
            return await self._request("GET", path)
        except RefusedRequest as error:
            if error.status != 404:
                raise
            return None

    async def _request(self, method: str, path: str, body: Content | None = None) -> Content:
        content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
        response = await self.api.request(
            method, path, json=body, headers={"Content-Type": content_type}
        )
        if not response.is_success:
            raise RefusedRequest(method, path, response)
        content: Content = response.json()
        return content


@asynccontextmanager
async def live_cluster(admin: str, service: str) -> AsyncIterator[LiveCluster]:
    """Use a cluster; nothing of ours is left there in the end.

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
        cluster = LiveCluster(service, api)
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


def _is_past_deadline(deployment: Content) -> bool:
    status = deployment.get("status", {})
    observed = status.get("observedGeneration", deployment["metadata"].get("generation", 0))
    conditions = {item["type"]: item["status"] for item in status.get("conditions", ())}
    is_current = observed >= deployment["metadata"].get("generation", 0)
    return is_current and conditions.get("Progressing") == "False"


def _encoded(content: Content) -> str:
    return base64.b64encode(json.dumps(content).encode()).decode()
