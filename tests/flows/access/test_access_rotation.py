"""Other secrets and other addresses without a gap, and what is left when a registry goes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, update

from deployments.simulators.docker_pull import can_pull
from deployments.simulators.faults import Answer, Call, Fault
from deployments.simulators.server import running
from flows.access.rotate_credentials import rotate_credentials
from flows.clusters.sync_namespaces import sync_namespaces
from flows.registries.reconcile_all import reconcile_all
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.access.requests import desired
from models.core.settings import settings
from models.registries.space import Visibility
from models.tables import GrantRow
from tasks import clock
from tasks.store.registries import spaces
from tasks.store.session import transact
from tests.support.helpers import Place, block, completed, failed, known, page
from tests.support.platform import (
    LABEL,
    Platform,
    a_minute,
    bound,
    deliveries_in,
    grants_of,
    passed,
    platform,
    pulls,
    robots_in,
    unbound,
)

SYSTEM = (
    "project:list", "project:create", "quota:list", "quota:read", "quota:update", "robot:create",
    "robot:read", "robot:list", "robot:delete", "audit-log:list", "system-volumes:read",
    "catalog:read", "registry:list",
)  # fmt: skip
PROJECTS = (
    "project:read", "project:update", "project:delete", "metadata:read", "metadata:list",
    "metadata:update", "repository:list", "repository:pull", "quota:read", "member:list",
)  # fmt: skip


KEPT = "; 1 replaced, kept until every namespace has had the new secret 10 minutes"


class _Watch:
    """Tries a pull from the workspace's namespaces whenever anybody is asked anything."""

    def __init__(self, p: Platform, space: str) -> None:
        self.p, self.image = p, f"{p.place.url.partition('//')[2]}/{space}/app:latest"
        self.tried: list[bool] = []
        for faults in (p.place.faults, p.cluster.faults):
            faults.add(Fault(Call(self._try), path="/api/.*", times=None))

    async def _try(self) -> None:
        """Pull with what is there now; that is asked below /v2 and /service, so not of us."""
        for namespace in ("shop", "till"):
            secret = self.p.cluster.secret(namespace)
            self.tried.append(await asyncio.to_thread(can_pull, self.image, secret))

    def no_gap(self) -> bool:
        """End it, and say whether every pull worked."""
        for faults in (self.p.place.faults, self.p.cluster.faults):
            faults.clear()
        return len(self.tried) > 20 and all(self.tried)


