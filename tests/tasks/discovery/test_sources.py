"""Each source of a cluster is complete or unavailable by itself; few requests."""

from typing import Literal

import pytest

from deployments.simulators.faults import CutConnection, Delay, Fault, Respond, RunCallback
from deployments.simulators.kubernetes import SimulatedCluster
from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.discovery.managed_harbor import HarborSourceKind
from models.discovery.observation import ClusterHarbors
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import bounds, open_client
from tests.tasks.discovery.harbors import (
    ALPHA,
    BETA,
    CORES,
    EVERYWHERE,
    GROUPS,
    NAMESPACES,
    PASSWORD,
    URL,
    list_harbors,
    put_core,
)

PAGE_2 = r".*continue=.*"
JSON = (("Content-Type", "application/json"),)


def paths(cluster: SimulatedCluster) -> list[str]:
    """What was asked for, in a stable order."""
    return sorted(call.path for call in cluster.requests)


SOURCES: dict[str, tuple[HarborSourceKind, ...]] = {
    rf"{NAMESPACES}\?.*": tuple(HarborSourceKind),
    GROUPS: (HarborSourceKind.OPERATOR,),
    rf"{BETA}\?.*": (HarborSourceKind.OPERATOR,),
    rf"{CORES}\?.*": (HarborSourceKind.HELM,),
    r".*/configmaps/.*": (HarborSourceKind.HELM,),
}
"""The sources that need a path."""


def add_both(cluster: SimulatedCluster) -> None:
    """One Harbor of each source."""
    cluster.add_harbor_cluster("h1", "prod", URL, PASSWORD)
    cluster.add_helm_harbor("h2", "reg", "https://reg.test", PASSWORD)


async def unavailable_section(
    client: ClusterClient, failed: tuple[HarborSourceKind, ...] = tuple(HarborSourceKind)
) -> Unavailable:
    """Why the Harbors of some sources cannot be seen; those of the others are all seen."""
    section = await client.list_harbors(EVERYWHERE)
    if len(failed) == len(HarborSourceKind):
        assert isinstance(section, Unavailable)
        return section
    assert isinstance(section, ClusterHarbors)
    (source,) = failed
    assert list(section.unavailable) == [source]
    assert [item.ref.kind for item in section.items] == [
        kind for kind in HarborSourceKind if kind is not source
    ]
    return section.unavailable[source]


