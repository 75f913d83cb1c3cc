"""Whether a credential is believed, and what it may do."""

import pytest
from pydantic import SecretStr

from deployments.simulators.faults import Fault, FaultInjector, Respond, RunCallback
from deployments.simulators.harbor import Permission, SimulatedHarbor
from models.core.reasons import Reason
from models.registries.condition import ConditionType
from models.registries.registry import Kind
from tasks.registries.harbor.checks import REQUIRED_ROBOT_RIGHTS, ROBOT_MANAGEMENT_RIGHTS
from tasks.registries.harbor.robot_wire import Robot
from tasks.registries.protocol import Credential
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    ADMIN,
    ADMINISTRATOR,
    AUTHENTICATED,
    CURRENT,
    FALSE,
    HEALTHY,
    TRUE,
    UNKNOWN,
    expect_failure,
    harbor,
    observe_registry,
    open_client,
    probe_registry,
    statuses_by_type,
    unavailable_reason,
    with_wrong_password,
)


async def test_a_user_who_is_no_administrator() -> None:
    simulated = harbor(projects=3)
    simulated.add_user("alice", "Alice12345")
    alice = Credential("alice", SecretStr("Alice12345"))
    with serving(simulated.app) as url:
        checks = await probe_registry(url, Kind.HARBOR, alice)
        assert (
            unavailable_reason(await observe_registry(url, Kind.HARBOR, alice))
            is Reason.NOT_ADMINISTRATOR
        )
    assert statuses_by_type(checks)[AUTHENTICATED][0] is TRUE
    failure = expect_failure(checks)
    assert (failure.type, failure.reason) == (ADMINISTRATOR, Reason.NOT_ADMINISTRATOR)
    assert simulated.requests.with_prefix("/api/v2.0/projects") == []


LIST_ROBOTS = ("system", "/", "robot", "list")


def _robot(simulated: SimulatedHarbor, *missing: tuple[str, ...]) -> Credential:
    needs = [
        need
        for need in (*REQUIRED_ROBOT_RIGHTS, *ROBOT_MANAGEMENT_RIGHTS, LIST_ROBOTS)
        if need not in missing
    ]
    robot = simulated.add_robot("svc", secret="Robot12345")
    robot.permissions = tuple(
        Permission(kind, namespace, None, ((resource, action),))
        for kind, namespace, resource, action in needs
    )
    return Credential(simulated.robot_login(robot), SecretStr("Robot12345"))


@pytest.mark.parametrize("prefix", ["robot$", "robot_", "$", "bot$$"])
async def test_a_robot_with_the_rights_stands_in(prefix: str) -> None:
    simulated = harbor(projects=3)
    simulated.settings.robot_name_prefix = prefix
    credential = _robot(simulated)
    with serving(simulated.app) as url:
        assert statuses_by_type(await probe_registry(url, Kind.HARBOR, credential)) == HEALTHY
        snapshot = await observe_registry(url, Kind.HARBOR, credential)
    assert snapshot.spaces.is_complete
    assert len(snapshot.spaces.items) == 4


@pytest.mark.parametrize("missing", [*REQUIRED_ROBOT_RIGHTS, LIST_ROBOTS])
async def test_a_robot_without_one_right_does_not(missing: tuple[str, ...]) -> None:
    simulated = harbor()
    credential = _robot(simulated, missing)
    with serving(simulated.app) as url:
        checks = await probe_registry(url, Kind.HARBOR, credential)
        assert (
            unavailable_reason(await observe_registry(url, Kind.HARBOR, credential))
            is Reason.NOT_ADMINISTRATOR
        )
    assert statuses_by_type(checks)[AUTHENTICATED][0] is TRUE
    failure = expect_failure(checks)
    assert failure.reason is Reason.NOT_ADMINISTRATOR
    if missing[2] != "robot":
        assert " ".join(missing) in failure.message


