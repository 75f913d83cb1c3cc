"""Worlds to look at; retries do not wait here."""

from collections.abc import Iterator

import pytest
import stamina

from deployments.simulators.faults import Faults
from deployments.simulators.harbor import Harbor
from tests.support.simulator_servers import serving
from tests.tasks.registries.robot_tools import Scene, scene
from tests.tasks.registries.tools import Recorder, World, harbor


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    stamina.set_testing(True, attempts=3, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def world() -> Iterator[World]:
    recorder = Recorder()
    faults = Faults(recorder.app)
    with serving(faults) as url:
        yield World(url, faults, recorder)


@pytest.fixture
def many() -> Harbor:
    """250 projects in three pages."""
    return harbor(projects=249)


@pytest.fixture
def faults(many: Harbor) -> Faults:
    return Faults(many.app)


@pytest.fixture
def url(faults: Faults) -> Iterator[str]:
    with serving(faults) as url:
        yield url


@pytest.fixture
def place() -> Iterator[Scene]:
    """A small Harbor with private spaces, to make robot accounts on."""
    simulated = harbor()
    faults = Faults(simulated.app)
    with serving(faults) as url:
        yield scene(url, simulated, faults)
