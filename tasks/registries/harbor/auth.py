"""Prove who we are to Harbor. It never refuses a wrong password outright: it treats the caller as
anonymous, locks the account for 1.5 s for everybody, and looks the same when its database is down.
"""

import asyncio

from models.core.base import Value
from models.core.errors import NotFound, ServerBroken
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status, Verdict
from tasks.http.response import Answer
from tasks.registries.harbor import checks, wire
from tasks.registries.harbor.robot_wire import ROBOTS, Robot
from tasks.registries.http import HttpClient
from tasks.registries.wire import expect, is_web_page, parse

API = "/api/v2.0"


class Doubt(Value):
    """How a 401 is doubted.

    Attributes:
        pause: seconds until the second try, longer than Harbor's lock of 1.5 s.
        genuine: seconds that refusing a wrong password takes at least; a quicker refusal means a
            lock or a dead database.
    """

    pause: float = 2.1
    genuine: float = 1.2


class Proof(Value):
    """What a credential proved.

    Attributes:
        verdicts: whether it is accepted, and whether it is an administrator's.
        robot: it is a robot account's.
    """

    verdicts: tuple[Verdict, ...]
    robot: bool = False


async def kind_verdict(http: HttpClient) -> tuple[Verdict, wire.Components | None]:
    """Find out whether a Harbor answers here, and how its components are."""
    answer = await http.get(f"{API}/health", anonymous=True)
    if answer.status == 200 and not is_web_page(answer):
        try:
            health = parse(http.name, answer, wire.COMPONENTS)
        except ServerBroken:
            return _no_harbor("something answers, but not as a Harbor does"), None
        return _kind(Status.TRUE, Reason.SUPPORTED, "a Harbor answers"), health
    if 300 <= answer.status < 400:
        target = answer.headers.get("location", "")
        return _redirected(target), None
    return await _tell_who(http, answer), None


async def _tell_who(http: HttpClient, answer: Answer) -> Verdict:
    ping = await http.get("/v2/", anonymous=True)
    if "docker-distribution-api-version" in ping.headers:
        return _kind(
            Status.FALSE,
            Reason.WRONG_KIND,
            "a Docker Registry answers here, not a Harbor",
            "choose the type 'Docker Registry'",
        )
    if is_web_page(answer) or is_web_page(ping):
        return _no_harbor("a web page answers here, no registry")
    return _no_harbor(f"{API}/health answered {answer.status}")


def _redirected(target: str) -> Verdict:
    where = target.partition("?")[0][:120]
    return _kind(
        Status.FALSE,
        Reason.REDIRECTED,
        f"the address only points on to {where}",
        "integrate the address that it points to; credentials do not follow redirects",
    )


def _no_harbor(message: str) -> Verdict:
    advice = "check the address; a Harbor's is the one its web console has"
    # Not proved: a proxy's maintenance page, or an answer cut short, looks the same.
    return _kind(Status.FALSE, Reason.NOT_A_REGISTRY, message, advice, proved=False)


def _kind(
    status: Status, reason: Reason, message: str, advice: str = "", *, proved: bool = True
) -> Verdict:
    step = "Is it a Harbor"
    return checks.supported(status, reason, message, advice, proved=proved, step=step)


async def prove(
    http: HttpClient, username: str, health: wire.Components, doubt: Doubt, *, refused: bool
) -> Proof:
    """Prove the credential, and find out whether it is an administrator's.

    Args:
        refused: it was refused before, so one try is enough: each costs everybody a lock.
    """
    answer = await http.get(f"{API}/users/current")
    if answer.status == 401 and not refused and "database" not in health.down:
        await asyncio.sleep(doubt.pause)
        answer = await http.get(f"{API}/users/current")
    if answer.status == 401:
        return Proof(verdicts=(_refusal(answer, health, doubt),))
    accepted = _authenticated(Status.TRUE, Reason.CREDENTIALS_ACCEPTED, f"{username} is known")
    if answer.status == 412:  # Harbor's word for "you are a robot"
        robot = await _own_robot(http, username)
        return Proof(verdicts=(accepted, checks.robot_verdict(robot, username)), robot=True)
    user = parse(http.name, expect(http.name, answer), wire.USER)
    status = Status.TRUE if user.is_admin else Status.FALSE
    word = "is" if user.is_admin else "is no"
    said = f"{username} {word} system administrator"
    return Proof(verdicts=(accepted, checks.admin_verdict(status, said)))


def _refusal(answer: Answer, health: wire.Components, doubt: Doubt) -> Verdict:
    """A 401 is believed only if the database is up and Harbor took its time to compare."""
    if "database" in health.down:
        said = "refused while Harbor's database is down, which says nothing about the password"
        return _authenticated(Status.UNKNOWN, Reason.CREDENTIALS_UNPROVED, said, proved=False)
    if answer.seconds < doubt.genuine:
        said = "refused at once: the account is locked just now, or Harbor's database has trouble"
        return _authenticated(
            Status.FALSE,
            Reason.UNAUTHORIZED,
            said,
            "wait a minute and try again; if it stays, check the password",
            proved=False,
        )
    return _authenticated(
        Status.FALSE,
        Reason.BAD_CREDENTIALS,
        "user name or password is wrong",
        "put the right ones into the registry-credentials block "
        "(user names are case-sensitive; under OIDC use the local admin or a robot)",
    )


def _authenticated(
    status: Status, reason: Reason, message: str, advice: str = "", *, proved: bool = True
) -> Verdict:
    return Verdict(
        type=ConditionType.AUTHENTICATED,
        status=status,
        reason=reason,
        message=message,
        advice=advice,
        proved=proved,
        step="Credentials right",
    )


async def _own_robot(http: HttpClient, username: str) -> Robot | None:
    """Find our own robot account; it is listed under its name without the configurable prefix."""
    bare = username.rpartition("$")[2]
    for query in ({"q": f"name={bare}"}, {}):
        answer = await http.get(f"{API}/robots", {"page_size": 100, **query})
        if answer.status in (401, 403):
            return None
        try:
            robots = parse(http.name, expect(http.name, answer), ROBOTS)
        except NotFound:
            return None
        for robot in robots:
            if robot.name == username:
                return robot
    return None
