"""The manifests of `deployments/kubernetes`, applied to a Kubernetes of yours.

Workloads ask for a node that is not there, so no image is pulled; their controllers still have to
create the Pods, which the API server admits or refuses. All objects go with their namespace, and
what is not in a namespace is a dry run.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import yaml

from tests.deploying.test_kubernetes import FOLDER, OVERLAYS, Manifest, kustomize
from tests.live.clusters import LiveCluster

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
WORKLOADS = ("Deployment", "StatefulSet", "Job")
CLUSTER_KINDS = (
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_PATIENCE = 300
"""Times 0.2 seconds: controllers create Pods a moment later."""

pytestmark = pytest.mark.skipif(
    not os.environ.get("KUBECONFIG"), reason="KUBECONFIG names no cluster"
)


def _plural(kind: str) -> str:
    if kind.endswith("y"):
        return f"{kind[:-1]}ies".lower()
    return f"{kind}{'es' if kind.endswith('s') else 's'}".lower()


def _path(item: Manifest, namespace: str) -> str:
    """Return the path of an object; its own namespace is replaced by that of the test."""
    version = item["apiVersion"]
    prefix = "/api" if "/" not in version else "/apis"
    scope = "" if item["kind"] in CLUSTER_KINDS else f"/namespaces/{namespace}"
    return f"{prefix}/{version}{scope}/{_plural(item['kind'])}/{item['metadata']['name']}"


async def _apply(api: httpx.AsyncClient, item: Manifest, namespace: str, **query: str) -> Manifest:
    if "namespace" in item["metadata"]:
        item = item | {"metadata": item["metadata"] | {"namespace": namespace}}
    response = await api.patch(
        _path(item, namespace),
        content=json.dumps(item),
        headers=_APPLY,
        params={"fieldManager": "ri-live", "fieldValidation": "Strict", **query},
    )
    assert response.is_success, f"{item['kind']} {item['metadata']['name']}: {response.text[:2000]}"
    applied: Manifest = response.json()
    return applied


def _render(overlay: str) -> list[Manifest]:
    program = kustomize()
    if program is None:
        pytest.skip("kustomize is missing")
    result = subprocess.run([*program, str(FOLDER / overlay)], capture_output=True, check=True)
    manifests = list(yaml.safe_load_all(result.stdout))
    for item in manifests:
        if item["kind"] in WORKLOADS:
            item["spec"]["template"]["spec"]["nodeSelector"] = {"ri-live/no-node": "true"}
    return manifests


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_an_overlay_is_applied(overlay: str, environment_cluster: LiveCluster) -> None:
    api, namespace = environment_cluster.api, f"ri-live-{uuid4().hex[:8]}-{overlay}"
    manifests = _render(overlay)
    await environment_cluster.add_namespace(namespace, RESTRICTED)
    for item in _base_objects():
        await _apply(api, item, namespace)
    for item in manifests:
        await _apply(api, item, namespace, dryRun="All")
    first = [await _apply(api, item, namespace) for item in manifests]
    pods = sum(item["spec"].get("replicas", 1) for item in manifests if item["kind"] in WORKLOADS)
    await _wait_for_pods(api, namespace, pods)
    again = [await _apply(api, item, namespace) for item in manifests]
    assert [item["metadata"]["generation"] for item in _workloads(again)] == [
        item["metadata"]["generation"] for item in _workloads(first)
    ]


def _workloads(manifests: list[Manifest]) -> Iterator[Manifest]:
    return (item for item in manifests if item["kind"] in WORKLOADS)


def _base_objects() -> list[Manifest]:
    """The ServiceAccount of the workers, without its rights."""
    manifests = yaml.safe_load_all((FOLDER / "rbac.yaml").read_text())
    return [item for item in manifests if item["kind"] == "ServiceAccount"]


async def _wait_for_pods(api: httpx.AsyncClient, namespace: str, count: int) -> None:
    for _ in range(_PATIENCE):
        pods = (await api.get(f"/api/v1/namespaces/{namespace}/pods")).json()["items"]
        if len(pods) == count:
            assert {pod["status"]["phase"] for pod in pods} == {"Pending"}
            return
        await asyncio.sleep(0.2)
    events = (await api.get(f"/api/v1/namespaces/{namespace}/events")).json()["items"]
    messages = {event["message"] for event in events if event["type"] == "Warning"}
    raise TimeoutError(f"{len(pods)} of {count} Pods were created: {messages}")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
async def test_other_manifests_are_accepted(path: Path, environment_cluster: LiveCluster) -> None:
    namespace = f"ri-live-{uuid4().hex[:8]}"
    await environment_cluster.add_namespace(namespace, {})
    for item in yaml.safe_load_all(path.read_text()):
        await _apply(environment_cluster.api, item, namespace, dryRun="All", force="true")
