"""Who belongs where, and what follows from it; workspaces and clusters that come and go."""

from typing import Any

import pytest

from deployments.simulators.faults import Answer, Call, Fault
from flows.access.create_workspace import create_workspace
from flows.access.remove_workspace import remove_workspace
from flows.clusters.register_cluster import register_cluster
from flows.clusters.remove_cluster import remove_cluster
from flows.clusters.sync_namespaces import sync_namespaces
from models.clusters.membership import Namespace
from models.core.settings import settings
from tasks import clock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.access.binding_change import to_bind
from tasks.store.session import transact
from tests.support.helpers import audit_of, completed, failed, harbor_at, page, settled
from tests.support.platform import (
    LABEL,
    Platform,
    a_minute,
    bindings_of,
    bound,
    cluster_block,
    cluster_with,
    deliveries_in,
    grants_of,
    platform,
    robots_in,
    synced,
)

TEAM = "acme.example/team"


def _namespaces() -> dict[str, Namespace]:
    return {one.name: one for one in transact(clusters.namespaces)}


def _known_workspaces() -> list[str]:
    return [one.name for one in transact(workspaces.workspaces)]


async def _can(p: Platform, space: str, *namespaces: str) -> set[str]:
    """Who of these can pull a space."""
    return {each for each in namespaces if await p.pulls(each, space)}


async def test_by_label_by_list_by_several_keys_and_never_by_two_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_WORKSPACE_LABELS", f"{LABEL}, {TEAM}")
    settings.cache_clear()
    everybody = ("own", "team", "agreed", "torn", "listed", "odd")
    async with platform(name, "team-a", homes=dict.fromkeys(everybody)) as p:
        p.cluster.label("own", {LABEL: "red"})
        p.cluster.label("team", {TEAM: "red"})
        p.cluster.label("agreed", {LABEL: "red", TEAM: "red"})
        p.cluster.label("torn", {LABEL: "red", TEAM: "blue"})
        p.cluster.label("odd", {LABEL: "Red_Team"})
        told = await completed(create_workspace, "red", ["eu/listed"])
        assert told == "workspace red has 4 namespaces"
        await p.bind("team-a")
        assert await _can(p, "team-a", *everybody) == {"own", "team", "agreed", "listed"}
        known = _namespaces()
        assert known["torn"].message == (
            f"label {TEAM} says blue, label {LABEL} says red; a namespace belongs to one "
            "workspace: leave one claim"
        )
        assert "the label's value 'Red_Team' cannot name a workspace" in known["odd"].message
        assert "leave one claim" in await page("cluster-eu")
        assert await p.quiet()

        told = await completed(create_workspace, "blue", ["eu/own"])
        assert told == "workspace blue has 0 namespaces"
        assert "the list says blue" in _namespaces()["own"].message
        assert await _can(p, "team-a", *everybody) == {"team", "agreed", "listed"}
        await completed(create_workspace, "blue")
        p.cluster.label("torn", {TEAM: None})
        await a_minute(name)
        assert await _can(p, "team-a", *everybody) == {*everybody} - {"odd"}
        await p.after_departures()
        assert await p.quiet()


