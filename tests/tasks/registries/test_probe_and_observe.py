"""Looking at a registry as a task: bounded as a whole, and never without a verdict."""

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.simulators.docker_registry import SimulatedDockerRegistry
from deployments.simulators.faults import EndlessBody, Fault, FaultInjector, Respond
from deployments.simulators.server import get_closed_url
from models.core.errors import ServerError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.condition import ConditionStatus, ConditionType
from models.registries.health import first_failure
from models.registries.registry import Kind
from tasks.registries.observe import observe, unreachable_registry_snapshot
from tasks.registries.probe import probe
from tests.support.builders import registry
from tests.support.errors import raises_reason
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import open_client


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "0.5")
    get_settings.cache_clear()
    # Nobody is asked for a block: these registries name none.
    with temporary_settings({PREFECT_API_URL: f"{get_closed_url()}/api"}):
        yield
    get_settings.cache_clear()


async def test_a_probe_of_a_good_registry() -> None:
    with serving(SimulatedDockerRegistry().app) as url:
        checks = await probe.fn(registry(Kind.DOCKER, address=url))
    assert first_failure(checks) is None
    assert [check.step for check in checks] == [
        "Address valid",
        "DNS",
        "TCP",
        "TLS",
        "Is it a Docker Registry",
        "Credentials right",
    ]


@pytest.mark.parametrize(
    ("action", "step", "reason"),
    [
        (Respond(501), "Is it a Docker Registry", Reason.NOT_A_REGISTRY),
        (EndlessBody(pause=0.02), "Answers", Reason.TIMED_OUT),
    ],
)
async def test_a_probe_ends_with_the_step_that_failed(
    action: Respond | EndlessBody, step: str, reason: Reason
) -> None:
    faults = FaultInjector(SimulatedDockerRegistry().app)
    faults.add(Fault(action, times=None))
    with serving(faults) as url:
        *_, last = await probe.fn(registry(Kind.DOCKER, address=url))
    assert (last.step, last.status, last.reason) == (step, ConditionStatus.FALSE, reason)
    assert last.advice


async def test_a_probe_of_nobody_sends_no_request() -> None:
    *_, last = await probe.fn(registry(address=get_closed_url()))
    assert (last.step, last.reason) == ("TCP", Reason.CONNECTION_REFUSED)


async def test_an_observation_says_that_somebody_answered() -> None:
    with serving(SimulatedDockerRegistry().app) as url:
        async with open_client(url, Kind.DOCKER, None) as client:
            snapshot = await observe.fn(registry(Kind.DOCKER, address=url), client)
    assert [check.type for check in snapshot.checks][:2] == [
        ConditionType.REACHABLE,
        ConditionType.TLS_TRUSTED,
    ]
    assert snapshot.spaces.is_complete


async def test_a_look_without_end_is_ended() -> None:
    faults = FaultInjector(SimulatedDockerRegistry().app)
    faults.add(Fault(EndlessBody(pause=0.02), times=None))
    with serving(faults) as url:
        async with open_client(url, Kind.DOCKER, None) as client:
            with raises_reason(Reason.TIMED_OUT, r"the observation took longer than 0\.5 s"):
                await observe.fn(registry(Kind.DOCKER, address=url), client)


def test_what_was_not_observed_justifies_nothing() -> None:
    error = ServerError("prod", "GET", "http://h/x", "answered 502")
    snapshot = unreachable_registry_snapshot(registry(), error)
    assert not snapshot.spaces.is_complete
    assert snapshot.spaces.reason is Reason.SERVER_BROKEN
    assert [(check.type, check.status, check.confirmed) for check in snapshot.checks] == [
        (ConditionType.SYNCED, ConditionStatus.FALSE, False)
    ]