async def test_neither_operator_nor_charts(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    assert await list_harbors(client) == ()
    assert paths(cluster) == [NAMESPACES, GROUPS, CORES, CORES]


async def test_five_lists_however_many_there_are(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    for number in range(30):
        cluster.add_harbor_cluster(f"h{number}", "prod", f"https://h{number}.test", PASSWORD)
    assert len(await list_harbors(client)) == 30
    assert paths(cluster) == [NAMESPACES, GROUPS, CORES, CORES, BETA]


async def test_one_more_get_for_each_release(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_harbor_cluster("h1", "prod", URL, PASSWORD)
    cluster.add_helm_harbor("h2", "a", "https://a.test", PASSWORD)
    cluster.add_helm_harbor("h3", "b", "https://b.test", PASSWORD, chart="bitnami")
    assert [managed_harbor.ref.kind for managed_harbor in await list_harbors(client)] == [
        HarborSourceKind.OPERATOR,
        HarborSourceKind.HELM,
        HarborSourceKind.HELM,
    ]
    assert paths(cluster) == [
        NAMESPACES,
        "/api/v1/namespaces/h2/configmaps/a-harbor-core",
        "/api/v1/namespaces/h3/configmaps/b-harbor-core-envvars",
        GROUPS,
        CORES,
        CORES,
        BETA,
    ]


async def test_without_the_operator_no_right_to_its_lists_is_missed(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.deny("list", "harborclusters")
    assert await list_harbors(client) == ()


async def test_other_kinds_of_its_group_are_not_the_operator(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.install_operator()
    cluster.faults.add(Fault(Respond(404, b"404 page not found\n"), path=rf"{BETA}\?.*"))
    assert await list_harbors(client) == ()
    assert ALPHA in paths(cluster)


@pytest.mark.parametrize(
    ("resource", "group", "manifest", "failed"),
    [
        ("harborclusters", ' of apiGroup "goharbor.io"', "rbac-harbors.yaml", SOURCES[GROUPS]),
        ("deployments", ' of apiGroup "apps"', "rbac-harbors.yaml", (HarborSourceKind.HELM,)),
        ("namespaces", "", "rbac.yaml", tuple(HarborSourceKind)),
    ],
)
async def test_a_missing_right_is_named(
    cluster: SimulatedCluster,
    client: ClusterClient,
    resource: str,
    group: str,
    manifest: str,
    failed: tuple[HarborSourceKind, ...],
) -> None:
    add_both(cluster)
    cluster.deny("list", resource)
    section = await unavailable_section(client, failed)
    assert section.reason is Reason.FORBIDDEN
    assert section.message == (
        f'may not list {resource}: grant the verb "list" on "{resource}"{group}: '
        f"run: kubectl apply -f deployments/kubernetes/{manifest}"
    )


async def test_groups_that_may_not_be_asked_for(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    add_both(cluster)
    cluster.faults.add(Fault(Respond(403, b'{"kind": "Status"}', JSON), path=GROUPS))
    assert 'may not get /apis: bind the ClusterRole "system:discovery"' in (
        (await unavailable_section(client, SOURCES[GROUPS])).message
    )


@pytest.mark.parametrize(("status", "reason"), [(500, "SERVER_BROKEN"), (429, "THROTTLED")])
async def test_a_conversion_webhook_that_is_down_hides_no_release(
    cluster: SimulatedCluster, client: ClusterClient, status: Literal[429, 500], reason: str
) -> None:
    add_both(cluster)
    cluster.break_conversion(status)
    failure = await unavailable_section(client, SOURCES[GROUPS])
    assert failure.reason is Reason[reason]
    if status == 500:
        assert failure.message == (
            "answered 500: the conversion webhook for HarborCluster.goharbor.io failed: check the "
            "operator that serves it"
        )
    cluster.repair_conversion()
    assert len(await list_harbors(client)) == 2


async def test_a_source_that_hangs_hides_no_other(cluster: SimulatedCluster) -> None:
    add_both(cluster)
    cluster.faults.add(Fault(Delay(1.5), path=rf"{BETA}\?.*", times=None))
    async with open_client(cluster, bounds=bounds(operation_seconds=1)) as client:
        failure = await unavailable_section(client, SOURCES[GROUPS])
    assert failure.reason is Reason.TIMED_OUT
    assert failure.message == "the discovery took longer than 1 s"


@pytest.mark.parametrize("path", list(SOURCES))
@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Respond(401), Reason.UNAUTHORIZED),
        (Respond(500), Reason.SERVER_BROKEN),
        (Respond(429), Reason.THROTTLED),
        (CutConnection(), Reason.UNREACHABLE),
        (Respond(200, b'{"items": 3, "groups": 3, "data": 3}', JSON), Reason.SERVER_BROKEN),
        (Respond(200, b"<html>", (("Content-Type", "text/html"),)), Reason.WRONG_KIND),
    ],
)
async def test_what_cannot_be_read_is_unseen(
    cluster: SimulatedCluster,
    client: ClusterClient,
    path: str,
    action: Respond | CutConnection,
    reason: Reason,
) -> None:
    add_both(cluster)
    cluster.faults.add(Fault(action, path=path, times=None))
    assert (await unavailable_section(client, SOURCES[path])).reason is reason


@pytest.mark.parametrize("path", [GROUPS, rf"{CORES}\?.*"])
async def test_a_404_of_anybody_else_is_no_empty_cluster(
    cluster: SimulatedCluster, client: ClusterClient, path: str
) -> None:
    add_both(cluster)
    cluster.faults.add(Fault(Respond(404, b"404 page not found\n"), path=path, times=None))
    assert (await unavailable_section(client, SOURCES[path])).reason is Reason.NOT_FOUND


async def test_many_in_pages(cluster: SimulatedCluster, client: ClusterClient) -> None:
    for number in range(510):
        cluster.add_harbor_cluster("h1", f"n{number:03}", f"https://n{number}.test", PASSWORD)
    assert len(await list_harbors(client)) == 510
    assert paths(cluster).count(BETA) == 2


@pytest.mark.parametrize(("times", "well"), [(1, True), (None, False)])
async def test_pages_that_expire(
    cluster: SimulatedCluster, client: ClusterClient, times: int | None, well: bool
) -> None:
    for number in range(510):
        cluster.add_harbor_cluster("h1", f"n{number:03}", f"https://n{number}.test", PASSWORD)
    cluster.faults.add(Fault(RunCallback(cluster.expire_lists), path=PAGE_2, times=times))
    section = await client.list_harbors(EVERYWHERE)
    assert isinstance(section, ClusterHarbors)
    if failure := section.unavailable.get(HarborSourceKind.OPERATOR):
        assert not well
        assert failure.reason is Reason.PAGES_SHIFTED
        assert failure.message.startswith("the list of harborclusters could not be read completely")
    else:
        assert well
        assert len(section.items) == 510


async def test_the_operator_comes_before_what_it_installed(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_harbor_cluster("h2", "prod", URL, PASSWORD)
    cluster.add_helm_harbor("h2", "reg", f"{URL.upper()}/", PASSWORD)
    cluster.add_helm_harbor("h3", "reg", URL, PASSWORD)
    assert [
        (managed_harbor.ref.namespace, managed_harbor.ref.kind)
        for managed_harbor in await list_harbors(client)
    ] == [
        ("h2", HarborSourceKind.OPERATOR),
        ("h3", HarborSourceKind.HELM),
    ]


async def test_what_has_no_address_is_no_double(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_harbor_cluster("h2", "prod", "", PASSWORD)
    put_core(cluster)
    assert len(await list_harbors(client)) == 2
