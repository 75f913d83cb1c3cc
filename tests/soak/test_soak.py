"""Everything changes all the time and processes are killed; once it is calm, all is as it shall be.

`make soak MINUTES=30 SEED=1`; half of the time on SQLite, half on PostgreSQL with two workers and
two consoles.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from models.core.labels import WORKSPACE_LABEL
from tests.deploying.prefect_api import FINAL_STATES, Api
from tests.real.debian_postgres import running_debian_postgres
from tests.soak.costs import Costs
from tests.soak.installation import Installation
from tests.soak.world import SoakPlatform
from tests.support.databases import use_database
from tests.support.invariants import (
    actual_pulls,
    check_copied_logins,
    check_least_privilege,
    desired_pulls,
    foreign_objects,
    should_be_public,
)
from tests.support.platform import advance_time
from tests.support.product_server import temporary_folder
from tests.support.random_events import SECOND_LABEL
from tests.support.random_platform import shared_servers

MINUTES, SEED = float(os.environ.get("MINUTES", "30")), int(os.environ.get("SEED", "1"))
_CALM_SECONDS = 600.0
_RARE = ("worker", "second worker", "console", "server", "machine")
"""Killed in the first half only, so that the growth of their memory is seen in the second."""

_KILLED = {"run": 14, "fork server": 3, **dict.fromkeys(_RARE, 1)}
"""Roles of processes that are killed, and how often relative to each other."""

_LABELS = "REGISTRY_INTEGRATION_WORKSPACE_LABELS"


class _Killer(threading.Thread):
    """Kill a process every few seconds, start again what has ended, and measure the others."""

    def __init__(self, installation: Installation, costs: Costs, seconds: float) -> None:
        super().__init__()
        self.installation, self.costs = installation, costs
        self.half = time.monotonic() + seconds / 2
        self.is_over, self.is_calm = threading.Event(), threading.Event()
        self.kills: dict[str, int] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._run(random.Random(SEED))
        except BaseException as error:
            self.error = error
            raise

    def _run(self, chance: random.Random) -> None:
        next_kill = time.monotonic() + 20
        while not self.is_over.wait(2):
            self.installation.keep_running()
            self.costs.measure(self.installation.processes())
            if time.monotonic() >= next_kill and not self.is_calm.is_set():
                next_kill = time.monotonic() + chance.uniform(5, 25)
                self._kill(chance)

    def _kill(self, chance: random.Random) -> None:
        roles = {
            role: weight
            for role, weight in _KILLED.items()
            if role not in _RARE or time.monotonic() < self.half
        }
        (role,) = chance.choices(list(roles), list(roles.values()))
        if self.installation.kill(role, chance.randrange(9)):
            self.kills[role] = self.kills.get(role, 0) + 1


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_once_it_is_calm_all_is_as_it_shall_be(database: str) -> None:
    seconds = MINUTES * 60 / 2
    with temporary_folder() as folder, _databases(database) as variables:
        labels = {_LABELS: f"{WORKSPACE_LABEL},{SECOND_LABEL}"}
        installation = Installation(Path(folder), labels | variables, bool(variables))
        try:
            installation.keep_running()
            with shared_servers() as servers, use_database(installation.database):
                platform = SoakPlatform(servers, SEED, lambda: installation.api)
                platform.integrate()
                _soak(platform, installation, seconds)
        finally:
            installation.stop()


@contextmanager
def _databases(name: str) -> Iterator[dict[str, str]]:
    if name == "sqlite":
        yield {}
        return
    with running_debian_postgres("ours", "prefects") as (service_url, prefect_url):
        yield {
            "REGISTRY_INTEGRATION_DATABASE_URL": service_url.replace(":", "+psycopg:", 1),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": prefect_url.replace(":", "+asyncpg:", 1),
        }


def _soak(platform: SoakPlatform, installation: Installation, seconds: float) -> None:
    logging.getLogger("uvicorn.error").disabled = True  # connections are cut on purpose
    costs = Costs()
    killer = _Killer(installation, costs, seconds)
    killer.start()
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end and killer.error is None:
            platform.change()
            time.sleep(platform.chance.uniform(0, 2))
        killer.is_calm.set()
        before = foreign_objects(platform)
        platform.calm()
        calm_seconds = _wait_until_right(platform)
        assert foreign_objects(platform) == before
        _check_runs(installation.api)
        _check_consoles(installation.consoles)
    finally:
        killer.is_over.set()
        killer.join()
        _print(platform, killer, costs)
    assert killer.error is None
    print(f"all as it shall be {calm_seconds:.0f} s after the last change", flush=True)


def _wait_until_right(platform: SoakPlatform) -> float:
    """Wait for the schedules; the time in which copied logins end is passed twice."""
    start = time.monotonic()
    _wait_until_checked(platform)
    seconds = time.monotonic() - start
    for _ in range(2):
        advance_time(minutes=16)
        time.sleep(90)
    check_copied_logins(platform)
    _wait_until_checked(platform)
    return seconds


def _wait_until_checked(platform: SoakPlatform) -> None:
    deadline = time.monotonic() + _CALM_SECONDS
    while time.monotonic() < deadline:
        with suppress(AssertionError):
            return _check(platform)
        time.sleep(1)
    return _check(platform)


def _check(platform: SoakPlatform) -> None:
    assert actual_pulls(platform) == desired_pulls(platform)
    for name, project in platform.harbor.projects.items():
        assert project.public == should_be_public(platform, name), name
    check_least_privilege(platform)


def _check_runs(api: Api) -> None:
    """Check that no run is left that neither ends nor is waited for."""
    deadline = time.monotonic() + _CALM_SECONDS
    while stuck := _stuck_runs(api):
        assert time.monotonic() < deadline, stuck
        time.sleep(5)


def _check_consoles(urls: Iterable[str]) -> None:
    """Check that each console reads the database, reaches Prefect and finds fresh schedules."""
    for url in urls:
        response = httpx.get(f"{url}/readyz")
        assert response.is_success, f"{url}: {response.text}"


def _stuck_runs(api: Api) -> list[str]:
    before = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    states = {"type": {"not_any_": sorted(FINAL_STATES)}}
    query = {"flow_runs": {"state": states, "expected_start_time": {"before_": before}}}
    with suppress(httpx.HTTPError):
        runs = api.request("POST", "/flow_runs/filter", query)
        return [f"{run['name']}: {run['state_name']}" for run in runs]
    return ["the API does not answer"]


def _print(platform: SoakPlatform, killer: _Killer, costs: Costs) -> None:
    print(f"\nseed {SEED}; runs of users: {platform.run_counts}")
    print(f"events: {sum(platform.events.values())}, of {len(platform.events)} kinds")
    print(f"killed: {killer.kills}; starts of the machine: {killer.installation.starts}")
    print("\n".join(costs.report()), flush=True)
