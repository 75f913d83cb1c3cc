"""The emulated cluster from outside: what may be done to it, and what it then answers.

That its answers are a real server's is `test_kubernetes_golden`'s affair.
"""

from collections.abc import Iterator

import httpx
import pytest
import yaml

from deployments.simulators.faults import CutConnection, Fault, Respond, RunCallback
from deployments.simulators.kubernetes import (
    AdmissionRule,
    RbacRule,
    SimulatedCluster,
    running_cluster,
)
from models.clusters.cluster import PULL_SECRET_NAME

SECRET = f"/api/v1/namespaces/shop/secrets/{PULL_SECRET_NAME}"
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@pytest.fixture(scope="module")
def shared_cluster() -> Iterator[SimulatedCluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: SimulatedCluster) -> Iterator[SimulatedCluster]:
    shared_cluster.add_namespace("shop", {"team": "a"})
    shared_cluster.requests.clear()
    yield shared_cluster
    shared_cluster.faults.clear()
    shared_cluster.delete_namespace("shop")


@pytest.fixture
def client(cluster: SimulatedCluster) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {cluster.token}"}
    with httpx.Client(base_url=cluster.url, headers=headers) as client:
        yield client


def names(client: httpx.Client, path: str) -> list[str]:
    return [item["metadata"]["name"] for item in client.get(path).json()["items"]]


def test_the_kubeconfig_names_it(cluster: SimulatedCluster) -> None:
    config = yaml.safe_load(cluster.kubeconfig)
    assert config["clusters"][0]["cluster"] == {"server": cluster.url}
    assert config["users"][0]["user"] == {"token": cluster.token}


def test_namespaces_come_and_go(cluster: SimulatedCluster, client: httpx.Client) -> None:
    assert names(client, "/api/v1/namespaces") == ["default", "kube-system", "shop"]
    cluster.set_image_pull_secrets("shop", "theirs")
    cluster.add_foreign_secret("shop")
    cluster.delete_namespace("shop")
    assert client.get(SECRET).status_code == 404
    cluster.add_namespace("shop")
    assert cluster.image_pull_secrets("shop") == ()
    assert cluster.secret("shop") is None


def test_labels(cluster: SimulatedCluster, client: httpx.Client) -> None:
    before = client.get("/api/v1/namespaces/shop").json()["metadata"]
    cluster.set_labels("shop", {"team": None, "owner": "b"})
    after = client.get("/api/v1/namespaces/shop").json()["metadata"]
    assert after["labels"] == {"kubernetes.io/metadata.name": "shop", "owner": "b"}
    assert int(after["resourceVersion"]) > int(before["resourceVersion"])
    assert after["uid"] == before["uid"]


def test_a_terminating_namespace_takes_nothing_new(
    cluster: SimulatedCluster, client: httpx.Client
) -> None:
    cluster.terminate_namespace("shop")
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PULL_SECRET_NAME}}
    response = client.patch(SECRET, params={"fieldManager": "x"}, headers=APPLY, json=body)
    assert response.status_code == 403
    assert response.json()["details"]["causes"][0]["reason"] == "NamespaceTerminating"


def _apply_secret(client: httpx.Client) -> httpx.Response:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": PULL_SECRET_NAME}}
    return client.patch(SECRET, params={"fieldManager": "x"}, headers=APPLY, json=body)


def test_a_policy_denies_with_422_and_its_message(
    cluster: SimulatedCluster, client: httpx.Client
) -> None:
    cluster.admission.rules.append(AdmissionRule("P", "B", message="M", namespaces=("shop",)))
    try:
        response = _apply_secret(client)
    finally:
        cluster.admission.rules.clear()
    expected = (
        f"secrets \"{PULL_SECRET_NAME}\" is forbidden: ValidatingAdmissionPolicy 'P' with "
        "binding 'B' denied request: M"
    )
    body = response.json()
    assert (response.status_code, body["reason"], body["code"]) == (422, "Invalid", 422)
    assert body["message"] == expected
    assert _apply_secret(client).status_code == 201
    cluster.admission.rules.append(AdmissionRule("W", message="M", operations=("DELETE",)))
    try:
        response = client.delete(SECRET)
    finally:
        cluster.admission.rules.clear()
    assert response.status_code == 403
    assert response.json()["message"] == 'admission webhook "W" denied the request: M'


def test_a_quota_counts_secrets(cluster: SimulatedCluster, client: httpx.Client) -> None:
    cluster.admission.secret_quotas["shop"] = ("compute", 1)
    try:
        assert _apply_secret(client).status_code == 201
        assert _apply_secret(client).status_code == 200
        cluster.admission.secret_quotas["shop"] = ("compute", 0)
        client.delete(SECRET)
        response = _apply_secret(client)
    finally:
        cluster.admission.secret_quotas.clear()
    assert response.status_code == 403
    assert response.json()["message"] == (
        f'secrets "{PULL_SECRET_NAME}" is forbidden: exceeded quota: compute, requested: '
        "secrets=1, used: secrets=0, limited: secrets=0"
    )


def test_what_was_asked_is_kept(cluster: SimulatedCluster, client: httpx.Client) -> None:
    client.get(SECRET, params={"x": "y"})
    client.delete(SECRET)
    assert cluster.requests == [("GET", SECRET, 404), ("DELETE", SECRET, 404)]
    assert cluster.requests.writes() == [("DELETE", SECRET, 404)]


def test_rights(cluster: SimulatedCluster, client: httpx.Client) -> None:
    cluster.deny("get", "secrets")
    assert client.get(SECRET).status_code == 403
    admin = {"Authorization": f"Bearer {cluster.admin_token}"}
    assert client.get(SECRET, headers=admin).status_code == 404
    cluster.allow("get", "secrets")
    assert client.get(SECRET).status_code == 404


