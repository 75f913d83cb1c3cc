"""Looking at a cluster: three lists, complete or not at all."""

import pytest

from deployments.simulators.faults import Answer, Call, Fault
from deployments.simulators.kubernetes import EmulatedCluster
from models.clusters.cluster import ObservedNamespace, ObservedSecret
from models.core.availability import Unseen
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import (
    LABELS,
    OURS,
    account_in,
    content,
    delivered,
    fingerprint,
    items,
    opened,
)

SECOND_PAGE = r"/api/v1/namespaces\?.*continue=.*"


async def test_what_is_seen(cluster: EmulatedCluster, client: ClusterClient) -> None:
    cluster.set_image_pull_secrets("shop", "foreign", "registry-integration")
    assert (await delivered(client)).done
    snapshot = await client.look(LABELS)
    assert snapshot.unseen is None
    found = {one.name: one for one in items(snapshot.namespaces)}
    assert found.keys() == {"default", "kube-system", "shop"}
    assert found["shop"].labels == (("registry-integration.io/workspace", "team-a"),)
    assert not found["shop"].terminating
    (secret,) = items(snapshot.secrets)
    assert (secret.namespace, secret.ours) == ("shop", True)
    assert secret.fingerprint == fingerprint(content().encode())
    assert account_in(snapshot).linked
    assert not account_in(snapshot, "default").linked
    assert len([call for call in cluster.requests if call.method == "GET"]) == 3


async def test_foreign_secrets_are_seen(cluster: EmulatedCluster, client: ClusterClient) -> None:
    for name in ("opaque", "unmarked", "of-another", "ours-by-label"):
        cluster.add_namespace(name)
    cluster.foreign_secret("opaque", kind="Opaque")
    cluster.foreign_secret("unmarked")
    cluster.foreign_secret(
        "of-another", labels={**OURS, "registry-integration.io/installation": "two"}
    )
    cluster.foreign_secret("ours-by-label", kind="Opaque", labels=OURS)
    found: dict[str, ObservedSecret] = {
        one.namespace: one for one in items((await client.look(())).secrets)
    }
    assert [found[name].ours for name in ("opaque", "unmarked", "of-another")] == [False] * 3
    assert found["ours-by-label"].ours
    assert found["opaque"].fingerprint is None
    assert found["unmarked"].fingerprint is not None


async def test_a_terminating_namespace_is_seen(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.terminate("shop")
    found: tuple[ObservedNamespace, ...] = items((await client.look(())).namespaces)
    assert [one.name for one in found if one.terminating] == ["shop"]


async def test_one_namespace(cluster: EmulatedCluster, client: ClusterClient) -> None:
    await delivered(client)
    whole, one = await client.look(LABELS), await client.look_at("shop", LABELS)
    assert items(one.secrets) == items(whole.secrets)
    assert items(one.accounts) == (account_in(whole),)
    assert [ns for ns in items(whole.namespaces) if ns.name == "shop"] == list(
        items(one.namespaces)
    )


async def test_one_that_is_not_there(client: ClusterClient) -> None:
    snapshot = await client.look_at("nowhere", LABELS)
    assert snapshot.unseen is None
    assert [items(part) for part in (snapshot.namespaces, snapshot.secrets, snapshot.accounts)] == [
        (),
        (),
        (),
    ]


async def test_1200_namespaces_in_pages(cluster: EmulatedCluster, client: ClusterClient) -> None:
    for number in range(1200):
        cluster.add_namespace(f"n{number:04}")
    snapshot = await client.look(LABELS)
    assert len({one.name for one in items(snapshot.namespaces)}) == 1203
    assert len(items(snapshot.accounts)) == 1203
    assert [call.path for call in cluster.requests].count("/api/v1/namespaces") == 3


async def test_pages_show_one_state(cluster: EmulatedCluster, client: ClusterClient) -> None:
    for number in range(600):
        cluster.add_namespace(f"n{number:04}")
    gone = Call(lambda: cluster.delete_namespace("n0000"))
    cluster.faults.add(Fault(gone, path=SECOND_PAGE))
    assert len(items((await client.look(())).namespaces)) == 603


async def test_expired_pages_are_read_anew(cluster: EmulatedCluster, client: ClusterClient) -> None:
    for number in range(600):
        cluster.add_namespace(f"n{number:04}")
    cluster.faults.add(Fault(Call(cluster.compact), path=SECOND_PAGE))
    assert len(items((await client.look(())).namespaces)) == 603
    assert ("GET", "/api/v1/namespaces", 410) in cluster.requests


async def test_pages_that_expire_twice_are_unseen(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    for number in range(600):
        cluster.add_namespace(f"n{number:04}")
    cluster.faults.add(Fault(Call(cluster.compact), path=SECOND_PAGE, times=None))
    snapshot = await client.look(())
    assert isinstance(snapshot.namespaces, Unseen)
    assert snapshot.namespaces.reason == Reason.PAGES_SHIFTED
    assert snapshot.unseen == snapshot.namespaces


@pytest.mark.parametrize("resource", ["secrets", "serviceaccounts"])
async def test_a_list_that_may_not_be_read_is_unseen(
    cluster: EmulatedCluster, client: ClusterClient, resource: str
) -> None:
    cluster.forbid("list", resource)
    snapshot = await client.look(())
    assert snapshot.unseen is not None
    assert snapshot.unseen.reason == Reason.FORBIDDEN
    assert f'may not list {resource}: grant the verb "list" on "{resource}"' in (
        snapshot.unseen.message
    )
    assert len(items(snapshot.namespaces)) == 3


async def test_without_namespaces_there_is_no_snapshot(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.forbid("list", "namespaces")
    with pytest.raises(ClusterError, match="may not list namespaces") as caught:
        await client.look(())
    assert caught.value.reason == Reason.FORBIDDEN


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"<html>hello</html>", "text/html", Reason.WRONG_KIND),
        (b'{"items": 3}', "application/json", Reason.SERVER_BROKEN),
        (b'{"items": [{"metadata": {}}]}', "application/json", Reason.SERVER_BROKEN),
        (b'{"kind": "Nam', "application/json", Reason.SERVER_BROKEN),
    ],
)
async def test_answers_that_make_no_sense(
    cluster: EmulatedCluster, client: ClusterClient, body: bytes, kind: str, reason: Reason
) -> None:
    headers = (("Content-Type", kind),)
    path = r"/api/v1/namespaces\?.*"
    cluster.faults.add(Fault(Answer(200, body, headers), path=path, times=None))
    with pytest.raises(ClusterError) as caught:
        await client.look(())
    assert caught.value.reason == reason


async def test_a_null_list_is_empty(cluster: EmulatedCluster, client: ClusterClient) -> None:
    headers = (("Content-Type", "application/json"),)
    answer = Answer(200, b'{"metadata": {}, "items": null}', headers)
    cluster.faults.add(Fault(answer, path=r"/api/v1/secrets\?.*"))
    assert items((await client.look(())).secrets) == ()


async def test_another_installation_sees_what_is_not_its_own(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    await delivered(client)
    async with opened(cluster, installation="two") as other:
        (secret,) = items((await other.look(())).secrets)
    assert not secret.ours
