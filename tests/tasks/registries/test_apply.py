"""Carrying out a plan."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from prefect.logging import disable_run_logger

from models.clusters.pull_secret import ClusterChange, ClusterOutcome, DeliveryPlan, Link
from models.core.errors import Forbidden, Unreachable
from models.core.reasons import Reason
from models.core.settings import settings
from models.registries.changes import Change, Outcome
from models.registries.plan import Plan, ordered
from models.registries.robots import Grant
from tasks.clusters.apply import apply_deliveries
from tasks.registries.apply import apply
from tasks.registries.protocol import Credential, Keep
from tests.support.builders import NOW, broken, create, done, narrow, widen


@dataclass
class Writer:
    """Notes what begins and ends; fails where told to."""

    failing: frozenset[str] = frozenset()
    steps: list[str] = field(default_factory=list)

    async def make(self, change: Change, installation: str, keep: Keep) -> Outcome:
        self.steps.append(f"{change.subject} begins")
        await asyncio.sleep(0.01)
        self.steps.append(f"{change.subject} ends")
        if change.subject in self.failing:
            kind = Unreachable if change.subject.startswith("u") else Forbidden
            raise kind("prod", "PUT", "http://h", "no")
        return done(change)

    async def accepts(self, credential: Credential) -> bool | None:
        return None

    async def make_observer(
        self, installation: str, keep: Keep, replaces: int | None = None
    ) -> Grant | None:
        return None

    async def revoke_observer(self, installation: str) -> bool:
        return False


def _plan(*changes: Change) -> Plan:
    return Plan(registry="prod", made_at=NOW, changes=ordered(list(changes)))


async def test_nothing_to_do() -> None:
    assert await apply.fn(_plan(), Writer()) == ()


async def test_all_that_narrow_end_before_any_that_widens_begins() -> None:
    writer = Writer()
    plan = _plan(widen("w"), narrow("b"), create("c"), narrow("a"))
    assert await apply.fn(plan, writer) == tuple(done(change) for change in plan.changes)
    assert set(writer.steps[:2]) == {"a begins", "b begins"}
    assert set(writer.steps[2:4]) == {"a ends", "b ends"}
    assert set(writer.steps[4:6]) == {"c begins", "w begins"}


@pytest.mark.parametrize(
    ("failing", "reason"), [("f", Reason.FORBIDDEN), ("u", Reason.UNREACHABLE)]
)
async def test_one_failure_is_an_outcome_and_the_rest_goes_on(failing: str, reason: Reason) -> None:
    plan = _plan(narrow(failing), narrow("n"), widen("w"))
    outcomes = await apply.fn(plan, Writer(frozenset({failing})))
    assert set(outcomes) == {
        broken(narrow(failing), reason),
        done(narrow("n")),
        done(widen("w")),
    }


@dataclass
class Clumsy(Writer):
    """Has a bug, which one change brings out."""

    async def make(self, change: Change, installation: str, keep: Keep) -> Outcome:
        if change.subject == "bug":
            raise KeyError(change.subject)
        return await super().make(change, installation, keep)


async def test_a_bug_of_ours_loses_no_outcome_of_the_others() -> None:
    with disable_run_logger():
        outcomes = await apply.fn(_plan(widen("bug"), widen("w")), Clumsy())
    assert [(one.change.subject, one.done, one.reason) for one in outcomes] == [
        ("bug", False, Reason.UNFORESEEN),
        ("w", True, Reason.DONE),
    ]


@dataclass
class Stuck(Writer):
    """Never comes to an end with one change."""

    async def make(self, change: Change, installation: str, keep: Keep) -> Outcome:
        if change.subject == "stuck":
            await asyncio.Event().wait()
        return await super().make(change, installation, keep)


@pytest.fixture
def soon_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "0.3")
    settings.cache_clear()
    yield
    settings.cache_clear()


async def test_what_takes_too_long_is_an_outcome_and_the_rest_is_left(soon_over: None) -> None:
    writer = Stuck()
    outcomes = await apply.fn(_plan(narrow("stuck"), narrow("n"), widen("w")), writer)
    ended = {one.change.subject: (one.done, one.reason) for one in outcomes}
    over = (False, Reason.TIMED_OUT)
    assert ended == {"stuck": over, "n": (True, Reason.DONE), "w": over}
    assert {one.message for one in outcomes if not one.done} == {
        "applying the changes took longer than 0.3 s; the next run goes on"
    }
    assert "w begins" not in writer.steps


class StuckCluster:
    """Never comes to an end with one namespace."""

    async def make(self, change: ClusterChange, contents: Mapping[str, str]) -> ClusterOutcome:
        if change.namespace == "stuck":
            await asyncio.Event().wait()
        return ClusterOutcome(change=change, done=True, reason=Reason.DONE)


async def test_the_same_in_a_cluster(soon_over: None) -> None:
    changes = tuple(Link(namespace=name) for name in ("a", "stuck", "z"))
    plan = DeliveryPlan(cluster="eu", changes=changes)
    outcomes = await apply_deliveries(plan, StuckCluster(), {})
    assert {one.change.namespace: one.reason for one in outcomes} == {
        "a": Reason.DONE,
        "stuck": Reason.TIMED_OUT,
        "z": Reason.DONE,
    }
