"""Harbors in the emulated cluster come, change and go."""

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deployments.simulators.kubernetes import SimulatedCluster, running_cluster
from deployments.simulators.kubernetes.harbors.charts import Chart

RUN = "/apis/goharbor.io/v1beta1/namespaces/h1/harborclusters"
CORES = "/apis/apps/v1/deployments"
GOHARBOR, BITNAMI = "app=harbor,component=core", "app.kubernetes.io/component=core"
URL = "https://harbor.test"


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def client(cluster: SimulatedCluster) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {cluster.token}"}
    with httpx.Client(base_url=cluster.url, headers=headers) as client:
        yield client


def list_items(client: httpx.Client, path: str, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(path, params=query).json()["items"]
    return items


def read_secret(client: httpx.Client, namespace: str, name: str, key: str) -> str:
    data = client.get(f"/api/v1/namespaces/{namespace}/secrets/{name}").json()["data"]
    return base64.b64decode(data[key]).decode()


def test_the_operator_comes_and_goes(cluster: SimulatedCluster, client: httpx.Client) -> None:
    assert client.get(RUN).status_code == 404
    cluster.install_operator(["v1alpha3"])
    assert client.get(RUN).status_code == 404
    assert client.get(RUN.replace("v1beta1", "v1alpha3")).status_code == 200
    cluster.install_operator(())
    assert client.get("/apis/goharbor.io").status_code == 404
    assert [group["name"] for group in client.get("/apis").json()["groups"]] == ["apps"]


def test_a_harbor_cluster(cluster: SimulatedCluster, client: httpx.Client) -> None:
    uid = cluster.add_harbor_cluster("h1", "prod", URL, "first", status="")
    (harbor_cluster,) = list_items(client, RUN)
    assert harbor_cluster["metadata"]["uid"] == uid
    assert "status" not in harbor_cluster
    cluster.set_harbor_status("h1", "prod", "unhealthy", "why")
    (harbor_cluster,) = list_items(client, RUN)
    assert harbor_cluster["status"]["status"] == "unhealthy"
    assert harbor_cluster["status"]["conditions"][0]["message"] == "why"
    assert read_secret(client, "h1", "prod-admin", "secret") == "first"
    cluster.set_password("h1", "prod", "second")
    assert read_secret(client, "h1", "prod-admin", "secret") == "second"
    cluster.remove_password("h1", "prod")
    assert client.get("/api/v1/namespaces/h1/secrets/prod-admin").status_code == 404
    assert cluster.recreate_harbor_cluster("h1", "prod") != uid
    (recreated,) = list_items(client, RUN)
    assert recreated["spec"] == harbor_cluster["spec"]
    cluster.delete_harbor_cluster("h1", "prod")
    assert list_items(client, RUN) == []


def test_without_a_secret(cluster: SimulatedCluster, client: httpx.Client) -> None:
    cluster.add_harbor_cluster("h1", "prod", URL, None)
    assert client.get("/api/v1/namespaces/h1/secrets/prod-admin").status_code == 404


def test_the_namespace_takes_all_with_it(cluster: SimulatedCluster, client: httpx.Client) -> None:
    cluster.add_harbor_cluster("h1", "prod", URL, "pw")
    cluster.add_helm_harbor("h1", "reg", URL, "pw")
    cluster.delete_namespace("h1")
    assert list_items(client, RUN) == list_items(client, CORES) == []
    cluster.add_harbor_cluster("h1", "prod", URL, "pw")
    assert len(list_items(client, RUN)) == 1


@pytest.mark.parametrize(
    ("chart", "selector", "secret"),
    [
        ("goharbor", GOHARBOR, "reg-harbor-core"),
        ("bitnami", BITNAMI, "reg-harbor-core-envvars"),
    ],
)
def test_a_release(
    cluster: SimulatedCluster, client: httpx.Client, chart: Chart, selector: str, secret: str
) -> None:
    uid = cluster.add_helm_harbor("h2", "reg", URL, "first", chart=chart)
    (deployment,) = list_items(client, CORES, labelSelector=selector)
    assert deployment["metadata"]["uid"] == uid
    assert deployment["status"]["availableReplicas"] == 1
    config = client.get(f"/api/v1/namespaces/h2/configmaps/{secret}").json()
    assert config["data"]["EXT_ENDPOINT"] == URL
    cluster.set_password("h2", "reg", "second")
    assert read_secret(client, "h2", secret, "HARBOR_ADMIN_PASSWORD") == "second"
    cluster.delete_helm_harbor("h2", "reg", chart)
    assert list_items(client, CORES) == []
    with pytest.raises(LookupError):
        cluster.set_password("h2", "reg", "third")


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("", 2),
        ("app", 1),
        ("!app", 1),
        ("app==harbor", 1),
        ("app!=harbor", 1),
        ("release in (reg, other)", 1),
        ("release notin (reg)", 1),
        ("app,release=nobody", 0),
        ("app.kubernetes.io/name=harbor,!component", 1),
    ],
)
def test_label_selectors(
    cluster: SimulatedCluster, client: httpx.Client, selector: str, count: int
) -> None:
    cluster.add_helm_harbor("h2", "reg", URL, "pw")
    cluster.add_helm_harbor("h2", "bit", URL, "pw", chart="bitnami")
    assert len(list_items(client, CORES, labelSelector=selector)) == count


