"""Log in to a Docker Registry: basic or token authentication, without leaking the password."""

import base64
from urllib.parse import urlsplit

from pydantic import Field

from models.core.base import FrozenModel
from models.core.errors import ServerError, Unauthorized
from models.core.reasons import Reason
from models.registries.address import parse_address
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.registry import Registry
from tasks.http.client import HttpClient
from tasks.http.response import Response
from tasks.registries.docker import wire
from tasks.registries.protocol import Credential
from tasks.registries.wire import is_web_page, parse_json, raise_for_status

_CATALOG_SCOPE = "registry:catalog:*"


class LoginResult(FrozenModel):
    """Result of a login.

    Attributes:
        checks: check results; the first false one ended the login.
        authorization: value of the `Authorization` header; empty without authentication.
    """

    checks: tuple[CheckResult, ...]
    authorization: str = Field(default="", repr=False)


async def log_in(
    http: HttpClient, registry: Registry, credential: Credential | None
) -> LoginResult:
    """Request `/v2/` and answer its authentication challenge, if any.

    Args:
        http: HTTP client of the registry.
        registry: the registry, with the token service that may receive the credential.
        credential: credential to log in with; None for a registry without authentication.

    Raises:
        RemoteError: no response, or an invalid one.
    """
    response = await http.get("/v2/", anonymous=True)
    challenge = wire.parse_challenge(response.headers.get("www-authenticate", ""))
    kind = _kind_check(response, challenge)
    if kind.status is ConditionStatus.FALSE:
        return LoginResult(checks=(kind,))
    if response.status == 200:
        message = "this registry requires no authentication"
        return LoginResult(checks=(kind, _authenticated_check(Reason.NO_AUTHENTICATION, message)))
    if credential is None:
        missing = _refused_check(
            Reason.CREDENTIALS_MISSING,
            "this registry requires credentials and none are configured",
            "choose a registry-credentials block",
        )
        return LoginResult(checks=(kind, missing))
    if challenge.scheme == "bearer":
        return await _log_in_with_token(http, registry, credential, challenge, kind)
    return await _try_authorization(
        http, kind, _basic_authorization(credential), credential.username
    )


def _basic_authorization(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.password.get_secret_value()}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


async def _log_in_with_token(
    http: HttpClient,
    registry: Registry,
    credential: Credential,
    challenge: wire.Challenge,
    kind: CheckResult,
) -> LoginResult:
    origin, path = _split_realm(challenge.realm)
    if not _is_trusted_origin(origin, registry):
        foreign = _refused_check(
            Reason.FOREIGN_TOKEN_REALM,
            f"the registry requires a token from another host: {origin[:120]}",
            "if you trust that token service, set it as 'Token service' of this registry",
        )
        return LoginResult(checks=(kind, foreign))
    query = {"service": challenge.service, "scope": _CATALOG_SCOPE}
    response = await http.send(
        "GET",
        path,
        query=query,
        headers={"Authorization": _basic_authorization(credential)},
        origin=origin,
    )
    try:
        token = parse_json(raise_for_status(response), wire.TOKEN_ADAPTER)
    except Unauthorized:
        return LoginResult(checks=(kind, _bad_credentials_check()))
    if not token.bearer:
        raise ServerError(http.target, "GET", response.url, "answered 200 without a token")
    return await _try_authorization(http, kind, f"Bearer {token.bearer}", credential.username)


def _split_realm(realm: str) -> tuple[str, str]:
    try:
        parts = urlsplit(realm)
    except ValueError:
        return realm, "/"
    return f"{parts.scheme}://{parts.netloc}", parts.path or "/"


def _is_trusted_origin(origin: str, registry: Registry) -> bool:
    try:
        canonical = parse_address(origin).origin
    except ValueError:
        return False
    return canonical in (registry.address, registry.token_service)


async def _try_authorization(
    http: HttpClient, kind: CheckResult, authorization: str, username: str
) -> LoginResult:
    response = await http.get("/v2/", headers={"Authorization": authorization})
    try:
        raise_for_status(response)
    except Unauthorized:
        return LoginResult(checks=(kind, _bad_credentials_check()))
    check = _authenticated_check(
        Reason.CREDENTIALS_ACCEPTED, f"the credentials of {username} are accepted"
    )
    return LoginResult(checks=(kind, check), authorization=authorization)


def _kind_check(response: Response, challenge: wire.Challenge) -> CheckResult:
    failure: tuple[Reason, str, str] | None = None
    if challenge.is_harbor:
        advice = "choose the type 'Harbor'"
        failure = Reason.WRONG_KIND, "this is a Harbor, not a Docker Registry", advice
    elif 300 <= response.status < 400:
        target = response.headers.get("location", "").partition("?")[0][:120]
        advice = "use the target address; credentials do not follow redirects"
        failure = Reason.REDIRECTED, f"the address redirects to {target}", advice
    elif is_web_page(response):
        detail = "this is a web page, not a registry"
        failure = Reason.NOT_A_REGISTRY, detail, "check the address"
    elif response.status != 200 and challenge.scheme not in ("basic", "bearer"):
        detail = f"/v2/ answered {response.status}, which is not valid for a Docker Registry"
        failure = Reason.NOT_A_REGISTRY, detail, "check the address"
    reason, message, advice = failure or (Reason.SUPPORTED, "this is a Docker Registry", "")
    return CheckResult(
        type=ConditionType.SUPPORTED,
        status=ConditionStatus.FALSE if failure else ConditionStatus.TRUE,
        reason=reason,
        message=message,
        advice=advice,
        # Not confirmed: the maintenance page of a proxy and a truncated response look the same.
        confirmed=reason is not Reason.NOT_A_REGISTRY,
        step="Is it a Docker Registry",
    )


def _bad_credentials_check() -> CheckResult:
    return _refused_check(
        Reason.BAD_CREDENTIALS,
        "the user name or password is wrong",
        "correct them in the registry-credentials block",
    )


def _authenticated_check(reason: Reason, message: str) -> CheckResult:
    return CheckResult(
        type=ConditionType.AUTHENTICATED,
        status=ConditionStatus.TRUE,
        reason=reason,
        message=message,
        step="Credentials right",
    )


def _refused_check(reason: Reason, message: str, advice: str) -> CheckResult:
    return _authenticated_check(reason, message).model_copy(
        update={"status": ConditionStatus.FALSE, "advice": advice}
    )
