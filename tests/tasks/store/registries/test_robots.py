"""Robot accounts on record, with their sealed secrets; and what a run remembers of them."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from flows.operations.bindings import save_rolled_out_robots
from models.access.binding import Workspace
from models.access.robot_state import RobotState
from models.access.rotation import Departure, due_for_rotation
from models.clusters.membership import WorkspaceSource
from models.core.errors import LeaseHeld
from models.registries.plan import Plan
from models.registries.robots import RobotAccount
from models.registries.runs.record import RunRecord, summarize_findings
from models.registries.schedule import PollHistory
from models.tables import RobotAccountRow
from tasks.secrets.cipher import Cipher
from tasks.secrets.robot_secrets import save_new_robot
from tasks.store import installation
from tasks.store.access import clusters, departures
from tasks.store.leases import lease
from tasks.store.registries import registries, robots, runs
from tasks.store.session import in_transaction, run_in_transaction
from tasks.store.state import load_registry_state
from tests.support.access_builders import (
    binding,
    login,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import NOW, registry, run_context, space
from tests.tasks.store.access_tools import registered_cluster
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

VAULT = Cipher((Fernet.generate_key().decode(),))
LATER = NOW + timedelta(days=91)
RUN = run_context("run-2", now=LATER)
OLD = robot_account(1, "a", "b")
NEW = robot_account(2, "a", "b", login="robot$new", made_at=LATER)


def save_accounts(*accounts: RobotAccount, secret: str = "Robot-Secret") -> None:
    for account in accounts:
        run_in_transaction(
            save_new_robot, account, VAULT.encrypt(SecretStr(f"{secret}-{account.robot_id}"))
        )


def secrets() -> dict[tuple[str, int], str]:
    return {
        key: VAULT.decrypt(text).get_secret_value()
        for key, text in run_in_transaction(robots.encrypted_secrets).items()
    }


def platform() -> None:
    integrate()
    integrate(registry(name="other", address="http://other.test"))


def test_kept_as_it_was_made() -> None:
    platform()
    other_account = robot_account(1, registry="other", workspace="")
    save_accounts(NEW, OLD, other_account)
    assert run_in_transaction(robots.list_robots) == (other_account, OLD, NEW)
    assert run_in_transaction(robots.list_robots, "prod") == (OLD, NEW)
    assert run_in_transaction(robots.list_robots, "ghost") == ()
    assert secrets() == {
        ("other", 1): "Robot-Secret-1",
        ("prod", 1): "Robot-Secret-1",
        ("prod", 2): "Robot-Secret-2",
    }


def test_no_secret_lies_in_the_clear(database: str) -> None:
    platform()
    save_accounts(OLD)
    assert all("Robot-Secret" not in str(row.model_dump()) for row in rows(RobotAccountRow))


def test_a_new_secret_of_the_same_robot_takes_the_place_of_the_old() -> None:
    platform()
    save_accounts(OLD)
    replacement = robot_account(1, "c", login="robot$again", made_at=LATER)
    save_accounts(replacement, secret="Newer")
    assert run_in_transaction(robots.list_robots) == (replacement,)
    assert secrets() == {("prod", 1): "Newer-1"}


def test_what_is_noted_later_leaves_the_secret_alone() -> None:
    platform()
    save_accounts(OLD, NEW)
    before = run_in_transaction(robots.encrypted_secrets)
    changed = robot_account(
        1, "z", login="bot+x", workspace="team-z", made_at=LATER, proved_at=LATER
    )
    run_in_transaction(
        robots.update_robots, "prod", [changed, robot_account(9, "nobody knows its secret")]
    )
    expected = robot_account(1, "z", login="bot+x", proved_at=LATER)
    assert run_in_transaction(robots.list_robots) == (expected, NEW)
    assert run_in_transaction(robots.encrypted_secrets) == before


def test_forgotten() -> None:
    platform()
    save_accounts(OLD, NEW, robot_account(1, registry="other"))
    run_in_transaction(robots.delete_robots, "prod", [1, 9])
    run_in_transaction(robots.delete_robots, "prod", [])
    assert run_in_transaction(robots.list_robots) == (robot_account(1, registry="other"), NEW)


def test_an_id_that_a_restored_harbor_gave_again_is_not_forgotten() -> None:
    platform()
    save_accounts(OLD, robot_account(2, made_at=LATER))
    run_in_transaction(robots.delete_robots, "prod", [1, 2], NOW)
    assert [robot.robot_id for robot in run_in_transaction(robots.list_robots)] == [2]


async def _save_run(lease_id: str, **parts: Any) -> None:
    conclusion = RunRecord(conditions=(), poll_history=PollHistory(observed_at=NOW), **parts)
    await in_transaction(runs.save_run, "prod", conclusion, run_context("run-2", lease_id))


async def test_a_run_concludes() -> None:
    platform()
    save_accounts(OLD, NEW)
    before = run_in_transaction(robots.encrypted_secrets)
    async with lease("prod") as lease_id:
        await _save_run(
            lease_id,
            updated_robots=(robot_account(2, "c", login=NEW.login),),
            deleted_robot_ids=(1, 7),
        )
    assert run_in_transaction(robots.list_robots) == (NEW.model_copy(update={"spaces": ("c",)}),)
    assert run_in_transaction(robots.encrypted_secrets) == {("prod", 2): before["prod", 2]}


async def test_a_run_that_lost_its_lease_forgets_nothing() -> None:
    platform()
    save_accounts(OLD, NEW)
    with pytest.raises(LeaseHeld, match="this step saved nothing"):
        await _save_run("me", updated_robots=(robot_account(2, "c"),), deleted_robot_ids=(1,))
    assert run_in_transaction(robots.list_robots) == (OLD, NEW)


async def test_what_was_found_is_noted_before_anything_changes_and_drops_no_secret() -> None:
    """The conclusion drops it, when the run is at its end."""
    platform()
    save_accounts(OLD)
    plan = Plan(registry="prod", created_at=NOW, deleted_robot_ids=(1,), updated_spaces=(space(),))
    async with lease("prod") as lease_id:
        record = await in_transaction(registries.get_registry, "prod")
        findings = summarize_findings(record, plan)
        await in_transaction(runs.save_findings, "prod", findings, run_context("r", lease_id))
    assert run_in_transaction(robots.list_robots) == (OLD,)


# What a run remembers when it begins.


def remember() -> RobotState:
    state = run_in_transaction(load_registry_state, "prod").robot_state
    return state.schedule(timedelta(minutes=10), LATER)


def test_remembered() -> None:
    platform()
    run_in_transaction(
        memberships.add_or_update_workspace, Workspace(name="team-a"), [], run_context("r")
    )
    run_in_transaction(binding_operations.bind, [binding("b"), binding("a")], run_context("r"))
    save_accounts(OLD, robot_account(3, registry="other"))
    robot_state = remember()
    assert robot_state.installation == run_in_transaction(installation.get_installation)
    assert {name: set(space_names) for name, space_names in robot_state.bound_spaces.items()} == {
        "team-a": {"a", "b"}
    }
    assert (robot_state.registry, robot_state.robots, robot_state.requested_rotations) == (
        "prod",
        (OLD,),
        frozenset(),
    )


@pytest.mark.parametrize(
    ("robots", "delivered_id", "is_rolled_out"),
    [
        ((OLD,), 1, False),  # nobody waits: not even asked
        ((OLD, NEW), 1, False),
        ((OLD, NEW), 2, True),
    ],
)
async def test_remembered_who_is_served(
    robots: tuple[RobotAccount, ...], delivered_id: int, is_rolled_out: bool
) -> None:
    platform()
    save_accounts(*robots)
    async with registered_cluster("eu") as lease_id:
        context = run_context("r", lease_id)
        await in_transaction(memberships.update_memberships, "eu", [namespace()], context)
        statuses = [pull_secret_status(logins=(login(robot_id=delivered_id),))]
        await in_transaction(clusters.save_pull_secrets, "eu", statuses, [], context)
    run_in_transaction(save_rolled_out_robots, NOW)
    assert remember().rolled_out == ({"team-a"} if is_rolled_out else frozenset())


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (None, {}),
        (timedelta(days=92), {}),
        (timedelta(days=90), {"prod": {"team-a"}, "other": {"team-b"}}),
    ],
)
def test_rotation_due(age: timedelta | None, expected: dict[str, set[str]]) -> None:
    platform()
    save_accounts(OLD, robot_account(2, workspace="team-b", registry="other"))
    save_accounts(
        robot_account(4, workspace="team-c", made_at=LATER), robot_account(5, workspace="")
    )
    assert due_for_rotation(run_in_transaction(robots.list_robots), age, LATER) == expected


# Departures.


async def test_leaving_is_on_record_where_there_is_a_robot_until_there_is_another() -> None:
    platform()
    save_accounts(OLD, robot_account(9, workspace="team-b"), robot_account(3, registry="other"))
    shop, web = namespace("shop"), namespace("web", "team-b")
    async with registered_cluster() as lease_id:
        await in_transaction(
            memberships.update_memberships,
            "eu",
            (shop, web),
            run_context("run-2", lease_id, LATER),
        )
        assert run_in_transaction(departures.list_departures) == ()
        await in_transaction(
            memberships.update_memberships,
            "eu",
            (web,),
            run_context("run-2", lease_id, LATER),
        )
    open_departures = {
        (departure.registry, departure.workspace): departure
        for departure in run_in_transaction(departures.list_departures)
    }
    assert open_departures.keys() == {("prod", "team-a"), ("other", "team-a")}
    assert open_departures["prod", "team-a"].left_at == LATER
    later = LATER + timedelta(minutes=1)
    leave = partial(Departure.leave, now=later)  # the first counts
    run_in_transaction(departures.update_departures, ["team-a", "ghost"], leave)
    save_accounts(NEW)
    now = {
        departure.registry: departure
        for departure in run_in_transaction(departures.list_departures)
    }
    assert (now["prod"].left_at, now["prod"].rotated_at) == (None, NEW.secret_created_at)
    assert (now["other"].left_at, now["other"].rotated_at) == (LATER, None)


async def test_a_cluster_that_is_removed_takes_its_namespaces_along() -> None:
    platform()
    save_accounts(OLD)
    async with registered_cluster() as lease_id:
        await in_transaction(
            memberships.update_memberships,
            "eu",
            (namespace(),),
            run_context("run-2", lease_id, LATER),
        )
    run_in_transaction(memberships.remove_cluster_records, "eu", "it is gone", RUN)
    assert [
        departure.workspace for departure in run_in_transaction(departures.list_departures)
    ] == ["team-a"]


async def test_who_is_not_listed_any_more_leaves_also_if_the_cluster_is_out_of_reach() -> None:
    platform()
    save_accounts(OLD)
    workspace, assignments = Workspace(name="team-a"), [("eu", "shop"), ("eu", "web")]
    namespaces = [namespace(name, source=WorkspaceSource.LISTED) for name in ("shop", "web")]
    async with registered_cluster() as lease_id:
        run_in_transaction(memberships.add_or_update_workspace, workspace, assignments, RUN)
        await in_transaction(
            memberships.update_memberships,
            "eu",
            namespaces,
            run_context("run-2", lease_id, LATER),
        )
    run_in_transaction(memberships.add_or_update_workspace, workspace, assignments, RUN)
    assert run_in_transaction(departures.list_departures) == ()
    run_in_transaction(memberships.add_or_update_workspace, workspace, assignments[:1], RUN)
    assert [
        departure.workspace for departure in run_in_transaction(departures.list_departures)
    ] == ["team-a"]


async def test_who_is_in_another_cluster_than_allowed_leaves_as_well() -> None:
    platform()
    save_accounts(OLD)
    async with registered_cluster() as lease_id:
        await in_transaction(
            memberships.update_memberships,
            "eu",
            [namespace()],
            run_context("run-2", lease_id, LATER),
        )
    for allowed, departure_count in ((("eu",), 0), (("us",), 1)):
        workspace = Workspace(name="team-a", clusters=allowed)
        run_in_transaction(memberships.add_or_update_workspace, workspace, (), RUN)
        assert len(run_in_transaction(departures.list_departures)) == departure_count


async def test_since_when_a_new_secret_is_everywhere() -> None:
    platform()
    save_accounts(OLD)
    async with registered_cluster() as lease_id:
        await in_transaction(
            memberships.update_memberships,
            "eu",
            (namespace(),),
            run_context("run-2", lease_id, LATER),
        )
        run_in_transaction(save_rolled_out_robots, NOW)
        save_accounts(NEW)
        run_in_transaction(save_rolled_out_robots, NOW)
        assert [account.rolled_out_at for account in run_in_transaction(robots.list_robots)] == [
            None,
            None,
        ]
        statuses = (pull_secret_status(logins=(login(robot_id=2),)),)
        await in_transaction(
            clusters.save_pull_secrets,
            "eu",
            statuses,
            (),
            run_context("run-2", lease_id, LATER),
        )
    run_in_transaction(save_rolled_out_robots, NOW)
    run_in_transaction(save_rolled_out_robots, LATER)  # the first time counts
    assert [account.rolled_out_at for account in run_in_transaction(robots.list_robots)] == [
        None,
        NOW,
    ]
    assert remember().rolled_out == {"team-a"}


async def test_a_secret_that_is_replaced_in_place_is_not_rolled_out_yet() -> None:
    platform()
    save_accounts(OLD, NEW)
    logins = login(robot_id=2), login("other", 2), login("docker", None)
    context = run_context("run-2", now=LATER)
    async with registered_cluster() as lease_id:
        context = context.model_copy(update={"lease_id": lease_id})
        members = namespace(), namespace("web", "team-b")
        await in_transaction(memberships.update_memberships, "eu", members, context)
        statuses = [pull_secret_status(name, logins=logins) for name in ("shop", "web")]
        await in_transaction(clusters.save_pull_secrets, "eu", statuses, (), context)
    run_in_transaction(save_rolled_out_robots, LATER)
    assert remember().rolled_out == {"team-a"}

    save_accounts(NEW.model_copy(update={"secret_created_at": LATER + timedelta(minutes=15)}))
    run_in_transaction(save_rolled_out_robots, LATER)
    assert remember().rolled_out == frozenset()
    assert not any(robot.rolled_out_at for robot in run_in_transaction(robots.list_robots))
    shop, web = run_in_transaction(clusters.list_pull_secrets)
    assert (shop.logins, web.logins) == (logins[1:], logins)
