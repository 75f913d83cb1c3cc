"""Whether a credential is believed, and what it may do."""

import pytest
from pydantic import SecretStr

from deployments.simulators.faults import Answer, Call, Fault, Faults
from deployments.simulators.harbor import Harbor, Permission
from models.core.reasons import Reason
from models.registries.condition import ConditionType
from models.registries.registry import Kind
from tasks.registries.harbor.checks import GRANT_NEEDS, ROBOT_NEEDS
from tasks.registries.harbor.robot_wire import Robot
from tasks.registries.protocol import Credential
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    ADMIN,
    ADMINISTRATOR,
    AUTHENTICATED,
    CURRENT,
    FALSE,
    TRUE,
    UNKNOWN,
    WELL,
    examine,
    harbor,
    look,
    opened,
    refusal_in,
    told,
    why_unseen,
    wrong,
)


async def test_a_user_who_is_no_administrator() -> None:
    simulated = harbor(projects=3)
    simulated.add_user("alice", "Alice12345")
    alice = Credential("alice", SecretStr("Alice12345"))
    with serving(simulated.app) as url:
        verdicts = await examine(url, Kind.HARBOR, alice)
        assert why_unseen(await look(url, Kind.HARBOR, alice)) is Reason.NOT_ADMINISTRATOR
    assert told(verdicts)[AUTHENTICATED][0] is TRUE
    against = refusal_in(verdicts)
    assert (against.type, against.reason) == (ADMINISTRATOR, Reason.NOT_ADMINISTRATOR)
    assert simulated.requests.to("/api/v2.0/projects") == []


LIST_ROBOTS = ("system", "/", "robot", "list")


def _robot(simulated: Harbor, *left_out: tuple[str, ...]) -> Credential:
    needs = [need for need in (*ROBOT_NEEDS, *GRANT_NEEDS, LIST_ROBOTS) if need not in left_out]
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
        assert told(await examine(url, Kind.HARBOR, credential)) == WELL
        snapshot = await look(url, Kind.HARBOR, credential)
    assert snapshot.spaces.seen
    assert len(snapshot.spaces.items) == 4


@pytest.mark.parametrize("missing", [*ROBOT_NEEDS, LIST_ROBOTS])
async def test_a_robot_without_one_right_does_not(missing: tuple[str, ...]) -> None:
    simulated = harbor()
    credential = _robot(simulated, missing)
    with serving(simulated.app) as url:
        verdicts = await examine(url, Kind.HARBOR, credential)
        assert why_unseen(await look(url, Kind.HARBOR, credential)) is Reason.NOT_ADMINISTRATOR
    assert told(verdicts)[AUTHENTICATED][0] is TRUE
    against = refusal_in(verdicts)
    assert against.reason is Reason.NOT_ADMINISTRATOR
    if missing[2] != "robot":
        assert " ".join(missing) in against.message


@pytest.mark.parametrize("missing", [(), *((need,) for need in GRANT_NEEDS), GRANT_NEEDS])
async def test_a_robot_that_may_not_grant_is_told_so_and_may_do_all_else(
    missing: tuple[tuple[str, str, str, str], ...],
) -> None:
    simulated = harbor()
    credential = _robot(simulated, *missing)
    with serving(simulated.app) as url:
        verdicts = await examine(url, Kind.HARBOR, credential)
    assert told(verdicts) == WELL
    (message,) = (one.message for one in verdicts if one.type is ADMINISTRATOR)
    lacks = ", ".join(" ".join(need) for need in missing)
    expected = f"may do all but grant: it lacks {lacks}" if missing else "may do all"
    assert message == f"{credential.username} {expected}"


@pytest.mark.parametrize("refused", [False, True])
async def test_a_wrong_password_costs_two_tries_or_one(refused: bool) -> None:
    simulated = harbor()
    with serving(simulated.app) as url:
        async with opened(url, credential=wrong(ADMIN), refused=refused) as client:
            verdicts = await client.examine()
    against = refusal_in(verdicts)
    assert (against.type, against.reason) == (AUTHENTICATED, Reason.BAD_CREDENTIALS)
    assert against.proved
    asked = [one for one in simulated.requests if one.user is not None]
    assert [one.path for one in asked] == [CURRENT] * (1 if refused else 2)


async def test_a_locked_account_is_waited_for() -> None:
    simulated = harbor()
    faults = Faults(simulated.app)
    faults.add(Fault(Answer(401), path=CURRENT))
    with serving(faults) as url:
        assert told(await examine(url)) == WELL


async def test_a_401_that_comes_at_once_is_not_believed() -> None:
    faults = Faults(harbor().app)
    faults.add(Fault(Answer(401), path=CURRENT, times=None))
    with serving(faults) as url:
        against = refusal_in(await examine(url))
        assert why_unseen(await look(url)) is Reason.UNAUTHORIZED
    assert (against.reason, against.proved) == (Reason.UNAUTHORIZED, False)
    assert "wait a minute" in against.advice


@pytest.mark.parametrize("credential", [ADMIN, wrong(ADMIN)])
async def test_a_401_of_a_dead_database_says_nothing_about_the_password(
    credential: Credential,
) -> None:
    simulated = harbor()
    simulated.database_up = False
    with serving(simulated.app) as url:
        verdicts = await examine(url, Kind.HARBOR, credential)
        assert why_unseen(await look(url, Kind.HARBOR, credential)) is Reason.CREDENTIALS_UNPROVED
    found = told(verdicts)
    assert found[AUTHENTICATED] == (UNKNOWN, Reason.CREDENTIALS_UNPROVED)
    assert found[ConditionType.SERVING] == (FALSE, Reason.COMPONENTS_DOWN)


async def test_a_database_that_just_died_is_no_bad_password_either() -> None:
    """/health is up to 10 s old: it still says healthy, and the 401 comes at once."""
    simulated = harbor()
    faults = Faults(simulated.app)

    def die() -> None:
        simulated.database_up = False

    faults.add(Fault(Call(die), path=CURRENT))
    with serving(faults) as url:
        against = refusal_in(await examine(url))
    assert (against.reason, against.proved) == (Reason.UNAUTHORIZED, False)


def test_a_denied_right_is_no_right() -> None:
    access = [
        {"resource": "project", "action": "list", "effect": "deny"},
        {"resource": "project", "action": "create"},
    ]
    rights = [{"kind": "system", "namespace": "/", "access": access}]
    robot = Robot.model_validate({"id": 1, "name": "robot$a", "permissions": rights})
    assert not robot.may("system", "/", "project", "list")
    assert robot.may("system", "/", "project", "create")
