"""Getting into a Docker Registry, simulated and real, without leaking a password."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from starlette.responses import HTMLResponse, Response

from deployments.simulators.docker_registry import BasicAuth, SimulatedDockerRegistry, TokenAuth
from deployments.simulators.faults import Fault, FaultInjector, Redirect, Respond
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.health import first_failure
from models.registries.registry import Kind
from tasks.registries.protocol import Credential
from tests.conftest import REGISTRY_USERS
from tests.real.docker_registry import running_docker_registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    USER,
    Recorder,
    harbor,
    open_client,
    probe_registry,
    statuses_by_type,
    unavailable_reason,
    with_wrong_password,
)

SUPPORTED = (ConditionStatus.TRUE, Reason.SUPPORTED)
HTML = (("Content-Type", "text/html"),)


@contextmanager
def _registry(which: str, users: dict[str, str] | None) -> Iterator[str]:
    if which == "real":
        with running_docker_registry(users=users) as url:
            yield url
    else:
        simulated = SimulatedDockerRegistry(BasicAuth(users) if users else None)
        with serving(simulated.app) as url:
            yield url


async def _probe(url: str, credential: Credential | None = USER) -> tuple[CheckResult, ...]:
    return await probe_registry(url, Kind.DOCKER, credential)


def _expect_failure(checks: tuple[CheckResult, ...]) -> CheckResult:
    failure = first_failure(checks)
    assert failure is not None
    assert checks[-1] == failure
    assert failure.advice
    return failure


@pytest.mark.parametrize("which", ["simulated", "real"])
async def test_without_auth(which: str) -> None:
    with _registry(which, None) as url:
        for credential in (None, USER):
            assert statuses_by_type(await _probe(url, credential)) == {
                ConditionType.SUPPORTED: SUPPORTED,
                ConditionType.AUTHENTICATED: (ConditionStatus.TRUE, Reason.NO_AUTHENTICATION),
            }


@pytest.mark.parametrize("which", ["simulated", "real"])
async def test_basic_auth(which: str) -> None:
    with _registry(which, REGISTRY_USERS) as url:
        assert statuses_by_type(await _probe(url)) == {
            ConditionType.SUPPORTED: SUPPORTED,
            ConditionType.AUTHENTICATED: (ConditionStatus.TRUE, Reason.CREDENTIALS_ACCEPTED),
        }
        assert (
            _expect_failure(await _probe(url, with_wrong_password(USER))).reason
            is Reason.BAD_CREDENTIALS
        )
        assert _expect_failure(await _probe(url, None)).reason is Reason.CREDENTIALS_MISSING


async def test_a_wrong_password_is_tried_once() -> None:
    registry = SimulatedDockerRegistry(BasicAuth(REGISTRY_USERS))
    with serving(registry.app) as url:
        await _probe(url, with_wrong_password(USER))
    assert [request.authorization for request in registry.requests] == ["", "Basic"]


async def test_token_auth() -> None:
    registry = SimulatedDockerRegistry(TokenAuth(REGISTRY_USERS))
    with serving(registry.app) as url:
        statuses = statuses_by_type(await _probe(url))
        assert statuses[ConditionType.AUTHENTICATED] == (
            ConditionStatus.TRUE,
            Reason.CREDENTIALS_ACCEPTED,
        )
        assert (
            _expect_failure(await _probe(url, with_wrong_password(USER))).reason
            is Reason.BAD_CREDENTIALS
        )


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_foreign_token_service_must_be_allowed(allowed: bool) -> None:
    token = TokenAuth(REGISTRY_USERS)
    registry = SimulatedDockerRegistry(token)
    token_server = FaultInjector(token.app)
    with serving(registry.app) as url, serving(token_server) as other:
        token.realm = f"{other}/token"
        service = other if allowed else "http://127.0.0.1:1"
        async with open_client(url, Kind.DOCKER, USER, token_service=service) as client:
            checks = await client.probe()
            spaces = (await client.observe()).spaces
    assert spaces.is_complete is allowed
    assert token_server.request_counts.total() == (2 if allowed else 0)
    if not allowed:
        failure = _expect_failure(checks)
        assert failure.reason is Reason.FOREIGN_TOKEN_REALM
        assert other in failure.message


@pytest.mark.parametrize(
    "realm",
    [
        "http://registry.evil/token",
        "https://127.0.0.1/token",
        "http://[",
        "//registry.evil/token",
        "",
        "http://user@{netloc}/token",
        "http://{netloc}@registry.evil/token",
        "file:///etc/passwd",
    ],
)
async def test_any_odd_realm_is_foreign(realm: str) -> None:
    token = TokenAuth(REGISTRY_USERS)
    registry = SimulatedDockerRegistry(token)
    with serving(registry.app) as url:
        # `or` in the simulator would put its own realm in place of an empty one.
        token.realm = realm.format(netloc=url.removeprefix("http://")) or " "
        failure = _expect_failure(await _probe(url))
    assert failure.reason is Reason.FOREIGN_TOKEN_REALM
    assert len(failure.message) < 250
    assert [request.authorization for request in registry.requests] == [""]


async def test_a_token_service_that_redirects_sees_no_more_of_us() -> None:
    faults = FaultInjector(SimulatedDockerRegistry(TokenAuth(REGISTRY_USERS)).app)
    other_server = Recorder()
    with serving(faults) as url, serving(other_server.app) as other:
        faults.add(Fault(Redirect(f"{other}/token"), path="/token.*", times=None))
        failure = _expect_failure(await _probe(url))
    assert (failure.type, failure.reason) == (ConditionType.AUTHENTICATED, Reason.REDIRECTED)
    assert other_server.requests == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"token": ""}', '{"token": "ü"}'.encode(), b'{"token": 1}', b"<html>"]
)
async def test_a_token_service_that_makes_no_sense(body: bytes) -> None:
    faults = FaultInjector(SimulatedDockerRegistry(TokenAuth(REGISTRY_USERS)).app)
    faults.add(Fault(Respond(200, body), path="/token.*", times=None))
    with serving(faults) as url:
        failure = _expect_failure(await _probe(url, with_wrong_password(USER)))
    assert failure.reason is Reason.TOKEN_SERVICE_UNREACHABLE
    assert url in failure.message
    assert "hunter2" not in failure.message


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (HTMLResponse(b"<html>", 200), Reason.NOT_A_REGISTRY),
        (HTMLResponse(b"<html>", 404), Reason.NOT_A_REGISTRY),
        (Response(b"{}", 404), Reason.NOT_A_REGISTRY),
        (Response(b"", 403), Reason.NOT_A_REGISTRY),
        (Response(b"", 401), Reason.NOT_A_REGISTRY),
        (Response(b"", 401, {"WWW-Authenticate": "Negotiate"}), Reason.NOT_A_REGISTRY),
        (Response(b"", 302, {"Location": "https://sso.test/?next=x"}), Reason.REDIRECTED),
    ],
)
async def test_what_is_no_docker_registry(reply: Response, reason: Reason) -> None:
    recorder = Recorder(reply)
    with serving(recorder.app) as url:
        failure = _expect_failure(await _probe(url))
        async with open_client(url, Kind.DOCKER, USER) as client:
            assert unavailable_reason(await client.observe()) is reason
    assert (failure.type, failure.reason) == (ConditionType.SUPPORTED, reason)
    assert failure.confirmed is (reason is not Reason.NOT_A_REGISTRY)
    assert all("authorization" not in request.headers for request in recorder.requests)


async def test_a_harbor_is_no_docker_registry() -> None:
    simulated = harbor()
    with serving(simulated.app) as url:
        failure = _expect_failure(await _probe(url, Credential("admin", USER.password)))
    assert (failure.reason, failure.advice) == (Reason.WRONG_KIND, "choose the type 'Harbor'")
    assert all(request.user is None for request in simulated.requests)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_passing_fault_is_no_verdict(status: int) -> None:
    faults = FaultInjector(SimulatedDockerRegistry().app)
    faults.add(Fault(Respond(status), times=2))
    with serving(faults) as url, ExitStack() as stack:
        assert first_failure(await _probe(url)) is None
        faults.add(Fault(Respond(status), times=None))
        stack.enter_context(pytest.raises(RemoteError))
        await _probe(url)
