"""Other secrets and other addresses without a gap, and what is left when a registry goes."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, update

from deployments.simulators.docker_pull import can_pull
from deployments.simulators.faults import Fault, Respond, RunCallback
from deployments.simulators.server import run_server
from flows.access.rotate_credentials import rotate_credentials
from flows.clusters.sync_namespaces import sync_namespaces
from flows.registries.reconcile_all import reconcile_all
from flows.registries.remove import remove_registry
from flows.registries.update import update_registry
from models.access.requests import with_visibility
from models.core.settings import get_settings
from models.registries.space import Visibility
from models.tables import RobotAccountRow
from tasks import clock
from tasks.store.registries import spaces
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    HarborServer,
    audit_of,
    expect_failure,
    expect_success,
    page,
    registry_names,
    save_credentials,
)
from tests.support.platform import (
    LABEL,
    Platform,
    advance_time,
    bind,
    platform,
    pull_secrets_in,
    pulls,
    recorded_robots,
    robots_in,
    run_schedules,
    unbind,
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


OLD_ROBOT_NOTE = (
    "; 1 superseded robot account kept until 10 minutes after every namespace has received the new "
    "secret"
)


async def test_a_secret_that_was_refreshed_by_hand_is_replaced(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await p.bind("team-a")
        assert await p.is_in_sync()
        assert _tried_logins(p) == 0  # it was never updated
        await p.bind("team-b")
        for _ in range(2):  # an update of our own is proved once, and then no more
            assert await p.is_in_sync()
            assert _tried_logins(p) == 1
        first, before = p.robot, p.cluster.raw_secret("shop")
        first.secret, first.updated = "Refreshed-by-hand-1", p.harbor.simulator.clock()
        assert not await p.pulls("shop", "team-a")
        await asyncio.sleep(1.6)  # until the wrong login no longer locks the robot account
        await run_schedules(name)
        assert p.cluster.raw_secret("shop") != before
        assert await p.pulls("shop", "team-a")
        assert p.harbor.simulator.robots.by_stored_name(f"{first.stored}.2") is not None
        assert "SecretLost" in {entry.why.partition(":")[0] for entry in audit_of(name)}


def _tried_logins(p: Platform) -> int:
    """How often anybody tried a login; this service alone as long as nobody pulls."""
    requests = p.harbor.simulator.requests
    return sum(entry.path == "/service/token" for entry in requests)


class _PullMonitor:
    """Tries a pull from the workspace's namespaces whenever anybody is asked anything."""

    def __init__(self, p: Platform, space: str) -> None:
        self.p, self.image = p, f"{p.harbor.url.partition('//')[2]}/{space}/app:latest"
        self.results: list[bool] = []
        for faults in (p.harbor.faults, p.cluster.faults):
            faults.add(Fault(RunCallback(self._try), path="/api/.*", times=None))

    async def _try(self) -> None:
        """Pull with what is there now; that is asked below /v2 and /service, so not of us."""
        for namespace in ("shop", "till"):
            secret = self.p.cluster.secret(namespace)
            self.results.append(await asyncio.to_thread(can_pull, self.image, secret))

    def had_no_gap(self) -> bool:
        """End it, and say whether every pull worked."""
        for faults in (self.p.harbor.faults, self.p.cluster.faults):
            faults.clear()
        return len(self.results) > 20 and all(self.results)


