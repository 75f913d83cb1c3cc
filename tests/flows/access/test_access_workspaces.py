"""Who belongs where, and what follows from it; workspaces and clusters that come and go."""

from typing import Any

import pytest

from deployments.simulators.faults import Fault, Respond, RunCallback
from flows.access.create_workspace import create_workspace
from flows.access.remove_workspace import remove_workspace
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from flows.operations import bindings as binding_operations
from flows.runs import new_run_context
from models.access.binding_change import plan_bind
from models.clusters.membership import Namespace
from models.core.settings import get_settings
from tasks import clock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import clusters, workspaces
from tasks.store.session import run_in_transaction
from tasks.store.state import load_binding_records
from tests.support.helpers import (
    add_registry,
    audit_of,
    expect_failure,
    expect_success,
    harbor_with,
)
from tests.support.platform import (
    LABEL,
    Platform,
    bind,
    bindings_of,
    cluster_with,
    platform,
    pull_secrets_in,
    recorded_robots,
    robots_in,
    run_schedules,
    save_kubeconfig,
    sync,
)

TEAM = "acme.example/team"


def _namespaces() -> dict[str, Namespace]:
    return {namespace.name: namespace for namespace in run_in_transaction(clusters.list_namespaces)}


def _workspace_names() -> list[str]:
    return [workspace.name for workspace in run_in_transaction(workspaces.list_workspaces)]


async def _namespaces_with_access(p: Platform, space: str, *namespaces: str) -> set[str]:
    """Who of these can pull a space."""
    return {namespace for namespace in namespaces if await p.pulls(namespace, space)}


async def test_by_label_by_list_by_several_keys_and_never_by_two_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_WORKSPACE_LABELS", f"{LABEL}, {TEAM}")
    get_settings.cache_clear()
    all_namespaces = ("own", "team", "agreed", "torn", "listed", "odd")
    async with platform(name, "team-a", namespaces=dict.fromkeys(all_namespaces)) as p:
        p.cluster.set_labels("own", {LABEL: "red"})
        p.cluster.set_labels("team", {TEAM: "red"})
        p.cluster.set_labels("agreed", {LABEL: "red", TEAM: "red"})
        p.cluster.set_labels("torn", {LABEL: "red", TEAM: "blue"})
        p.cluster.set_labels("odd", {LABEL: "Red_Team"})
        message = await expect_success(create_workspace, "red", ["eu/listed"])
        assert message == "workspace red has 4 namespaces, in force"
        await p.bind("team-a")
        assert await _namespaces_with_access(p, "team-a", *all_namespaces) == {
            "own",
            "team",
            "agreed",
            "listed",
        }
        namespaces = _namespaces()
        assert namespaces["torn"].message == (
            f"conflicting workspaces: label {TEAM}=blue, label {LABEL}=red; keep only one of them"
        )
        message = namespaces["odd"].message
        assert "the label value 'Red_Team' is not a valid workspace name" in message
        assert await p.is_in_sync()

        message = await expect_success(create_workspace, "blue", ["eu/own"])
        assert message.startswith("workspace blue has 0 namespaces; eu/own: conflicting workspaces")
        assert "listed for blue" in _namespaces()["own"].message
        assert await _namespaces_with_access(p, "team-a", *all_namespaces) == {
            "team",
            "agreed",
            "listed",
        }
        await expect_success(create_workspace, "blue")
        p.cluster.set_labels("torn", {TEAM: None})
        await run_schedules(name)
        assert await _namespaces_with_access(p, "team-a", *all_namespaces) == {*all_namespaces} - {
            "odd"
        }
        await p.expire_departures()
        assert await p.is_in_sync()