@pytest.mark.parametrize(
    "missing", [(), *((need,) for need in ROBOT_MANAGEMENT_RIGHTS), ROBOT_MANAGEMENT_RIGHTS]
)
async def test_a_robot_that_may_not_grant_is_told_so_and_may_do_all_else(
    missing: tuple[tuple[str, str, str, str], ...],
) -> None:
    simulated = harbor()
    credential = _robot(simulated, *missing)
    with serving(simulated.app) as url:
        checks = await probe_registry(url, Kind.HARBOR, credential)
    assert statuses_by_type(checks) == HEALTHY
    (message,) = (check.message for check in checks if check.type is ADMINISTRATOR)
    lacks = ", ".join(" ".join(need) for need in missing)
    expected = (
        f"has all rights except to grant access: it lacks {lacks}" if missing else "has all rights"
    )
    assert message == f"{credential.username} {expected}"


@pytest.mark.parametrize("refused", [False, True])
async def test_a_wrong_password_costs_two_tries_or_one(refused: bool) -> None:
    simulated = harbor()
    with serving(simulated.app) as url:
        async with open_client(
            url, credential=with_wrong_password(ADMIN), refused=refused
        ) as client:
            checks = await client.probe()
    failure = expect_failure(checks)
    assert (failure.type, failure.reason) == (AUTHENTICATED, Reason.BAD_CREDENTIALS)
    assert failure.confirmed
    requests = [request for request in simulated.requests if request.user is not None]
    assert [request.path for request in requests] == [CURRENT] * (1 if refused else 2)


async def test_a_locked_account_is_waited_for() -> None:
    simulated = harbor()
    faults = FaultInjector(simulated.app)
    faults.add(Fault(Respond(401), path=CURRENT))
    with serving(faults) as url:
        assert statuses_by_type(await probe_registry(url)) == HEALTHY


async def test_a_401_that_comes_at_once_is_not_believed() -> None:
    faults = FaultInjector(harbor().app)
    faults.add(Fault(Respond(401), path=CURRENT, times=None))
    with serving(faults) as url:
        failure = expect_failure(await probe_registry(url))
        assert unavailable_reason(await observe_registry(url)) is Reason.UNAUTHORIZED
    assert (failure.reason, failure.confirmed) == (Reason.UNAUTHORIZED, False)
    assert "try again in a minute" in failure.advice


@pytest.mark.parametrize("credential", [ADMIN, with_wrong_password(ADMIN)])
async def test_a_401_of_a_dead_database_says_nothing_about_the_password(
    credential: Credential,
) -> None:
    simulated = harbor()
    simulated.database_up = False
    with serving(simulated.app) as url:
        checks = await probe_registry(url, Kind.HARBOR, credential)
        assert (
            unavailable_reason(await observe_registry(url, Kind.HARBOR, credential))
            is Reason.CREDENTIALS_UNPROVED
        )
    statuses = statuses_by_type(checks)
    assert statuses[AUTHENTICATED] == (UNKNOWN, Reason.CREDENTIALS_UNPROVED)
    assert statuses[ConditionType.SERVING] == (FALSE, Reason.COMPONENTS_DOWN)


async def test_a_database_that_just_died_is_no_bad_password_either() -> None:
    """/health is up to 10 s old: it still says healthy, and the 401 comes at once."""
    simulated = harbor()
    faults = FaultInjector(simulated.app)

    def die() -> None:
        simulated.database_up = False

    faults.add(Fault(RunCallback(die), path=CURRENT))
    with serving(faults) as url:
        failure = expect_failure(await probe_registry(url))
    assert (failure.reason, failure.confirmed) == (Reason.UNAUTHORIZED, False)


def test_a_denied_right_is_no_right() -> None:
    access = [
        {"resource": "project", "action": "list", "effect": "deny"},
        {"resource": "project", "action": "create"},
    ]
    rights = [{"kind": "system", "namespace": "/", "access": access}]
    robot = Robot.model_validate({"id": 1, "name": "robot$a", "permissions": rights})
    assert not robot.has_right("system", "/", "project", "list")
    assert robot.has_right("system", "/", "project", "create")
