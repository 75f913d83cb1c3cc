"""Prove who we are to Harbor. It never refuses a wrong password outright: it treats the caller as
anonymous, locks the account for 1.5 s for everybody, and looks the same when its database is down.
"""

import asyncio

from models.core.base import FrozenModel
from models.core.errors import NotFound, ServerError
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from tasks.http.response import Response
from tasks.registries.harbor import checks, wire
from tasks.registries.harbor.robot_wire import ROBOTS_ADAPTER, Robot
from tasks.registries.http import RegistryHttpClient
from tasks.registries.wire import is_web_page, parse_json, raise_for_status

API_PATH = "/api/v2.0"


class LockoutPolicy(FrozenModel):
    """How a 401 is doubted.

    Attributes:
        pause_seconds: seconds until the second try, longer than Harbor's lock of 1.5 s.
        min_compare_seconds: seconds that refusing a wrong password takes at least; a quicker
            refusal means a lock or a dead database.
    """

    pause_seconds: float = 2.1
    min_compare_seconds: float = 1.2


class AuthResult(FrozenModel):
    """What a credential proved.

    Attributes:
        checks: whether it is accepted, and whether it is an administrator's.
        is_robot: it is a robot account's.
    """

    checks: tuple[CheckResult, ...]
    is_robot: bool = False


async def detect(http: RegistryHttpClient) -> tuple[CheckResult, wire.Components | None]:
    """Find out whether a Harbor answers here, and how its components are."""
    response = await http.get(f"{API_PATH}/health", anonymous=True)
    if response.status == 200 and not is_web_page(response):
        try:
            health = parse_json(http.name, response, wire.COMPONENTS_ADAPTER)
        except ServerError:
            return _not_harbor_check("something answers, but not as a Harbor does"), None
        return _kind_check(ConditionStatus.TRUE, Reason.SUPPORTED, "a Harbor answers"), health
    if 300 <= response.status < 400:
        target = response.headers.get("location", "")
        return _redirect_check(target), None
    return await _identify_other(http, response), None


async def _identify_other(http: RegistryHttpClient, response: Response) -> CheckResult:
    ping = await http.get("/v2/", anonymous=True)
    if "docker-distribution-api-version" in ping.headers:
        return _kind_check(
            ConditionStatus.FALSE,
            Reason.WRONG_KIND,
            "a Docker Registry answers here, not a Harbor",
            "choose the type 'Docker Registry'",
        )
    if is_web_page(response) or is_web_page(ping):
        return _not_harbor_check("a web page answers here, no registry")
    return _not_harbor_check(f"{API_PATH}/health answered {response.status}")


def _redirect_check(target: str) -> CheckResult:
    location = target.partition("?")[0][:120]
    return _kind_check(
        ConditionStatus.FALSE,
        Reason.REDIRECTED,
        f"the address only points on to {location}",
        "integrate the address that it points to; credentials do not follow redirects",
    )


def _not_harbor_check(message: str) -> CheckResult:
    advice = "check the address; a Harbor's is the one its web console has"
    # Not proved: a proxy's maintenance page, or an answer cut short, looks the same.
    return _kind_check(
        ConditionStatus.FALSE, Reason.NOT_A_REGISTRY, message, advice, confirmed=False
    )


def _kind_check(
    status: ConditionStatus,
    reason: Reason,
    message: str,
    advice: str = "",
    *,
    confirmed: bool = True,
) -> CheckResult:
    step = "Is it a Harbor"
    return checks.supported_check(status, reason, message, advice, confirmed=confirmed, step=step)


async def authenticate(
    http: RegistryHttpClient,
    username: str,
    health: wire.Components,
    lockout_policy: LockoutPolicy,
    *,
    credential_refused: bool,
) -> AuthResult:
    """Prove the credential, and find out whether it is an administrator's.

    Args:
        credential_refused: it was refused before, so one try is enough: each costs everybody a
            lock.
    """
    response = await http.get(f"{API_PATH}/users/current")
    if response.status == 401 and not credential_refused and "database" not in health.unhealthy:
        await asyncio.sleep(lockout_policy.pause_seconds)
        response = await http.get(f"{API_PATH}/users/current")
    if response.status == 401:
        return AuthResult(checks=(_refusal_check(response, health, lockout_policy),))
    accepted_check = _authenticated_check(
        ConditionStatus.TRUE, Reason.CREDENTIALS_ACCEPTED, f"{username} is known"
    )
    if response.status == 412:  # Harbor's word for "you are a robot"
        robot = await _find_own_robot(http, username)
        return AuthResult(
            checks=(accepted_check, checks.robot_rights_check(robot, username)), is_robot=True
        )
    user = parse_json(http.name, raise_for_status(http.name, response), wire.USER_ADAPTER)
    status = ConditionStatus.TRUE if user.is_admin else ConditionStatus.FALSE
    word = "is" if user.is_admin else "is no"
    message = f"{username} {word} system administrator"
    return AuthResult(checks=(accepted_check, checks.administrator_check(status, message)))


def _refusal_check(
    response: Response, health: wire.Components, lockout_policy: LockoutPolicy
) -> CheckResult:
    """A 401 is believed only if the database is up and Harbor took its time to compare."""
    if "database" in health.unhealthy:
        message = "refused while Harbor's database is down, which says nothing about the password"
        return _authenticated_check(
            ConditionStatus.UNKNOWN, Reason.CREDENTIALS_UNPROVED, message, confirmed=False
        )
    if response.seconds < lockout_policy.min_compare_seconds:
        message = (
            "refused at once: the account is locked just now, or Harbor's database has trouble"
        )
        return _authenticated_check(
            ConditionStatus.FALSE,
            Reason.UNAUTHORIZED,
            message,
            "wait a minute and try again; if it stays, check the password",
            confirmed=False,
        )
    return _authenticated_check(
        ConditionStatus.FALSE,
        Reason.BAD_CREDENTIALS,
        "user name or password is wrong",
        "put the right ones into the registry-credentials block "
        "(user names are case-sensitive; under OIDC use the local admin or a robot)",
    )


def _authenticated_check(
    status: ConditionStatus,
    reason: Reason,
    message: str,
    advice: str = "",
    *,
    confirmed: bool = True,
) -> CheckResult:
    return CheckResult(
        type=ConditionType.AUTHENTICATED,
        status=status,
        reason=reason,
        message=message,
        advice=advice,
        confirmed=confirmed,
        step="Credentials right",
    )


async def _find_own_robot(http: RegistryHttpClient, username: str) -> Robot | None:
    """Find our own robot account; it is listed under its name without the configurable prefix."""
    bare = username.rpartition("$")[2]
    for query in ({"q": f"name={bare}"}, {}):
        response = await http.get(f"{API_PATH}/robots", {"page_size": 100, **query})
        if response.status in (401, 403):
            return None
        try:
            robots = parse_json(http.name, raise_for_status(http.name, response), ROBOTS_ADAPTER)
        except NotFound:
            return None
        for robot in robots:
            if robot.name == username:
                return robot
    return None
