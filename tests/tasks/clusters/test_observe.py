"""Looking at a cluster: three lists, complete or not at all."""

import pytest

from deployments.simulators.faults import Fault, Respond, RunCallback
from deployments.simulators.kubernetes import RbacRule, SimulatedCluster
from models.clusters.cluster import ObservedNamespace, ObservedPullSecret
from models.core.availability import Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import (
    LABELS,
    LINK,
    OWN_LABELS,
    apply_write,
    content,
    fingerprint,
    items,
    open_client,
    read_secret,
    service_account_in,
)

SECOND_PAGE = r"/api/v1/namespaces\?.*continue=.*"


async def test_what_is_seen(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.set_image_pull_secrets("shop", "foreign", "registry-integration")
    assert (await apply_write(client)).succeeded
    snapshot = await client.observe(LABELS)
    assert snapshot.first_unavailable is None
    namespaces = {namespace.name: namespace for namespace in items(snapshot.namespaces)}
    assert namespaces.keys() == {"default", "kube-system", "shop"}
    assert namespaces["shop"].labels == (("registry-integration.io/workspace", "team-a"),)
    assert not namespaces["shop"].terminating
    (secret,) = items(snapshot.secrets)
    assert (secret.namespace, secret.is_owned) == ("shop", True)
    assert secret.fingerprint == fingerprint(content().encode())
    assert service_account_in(snapshot).has_pull_secret
    assert not service_account_in(snapshot, "default").has_pull_secret
    assert len([call for call in cluster.requests if call.method == "GET"]) == 3


async def test_foreign_secrets_are_seen(cluster: SimulatedCluster, client: ClusterClient) -> None:
    for name in ("opaque", "unmarked", "of-another", "ours-by-label"):
        cluster.add_namespace(name)
    cluster.add_foreign_secret("opaque", kind="Opaque")
    cluster.add_foreign_secret("unmarked")
    cluster.add_foreign_secret(
        "of-another", labels={**OWN_LABELS, "registry-integration.io/installation": "two"}
    )
    cluster.add_foreign_secret("ours-by-label", kind="Opaque", labels=OWN_LABELS)
    secrets: dict[str, ObservedPullSecret] = {
        secret.namespace: secret for secret in items((await client.observe(())).secrets)
    }
    assert [secrets[name].is_owned for name in ("opaque", "unmarked", "of-another")] == [False] * 3
    assert secrets["ours-by-label"].is_owned
    installations = [secrets[name].installation for name in ("unmarked", "of-another")]
    assert installations == ["", "two"]
    assert secrets["opaque"].fingerprint is None
    assert secrets["unmarked"].fingerprint is not None


async def test_who_changed_a_service_account_is_seen(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    """The client that removed the whole list does not own it afterwards."""
    cluster.remove_service_account("shop")
    cluster.add_service_account("shop", labels={"app": "x"}, manager="argocd-controller")
    account = service_account_in(await client.observe(LABELS))
    assert (account.manager, account.other_manager) == ("", "argocd-controller")
    assert (await client.apply_change(LINK, {})).reason is Reason.DONE
    account = service_account_in(await client.observe(LABELS))
    assert account.manager == "registry-integration"
    cluster.set_image_pull_secrets("shop", "mine", manager="jane")
    account = service_account_in(await client.observe(LABELS))
    assert (account.manager, account.other_manager) == ("jane", "jane")


async def test_all_service_accounts_are_seen_with_their_labels(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_service_account("shop", "web", {"app": "web", "other": "x"})
    accounts = items((await client.observe(LABELS)).service_accounts)
    assert {account.name for account in accounts} == {"default"}
    cluster.requests.clear()
    snapshot = await client.observe(LABELS, {"app"})
    assert len(cluster.requests) == 3
    web = next(account for account in items(snapshot.service_accounts) if account.name == "web")
    assert (web.labels, web.has_pull_secret) == ((("app", "web"),), False)
    assert snapshot.accounts_unavailable is None


async def test_without_the_right_to_list_all_the_default_ones_are_seen(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_service_account("shop", "web", {"app": "web"})
    cluster.limit_rights(
        RbacRule("namespaces", ("list",)),
        RbacRule("secrets", ("list", "get"), ("registry-integration",)),
        RbacRule("serviceaccounts", ("list", "get"), ("default",)),
    )
    snapshot = await client.observe(LABELS, {"app"})
    assert snapshot.first_unavailable is None
    assert {account.name for account in items(snapshot.service_accounts)} == {"default"}
    assert snapshot.accounts_unavailable is not None
    assert snapshot.accounts_unavailable.reason is Reason.FORBIDDEN
    assert "may not list serviceaccounts" in snapshot.accounts_unavailable.message
    assert len(cluster.requests) == 4


async def test_who_changed_a_secret_is_seen(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    assert secret.other_manager == ""
    cluster.edit_secret("shop", {"auths": {}}, manager="jane")
    secret = await read_secret(client)
    assert secret is not None
    assert secret.other_manager == "jane"


async def test_a_terminating_namespace_is_seen(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.terminate_namespace("shop")
    namespaces: tuple[ObservedNamespace, ...] = items((await client.observe(())).namespaces)
    assert [namespace.name for namespace in namespaces if namespace.terminating] == ["shop"]


async def test_one_namespace(cluster: SimulatedCluster, client: ClusterClient) -> None:
    await apply_write(client)
    full_snapshot, partial_snapshot = (
        await client.observe(LABELS),
        await client.observe_namespace("shop", LABELS),
    )
    assert items(partial_snapshot.secrets) == items(full_snapshot.secrets)
    assert items(partial_snapshot.service_accounts) == (service_account_in(full_snapshot),)
    assert [ns for ns in items(full_snapshot.namespaces) if ns.name == "shop"] == list(
        items(partial_snapshot.namespaces)
    )


async def test_one_that_is_not_there(client: ClusterClient) -> None:
    snapshot = await client.observe_namespace("nowhere", LABELS)
    assert snapshot.first_unavailable is None
    assert [
        items(part) for part in (snapshot.namespaces, snapshot.secrets, snapshot.service_accounts)
    ] == [
        (),
        (),
        (),
    ]


async def test_1200_namespaces_in_pages(cluster: SimulatedCluster, client: ClusterClient) -> None:
    for number in range(1200):
        cluster.add_namespace(f"n{number:04}")
    snapshot = await client.observe(LABELS)
    assert len({namespace.name for namespace in items(snapshot.namespaces)}) == 1203
    assert len(items(snapshot.service_accounts)) == 1203
    assert [call.path for call in cluster.requests].count("/api/v1/namespaces") == 3


async def test_pages_show_one_state(cluster: SimulatedCluster, client: ClusterClient) -> None:
    for number in range(600):
        cluster.add_namespace(f"n{number:04}")
    deletion = RunCallback(lambda: cluster.delete_namespace("n0000"))
    cluster.faults.add(Fault(deletion, path=SECOND_PAGE))
    assert len(items((await client.observe(())).namespaces)) == 603


async def test_expired_pages_are_read_anew(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    for number in range(600):
        cluster.add_namespace(f"n{number:04}")
    cluster.faults.add(Fault(RunCallback(cluster.expire_lists), path=SECOND_PAGE))
    assert len(items((await client.observe(())).namespaces)) == 603
    assert ("GET", "/api/v1/namespaces", 410) in cluster.requests


async def test_pages_that_expire_twice_are_unseen(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    for number in range(600):
        cluster.add_namespace(f"n{number:04}")
    cluster.faults.add(Fault(RunCallback(cluster.expire_lists), path=SECOND_PAGE, times=None))
    snapshot = await client.observe(())
    assert isinstance(snapshot.namespaces, Unavailable)
    assert snapshot.namespaces.reason == Reason.PAGES_SHIFTED
    assert snapshot.first_unavailable == snapshot.namespaces


@pytest.mark.parametrize("resource", ["secrets", "serviceaccounts"])
async def test_a_list_that_may_not_be_read_is_unseen(
    cluster: SimulatedCluster, client: ClusterClient, resource: str
) -> None:
    cluster.deny("list", resource)
    snapshot = await client.observe(())
    assert snapshot.first_unavailable is not None
    assert snapshot.first_unavailable.reason == Reason.FORBIDDEN
    assert f'may not list {resource}: grant the verb "list" on "{resource}"' in (
        snapshot.first_unavailable.message
    )
    assert len(items(snapshot.namespaces)) == 3


async def test_without_namespaces_there_is_no_snapshot(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.deny("list", "namespaces")
    with pytest.raises(RemoteError, match="may not list namespaces") as excinfo:
        await client.observe(())
    assert excinfo.value.reason == Reason.FORBIDDEN


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
    cluster: SimulatedCluster, client: ClusterClient, body: bytes, kind: str, reason: Reason
) -> None:
    headers = (("Content-Type", kind),)
    path = r"/api/v1/namespaces\?.*"
    cluster.faults.add(Fault(Respond(200, body, headers), path=path, times=None))
    with pytest.raises(RemoteError) as excinfo:
        await client.observe(())
    assert excinfo.value.reason == reason


async def test_a_null_list_is_empty(cluster: SimulatedCluster, client: ClusterClient) -> None:
    headers = (("Content-Type", "application/json"),)
    answer = Respond(200, b'{"metadata": {}, "items": null}', headers)
    cluster.faults.add(Fault(answer, path=r"/api/v1/secrets\?.*"))
    assert items((await client.observe(())).secrets) == ()


async def test_another_installation_sees_what_is_not_its_own(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    async with open_client(cluster, installation="two") as other:
        (secret,) = items((await other.observe(())).secrets)
    assert not secret.is_owned