def test_rules_limit_names() -> None:
    with running_cluster() as cluster:
        cluster.limit_rights(RbacRule("secrets", ("list", "get"), (PULL_SECRET_NAME,)))
        headers = {"Authorization": f"Bearer {cluster.token}"}
        with httpx.Client(base_url=cluster.url, headers=headers) as client:
            only = {"fieldSelector": f"metadata.name={PULL_SECRET_NAME}"}
            assert client.get("/api/v1/secrets", params=only).status_code == 200
            assert client.get("/api/v1/secrets").status_code == 403
            assert client.get("/api/v1/namespaces/default/secrets/other").status_code == 403
            cluster.revoke_token()
            assert client.get("/api/v1/secrets").status_code == 401


def test_faults_come_between(cluster: SimulatedCluster, client: httpx.Client) -> None:
    cluster.faults.add(Fault(Respond(500), method="GET", path=SECRET))
    cluster.faults.add(Fault(CutConnection(), method="GET", path=SECRET))
    cluster.faults.add(Fault(RunCallback(lambda: cluster.add_foreign_secret("shop")), path=SECRET))
    assert client.get(SECRET).status_code == 500
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(SECRET)
    assert client.get(SECRET).status_code == 200


def test_edits_by_hand(cluster: SimulatedCluster, client: httpx.Client) -> None:
    cluster.add_foreign_secret("shop", labels={"a": "b"})
    cluster.edit_secret("shop", {"auths": {"x": {}}}, manager="jane")
    cluster.relabel_secret("shop", {"c": "d"})
    secret = client.get(SECRET).json()
    assert secret["metadata"]["labels"] == {"c": "d"}
    assert cluster.secret("shop") == {"auths": {"x": {}}}
    managers = {entry["manager"] for entry in secret["metadata"]["managedFields"]}
    assert managers == {"kubectl-create", "jane", "kubectl-label"}
    cluster.delete_secret("shop")
    with pytest.raises(LookupError):
        cluster.delete_secret("shop")


def test_the_account_can_be_late(cluster: SimulatedCluster, client: httpx.Client) -> None:
    account = "/api/v1/namespaces/shop/serviceaccounts/default"
    cluster.remove_service_account("shop")
    assert client.get(account).status_code == 404
    cluster.add_service_account("shop")
    assert client.get(account).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("PUT", SECRET, {}, 405),
        ("GET", "/api/v1/secrets?watch=true", {}, 405),
        ("GET", "/api/v1/secrets?fieldSelector=type=Opaque", {}, 400),
        ("PATCH", SECRET, {"Content-Type": "application/json-patch+json"}, 415),
        ("POST", "/api/v1/namespaces", {"Content-Type": "application/json"}, 409),
        ("GET", "/apis/batch/v1/jobs", {}, 404),
    ],
)
def test_what_is_not_emulated_is_refused(
    cluster: SimulatedCluster,
    client: httpx.Client,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    cluster.add_foreign_secret("shop")
    body = None if method == "GET" else '{"metadata": {"name": "shop"}}'
    assert client.request(method, path, headers=headers, content=body).status_code == status


def test_a_thousand_namespaces() -> None:
    with running_cluster() as cluster:
        for number in range(1000):
            cluster.add_namespace(f"n{number:04}")
        headers = {"Authorization": f"Bearer {cluster.token}"}
        with httpx.Client(base_url=cluster.url, headers=headers) as client:
            page = client.get("/api/v1/namespaces", params={"limit": 600}).json()
            query = {"limit": 600, "continue": page["metadata"]["continue"]}
            assert page["metadata"]["remainingItemCount"] == 402
            second_page = client.get("/api/v1/namespaces", params=query).json()
    namespace_names = [item["metadata"]["name"] for item in (*page["items"], *second_page["items"])]
    assert namespace_names == sorted(namespace_names)
    assert len(namespace_names) == 1002


def test_a_page_goes_on_with_another_limit(cluster: SimulatedCluster, client: httpx.Client) -> None:
    for number in range(5):
        cluster.add_namespace(f"n{number}")
    page = client.get("/api/v1/namespaces", params={"limit": 2}).json()
    token = page["metadata"]["continue"]
    query = {"continue": token, "limit": 3}
    rest = client.get("/api/v1/namespaces", params=query).json()
    listed = [item["metadata"]["name"] for item in (*page["items"], *rest["items"])]
    assert listed == names(client, "/api/v1/namespaces")[:5]


def test_metadata_only(cluster: SimulatedCluster, client: httpx.Client) -> None:
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    cluster.add_namespace("shop")
    cluster.add_foreign_secret("shop")
    page = client.get("/api/v1/secrets", params={"limit": 1}, headers=accept).json()
    assert (page["kind"], page["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    (item,) = page["items"]
    assert item.keys() == {"kind", "apiVersion", "metadata"}
    assert item["metadata"]["namespace"] == "shop"


def test_namespaces_can_be_excluded(cluster: SimulatedCluster, client: httpx.Client) -> None:
    for name in ("shop", "till", "lab"):
        cluster.add_namespace(name)
    selector = "metadata.name=default,metadata.namespace!=shop,metadata.namespace!=lab"
    page = client.get("/api/v1/serviceaccounts", params={"fieldSelector": selector}).json()
    namespaces = {item["metadata"]["namespace"] for item in page["items"]}
    assert "till" in namespaces
    assert not {"shop", "lab"} & namespaces
