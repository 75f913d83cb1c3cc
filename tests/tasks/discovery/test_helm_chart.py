"""What a core Deployment names: version, password, address, authority."""

import pytest

from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.kubernetes.object_store import DEPLOYMENT_RESOURCE, Json
from models.discovery.managed_harbor import SecretKeyRef
from tasks.clusters.protocol import ClusterClient
from tests.tasks.discovery.harbors import PASSWORD, URL, get_harbor, helm_harbor, put_core, put_map

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
    cluster: SimulatedCluster, client: ClusterClient, image: str, label: str | None, version: str
) -> None:
    labels = {"app": "harbor", "component": "core", "release": "reg"}
    labels |= {"app.kubernetes.io/version": label} if label else {}
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    uid = put_core(cluster, {"image": image}, labels=labels)
    assert await get_harbor(client) == helm_harbor(uid=uid, version=version)


def plain_value(name: str, value: str) -> Json:
    """An environment variable that stands in the Deployment."""
    return {"name": name, "value": value}


def from_reference(name: str, kind: str, ref: str, key: str) -> Json:
    """An environment variable that is a key of something."""
    return {"name": name, "valueFrom": {kind: {"name": ref, "key": key}}}


ENV_SOURCES = [
    {"configMapRef": {"name": CORE}},
    {"prefix": "X_", "secretRef": {"name": "prefixed"}},
    {"secretRef": {"name": "first"}},
    {"secretRef": {"name": "extra"}},
]


@pytest.mark.parametrize(
    ("env", "bulk", "key"),
    [
        ([from_reference(KEY, "secretKeyRef", "mine", "pw")], ENV_SOURCES, ("mine", "pw")),
        ([], [{"secretRef": {"name": CORE}}], (CORE, KEY)),
        ([], ENV_SOURCES, ("first", KEY)),
        ([plain_value(KEY, "in the clear")], ENV_SOURCES, None),
        ([], [], None),
    ],
)
async def test_where_the_password_is(
    cluster: SimulatedCluster,
    client: ClusterClient,
    env: list[Json],
    bulk: list[Json],
    key: tuple[str, str] | None,
) -> None:
    put_core(cluster, {"env": [*env, plain_value(ADDRESS, URL)], "envFrom": bulk})
    managed_harbor = await get_harbor(client)
    if key is None:
        message = "the Deployment reg-harbor-core does not read HARBOR_ADMIN_PASSWORD from a Secret"
        assert (managed_harbor.password, managed_harbor.message) == (None, message)
    else:
        assert managed_harbor.password == SecretKeyRef(namespace="h2", name=key[0], key=key[1])
    assert "in the clear" not in str(managed_harbor)


@pytest.mark.parametrize(
    ("container", "maps", "expected"),
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
            {"env": [from_reference(ADDRESS, "configMapKeyRef", "x", "url")]},
            {"x": {"url": URL}, CORE: {ADDRESS: "https://overridden.test"}},
            ["x"],
        ),
        ({"env": [plain_value(ADDRESS, URL)]}, {}, []),
    ],
)
async def test_where_the_address_is(
    cluster: SimulatedCluster,
    client: ClusterClient,
    container: Json,
    maps: dict[str, dict[str, str]],
    expected: list[str],
) -> None:
    put_core(cluster, container)
    for name, data in maps.items():
        put_map(cluster, name, **data)
    assert (await get_harbor(client)).address == URL
    config_maps = [
        call.path.rpartition("/")[2] for call in cluster.requests if "configmaps" in call.path
    ]
    assert config_maps == expected


async def test_its_authority(cluster: SimulatedCluster, client: ClusterClient) -> None:
    put_map(cluster, CORE, EXT_ENDPOINT=URL)
    volumes = [
        {"name": "config", "configMap": {"name": CORE}},
        {"name": "ca-download", "secret": {"secretName": "reg-harbor-ingress"}},
    ]
    uid = put_core(cluster, pod={"volumes": volumes})
    key = SecretKeyRef(namespace="h2", name="reg-harbor-ingress", key="ca.crt")
    assert await get_harbor(client) == helm_harbor(uid=uid, ca_secret=key)
    put_map(cluster, CORE, EXT_ENDPOINT="http://harbor.test")
    assert (await get_harbor(client)).ca_secret is None


async def test_a_container_beside_the_core(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_helm_harbor("h2", "reg", URL, PASSWORD)
    deployment = cluster.object(DEPLOYMENT_RESOURCE, "h2", CORE)
    pod = deployment["spec"]["template"]["spec"]
    pod = {**pod, "containers": [{"name": "proxy", "image": "p:v9.9.9"}, *pod["containers"]]}
    spec = {**deployment["spec"], "template": {**deployment["spec"]["template"], "spec": pod}}
    cluster.put_object(DEPLOYMENT_RESOURCE, {**deployment, "spec": spec})
    assert (await get_harbor(client)).version == "2.11.1"
