"""Other hands in a cluster: who undoes repairs, misspells labels, or removes ours."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, example, given, settings

from tests.flows.access.test_access_random import STEPS, Step, _run_case
from tests.support.databases import migrated_sqlite, use_database
from tests.support.random_events import TrackedPlatform
from tests.support.random_platform import SharedServers


@settings(phases=[Phase.explicit], suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
@example(steps=[("contest", "east", "n1"), ("misspell", "west", "n1")])
@example(steps=[("contest", "east", "n1"), ("sync_twin",), ("contest", "east", "n1"), ("sync",)])
@example(steps=[("sync_twin",), ("lose_lease", "east", "PATCH", 0), ("contest", "east", "n1")])
@example(steps=[("own_secret", "east", "n1"), ("unbind", "a", "red"), ("own_secret", "west", "n1")])
@example(steps=[("edit_secret", "east", "n1"), ("own_secret", "east", "n1"), ("sync",)])
def test_once_it_is_calm_exactly_those_can_pull_who_shall(
    servers: SharedServers, steps: list[Step]
) -> None:
    with tempfile.TemporaryDirectory() as folder, use_database(migrated_sqlite(Path(folder))):
        asyncio.run(_run_case(TrackedPlatform(servers, by_robot=False, links=True), steps))
