"""Log in to a Docker Registry: basic or token authentication, without leaking the password.

A credential that is given is always sent, also to a registry that answers anonymous requests.
"""

from pydantic import ConfigDict, Field

from models.core.base import FrozenModel
from models.core.errors import RemoteError, Unauthorized
from models.registries.condition import CheckResult, ConditionStatus
from models.registries.registry import Registry
from tasks.http.client import HttpClient
from tasks.http.response import Response
from tasks.registries.docker import checks
from tasks.registries.docker.challenge import select_challenge
from tasks.registries.docker.tokens import REFUSALS, TokenService
from tasks.registries.protocol import Credential
from tasks.registries.wire import raise_for_status

_CATALOG_SCOPE = "registry:catalog:*"


class LoginResult(FrozenModel):
    """Result of a login.

    Attributes:
        checks: check results; the first false one ended the login.
        authorization: value of the `Authorization` header; empty without authentication.
        token_service: issues tokens with other scopes; None with basic authentication.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    checks: tuple[CheckResult, ...]
    authorization: str = Field(default="", repr=False)
    token_service: TokenService | None = Field(default=None, repr=False)


async def log_in(
    http: HttpClient,
    registry: Registry,
    credential: Credential | None,
    *,
    needs_catalog: bool = True,
) -> LoginResult:
    """Request `/v2/` and answer its authentication challenge, if any.

    Args:
        http: HTTP client of the registry.
        registry: the registry, with the token service that may receive the credential.
        credential: credential to log in with; None for a registry without authentication.
        needs_catalog: whether the first token is requested for the catalog; a wrong password is
            sent once more then.

    Raises:
        RemoteError: no response, or an invalid one.
    """
    response = await http.get("/v2/", anonymous=True)
    kind_check = checks.kind_check(response)
    if kind_check.status is ConditionStatus.FALSE:
        return LoginResult(checks=(kind_check,))
    login = await _answer(http, registry, credential, response, needs_catalog=needs_catalog)
    return login.model_copy(update={"checks": (kind_check, *login.checks)})


async def _answer(
    http: HttpClient,
    registry: Registry,
    credential: Credential | None,
    response: Response,
    *,
    needs_catalog: bool,
) -> LoginResult:
    is_open = response.status == 200
    if credential is not None and is_open:
        response = await http.get("/v2/", headers=credential.basic_auth_headers)
    challenge = select_challenge(response.headers.get("www-authenticate", ""))
    if response.status == 401 and challenge is not None and challenge.scheme == "bearer":
        service = TokenService(http, registry, credential, challenge)
        return await _log_in_with_token(http, service, credential, needs_catalog=needs_catalog)
    if credential is None:
        return _failed(checks.missing_credentials_check()) if not is_open else _open(None)
    if not is_open:
        response = await http.get("/v2/", headers=credential.basic_auth_headers)
    try:
        raise_for_status(response)
    except Unauthorized:
        return _failed(checks.bad_credentials_check(credential))
    if is_open:
        return _open(credential)
    return LoginResult(
        checks=(checks.accepted_check(credential.username),),
        authorization=credential.basic_auth_headers["Authorization"],
    )


def _failed(check: CheckResult) -> LoginResult:
    return LoginResult(checks=(check,))


def _open(credential: Credential | None) -> LoginResult:
    authorization = credential.basic_auth_headers["Authorization"] if credential else ""
    return LoginResult(checks=(checks.open_check(credential),), authorization=authorization)


async def _log_in_with_token(
    http: HttpClient, service: TokenService, credential: Credential | None, *, needs_catalog: bool
) -> LoginResult:
    if not service.is_trusted:
        return _failed(checks.foreign_realm_check(service.endpoint.origin))
    try:
        token = await _request_first_token(service, needs_catalog=needs_catalog)
    except REFUSALS as error:
        return _failed(_refusal_check(error, credential))
    except RemoteError as error:
        return _failed(checks.token_service_check(error))
    authorization = f"Bearer {token}"
    response = await http.get("/v2/", headers={"Authorization": authorization})
    if response.status == 401:
        return _failed(_rejection_check(service, credential, response))
    raise_for_status(response)
    check = checks.accepted_check(credential.username) if credential else checks.open_check(None)
    return LoginResult(checks=(check,), authorization=authorization, token_service=service)


async def _request_first_token(service: TokenService, *, needs_catalog: bool) -> str:
    if not needs_catalog:
        return await service.request_token(service.challenge.scope)
    # The scope of the catalog is requested first, since it saves a second token. Some token
    # services refuse a login for it that is otherwise good (GHCR, for example, always does).
    try:
        return await service.request_token(_CATALOG_SCOPE)
    except REFUSALS:
        return await service.request_token(service.challenge.scope)


def _refusal_check(error: RemoteError, credential: Credential | None) -> CheckResult:
    if credential is None:
        return checks.missing_credentials_check()
    if isinstance(error, REFUSALS[:2]):
        return checks.bad_credentials_check(credential)
    return checks.token_service_check(error)


def _rejection_check(
    service: TokenService, credential: Credential | None, response: Response
) -> CheckResult:
    if credential is None:
        return checks.missing_credentials_check()
    challenge = select_challenge(response.headers.get("www-authenticate", ""))
    return checks.rejected_token_check(
        service.endpoint.origin, challenge.error[:80] if challenge else ""
    )


async def renew_authorization(login: LoginResult, response: Response) -> str:
    """Return a new `Authorization` header for the scope that a 401 names.

    Tokens expire, and each path may require another scope.

    Args:
        login: the login, whose token service issues the token.
        response: the 401.

    Returns:
        The value of the header; empty without a token service, or if it refuses the scope.

    Raises:
        RemoteError: the token service did not answer with a token.
    """
    challenge = select_challenge(response.headers.get("www-authenticate", ""))
    if login.token_service is None or challenge is None:
        return ""
    try:
        return f"Bearer {await login.token_service.request_token(challenge.scope)}"
    except REFUSALS:
        return ""
