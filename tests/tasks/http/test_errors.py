"""Every exception of the network libraries becomes an error with a reason."""

import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import ModuleType

import anyio
import httpcore
import httpx
import pytest
import stamina
from prefect.logging import disable_run_logger

from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionStatus, ConditionType, Health
from models.registries.health import FLIP_AFTER, summarize_health, update_conditions
from models.registries.registry import Kind
from tasks.http.client import HttpClient
from tasks.registries.docker import DockerRegistryClient
from tasks.registries.harbor import HarborClient
from tasks.registries.observe import observe, unreachable_registry_snapshot
from tasks.registries.protocol import RegistryClient
from tasks.registries.server import registry_server
from tests.support.builders import registry
from tests.tasks.registries.tools import ADMIN, AUTH, QUICK

NOW = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = httpx.Request("GET", "http://registry.test/")


class FaultyTransport(httpx.AsyncBaseTransport):
    """Raises an exception when a request is sent, or while its response is read."""

    def __init__(self, error: Exception, *, in_body: bool) -> None:
        self.error, self.in_body = error, in_body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self.in_body:
            raise self.error
        return httpx.Response(200, stream=_FaultyStream(self.error))


class _FaultyStream(httpx.AsyncByteStream):
    def __init__(self, error: Exception) -> None:
        self.error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise self.error


def _instance(kind: type[Exception]) -> Exception:
    if kind is httpx.HTTPStatusError:
        return httpx.HTTPStatusError("x", request=REQUEST, response=httpx.Response(500))
    if kind is UnicodeEncodeError:
        return UnicodeEncodeError("idna", "x", 0, 1, "label too long")
    for arguments in (("x",), (), (b"x",), (1, "x"), ("x", ValueError("y"))):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    raise AssertionError(f"cannot create {kind}")


def _exceptions(module: ModuleType) -> set[type[Exception]]:
    members = (getattr(module, name) for name in dir(module) if not name.startswith("_"))
    kinds = {item for item in members if isinstance(item, type) and issubclass(item, Exception)}
    return kinds - {getattr(anyio, "BrokenWorkerInterpreter", None)}  # of no connection


def _with_subclasses(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(_with_subclasses(child) for child in kind.__subclasses__()))


LIBRARY_ERRORS = sorted(
    {
        *_exceptions(httpx),
        *_exceptions(httpcore),
        *_exceptions(ssl),
        *_exceptions(socket),
        *_exceptions(anyio),
        *(kind for kind in _with_subclasses(OSError) if kind.__module__ in ("builtins", "ssl")),
        UnicodeEncodeError,
    },
    key=lambda kind: f"{kind.__module__}.{kind.__name__}",
)
OTHER_ERRORS = [ValueError, TypeError, RuntimeError, KeyError, AssertionError, ExceptionGroup]


def _ids(kinds: list[type[Exception]]) -> list[str]:
    return [f"{kind.__module__}.{kind.__name__}" for kind in kinds]


def test_all_libraries_are_there() -> None:
    assert len(LIBRARY_ERRORS) > 70
    assert {httpx.ReadError, httpcore.ReadError, anyio.EndOfStream, ConnectionResetError} < set(
        LIBRARY_ERRORS
    )


async def _read_error(error: Exception, *, in_body: bool) -> RemoteError:
    transport = FaultyTransport(error, in_body=in_body)
    server = registry_server(registry(address="http://registry.test"))
    with stamina.set_testing(True, attempts=2, cap=True):
        async with HttpClient(server, QUICK, AUTH, transport) as http:
            with pytest.raises(RemoteError) as excinfo:
                await http.get("/x")
    return excinfo.value


@pytest.mark.parametrize("in_body", [False, True], ids=["request", "body"])
@pytest.mark.parametrize("kind", LIBRARY_ERRORS, ids=_ids(LIBRARY_ERRORS))
async def test_a_known_exception_has_a_known_reason(kind: type[Exception], in_body: bool) -> None:
    error = await _read_error(_instance(kind), in_body=in_body)
    if kind in _UNRELATED:
        return
    assert error.reason is not Reason.UNFORESEEN
    assert error.message
    assert "http://registry.test/x" in str(error)


_UNRELATED = {kind for kind in _exceptions(anyio) if not issubclass(kind, OSError)} - {
    anyio.BrokenResourceError,
    anyio.BusyResourceError,
    anyio.ClosedResourceError,
    anyio.DelimiterNotFound,
    anyio.EndOfStream,
    anyio.IncompleteRead,
    anyio.WouldBlock,
}
"""Exceptions of processes and interpreters, which no connection raises."""


@pytest.mark.parametrize("kind", OTHER_ERRORS, ids=_ids(OTHER_ERRORS))
async def test_any_other_exception_is_unforeseen_and_not_tried_again(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    exception = ExceptionGroup("x", [ValueError()]) if kind is ExceptionGroup else kind("hunter2")
    error = await _read_error(exception, in_body=False)
    assert (error.reason, error.transient) == (Reason.UNFORESEEN, False)
    assert kind.__name__ in error.message
    assert "handle_async_request" in caplog.text
    assert "hunter2" not in error.message + caplog.text


@pytest.mark.parametrize("registry_kind", [Kind.HARBOR, Kind.DOCKER])
@pytest.mark.parametrize(
    "kind", LIBRARY_ERRORS + OTHER_ERRORS, ids=_ids(LIBRARY_ERRORS + OTHER_ERRORS)
)
async def test_no_observation_with_an_exception_leaves_the_registry_green(
    kind: type[Exception], registry_kind: Kind
) -> None:
    exception = ExceptionGroup("x", [ValueError()]) if kind is ExceptionGroup else _instance(kind)
    target = registry(registry_kind, address="http://registry.test")
    transport = FaultyTransport(exception, in_body=False)
    conditions = tuple(
        Condition(
            type=type_, status=ConditionStatus.TRUE, reason=Reason.CONNECTED, message="", since=NOW
        )
        for type_ in ConditionType
    )
    assert summarize_health(conditions).health is Health.HEALTHY
    with stamina.set_testing(True, attempts=1), disable_run_logger():
        for _ in range(FLIP_AFTER):
            async with HttpClient(registry_server(target), QUICK, AUTH, transport) as http:
                client: RegistryClient = HarborClient(http, ADMIN)
                if registry_kind is Kind.DOCKER:
                    client = DockerRegistryClient(http, target, ADMIN)
                try:
                    snapshot = await observe.fn(target, client)
                except RemoteError as error:
                    snapshot = unreachable_registry_snapshot(target, error)
            assert not snapshot.spaces.is_complete
            assert any(check.status is not ConditionStatus.TRUE for check in snapshot.checks)
            conditions = update_conditions(conditions, snapshot.checks, NOW)
    assert summarize_health(conditions).health is not Health.HEALTHY


async def test_the_text_of_an_exception_stays_out_of_the_error() -> None:
    """Protocol errors can quote a header: `Illegal header value b'Bearer ...'`."""
    error = await _read_error(httpcore.LocalProtocolError("b'Bearer hunter2'"), in_body=False)
    assert "hunter2" not in f"{error}{error!r}{error.__cause__!r}"
    assert error.__suppress_context__
