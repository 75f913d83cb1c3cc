"""Looking at a registry as a task: bounded as a whole, and never without a verdict."""

from collections.abc import Iterator

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.simulators.docker_registry import DockerRegistry
from deployments.simulators.faults import Answer, Endless, Fault, Faults
from deployments.simulators.server import closed_port_url
from models.core.errors import ServerBroken, TimedOut
from models.core.reasons import Reason
from models.core.settings import settings
from models.registries.condition import ConditionType, Status
from models.registries.health import failed
from models.registries.registry import Kind
from tasks.registries.observe import observe, unobserved
from tasks.registries.probe import probe
from tests.support.builders import registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import opened


@pytest.fixture(autouse=True)
def short_of_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "0.5")
    settings.cache_clear()
    # Nobody is asked for a block: these registries name none.
    with temporary_settings({PREFECT_API_URL: f"{closed_port_url()}/api"}):
        yield
    settings.cache_clear()


async def test_a_probe_of_a_good_registry() -> None:
    with serving(DockerRegistry().app) as url:
        verdicts = await probe.fn(registry(Kind.DOCKER, address=url))
    assert failed(verdicts) is None
    assert [one.step for one in verdicts] == [
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
        (Answer(501), "Is it a Docker Registry", Reason.NOT_A_REGISTRY),
        (Endless(pause=0.02), "Answers", Reason.TIMED_OUT),
    ],
)
async def test_a_probe_ends_with_the_step_that_failed(
    action: Answer | Endless, step: str, reason: Reason
) -> None:
    faults = Faults(DockerRegistry().app)
    faults.add(Fault(action, times=None))
    with serving(faults) as url:
        *_, last = await probe.fn(registry(Kind.DOCKER, address=url))
    assert (last.step, last.status, last.reason) == (step, Status.FALSE, reason)
    assert last.advice


async def test_a_probe_of_nobody_sends_no_request() -> None:
    *_, last = await probe.fn(registry(address=closed_port_url()))
    assert (last.step, last.reason) == ("TCP", Reason.CONNECTION_REFUSED)


async def test_an_observation_says_that_somebody_answered() -> None:
    with serving(DockerRegistry().app) as url:
        async with opened(url, Kind.DOCKER, None) as client:
            snapshot = await observe.fn(registry(Kind.DOCKER, address=url), client)
    assert [one.type for one in snapshot.verdicts][:2] == [
        ConditionType.REACHABLE,
        ConditionType.TLS_TRUSTED,
    ]
    assert snapshot.spaces.seen


async def test_a_look_without_end_is_ended() -> None:
    faults = Faults(DockerRegistry().app)
    faults.add(Fault(Endless(pause=0.02), times=None))
    with serving(faults) as url:
        async with opened(url, Kind.DOCKER, None) as client:
            with pytest.raises(TimedOut, match=r"the whole look took longer than 0\.5 s"):
                await observe.fn(registry(Kind.DOCKER, address=url), client)


def test_what_was_not_observed_justifies_nothing() -> None:
    error = ServerBroken("prod", "GET", "http://h/x", "answered 502")
    snapshot = unobserved(registry(), error)
    assert not snapshot.spaces.seen
    assert snapshot.spaces.reason is Reason.SERVER_BROKEN
    assert [(one.type, one.status, one.proved) for one in snapshot.verdicts] == [
        (ConditionType.SYNCED, Status.FALSE, False)
    ]
