"""What a core Deployment names: version, password, address, authority."""

import pytest

from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.kubernetes.object_store import DEPLOYMENTS, Json
from models.discovery.managed_harbor import SecretKey
from tasks.clusters.protocol import ClusterClient
from tests.tasks.discovery.harbors import PASSWORD, URL, harbor, installed, put_core, put_map

CORE = "reg-harbor-core"
KEY, ADDRESS = "HARBOR_ADMIN_PASSWORD", "EXT_ENDPOINT"


@pytest.mark.parametrize(
    ("image", "label", "version"),
    [
        ("goharbor/harbor-core:v2.13.0", "1.0.0", "2.13.0"),
        ("mirror.test:5000/goharbor/harbor-core:v2.9.4-dev", None, "2.9.4"),
        ("docker.io/bitnami/harbor-core:2.12.2-debian-12-r1", None, "2.12.2"),
        ("goharbor/harbor-core:v2.10.0@sha256:1.2.3", None, "2.10.0"),
        ("mirror.test:5000/harbor-core@sha256:0123", "2.8.0", "2.8.0"),
        ("harbor-core:latest", "2.8.0", "2.8.0"),
        ("mirror-1.2.3.test/harbor-core", None, ""),
    ],
)
async def test_versions(
    cluster: EmulatedCluster, client: ClusterClient, image: str, label: str | None, version: str
) -> None:
    labels = {"app": "harbor", "component": "core", "release": "reg"}
    labels |= {"app.kubernetes.io/version": label} if label else {}
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    uid = put_core(cluster, {"image": image}, labels=labels)
    assert await harbor(client) == installed(uid=uid, version=version)


def plain(name: str, value: str) -> Json:
    """An environment variable that stands in the Deployment."""
    return {"name": name, "value": value}


def taken(name: str, kind: str, ref: str, key: str) -> Json:
    """An environment variable that is a key of something."""
    return {"name": name, "valueFrom": {kind: {"name": ref, "key": key}}}


SEVERAL = [
    {"configMapRef": {"name": CORE}},
    {"prefix": "X_", "secretRef": {"name": "prefixed"}},
    {"secretRef": {"name": "first"}},
    {"secretRef": {"name": "extra"}},
]


@pytest.mark.parametrize(
    ("env", "bulk", "key"),
    [
        ([taken(KEY, "secretKeyRef", "mine", "pw")], SEVERAL, ("mine", "pw")),
        ([], [{"secretRef": {"name": CORE}}], (CORE, KEY)),
        ([], SEVERAL, ("first", KEY)),
        ([plain(KEY, "in the clear")], SEVERAL, None),
        ([], [], None),
    ],
)
async def test_where_the_password_is(
    cluster: EmulatedCluster,
    client: ClusterClient,
    env: list[Json],
    bulk: list[Json],
    key: tuple[str, str] | None,
) -> None:
    put_core(cluster, {"env": [*env, plain(ADDRESS, URL)], "envFrom": bulk})
    found = await harbor(client)
    if key is None:
        said = "the Deployment reg-harbor-core takes HARBOR_ADMIN_PASSWORD from no Secret"
        assert (found.password, found.message) == (None, said)
    else:
        assert found.password == SecretKey(namespace="h2", name=key[0], key=key[1])
    assert "in the clear" not in str(found)


@pytest.mark.parametrize(
    ("container", "maps", "asked"),
    [
        ({}, {CORE: {ADDRESS: URL}}, [CORE]),
        (
            {"envFrom": [{"configMapRef": {"name": name}} for name in ("a", "b")]},
            {"a": {ADDRESS: "https://overridden.test"}, "b": {ADDRESS: URL}},
            ["b"],
        ),
        (
            {"envFrom": [{"configMapRef": {"name": name}} for name in ("a", "b")]},
            {"a": {ADDRESS: URL}, "b": {"OTHER": "x"}},
            ["b", "a"],
        ),
        (
            {"envFrom": [{"configMapRef": {"name": name}} for name in ("a", "gone")]},
            {"a": {ADDRESS: URL}},
            ["gone", "a"],
        ),
        (
            {"env": [taken(ADDRESS, "configMapKeyRef", "x", "url")]},
            {"x": {"url": URL}, CORE: {ADDRESS: "https://overridden.test"}},
            ["x"],
        ),
        ({"env": [plain(ADDRESS, URL)]}, {}, []),
    ],
)
async def test_where_the_address_is(
    cluster: EmulatedCluster,
    client: ClusterClient,
    container: Json,
    maps: dict[str, dict[str, str]],
    asked: list[str],
) -> None:
    put_core(cluster, container)
    for name, data in maps.items():
        put_map(cluster, name, **data)
    assert (await harbor(client)).address == URL
    got = [call.path.rpartition("/")[2] for call in cluster.requests if "configmaps" in call.path]
    assert got == asked


async def test_its_authority(cluster: EmulatedCluster, client: ClusterClient) -> None:
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    volumes = [
        {"name": "config", "configMap": {"name": CORE}},
        {"name": "ca-download", "secret": {"secretName": "reg-harbor-ingress"}},
    ]
    uid = put_core(cluster, pod={"volumes": volumes})
    key = SecretKey(namespace="h2", name="reg-harbor-ingress", key="ca.crt")
    assert await harbor(client) == installed(uid=uid, authority=key)
    put_map(cluster, CORE, EXT_ENDPOINT="http://harbor.test")
    assert (await harbor(client)).authority is None


async def test_a_container_beside_the_core(cluster: EmulatedCluster, client: ClusterClient) -> None:
    cluster.add_helm_harbor("h2", "reg", URL, PASSWORD)
    found = cluster.object(DEPLOYMENTS, "h2", CORE)
    pod = found["spec"]["template"]["spec"]
    pod = {**pod, "containers": [{"name": "proxy", "image": "p:v9.9.9"}, *pod["containers"]]}
    spec = {**found["spec"], "template": {**found["spec"]["template"], "spec": pod}}
    cluster.put_object(DEPLOYMENTS, {**found, "spec": spec})
    assert (await harbor(client)).version == "2.11.1"