async def test_a_rotation_leaves_no_gap(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        first, held = p.robot, p.cluster.secret("shop")
        watch = _Watch(p, "team-a")
        told = await completed(rotate_credentials)
        assert told == f"new secrets for 1 robot account on 1 registry{KEPT}"
        assert len(robots_in(p.place)) == 2
        await a_minute(name)
        assert first.id in p.place.harbor.robots  # a node may have read its secret
        assert "replaced, kept until" in await page("workspace-red")
        passed(minutes=11)
        await completed(reconcile_all)  # by which nothing else is due
        assert watch.no_gap()
        assert (p.robot.id, p.robot.stored) == (first.id + 1, f"{first.stored}.2")
        assert p.cluster.secret("shop") != held
        assert [one.robot_id for one in grants_of(name)] == [p.robot.id]
        assert await p.pulls("shop", "team-a")
        assert await p.quiet()
        await completed(rotate_credentials, name, "red")
        passed(minutes=11)
        await a_minute(name)
        assert p.robot.stored == first.stored


async def test_the_old_one_stays_until_a_cluster_is_back(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        first = p.robot
        p.cluster.faults.add(Fault(Answer(503), times=None))
        told = await completed(rotate_credentials)
        assert KEPT in told
        assert len(robots_in(p.place)) == len(grants_of(name)) == 2
        assert await p.pulls("shop", "team-a")
        writes = p.writes()
        await completed(rotate_credentials, name)
        assert p.writes() == writes
        p.cluster.faults.clear()
        await a_minute(name)
        assert await p.pulls("shop", "team-a")
        await a_minute(name)
        assert first.id in p.place.harbor.robots
        passed(minutes=11)
        await a_minute(name)
        assert first.id not in p.place.harbor.robots
        assert await p.pulls("shop", "team-a")
        assert await p.quiet()


async def test_a_new_secret_that_is_refused_is_replaced_while_the_old_one_stays(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        first = p.robot
        await a_minute(name, rotate=frozenset({"red"}))
        second = p.place.harbor.robots[first.id + 1]
        second.secret = "changed by hand 1A"
        await a_minute(name)
        assert first.id in p.place.harbor.robots
        await a_minute(name)
        passed(minutes=11)
        await a_minute(name)
        assert p.robot.id == second.id + 1
        assert await p.pulls("shop", "team-a")
        assert await p.quiet()


async def test_only_what_is_older_than_the_configured_age(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a", to="red")
        await p.bind("team-a", to="blue")
        _aged("red", 91)
        monkeypatch.setenv("REGISTRY_INTEGRATION_ROTATION_DAYS", "0")
        settings.cache_clear()
        nobody = "no robot account is due for a new secret"
        assert await completed(rotate_credentials, overdue_only=True) == nobody
        monkeypatch.delenv("REGISTRY_INTEGRATION_ROTATION_DAYS")
        settings.cache_clear()
        before = {one.workspace: one.robot_id for one in grants_of(name)}
        told = await completed(rotate_credentials, overdue_only=True)
        assert told == f"new secrets for 1 robot account on 1 registry{KEPT}"
        passed(minutes=11)
        await a_minute(name)
        after = {one.workspace: one.robot_id for one in grants_of(name)}
        assert after["red"] > before["red"]
        assert after["blue"] == before["blue"]
        assert await completed(rotate_credentials, overdue_only=True) == nobody
        assert await p.quiet()


def _aged(workspace: str, days: float) -> None:
    old = update(GrantRow).where(col(GrantRow.workspace) == workspace)
    made_at = clock.now() - timedelta(days=days)
    transact(lambda session: session.exec(old.values(made_at=made_at)))


async def _as_a_robot(p: Platform) -> None:
    """Let this service itself be a robot account, which no Harbor lets edit others."""
    us = p.place.harbor.add_robot("svc", ["*"], PROJECTS, SYSTEM)
    await block(p.name, "robot$svc", us.secret)


async def test_as_a_robot_each_change_is_another_robot_delivered_first(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await _as_a_robot(p)
        await bound(name, ["team-a"], "red")
        first = p.robot.id
        watch = _Watch(p, "team-a")
        await bound(name, ["team-b"], "red")
        assert watch.no_gap()
        assert first in p.place.harbor.robots
        passed(minutes=11)
        await a_minute(name)
        assert p.robot.id != first
        assert await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")
        watch = _Watch(p, "team-b")
        told = await unbound(name, ["team-a"], "red")
        assert "began with the former login of red may fail once" in told
        assert watch.no_gap()
        assert not await p.pulls("shop", "team-a")
        assert list(robots_in(p.place).values()).count(frozenset({"team-b"})) == 1
        assert len(grants_of(name)) == 1
        assert await p.quiet()
        assert not [each for each, _ in p.place.writes() if each.startswith(("PUT", "PATCH"))]


async def test_as_a_robot_with_the_cluster_down_unbinding_wins_over_comfort(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await _as_a_robot(p)
        await p.bind("team-a", "team-b")
        p.cluster.faults.add(Fault(Answer(503), times=None))
        told = await unbound(name, ["team-a"], "red")
        assert "cluster eu: answered 503" in told
        assert not await p.pulls("shop", "team-a")
        assert len(grants_of(name)) == 1
        p.cluster.faults.clear()
        await a_minute(name)
        assert await p.pulls("shop", "team-b")
        assert not await p.pulls("shop", "team-a")
        assert await p.quiet()


@pytest.mark.parametrize("by_robot", [False, True])
async def test_safety_limits_do_not_hold_up_an_unbinding_from_a_robot_changed_by_hand(
    name: str, by_robot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        if by_robot:
            await _as_a_robot(p)
        await p.bind("team-a", "team-b")
        _private_here(name, "team-b")
        p.place.harbor.projects["team-b"].public = True
        p.robot.disable = True
        monkeypatch.setenv("REGISTRY_INTEGRATION_CHANGE_LIMIT_FLOOR", "1")
        monkeypatch.setenv("REGISTRY_INTEGRATION_CHANGE_LIMIT_SHARE", "0")
        settings.cache_clear()
        minute = await p.unbind("team-a")
        assert "this would make private 1 of" in minute.said
        await a_minute(name)
        ours = [each for each in robots_in(p.place).values() if "*" not in each]
        assert ours == [frozenset({"team-b"})]
        assert p.place.harbor.projects["team-b"].public
        assert not await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")


def _private_here(name: str, space: str) -> None:
    """Leave a space as set-space-visibility leaves it."""
    there = [one for one in transact(spaces.spaces, name) if one.name == space]
    transact(spaces.remember, name, desired(name, there, [space], Visibility.PRIVATE))


async def test_another_address_is_delivered(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        robot = p.robot.id
        with running(p.place.faults) as url:
            p.place.harbor.external_url = url
            again = await block(name)
            await completed(update_registry, name, address=url, credentials=again)
            moved = Place(p.place.harbor, p.place.faults, url)
            assert await pulls(moved, p.cluster, "shop", "team-a")
            assert list(_auths(p)) == [url.partition("//")[2]]
            assert p.robot.id == robot
            assert await p.quiet()


def _auths(p: Platform) -> dict[str, Any]:
    found: dict[str, Any] = (p.cluster.secret("shop") or {})["auths"]
    return found


async def test_removing_a_registry_shows_first_and_then_leaves_nothing(name: str) -> None:
    async with platform(name, "team-a") as p:
        await a_minute(name, first=True)
        await p.bind("team-a")
        assert len(p.place.harbor.robots) == 2
        before = p.writes()
        told = await completed(remove_registry, name)
        counted = "2 spaces, 1 binding, 2 robot accounts, the logins of 2 namespaces"
        assert f"{name} with {counted} would be forgotten" in told
        assert (p.writes(), known()) == (before, [name])
        assert await p.pulls("shop", "team-a")
        assert "shop" in await page(f"removal-{name}")

        told = await completed(remove_registry, name, confirm=True)
        assert told == f"{name} with {counted} is forgotten"
        assert p.place.harbor.robots == {}
        assert (p.cluster.secret("shop"), p.cluster.image_pull_secrets("shop")) == (None, ())
        assert (known(), grants_of(name), deliveries_in("eu")) == ([], (), {})


async def test_a_registry_out_of_reach_is_removed_and_what_stays_is_listed(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.place.faults.add(Fault(Answer(503), times=None))
        told = await failed(remove_registry, name, confirm=True)
        login = p.place.harbor.robot_login(p.robot)
        behind = f"it is out of reach, so these robot accounts stay behind in it: {login}"
        assert behind in told
        assert login in await page(f"removal-{name}")
        assert p.cluster.secret("shop") is None
        assert (known(), grants_of(name), deliveries_in("eu")) == ([], (), {})


async def test_what_a_namespace_that_left_has_copied_ends_also_with_a_cluster_out_of_reach(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        image = f"{p.place.url.partition('//')[2]}/team-a/app:latest"
        copied = p.cluster.secret("shop")
        p.cluster.label("shop", {LABEL: None})
        told = await completed(sync_namespaces)
        assert "namespaces left red: new secrets are made, and a copied login ends about" in told
        p.cluster.faults.add(Fault(Answer(503), times=None))
        await completed(reconcile_all)  # by which nothing else is due
        assert await asyncio.to_thread(can_pull, image, copied)
        passed(minutes=11)
        told = await completed(reconcile_all)
        assert "namespaces that left red could pull with a copied login until" in told
        assert not await asyncio.to_thread(can_pull, image, copied)
        p.cluster.faults.clear()
        await a_minute(name)
        assert await p.pulls("till", "team-a")
        assert await p.quiet()
