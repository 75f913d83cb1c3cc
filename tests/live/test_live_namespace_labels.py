"""The admission policy for the labels of namespaces, tried on a Kubernetes of yours.

The policy is bound to the namespaces of the test only, and deleted in the end.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
import yaml

from models.core.labels import WORKSPACE_LABEL
from models.discovery.trust import MANAGED_LABEL
from tests.live.clusters import Content, LiveCluster

FILE = Path(__file__).parents[2] / "deployments" / "kubernetes" / "namespace-labels.yaml"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACES = "/api/v1/namespaces"
TENANT_RULE = {
    "apiGroups": [""],
    "resources": ["namespaces", "namespaces/status"],
    "verbs": ["create", "get", "patch"],
}
REFUSAL = "only the platform may set, change or remove the labels"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


@dataclass(frozen=True)
class User:
    """A user that the administrator of the cluster impersonates.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
    """

    api: httpx.AsyncClient
    name: str
    group: str = "ri-live-tenants"

    async def create(self, namespace: str, labels: Content, **query: str) -> httpx.Response:
        body = {"metadata": {"name": namespace, "labels": labels}}
        return await self._send("POST", NAMESPACES, body, query, {})

    async def label(self, namespace: str, labels: Content, part: str = "") -> httpx.Response:
        """Change labels; None removes one."""
        body = {"metadata": {"labels": labels}}
        return await self._send("PATCH", f"{NAMESPACES}/{namespace}{part}", body, {}, MERGE_PATCH)

    async def _send(
        self, method: str, path: str, body: Content, query: dict[str, str], headers: dict[str, str]
    ) -> httpx.Response:
        identity = {"Impersonate-User": self.name, "Impersonate-Group": self.group}
        return await self.api.request(
            method, path, json=body, params=query, headers=headers | identity
        )


@pytest_asyncio.fixture
async def users(environment_cluster: LiveCluster) -> AsyncIterator[tuple[User, User, str]]:
    """A tenant, the platform, and the name of a namespace; the policy is in force for it."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG names no cluster; the emulated one has no admission policies")
    api, name = environment_cluster.api, f"ri-live-{uuid4().hex[:8]}"
    tenant, platform = User(api, f"{name}-tenant"), User(api, f"{name}-ops", "system:masters")
    manifests = [*_admission_manifests(name), *_rbac_manifests(name, tenant.name)]
    try:
        for path, manifest in manifests:
            response = await api.post(path, json=manifest)
            if response.status_code == 404:
                pytest.skip("the cluster does not serve ValidatingAdmissionPolicy v1 (1.30)")
            response.raise_for_status()
        await _wait_until_in_force(tenant, name)
        yield tenant, platform, name
    finally:
        paths = [f"{path}/{manifest['metadata']['name']}" for path, manifest in manifests]
        for path in (f"{NAMESPACES}/{name}", *reversed(paths)):
            with suppress(httpx.HTTPError):
                await api.delete(path)


def _admission_manifests(name: str) -> list[tuple[str, Content]]:
    policy, binding = yaml.safe_load_all(FILE.read_text())
    policy["metadata"]["name"] = binding["metadata"]["name"] = name
    selector = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [name]}
    binding["spec"] |= {
        "policyName": name,
        "matchResources": {"namespaceSelector": {"matchExpressions": [selector]}},
    }
    return [
        (f"{ADMISSION}/validatingadmissionpolicies", policy),
        (f"{ADMISSION}/validatingadmissionpolicybindings", binding),
    ]


def _rbac_manifests(name: str, user: str) -> list[tuple[str, Content]]:
    group = "rbac.authorization.k8s.io"
    role = {"metadata": {"name": name}, "rules": [TENANT_RULE]}
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    return [(f"{RBAC}/clusterroles", role), (f"{RBAC}/clusterrolebindings", binding)]


async def _wait_until_in_force(tenant: User, name: str) -> None:
    for _ in range(120):  # an API server reads new policies a moment later
        response = await tenant.create(name, {WORKSPACE_LABEL: "team-a"}, dryRun="All")
        if REFUSAL in response.text:
            return
        await asyncio.sleep(0.5)
    raise TimeoutError(f"the policy is not in force after 60 s: {response.text}")


async def test_tenants_cannot_choose_their_workspace(users: tuple[User, User, str]) -> None:
    tenant, platform, name = users
    response = await tenant.create(name, {MANAGED_LABEL: "true"})
    assert (response.status_code, response.json()["reason"]) == (403, "Forbidden"), response.text
    assert (await tenant.create(name, {"env": "test"})).status_code == 201

    for labels in ({WORKSPACE_LABEL: "team-a"}, {MANAGED_LABEL: "true", "env": "prod"}):
        for part in ("", "/status"):
            response = await tenant.label(name, labels, part)
            assert (response.status_code, REFUSAL in response.text) == (403, True), response.text
    assert (await tenant.label(name, {"env": "prod"})).status_code == 200

    assert (await platform.label(name, {WORKSPACE_LABEL: "team-a"})).status_code == 200
    assert (await tenant.label(name, {"env": "test"})).status_code == 200
    for value in ("team-b", None):
        response = await tenant.label(name, {WORKSPACE_LABEL: value})
        assert (response.status_code, REFUSAL in response.text) == (403, True), response.text
    assert (await platform.label(name, {WORKSPACE_LABEL: None})).status_code == 200