async def test_moved_from_one_workspace_to_another_deleted_and_made_again(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", workspace="red")
        await p.bind("team-b", workspace="blue")
        p.cluster.set_labels("shop", {LABEL: "blue"})
        before = p.writes()
        await run_schedules(name)
        assert p.writes() == before + 1
        assert await _namespaces_with_access(p, "team-a", "shop", "till", "lab") == {"till"}
        assert await _namespaces_with_access(p, "team-b", "shop", "till", "lab") == {"shop", "lab"}
        p.cluster.set_labels("shop", {LABEL: None})
        await run_schedules(name)
        assert p.cluster.secret("shop") is None
        await p.expire_departures()
        assert await p.is_in_sync()

        p.cluster.delete_namespace("till")
        await run_schedules(name)
        assert set(pull_secrets_in("eu")) == {"lab"}
        p.cluster.add_namespace("till", {LABEL: "blue"})
        await run_schedules(name)
        assert await _namespaces_with_access(p, "team-b", "till", "lab") == {"till", "lab"}
        p.cluster.delete_namespace("till")
        p.cluster.add_namespace("till", {LABEL: "red"})
        await run_schedules(name)
        assert await _namespaces_with_access(p, "team-a", "till", "lab") == {"till"}
        await p.expire_departures()
        assert await p.is_in_sync()


async def test_when_many_leave_at_once_nothing_is_withdrawn(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespaces = [f"n{number:02}" for number in range(12)]
    async with platform(name, "team-a", namespaces=dict.fromkeys(namespaces, "red")) as p:
        await p.bind("team-a")
        assert len(pull_secrets_in("eu")) == 12
        monkeypatch.setenv("REGISTRY_INTEGRATION_WORKSPACE_LABELS", TEAM)
        get_settings.cache_clear()
        before = p.writes()
        p.cluster.add_namespace("fresh", {TEAM: "red"})
        message = await expect_failure(sync_namespaces)
        assert (
            "cluster eu: 12 of 12 namespaces would leave their workspace at once (100%)" in message
        )
        assert "run sync-namespaces with 'Allow a large change' on" in message
        assert p.writes() == before + 2  # a newcomer is no reason to wait: its secret and link
        assert await p.pulls("n00", "team-a")
        assert await p.pulls("fresh", "team-a")
        await expect_success(sync_namespaces, allow_large=True)
        assert set(pull_secrets_in("eu")) == {"fresh"}
        assert not await p.pulls("n00", "team-a")
        await p.expire_departures()
        assert await p.is_in_sync()


async def test_a_workspace_with_bindings_is_removed_only_if_confirmed(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        before = p.writes()
        message = await expect_failure(remove_workspace, "red")
        assert "workspace red is bound to" in message
        assert all(space in message for space in ("team-a", "team-b", "'Confirm' on"))
        assert (p.writes(), len(bindings_of(name))) == (before, 2)
        p.harbor.simulator.delete_project("team-b")  # a stale binding is no obstacle
        message = await expect_success(remove_workspace, "red", confirm=True)
        assert message.startswith("workspace red was removed with 2 bindings, in force")
        assert (robots_in(p.harbor), recorded_robots(name), bindings_of(name)) == ({}, (), ())
        assert p.cluster.secret("shop") is None
        assert "red" in _workspace_names()  # for a label still names it
        assert await p.is_in_sync()


async def test_what_is_bound_while_the_workspace_is_removed_goes_with_it_and_is_audited(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")

        def add_binding() -> None:
            records = run_in_transaction(load_binding_records, name)
            binding_change = plan_bind(records, ["team-b"], ["red"], clock.now())
            run_in_transaction(binding_operations.bind, binding_change.bindings, new_run_context())

        p.harbor.faults.add(Fault(RunCallback(add_binding), "DELETE", r"/api/v2\.0/robots/\d+"))
        message = await expect_success(remove_workspace, "red", confirm=True)
        assert message.startswith("workspace red was removed with 2 bindings, in force")
        assert (robots_in(p.harbor), bindings_of(name)) == ({}, ())
        unbound_rows = [row for row in audit_of(name) if row.what == "space.unbound"]
        assert [(row.subject, row.workspace, row.why) for row in unbound_rows] == [
            ("team-a", "red", "the workspace is removed"),
            ("team-b", "red", "the workspace is removed"),
        ]


async def test_a_workspace_is_removed_also_while_its_registry_is_down(name: str) -> None:
    async with platform(name, "team-a", namespaces={"shop": None}) as p:
        await expect_success(create_workspace, "red", ["eu/shop"])
        await p.bind("team-a")
        p.harbor.faults.add(Fault(Respond(503), times=None))
        message = await expect_failure(remove_workspace, "red", confirm=True)
        assert f"was removed with 1 binding: saved, not in force yet: {name}: " in message
        assert "next attempt: reconcile-all (every 60 s)" in message
        assert (_workspace_names(), p.cluster.secret("shop")) == ([], None)
        p.harbor.faults.clear()
        await run_schedules(name)
        assert (robots_in(p.harbor), recorded_robots(name)) == ({}, ())
        assert await p.is_in_sync()


async def test_two_registries_are_one_secret(name: str) -> None:
    async with platform(name, "team-a") as p:
        with harbor_with("team-b") as second:
            second.simulator.add_image("team-b/app", "latest")
            await add_registry(f"{name}-x", second.url)
            await p.bind("team-a")
            await bind(f"{name}-x", ["team-b"], "red")
            other = Platform(f"{name}-x", second, p.cluster)
            assert len((p.cluster.secret("shop") or {})["auths"]) == 2
            assert await p.pulls("shop", "team-a")
            assert await other.pulls("shop", "team-b")
            second.faults.add(Fault(Respond(503), times=None))
            await run_schedules(f"{name}-x")
            assert len((p.cluster.secret("shop") or {})["auths"]) == 2
            second.faults.clear()
            await p.unbind("team-a")
            assert not await p.pulls("shop", "team-a")
            assert await other.pulls("shop", "team-b")
            assert await other.is_in_sync()


async def test_a_listed_namespace_that_was_created_again_is_no_member(name: str) -> None:
    async with platform(name, "team-a", namespaces={"shop": None, "till": "red"}) as p:
        await expect_success(create_workspace, "red", ["eu/shop"])
        await p.bind("team-a")
        assert await _namespaces_with_access(p, "team-a", "shop", "till") == {"shop", "till"}
        p.cluster.delete_namespace("shop")
        p.cluster.add_namespace("shop")  # by somebody else
        message = await expect_success(sync_namespaces)
        assert "because of a problem, see the pages of the clusters: eu/shop (Namesp" in message
        assert p.cluster.secret("shop") is None
        reason = "it was deleted and created again since it was listed for red"
        assert reason in _namespaces()["shop"].message
        # To restrict the workspace and to confirm the namespace is one step.
        message = await expect_success(create_workspace, "red", ["eu/shop"], clusters=["eu"])
        assert message == "workspace red has 2 namespaces, in force"
        assert await _namespaces_with_access(p, "team-a", "shop", "till") == {"shop", "till"}


async def test_a_cluster_is_removed_after_it_was_shown_what_goes(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.add_foreign_secret("lab")
        before = p.writes()
        message = await expect_success(remove_cluster, "eu")
        assert "cluster eu would be removed with 2 pull secrets; nothing was changed" in message
        assert p.writes() == before
        message = await expect_success(remove_cluster, "eu", confirm=True)
        assert message == "cluster eu was removed and its pull secrets were deleted"
        assert (p.cluster.secret("shop"), p.cluster.image_pull_secrets("shop")) == (None, ())
        assert p.cluster.raw_secret("lab") is not None
        assert (
            run_in_transaction(clusters.list_names),
            run_in_transaction(clusters.list_pull_secrets),
        ) == ((), ())
        assert list(robots_in(p.harbor).values()) == [frozenset({"team-a"})]
        await p.expire_departures()
        assert await p.is_in_sync()


async def test_a_cluster_out_of_reach_is_forgotten_and_what_stays_is_said(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.revoke_token()
        message = await expect_failure(remove_cluster, "eu", confirm=True)
        assert "the token or client certificate of cluster eu is refused" in message
        assert "the Secret registry-integration may remain in: shop, till" in message
        assert (run_in_transaction(clusters.list_names), pull_secrets_in("eu")) == ((), {})


async def test_a_cluster_that_cannot_be_read_is_not_registered(database: str) -> None:
    with cluster_with(shop="red") as cluster:
        for kubeconfig, reason in (
            ("no: kubeconfig", "this kubeconfig cannot be used"),
            (cluster.kubeconfig_with_token("wrong"), "into the block cluster-credentials/bad"),
        ):
            await ClusterCredentials(kubeconfig=kubeconfig).save("bad", overwrite=True)
            reference = {"$ref": {"block_document_slug": "cluster-credentials/bad"}}
            message = await expect_failure(register_cluster, "eu", reference)
            assert reason in message
            assert message.endswith("nothing was saved")
        for resource in ("namespaces", "secrets", "serviceaccounts"):
            cluster.deny("list", resource)
            message = await expect_failure(
                register_cluster, "eu", await save_kubeconfig("eu", cluster)
            )
            assert f'grant the verb "list" on "{resource}"' in message
            cluster.allow("list", resource)
        inline: dict[str, Any] = {"kubeconfig": cluster.kubeconfig}
        message = await expect_failure(register_cluster, "eu", inline)
        assert "passed inline" in message
        assert "revoke that token" in message
        assert cluster.token not in message
        assert run_in_transaction(clusters.list_names) == ()
        assert cluster.requests.writes() == []
        assert await sync() == {}
