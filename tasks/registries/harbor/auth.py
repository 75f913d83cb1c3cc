"""Detect and authenticate to Harbor.

Harbor does not reject a wrong password directly: it treats the caller as anonymous and locks the
account for 1.5 s for all clients. The response is the same while its database is down.
"""

import asyncio

from models.core.base import FrozenModel
from models.core.errors import NotFound, ServerError
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from tasks.http.client import HttpClient
from tasks.http.response import Response
from tasks.registries.harbor import checks, wire
from tasks.registries.harbor.robot_wire import ROBOTS_ADAPTER, Robot
from tasks.registries.protocol import Credential
from tasks.registries.wire import describe_bad_request, is_web_page, parse_json, raise_for_status

API_PATH = "/api/v2.0"


class LockoutPolicy(FrozenModel):
    """When a 401 is accepted as a wrong password.

    Attributes:
        pause_seconds: seconds until the second attempt; longer than Harbor's lock of 1.5 s.
        min_compare_seconds: minimum seconds Harbor needs to compare a password; a faster 401 means
            a locked account or a database fault.
    """

    pause_seconds: float = 2.1
    min_compare_seconds: float = 1.2


class AuthResult(FrozenModel):
    """Result of an authentication.

    Attributes:
        checks: whether the credential is accepted, and whether it has administrator rights.
        is_robot: whether the credential belongs to a robot account.
    """

    checks: tuple[CheckResult, ...]
    is_robot: bool = False


async def detect(http: HttpClient) -> tuple[CheckResult, wire.HealthResponse | None]:
    """Return whether the address is a Harbor, and the health of its components.

    The components are None if it is not.

    Raises:
        RemoteError: no response, or an invalid one.
    """
    response = await http.get(f"{API_PATH}/health", anonymous=True)
    if response.status == 200 and not is_web_page(response):
        try:
            health = parse_json(response, wire.COMPONENTS_ADAPTER)
        except ServerError:
            return _not_harbor_check("the response is not from a Harbor"), None
        return _kind_check(ConditionStatus.TRUE, Reason.SUPPORTED, "this is a Harbor"), health
    if 300 <= response.status < 400:
        target = response.headers.get("location", "")
        return _redirect_check(target), None
    return await _identify_other(http, response), None


async def _identify_other(http: HttpClient, response: Response) -> CheckResult:
    if failure := describe_bad_request(response):
        return _kind_check(ConditionStatus.FALSE, *failure)
    ping = await http.get("/v2/", anonymous=True)
    if "docker-distribution-api-version" in ping.headers:
        return _kind_check(
            ConditionStatus.FALSE,
            Reason.WRONG_KIND,
            "this is a Docker Registry, not a Harbor",
            "choose the type 'Docker Registry'",
        )
    if is_web_page(response) or is_web_page(ping):
        return _not_harbor_check("this is a web page, not a registry")
    return _not_harbor_check(f"{API_PATH}/health answered {response.status}")


def _redirect_check(target: str) -> CheckResult:
    location = target.partition("?")[0][:120]
    return _kind_check(
        ConditionStatus.FALSE,
        Reason.REDIRECTED,
        f"the address redirects to {location}",
        "use the target address; credentials do not follow redirects",
    )


def _not_harbor_check(message: str) -> CheckResult:
    advice = "check the address: use the address of Harbor's web console"
    # Not confirmed: the maintenance page of a proxy and a truncated response look the same.
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
    http: HttpClient,
    credential: Credential,
    health: wire.HealthResponse,
    lockout_policy: LockoutPolicy,
    *,
    credential_refused: bool,
) -> AuthResult:
    """Check the credential, and whether it has administrator rights.

    Args:
        http: HTTP client with the credential.
        credential: the credential, for messages.
        health: health of Harbor's components, see `detect`.
        lockout_policy: when to accept a 401 as a wrong password.
        credential_refused: whether the credential was refused before. Then it is tried only once,
            since each attempt locks the account for all clients.

    Raises:
        RemoteError: no response, or an invalid one.
    """
    response = await http.get(f"{API_PATH}/users/current")
    if response.status == 401 and not credential_refused and "database" not in health.unhealthy:
        await asyncio.sleep(lockout_policy.pause_seconds)
        response = await http.get(f"{API_PATH}/users/current")
    if response.status == 401:
        return AuthResult(checks=(_refusal_check(response, credential, health, lockout_policy),))
    username = credential.username
    accepted_check = _authenticated_check(
        ConditionStatus.TRUE,
        Reason.CREDENTIALS_ACCEPTED,
        f"the credentials of {username} are accepted",
    )
    if response.status == 412:  # Harbor answers 412 to a robot account
        robot = await _find_own_robot(http, username)
        return AuthResult(
            checks=(accepted_check, checks.robot_rights_check(robot, username)), is_robot=True
        )
    user = parse_json(raise_for_status(response), wire.USER_ADAPTER)
    status = ConditionStatus.TRUE if user.is_admin else ConditionStatus.FALSE
    verb = "is" if user.is_admin else "is not"
    message = f"{username} {verb} a system administrator"
    return AuthResult(checks=(accepted_check, checks.administrator_check(status, message)))


def _refusal_check(
    response: Response,
    credential: Credential,
    health: wire.HealthResponse,
    lockout_policy: LockoutPolicy,
) -> CheckResult:
    # A 401 proves a wrong password only if the database is healthy and the response was slow
    # enough for a password comparison.
    if "database" in health.unhealthy:
        message = "refused while Harbor's database is down; the password may still be correct"
        return _authenticated_check(
            ConditionStatus.UNKNOWN, Reason.CREDENTIALS_UNPROVED, message, confirmed=False
        )
    if response.seconds < lockout_policy.min_compare_seconds:
        message = (
            "refused without a password check: the account is locked, or Harbor's database is down"
        )
        return _authenticated_check(
            ConditionStatus.FALSE,
            Reason.UNAUTHORIZED,
            message,
            "try again in a minute; if the error persists, check the password",
            confirmed=False,
        )
    return _authenticated_check(
        ConditionStatus.FALSE,
        Reason.BAD_CREDENTIALS,
        f"the user name or password is wrong{credential.hint}",
        "correct them in the registry-credentials block (user names are case-sensitive; with OIDC, "
        "use the local admin or a robot account)",
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


async def _find_own_robot(http: HttpClient, username: str) -> Robot | None:
    # `q` matches the name without Harbor's configurable prefix; the list shows it with the prefix.
    bare_name = username.rpartition("$")[2]
    for query in ({"q": f"name={bare_name}"}, {}):
        response = await http.get(f"{API_PATH}/robots", {"page_size": 100, **query})
        if response.status in (401, 403):
            return None
        try:
            robots = parse_json(raise_for_status(response), ROBOTS_ADAPTER)
        except NotFound:
            return None
        for robot in robots:
            if robot.name == username:
                return robot
    return None
