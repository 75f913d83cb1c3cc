"""Logins that real servers, token services and proxies require."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from deployments.simulators.docker_registry import SimulatedDockerRegistry, TokenAuth
from models.core.availability import Complete
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.health import first_failure
from models.registries.registry import Kind
from tasks.registries.protocol import Credential
from tests.conftest import REGISTRY_USERS
from tests.real.docker_registry import push, running_docker_registry
from tests.real.nginx import running_nginx
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    USER,
    items,
    observe_registry,
    open_client,
    probe_registry,
    statuses_by_type,
    unavailable_reason,
    with_wrong_password,
)

ACCEPTED = (ConditionStatus.TRUE, Reason.CREDENTIALS_ACCEPTED)
OPEN = (ConditionStatus.TRUE, Reason.NO_AUTHENTICATION)
CATALOG_READ = (ConditionStatus.TRUE, Reason.CATALOG_READ)
_BASIC = USER.basic_auth_headers["Authorization"]


@dataclass
class ScriptedRegistry:
    """A registry with one repository whose challenges and token service a test scripts.

    Attributes:
        challenge: answers an unauthorized request, with `{url}` for its own address.
        token: answers a request for a token.
        accepts: whether an `Authorization` header opens a path.
        content_type: of a 401.
        requests: method, path with query, and scheme of each request.
    """

    challenge: Callable[[str], str]
    token: Callable[[Request], Response] = lambda _: PlainTextResponse("no token service", 404)
    accepts: Callable[[str, str], bool] = lambda _, authorization: authorization == _BASIC
    content_type: str = "application/json"
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        authorization = request.headers.get("authorization", "")
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.requests.append((request.method, target, authorization.partition(" ")[0]))
        await self._respond(request, authorization)(scope, receive, send)

    def _respond(self, request: Request, authorization: str) -> Response:
        path = request.url.path
        if not path.startswith("/v2/"):
            return self.token(request)
        if self.accepts(path, authorization):
            catalog = {"repositories": ["team/app"]}
            return JSONResponse(catalog if path == "/v2/_catalog" else {})
        headers = {
            "Content-Type": self.content_type,
            "WWW-Authenticate": self.challenge(path).format(url=f"http://{request.url.netloc}"),
        }
        return Response(b"<html>401 Authorization Required</html>", 401, headers)


def _bearer(path: str) -> str:
    return 'Bearer realm="{url}/token",service="reg"'


def _token(request: Request) -> Response:
    """Issue tokens to the user, as most services do."""
    if request.headers.get("authorization") != _BASIC:
        return PlainTextResponse("denied", 401)
    return JSONResponse({"token": "t"})


def _accepts_token(path: str, authorization: str) -> bool:
    return authorization == "Bearer t"


async def _statuses(
    registry: ScriptedRegistry, credential: Credential | None = USER
) -> dict[ConditionType, tuple[ConditionStatus, Reason]]:
    with serving(registry.app) as url:
        return statuses_by_type((await observe_registry(url, Kind.DOCKER, credential)).checks)


async def _failure(registry: ScriptedRegistry, credential: Credential | None = USER) -> CheckResult:
    with serving(registry.app) as url:
        failure = first_failure(await probe_registry(url, Kind.DOCKER, credential))
    assert failure is not None
    return failure


@pytest.mark.parametrize(
    "challenge",
    [
        'Basic realm="x"',
        "Basic",
        "basic Realm=x",
        'Negotiate, Basic realm="x"',
        'Negotiate YIIB6wYG=, Basic realm="x"',
        'Digest realm="x", nonce="n,=", Basic realm = "x y" , charset="UTF-8"',
    ],
)
@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
async def test_any_basic_challenge_is_answered(challenge: str, content_type: str) -> None:
    registry = ScriptedRegistry(lambda _: challenge, content_type=content_type)
    statuses = await _statuses(registry)
    assert (statuses[ConditionType.AUTHENTICATED], statuses[ConditionType.CATALOG]) == (
        ACCEPTED,
        CATALOG_READ,
    )
    assert (await _failure(registry, with_wrong_password(USER))).reason is Reason.BAD_CREDENTIALS


@pytest.mark.parametrize(
    ("challenge", "target"),
    [
        ('Bearer realm="{url}/token",service="reg"', "/token?service=reg&scope={scope}"),
        ("Bearer realm={url}/token,service=reg", "/token?service=reg&scope={scope}"),
        ('Bearer Realm = "{url}/token" , service= "reg"', "/token?service=reg&scope={scope}"),
        ('Bearer realm="{url}/token"', "/token?scope={scope}"),
        ('Bearer realm="/token",service="reg"', "/token?service=reg&scope={scope}"),
        (
            'Bearer realm="{url}/token?tenant=a&empty=",service="a b"',
            "/token?tenant=a&empty=&service=a+b&scope={scope}",
        ),
        ('Basic realm="x", Bearer realm="{url}/token"', "/token?scope={scope}"),
    ],
)
async def test_any_bearer_challenge_is_answered(challenge: str, target: str) -> None:
    registry = ScriptedRegistry(
        lambda _: challenge, _token, _accepts_token, content_type="text/html"
    )
    statuses = await _statuses(registry)
    assert (statuses[ConditionType.AUTHENTICATED], statuses[ConditionType.CATALOG]) == (
        ACCEPTED,
        CATALOG_READ,
    )
    scope = "registry%3Acatalog%3A%2A"
    tokens = [request[1] for request in registry.requests if request[1].startswith("/token")]
    assert [token.replace("*", "%2A").replace("%20", "+") for token in tokens] == [
        target.format(scope=scope)
    ]


@pytest.mark.parametrize("body", [{"access_token": "t"}, {"token": "t", "refresh_token": "r"}])
async def test_a_token_may_have_either_name(body: dict[str, str]) -> None:
    registry = ScriptedRegistry(_bearer, lambda _: JSONResponse(body), _accepts_token)
    assert (await _statuses(registry))[ConditionType.AUTHENTICATED] == ACCEPTED


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refused_catalog_scope_concerns_the_catalog_only(status: int) -> None:
    def token(request: Request) -> Response:
        if "catalog" in request.query_params.get("scope", ""):
            return JSONResponse({"errors": [{"code": "DENIED"}]}, status)
        return _token(request)

    registry = ScriptedRegistry(
        lambda path: _bearer(path) + (',scope="registry:catalog:*"' if "catalog" in path else ""),
        token,
        lambda path, authorization: path == "/v2/" and authorization == "Bearer t",
    )
    with serving(registry.app) as url:
        snapshot = await observe_registry(url, Kind.DOCKER, USER)
    assert statuses_by_type(snapshot.checks) == {
        ConditionType.SUPPORTED: (ConditionStatus.TRUE, Reason.SUPPORTED),
        ConditionType.AUTHENTICATED: ACCEPTED,
        ConditionType.CATALOG: (ConditionStatus.FALSE, Reason.CATALOG_FORBIDDEN),
    }
    assert snapshot.first_unavailable is None
    assert (await _failure(registry, with_wrong_password(USER))).reason is Reason.BAD_CREDENTIALS


async def test_the_scope_that_the_catalog_names_is_requested() -> None:
    scope = "repository::pull"
    registry = ScriptedRegistry(
        lambda path: _bearer(path) + (f',scope="{scope}"' if "catalog" in path else ""),
        lambda request: JSONResponse(
            {"token": "wide" if request.query_params.get("scope") == scope else "t"}
        ),
        lambda path, authorization: (
            authorization == ("Bearer wide" if "catalog" in path else "Bearer t")
        ),
    )
    assert (await _statuses(registry))[ConditionType.CATALOG] == CATALOG_READ


async def test_a_registry_that_refuses_the_token_of_its_service() -> None:
    registry = ScriptedRegistry(
        lambda path: _bearer(path) + ',error="invalid_token"', _token, lambda *_: False
    )
    failure = await _failure(registry)
    assert (failure.type, failure.reason) == (ConditionType.AUTHENTICATED, Reason.TOKEN_REJECTED)
    assert "invalid_token" in failure.message
    assert "clock" in failure.advice


@pytest.mark.parametrize("status", [500, 503, 404, 429])
async def test_a_token_service_that_is_down(status: int) -> None:
    registry = ScriptedRegistry(_bearer, lambda _: PlainTextResponse("", status), _accepts_token)
    with serving(registry.app) as url:
        failure = first_failure(await probe_registry(url, Kind.DOCKER, USER))
    assert failure is not None
    assert failure.type is ConditionType.AUTHENTICATED
    assert f"the token service {url}" in failure.message
    assert (failure.reason is Reason.TOKEN_SERVICE_UNREACHABLE) is (status != 404)
    assert failure.confirmed is (status == 404)


async def test_a_token_service_that_is_not_there() -> None:
    registry = ScriptedRegistry(lambda _: 'Bearer realm="http://127.0.0.1:9/token"')
    with serving(registry.app) as url:
        service = "http://127.0.0.1:9"
        async with open_client(url, Kind.DOCKER, USER, token_service=service) as client:
            failure = first_failure(await client.probe())
    assert failure is not None
    assert (failure.type, failure.reason) == (
        ConditionType.AUTHENTICATED,
        Reason.TOKEN_SERVICE_UNREACHABLE,
    )
    assert "http://127.0.0.1:9" in failure.message


async def test_a_token_endpoint_for_post_only() -> None:
    def token(request: Request) -> Response:
        if request.method != "POST":
            return PlainTextResponse("", 405)
        forms.append(request._body)
        return JSONResponse({"access_token": "t"})

    forms: list[bytes] = []
    registry = ScriptedRegistry(_bearer, token, _accepts_token)
    assert (await _statuses(registry))[ConditionType.AUTHENTICATED] == ACCEPTED
    form = b"service=reg&scope=registry%3Acatalog%3A%2A&grant_type=password"
    assert forms[0].replace(b"*", b"%2A").startswith(form)
    assert b"username=user&password=pw" in forms[0]
    assert all("pw" not in target for _, target, _ in registry.requests)


async def test_an_anonymous_token_is_enough_where_no_credential_is_given() -> None:
    def token(request: Request) -> Response:
        return JSONResponse({"token": "t"}, 401 if "authorization" in request.headers else 200)

    registry = ScriptedRegistry(_bearer, token, _accepts_token)
    statuses = await _statuses(registry, None)
    assert (statuses[ConditionType.AUTHENTICATED], statuses[ConditionType.CATALOG]) == (
        OPEN,
        CATALOG_READ,
    )


@pytest.mark.parametrize("refused", [True, False])
async def test_credentials_are_missing_if_anonymous_tokens_are_useless(refused: bool) -> None:
    registry = ScriptedRegistry(_bearer, _token, _accepts_token)
    if not refused:
        registry.token = lambda _: JSONResponse({"token": "x"})
    assert (await _failure(registry, None)).reason is Reason.CREDENTIALS_MISSING


async def test_a_given_credential_is_sent_and_proved_where_strangers_may_read() -> None:
    registry = ScriptedRegistry(
        lambda _: 'Basic realm="x"', accepts=lambda _, header: header in ("", _BASIC)
    )
    statuses = await _statuses(registry)
    assert statuses[ConditionType.AUTHENTICATED] == OPEN
    assert [scheme for _, _, scheme in registry.requests] == ["", "Basic", "Basic"]
    assert (await _failure(registry, with_wrong_password(USER))).reason is Reason.BAD_CREDENTIALS


@pytest.mark.parametrize(
    ("password", "hint"),
    [
        ("pw\n", "ends with a line break"),
        ("pw\r\n", "ends with a line break"),
        (" pw", "begins or ends with a blank"),
        ("wrong", ""),
    ],
)
async def test_a_password_with_a_line_break_is_told(password: str, hint: str) -> None:
    credential = Credential("user", SecretStr(password))
    failure = await _failure(ScriptedRegistry(lambda _: 'Basic realm="x"'), credential)
    assert failure.reason is Reason.BAD_CREDENTIALS
    assert failure.message.endswith(hint or "is wrong")


async def test_only_what_cannot_be_answered_is_no_registry() -> None:
    failure = await _failure(ScriptedRegistry(lambda _: "Negotiate, NTLM"))
    assert failure.reason is Reason.NOT_A_REGISTRY
    assert "negotiate, ntlm" in failure.message


@pytest.fixture(scope="module")
def real_nginx() -> Iterator[str]:
    """nginx with `auth_basic` before an open docker-registry with one repository."""
    with ExitStack() as stack:
        upstream = stack.enter_context(running_docker_registry())
        push(upstream, "team/app", "v1")
        yield stack.enter_context(running_nginx(upstream, REGISTRY_USERS))


async def test_nginx_before_a_docker_registry(real_nginx: str) -> None:
    snapshot = await observe_registry(real_nginx, Kind.DOCKER, USER)
    assert [space.name for space in items(snapshot)] == ["team"]
    for credential, reason in (
        (with_wrong_password(USER), Reason.BAD_CREDENTIALS),
        (None, Reason.CREDENTIALS_MISSING),
    ):
        refused = await observe_registry(real_nginx, Kind.DOCKER, credential)
        assert unavailable_reason(refused) is reason


async def test_plain_http_to_a_port_for_https() -> None:
    ca = trustme.CA().issue_cert("127.0.0.1")
    with ExitStack() as stack:
        chain = stack.enter_context(ca.cert_chain_pems[0].tempfile())
        key = stack.enter_context(ca.private_key_pem.tempfile())
        cert = Path(chain), Path(key)
        registry = stack.enter_context(running_docker_registry(cert=cert))
        proxy = stack.enter_context(running_nginx(registry, REGISTRY_USERS, cert))
        for url in (registry, proxy):
            address = url.replace("https", "http")
            for kind in (Kind.DOCKER, Kind.HARBOR):
                failure = first_failure(await probe_registry(address, kind, USER))
                assert failure is not None
                assert failure.reason is Reason.TLS_MISSING
                assert failure.advice == "use an address with https://"


async def test_a_token_service_may_grant_a_catalog_only_to_some() -> None:
    simulated = SimulatedDockerRegistry(TokenAuth(REGISTRY_USERS), catalog="forbidden")
    with serving(simulated.app) as url:
        snapshot = await observe_registry(url, Kind.DOCKER, USER)
    assert not isinstance(snapshot.spaces, Complete)
    assert statuses_by_type(snapshot.checks)[ConditionType.AUTHENTICATED] == ACCEPTED
