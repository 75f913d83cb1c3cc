"""Getting into a Docker Registry, simulated and real, without leaking a password."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from deployments.simulators.asgi import Reply
from deployments.simulators.docker_registry import Basic, DockerRegistry, Token
from deployments.simulators.faults import Answer, Fault, Faults, Redirect
from models.core.errors import RegistryError, ServerBroken
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status, Verdict
from models.registries.health import failed
from models.registries.registry import Kind
from tasks.registries.protocol import Credential
from tests.conftest import REGISTRY_USERS
from tests.real.docker_registry import running_docker_registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    USER,
    Recorder,
    examine,
    harbor,
    opened,
    told,
    why_unseen,
    wrong,
)

SUPPORTED = (Status.TRUE, Reason.SUPPORTED)
HTML = (("Content-Type", "text/html"),)


@contextmanager
def _registry(which: str, users: dict[str, str] | None) -> Iterator[str]:
    if which == "real":
        with running_docker_registry(users=users) as url:
            yield url
    else:
        simulated = DockerRegistry(Basic(users) if users else None)
        with serving(simulated.app) as url:
            yield url


async def _examine(url: str, credential: Credential | None = USER) -> tuple[Verdict, ...]:
    return await examine(url, Kind.DOCKER, credential)


def _against(verdicts: tuple[Verdict, ...]) -> Verdict:
    found = failed(verdicts)
    assert found is not None
    assert verdicts[-1] == found
    assert found.advice
    return found


@pytest.mark.parametrize("which", ["simulated", "real"])
async def test_without_auth(which: str) -> None:
    with _registry(which, None) as url:
        for credential in (None, USER):
            assert told(await _examine(url, credential)) == {
                ConditionType.SUPPORTED: SUPPORTED,
                ConditionType.AUTHENTICATED: (Status.TRUE, Reason.NO_AUTHENTICATION),
            }


@pytest.mark.parametrize("which", ["simulated", "real"])
async def test_basic_auth(which: str) -> None:
    with _registry(which, REGISTRY_USERS) as url:
        assert told(await _examine(url)) == {
            ConditionType.SUPPORTED: SUPPORTED,
            ConditionType.AUTHENTICATED: (Status.TRUE, Reason.CREDENTIALS_ACCEPTED),
        }
        assert _against(await _examine(url, wrong(USER))).reason is Reason.BAD_CREDENTIALS
        assert _against(await _examine(url, None)).reason is Reason.CREDENTIALS_MISSING


async def test_a_wrong_password_is_tried_once() -> None:
    registry = DockerRegistry(Basic(REGISTRY_USERS))
    with serving(registry.app) as url:
        await _examine(url, wrong(USER))
    assert [one.authorization for one in registry.requests] == ["", "Basic"]


async def test_token_auth() -> None:
    registry = DockerRegistry(Token(REGISTRY_USERS))
    with serving(registry.app) as url:
        found = told(await _examine(url))
        assert found[ConditionType.AUTHENTICATED] == (Status.TRUE, Reason.CREDENTIALS_ACCEPTED)
        assert _against(await _examine(url, wrong(USER))).reason is Reason.BAD_CREDENTIALS


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_foreign_token_service_must_be_allowed(allowed: bool) -> None:
    token = Token(REGISTRY_USERS)
    registry = DockerRegistry(token)
    elsewhere = Faults(token.app)
    with serving(registry.app) as url, serving(elsewhere) as other:
        token.realm = f"{other}/token"
        service = other if allowed else "http://127.0.0.1:1"
        async with opened(url, Kind.DOCKER, USER, token_service=service) as client:
            verdicts = await client.examine()
            spaces = (await client.look()).spaces
    assert spaces.seen is allowed
    assert elsewhere.seen.total() == (2 if allowed else 0)
    if not allowed:
        against = _against(verdicts)
        assert against.reason is Reason.FOREIGN_TOKEN_REALM
        assert other in against.message


@pytest.mark.parametrize(
    "realm",
    [
        "http://registry.evil/token",
        "https://127.0.0.1/token",
        "http://[",
        "/token",
        "",
        "http://user@{netloc}/token",
        "http://{netloc}@registry.evil/token",
        "file:///etc/passwd",
        "x" * 5000,
    ],
)
async def test_any_odd_realm_is_foreign(realm: str) -> None:
    token = Token(REGISTRY_USERS)
    registry = DockerRegistry(token)
    with serving(registry.app) as url:
        # `or` in the simulator would put its own realm in place of an empty one.
        token.realm = realm.format(netloc=url.removeprefix("http://")) or " "
        against = _against(await _examine(url))
    assert against.reason is Reason.FOREIGN_TOKEN_REALM
    assert len(against.message) < 250
    assert [one.authorization for one in registry.requests] == [""]


async def test_a_token_service_that_redirects_sees_no_more_of_us() -> None:
    faults = Faults(DockerRegistry(Token(REGISTRY_USERS)).app)
    elsewhere = Recorder()
    with serving(faults) as url, serving(elsewhere.app) as other:
        faults.add(Fault(Redirect(f"{other}/token"), path="/token.*", times=None))
        with pytest.raises(RegistryError) as caught:
            await _examine(url)
    assert caught.value.reason is Reason.REDIRECTED
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"token": ""}', '{"token": "ü"}'.encode(), b'{"token": 1}', b"<html>"]
)
async def test_a_token_service_that_makes_no_sense(body: bytes) -> None:
    faults = Faults(DockerRegistry(Token(REGISTRY_USERS)).app)
    faults.add(Fault(Answer(200, body), path="/token.*", times=None))
    with serving(faults) as url, pytest.raises(ServerBroken) as caught:
        await _examine(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(200, b"<html>", HTML), Reason.NOT_A_REGISTRY),
        (Reply(404, b"<html>", HTML), Reason.NOT_A_REGISTRY),
        (Reply(404, b"{}"), Reason.NOT_A_REGISTRY),
        (Reply(403), Reason.NOT_A_REGISTRY),
        (Reply(401), Reason.NOT_A_REGISTRY),
        (Reply(401, b"", (("WWW-Authenticate", "Negotiate"),)), Reason.NOT_A_REGISTRY),
        (Reply(302, b"", (("Location", "https://sso.test/?next=x"),)), Reason.REDIRECTED),
    ],
)
async def test_what_is_no_docker_registry(reply: Reply, reason: Reason) -> None:
    recorder = Recorder(reply)
    with serving(recorder.app) as url:
        against = _against(await _examine(url))
        async with opened(url, Kind.DOCKER, USER) as client:
            assert why_unseen(await client.look()) is reason
    assert (against.type, against.reason) == (ConditionType.SUPPORTED, reason)
    assert against.proved is (reason is not Reason.NOT_A_REGISTRY)
    assert all("authorization" not in one.headers for one in recorder.requests)


async def test_a_harbor_is_no_docker_registry() -> None:
    simulated = harbor()
    with serving(simulated.app) as url:
        against = _against(await _examine(url, Credential("admin", USER.password)))
    assert (against.reason, against.advice) == (Reason.WRONG_KIND, "choose the type 'Harbor'")
    assert all(one.user is None for one in simulated.requests)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
async def test_a_passing_fault_is_no_verdict(status: int) -> None:
    faults = Faults(DockerRegistry().app)
    faults.add(Fault(Answer(status), times=2))
    with serving(faults) as url, ExitStack() as refused:
        assert failed(await _examine(url)) is None
        faults.add(Fault(Answer(status), times=None))
        refused.enter_context(pytest.raises(RegistryError))
        await _examine(url)
