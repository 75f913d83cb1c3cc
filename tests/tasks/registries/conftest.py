"""Worlds to look at; retries do not wait here."""

from collections.abc import Iterator

import pytest
import stamina

from deployments.simulators.faults import FaultInjector
from deployments.simulators.harbor import SimulatedHarbor
from tests.support.simulator_servers import serving
from tests.tasks.registries.robot_tools import HarborTestbed, create_testbed
from tests.tasks.registries.tools import FaultyServer, Recorder, harbor


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    recorder = Recorder()
    faults = FaultInjector(recorder.app)
    with serving(faults) as url:
        yield FaultyServer(url, faults, recorder)


@pytest.fixture
def large_harbor() -> SimulatedHarbor:
    """250 projects in three pages."""
    return harbor(projects=249)


@pytest.fixture
def faults(large_harbor: SimulatedHarbor) -> FaultInjector:
    return FaultInjector(large_harbor.app)


@pytest.fixture
def url(faults: FaultInjector) -> Iterator[str]:
    with serving(faults) as url:
        yield url


@pytest.fixture
def testbed() -> Iterator[HarborTestbed]:
    """A small Harbor with private spaces, to make robot accounts on."""
    simulated = harbor()
    faults = FaultInjector(simulated.app)
    with serving(faults) as url:
        yield create_testbed(url, simulated, faults)