@pytest.mark.parametrize("selector", ["app in reg", "a=b c", "=x", "a,,b"])
def test_senseless_selectors(client: httpx.Client, selector: str) -> None:
    assert client.get(CORES, params={"labelSelector": selector}).status_code == 400


def test_pages_of_two_selectors_do_not_mix(cluster: SimulatedCluster, client: httpx.Client) -> None:
    for name in ("a", "b"):
        cluster.add_helm_harbor("h2", name, URL, "pw")
    tokens = {}
    for selector in (GOHARBOR, "release=b"):
        page = client.get(CORES, params={"limit": "1", "labelSelector": selector}).json()
        tokens[selector] = page["metadata"].get("continue")
    query = {"limit": "1", "labelSelector": GOHARBOR, "continue": tokens[GOHARBOR]}
    assert [item["metadata"]["name"] for item in list_items(client, CORES, **query)] == [
        "b-harbor-core"
    ]
    assert tokens["release=b"] is None


COMPONENT = {"kind": "Redis", "spec": {}}
SPEC = {
    "externalURL": URL,
    "harborAdminPasswordRef": "admin",
    "version": "2.11.1",
    "expose": {"core": {}},
    "cache": COMPONENT,
    "database": COMPONENT,
    "storage": COMPONENT,
}
STATUS = {"status": "healthy", "revision": 1}
MERGE = {"Content-Type": "application/merge-patch+json"}


def create(client: httpx.Client, **content: Any) -> httpx.Response:
    return client.post(RUN, json={"metadata": {"name": "prod"}, **content})


def test_a_harbor_cluster_without_required_fields(
    cluster: SimulatedCluster, client: httpx.Client
) -> None:
    cluster.install_operator()
    cluster.add_namespace("h1")
    missing = {"cache", "storage"}
    spec = {key: SPEC[key] for key in SPEC if key not in missing} | {"database": {"kind": 3}}
    response = create(client, spec=spec)
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert response.json()["message"] == (
        'HarborCluster.goharbor.io "prod" is invalid: [spec.cache: Required value, '
        'spec.database.kind: Invalid value: "integer": spec.database.kind in body must be of type '
        'string: "integer", spec.database.spec: Required value, spec.storage: Required value]'
    )
    assert list_items(client, RUN) == []


def test_the_status_of_a_harbor_cluster_is_a_subresource(
    cluster: SimulatedCluster, client: httpx.Client
) -> None:
    cluster.install_operator()
    cluster.add_namespace("h1")
    created = create(client, spec=SPEC, status=STATUS)
    assert created.status_code == 201
    assert "status" not in created.json()
    path = f"{RUN}/prod"
    refused = client.patch(f"{path}/status", json={"status": {"status": "healthy"}}, headers=MERGE)
    assert refused.status_code == 422
    assert refused.json()["message"].endswith("is invalid: status.revision: Required value")
    changes = {"status": STATUS, "spec": {"version": "2.12.0"}}
    written = client.patch(f"{path}/status", json=changes, headers=MERGE).json()
    assert (written["status"], written["spec"], written["metadata"]["generation"]) == (
        STATUS,
        SPEC,
        1,
    )
    changed = client.patch(path, json={**changes, "status": {"status": "x"}}, headers=MERGE).json()
    assert (changed["status"], changed["spec"]["version"]) == (STATUS, "2.12.0")
    assert changed["metadata"]["generation"] == 2
    assert client.patch(f"{RUN}/other/status", json={}, headers=MERGE).status_code == 404
    assert client.patch(f"{path}/scale", json={}, headers=MERGE).status_code == 404
    assert client.delete(path).status_code == 200
    assert list_items(client, RUN) == []