async def test_moved_from_one_workspace_to_another_deleted_and_made_again(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", to="red")
        await p.bind("team-b", to="blue")
        p.cluster.label("shop", {LABEL: "blue"})
        before = p.writes()
        await a_minute(name)
        assert p.writes() == before + 1
        assert await _can(p, "team-a", "shop", "till", "lab") == {"till"}
        assert await _can(p, "team-b", "shop", "till", "lab") == {"shop", "lab"}
        p.cluster.label("shop", {LABEL: None})
        await a_minute(name)
        assert p.cluster.secret("shop") is None
        await p.after_departures()
        assert await p.quiet()

        p.cluster.delete_namespace("till")
        await a_minute(name)
        assert set(deliveries_in("eu")) == {"lab"}
        p.cluster.add_namespace("till", {LABEL: "blue"})
        await a_minute(name)
        assert await _can(p, "team-b", "till", "lab") == {"till", "lab"}
        p.cluster.delete_namespace("till")
        p.cluster.add_namespace("till", {LABEL: "red"})
        await a_minute(name)
        assert await _can(p, "team-a", "till", "lab") == {"till"}
        await p.after_departures()
        assert await p.quiet()


async def test_when_many_leave_at_once_nothing_is_withdrawn(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"n{number:02}" for number in range(12)]
    async with platform(name, "team-a", homes=dict.fromkeys(many, "red")) as p:
        await p.bind("team-a")
        assert len(deliveries_in("eu")) == 12
        monkeypatch.setenv("REGISTRY_INTEGRATION_WORKSPACE_LABELS", TEAM)
        settings.cache_clear()
        before = p.writes()
        p.cluster.add_namespace("fresh", {TEAM: "red"})
        told = await failed(sync_namespaces)
        assert "cluster eu: 12 of 12 namespaces would leave their workspace at once (100%)" in told
        assert "run sync-namespaces with 'Allow a large change' on" in told
        assert "**Refused:**" in await page("cluster-eu")
        assert p.writes() == before + 2  # a newcomer is no reason to wait: its secret and link
        assert await p.pulls("n00", "team-a")
        assert await p.pulls("fresh", "team-a")
        await completed(sync_namespaces, allow_large=True)
        assert set(deliveries_in("eu")) == {"fresh"}
        assert not await p.pulls("n00", "team-a")
        await p.after_departures()
        assert await p.quiet()


async def test_a_workspace_with_bindings_is_removed_only_if_confirmed(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a", "team-b")
        before = p.writes()
        told = await failed(remove_workspace, "red")
        assert "workspace red is bound to" in told
        assert all(space in told for space in ("team-a", "team-b", "'Confirm' on"))
        assert (p.writes(), len(bindings_of(name))) == (before, 2)
        p.place.harbor.delete_project("team-b")  # a stale binding is no obstacle
        told = await completed(remove_workspace, "red", confirm=True)
        assert told == "workspace red and its bindings (2) are removed"
        assert (robots_in(p.place), grants_of(name), bindings_of(name)) == ({}, (), ())
        assert p.cluster.secret("shop") is None
        assert "red" in _known_workspaces()  # for a label still names it
        assert await p.quiet()


async def test_what_is_bound_while_the_workspace_is_removed_goes_with_it_and_is_audited(
    name: str,
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")

        def bind() -> None:
            asked = transact(to_bind, name, ["team-b"], ["red"], clock.now())
            transact(bindings.bind, asked.bindings, at=clock.now(), flow_run="")

        p.place.faults.add(Fault(Call(bind), "DELETE", r"/api/v2\.0/robots/\d+"))
        told = await completed(remove_workspace, "red", confirm=True)
        assert told == "workspace red and its bindings (2) are removed"
        assert (robots_in(p.place), bindings_of(name)) == ({}, ())
        lost = [row for row in audit_of(name) if row.what == "space.unbound"]
        assert [(row.subject, row.workspace, row.why) for row in lost] == [
            ("team-a", "red", "the workspace is removed"),
            ("team-b", "red", "the workspace is removed"),
        ]


async def test_a_workspace_is_removed_also_while_its_registry_is_down(name: str) -> None:
    async with platform(name, "team-a", homes={"shop": None}) as p:
        await completed(create_workspace, "red", ["eu/shop"])
        await p.bind("team-a")
        p.place.faults.add(Fault(Answer(503), times=None))
        told = await completed(remove_workspace, "red", confirm=True)
        assert f"the next runs go on with: {name}: " in told
        assert (_known_workspaces(), p.cluster.secret("shop")) == ([], None)
        p.place.faults.clear()
        await a_minute(name)
        assert (robots_in(p.place), grants_of(name)) == ({}, ())
        assert await p.quiet()


async def test_two_registries_are_one_secret(name: str) -> None:
    async with platform(name, "team-a") as p:
        with harbor_at("team-b") as second:
            second.harbor.add_image("team-b/app", "latest")
            await settled(f"{name}-x", second.url)
            await p.bind("team-a")
            await bound(f"{name}-x", ["team-b"], "red")
            other = Platform(f"{name}-x", second, p.cluster)
            assert len((p.cluster.secret("shop") or {})["auths"]) == 2
            assert await p.pulls("shop", "team-a")
            assert await other.pulls("shop", "team-b")
            second.faults.add(Fault(Answer(503), times=None))
            await a_minute(f"{name}-x")
            assert len((p.cluster.secret("shop") or {})["auths"]) == 2
            second.faults.clear()
            await p.unbind("team-a")
            assert not await p.pulls("shop", "team-a")
            assert await other.pulls("shop", "team-b")
            assert await other.quiet()


async def test_a_cluster_is_removed_after_it_was_shown_what_goes(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.foreign_secret("lab")
        before = p.writes()
        told = await completed(remove_cluster, "eu")
        assert "cluster eu has 2 pull secrets of ours, which would be withdrawn" in told
        assert p.writes() == before
        told = await completed(remove_cluster, "eu", confirm=True)
        assert told == "cluster eu is forgotten, its pull secrets are withdrawn"
        assert (p.cluster.secret("shop"), p.cluster.image_pull_secrets("shop")) == (None, ())
        assert p.cluster.raw_secret("lab") is not None
        assert (transact(clusters.names), transact(clusters.deliveries)) == ((), ())
        assert list(robots_in(p.place).values()) == [frozenset({"team-a"})]
        await p.after_departures()
        assert await p.quiet()


async def test_a_cluster_out_of_reach_is_forgotten_and_what_stays_is_said(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.cluster.revoke()
        told = await failed(remove_cluster, "eu", confirm=True)
        assert "the token or client certificate is not accepted" in told
        assert "the Secret registry-integration may stay behind in: shop, till" in told
        assert (transact(clusters.names), deliveries_in("eu")) == ((), {})


async def test_a_cluster_that_cannot_be_read_is_not_registered(database: str) -> None:
    with cluster_with(shop="red") as cluster:
        for kubeconfig, why in (
            ("no: kubeconfig", "this kubeconfig cannot be used"),
            (cluster.kubeconfig_with("wrong"), "token or client certificate is not accepted"),
        ):
            await ClusterCredentials(kubeconfig=kubeconfig).save("bad", overwrite=True)
            reference = {"$ref": {"block_document_slug": "cluster-credentials/bad"}}
            told = await failed(register_cluster, "eu", reference)
            assert why in told
            assert told.endswith("nothing was saved")
        for resource in ("namespaces", "secrets", "serviceaccounts"):
            cluster.forbid("list", resource)
            told = await failed(register_cluster, "eu", await cluster_block("eu", cluster))
            assert f'grant the verb "list" on "{resource}"' in told
            cluster.allow("list", resource)
        inline: dict[str, Any] = {"kubeconfig": cluster.kubeconfig}
        told = await failed(register_cluster, "eu", inline)
        assert "given inline" in told
        assert "revoke that token" in told
        assert cluster.token not in told
        assert transact(clusters.names) == ()
        assert cluster.requests.writes() == []
        assert await synced() == {}