async def test_a_rotation_leaves_no_gap(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        first, secret = p.robot, p.cluster.secret("shop")
        monitor = _PullMonitor(p, "team-a")
        message = await expect_success(rotate_credentials)
        assert message == f"new secrets for 1 robot account in 1 registry, in force{OLD_ROBOT_NOTE}"
        assert len(robots_in(p.harbor)) == 2
        await run_schedules(name)
        assert first.id in p.harbor.simulator.robots  # a node may have read its secret
        advance_time(minutes=11)
        await expect_success(reconcile_all)  # by which nothing else is due
        assert monitor.had_no_gap()
        assert (p.robot.id, p.robot.stored) == (first.id + 1, f"{first.stored}.2")
        assert p.cluster.secret("shop") != secret
        assert [robot.robot_id for robot in recorded_robots(name)] == [p.robot.id]
        assert await p.pulls("shop", "team-a")
        assert await p.is_in_sync()
        await expect_success(rotate_credentials, name, "red")
        advance_time(minutes=11)
        await run_schedules(name)
        assert p.robot.stored == first.stored


async def test_the_old_one_stays_until_a_cluster_is_back(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        first = p.robot
        p.cluster.faults.add(Fault(Respond(503), times=None))
        message = await expect_success(rotate_credentials)
        assert OLD_ROBOT_NOTE in message
        assert len(robots_in(p.harbor)) == len(recorded_robots(name)) == 2
        assert await p.pulls("shop", "team-a")
        writes = p.writes()
        await expect_success(rotate_credentials, name)
        assert p.writes() == writes
        p.cluster.faults.clear()
        await run_schedules(name)
        assert await p.pulls("shop", "team-a")
        await run_schedules(name)
        assert first.id in p.harbor.simulator.robots
        advance_time(minutes=11)
        await run_schedules(name)
        assert first.id not in p.harbor.simulator.robots
        assert await p.pulls("shop", "team-a")
        assert await p.is_in_sync()


async def test_a_new_secret_that_is_refused_is_replaced_while_the_old_one_stays(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        first = p.robot
        await run_schedules(name, rotate=frozenset({"red"}))
        second = p.harbor.simulator.robots[first.id + 1]
        second.secret = "changed by hand 1A"
        await run_schedules(name)
        assert first.id in p.harbor.simulator.robots
        await run_schedules(name)
        advance_time(minutes=11)
        await run_schedules(name)
        assert p.robot.id == second.id + 1
        assert await p.pulls("shop", "team-a")
        assert await p.is_in_sync()


async def test_only_what_is_older_than_the_configured_age(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a", workspace="red")
        await p.bind("team-a", workspace="blue")
        _set_age("red", 91)
        monkeypatch.setenv("REGISTRY_INTEGRATION_ROTATION_DAYS", "0")
        get_settings.cache_clear()
        no_rotation_message = "no robot account is due for rotation"
        assert await expect_success(rotate_credentials, overdue_only=True) == no_rotation_message
        monkeypatch.delenv("REGISTRY_INTEGRATION_ROTATION_DAYS")
        get_settings.cache_clear()
        before = {robot.workspace: robot.robot_id for robot in recorded_robots(name)}
        message = await expect_success(rotate_credentials, overdue_only=True)
        assert message == f"new secrets for 1 robot account in 1 registry, in force{OLD_ROBOT_NOTE}"
        advance_time(minutes=11)
        await run_schedules(name)
        after = {robot.workspace: robot.robot_id for robot in recorded_robots(name)}
        assert after["red"] > before["red"]
        assert after["blue"] == before["blue"]
        assert await expect_success(rotate_credentials, overdue_only=True) == no_rotation_message
        assert await p.is_in_sync()


def _set_age(workspace: str, days: float) -> None:
    query = update(RobotAccountRow).where(col(RobotAccountRow.workspace) == workspace)
    made_at = clock.now() - timedelta(days=days)
    run_in_transaction(lambda session: session.exec(query.values(made_at=made_at)))


async def _use_robot_credentials(p: Platform) -> None:
    """Let this service itself be a robot account, which no Harbor lets edit others."""
    service_robot = p.harbor.simulator.add_robot("svc", ["*"], PROJECTS, SYSTEM)
    await save_credentials(p.name, "robot$svc", service_robot.secret)


async def test_as_a_robot_each_change_is_another_robot_delivered_first(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await _use_robot_credentials(p)
        await bind(name, ["team-a"], "red")
        first = p.robot.id
        monitor = _PullMonitor(p, "team-a")
        await bind(name, ["team-b"], "red")
        assert monitor.had_no_gap()
        assert first in p.harbor.simulator.robots
        advance_time(minutes=11)
        await run_schedules(name)
        assert p.robot.id != first
        assert await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")
        monitor = _PullMonitor(p, "team-b")
        message = await unbind(name, ["team-a"], "red")
        assert "started with the previous login of red may fail once" in message
        assert monitor.had_no_gap()
        assert not await p.pulls("shop", "team-a")
        assert list(robots_in(p.harbor).values()).count(frozenset({"team-b"})) == 1
        assert len(recorded_robots(name)) == 1
        assert await p.is_in_sync()
        assert not [
            request for request, _ in p.harbor.writes() if request.startswith(("PUT", "PATCH"))
        ]


async def test_as_a_robot_with_the_cluster_down_unbinding_wins_over_comfort(name: str) -> None:
    async with platform(name, "team-a", "team-b") as p:
        await _use_robot_credentials(p)
        await p.bind("team-a", "team-b")
        p.cluster.faults.add(Fault(Respond(503), times=None))
        message = await unbind(name, ["team-a"], "red")
        assert "cluster eu: answered 503" in message
        assert not await p.pulls("shop", "team-a")
        assert len(recorded_robots(name)) == 1
        p.cluster.faults.clear()
        await run_schedules(name)
        assert await p.pulls("shop", "team-b")
        assert not await p.pulls("shop", "team-a")
        assert await p.is_in_sync()


@pytest.mark.parametrize("by_robot", [False, True])
async def test_safety_limits_do_not_hold_up_an_unbinding_from_a_robot_changed_by_hand(
    name: str, by_robot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with platform(name, "team-a", "team-b") as p:
        if by_robot:
            await _use_robot_credentials(p)
        await p.bind("team-a", "team-b")
        _set_private(name, "team-b")
        p.harbor.simulator.projects["team-b"].public = True
        p.robot.disable = True
        monkeypatch.setenv("REGISTRY_INTEGRATION_CHANGE_LIMIT_FLOOR", "1")
        monkeypatch.setenv("REGISTRY_INTEGRATION_CHANGE_LIMIT_SHARE", "0")
        get_settings.cache_clear()
        result = await p.unbind("team-a")
        assert "this would make private 1 of" in result.message
        await run_schedules(name)
        space_sets = [
            space_names for space_names in robots_in(p.harbor).values() if "*" not in space_names
        ]
        assert space_sets == [frozenset({"team-b"})]
        assert p.harbor.simulator.projects["team-b"].public
        assert not await p.pulls("shop", "team-a")
        assert await p.pulls("shop", "team-b")


def _set_private(name: str, space: str) -> None:
    """Leave a space as set-space-visibility leaves it."""
    records = [
        record for record in run_in_transaction(spaces.list_spaces, name) if record.name == space
    ]
    run_in_transaction(
        spaces.save_spaces, name, with_visibility(name, records, [space], Visibility.PRIVATE)
    )


async def test_another_address_is_delivered(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        robot = p.robot.id
        with run_server(p.harbor.faults) as url:
            p.harbor.simulator.external_url = url
            credentials = await save_credentials(name)
            await expect_success(update_registry, name, address=url, credentials=credentials)
            new_harbor = HarborServer(p.harbor.simulator, p.harbor.faults, url)
            assert await pulls(new_harbor, p.cluster, "shop", "team-a")
            assert list(_auths(p)) == [url.partition("//")[2]]
            assert p.robot.id == robot
            assert await p.is_in_sync()


def _auths(p: Platform) -> dict[str, Any]:
    auths: dict[str, Any] = (p.cluster.secret("shop") or {})["auths"]
    return auths


async def test_removing_a_registry_shows_first_and_then_leaves_nothing(name: str) -> None:
    async with platform(name, "team-a") as p:
        await run_schedules(name, is_new_registry=True)
        await p.bind("team-a")
        assert len(p.harbor.simulator.robots) == 2
        before = p.writes()
        message = await expect_success(remove_registry, name)
        summary = "2 spaces, 1 binding, 2 robot accounts, registry logins in 2 namespaces"
        assert f"{name} would be removed with {summary}; nothing was changed" in message
        assert (p.writes(), registry_names()) == (before, [name])
        assert await p.pulls("shop", "team-a")
        assert "shop" in await page(f"removal-{name}")

        message = await expect_success(remove_registry, name, confirm=True)
        assert message == f"{name} was removed with {summary}"
        assert p.harbor.simulator.robots == {}
        assert (p.cluster.secret("shop"), p.cluster.image_pull_secrets("shop")) == (None, ())
        assert (registry_names(), recorded_robots(name), pull_secrets_in("eu")) == ([], (), {})


async def test_a_registry_out_of_reach_is_removed_and_what_stays_is_listed(name: str) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        p.harbor.faults.add(Fault(Respond(503), times=None))
        message = await expect_failure(remove_registry, name, confirm=True)
        login = p.harbor.simulator.robot_login(p.robot)
        expected = f"these robot accounts were not deleted: {login} ({name}: "
        assert expected in message
        assert login in await page(f"removal-{name}")
        assert p.cluster.secret("shop") is None
        assert (registry_names(), recorded_robots(name), pull_secrets_in("eu")) == ([], (), {})


async def test_what_a_namespace_that_left_has_copied_ends_also_with_a_cluster_out_of_reach(
    name: str,
) -> None:
    async with platform(name, "team-a") as p:
        await p.bind("team-a")
        image = f"{p.harbor.url.partition('//')[2]}/team-a/app:latest"
        copied_secret = p.cluster.secret("shop")
        p.cluster.set_labels("shop", {LABEL: None})
        message = await expect_success(sync_namespaces)
        assert (
            "namespaces left red: its secrets are rotated, and copied logins expire at about"
            in message
        )
        p.cluster.faults.add(Fault(Respond(503), times=None))
        await expect_success(reconcile_all)  # by which nothing else is due
        assert await asyncio.to_thread(can_pull, image, copied_secret)
        advance_time(minutes=11)
        message = await expect_success(reconcile_all)
        assert "namespaces that left red could pull with a copied login until" in message
        assert not await asyncio.to_thread(can_pull, image, copied_secret)
        p.cluster.faults.clear()
        await run_schedules(name)
        assert await p.pulls("till", "team-a")
        assert await p.is_in_sync()
