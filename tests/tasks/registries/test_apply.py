"""Carrying out a plan."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from prefect.logging import disable_run_logger

from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChange,
    ClusterChangeResult,
    PullSecretPlan,
    WriteSecret,
)
from models.core.errors import Forbidden, Unreachable
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.changes import Change, ChangeResult
from models.registries.plan import Plan, order_changes
from models.registries.robots import RobotAccount
from tasks.clusters.apply import apply_pull_secret_plan
from tasks.registries.apply import apply
from tasks.registries.protocol import Credential, SaveSecret
from tests.support.builders import NOW, create, failure, narrow, success, widen


@dataclass
class Writer:
    """Notes what begins and ends; fails where told to."""

    failing: frozenset[str] = frozenset()
    steps: list[str] = field(default_factory=list)

    async def apply_change(
        self, change: Change, installation: str, keep: SaveSecret
    ) -> ChangeResult:
        self.steps.append(f"{change.subject} begins")
        await asyncio.sleep(0.01)
        self.steps.append(f"{change.subject} ends")
        if change.subject in self.failing:
            kind = Unreachable if change.subject.startswith("u") else Forbidden
            raise kind("prod", "PUT", "http://h", "no")
        return success(change)

    async def can_log_in(self, credential: Credential) -> bool | None:
        return None

    async def create_observer(
        self, installation: str, keep: SaveSecret, replaces: int | None = None
    ) -> RobotAccount | None:
        return None

    async def delete_observer(self, installation: str) -> bool:
        return False


def _plan(*changes: Change) -> Plan:
    return Plan(registry="prod", created_at=NOW, changes=order_changes(list(changes)))


async def test_nothing_to_do() -> None:
    assert await apply.fn(_plan(), Writer()) == ()


async def test_all_that_narrow_end_before_any_that_widens_begins() -> None:
    writer = Writer()
    plan = _plan(widen("w"), narrow("b"), create("c"), narrow("a"))
    assert await apply.fn(plan, writer) == tuple(success(change) for change in plan.changes)
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
        failure(narrow(failing), reason),
        success(narrow("n")),
        success(widen("w")),
    }


@dataclass
class Clumsy(Writer):
    """Has a bug, which one change brings out."""

    async def apply_change(
        self, change: Change, installation: str, keep: SaveSecret
    ) -> ChangeResult:
        if change.subject == "bug":
            raise KeyError(change.subject)
        return await super().apply_change(change, installation, keep)


async def test_a_bug_of_ours_loses_no_outcome_of_the_others() -> None:
    with disable_run_logger():
        outcomes = await apply.fn(_plan(widen("bug"), widen("w")), Clumsy())
    assert [
        (outcome.change.subject, outcome.succeeded, outcome.reason) for outcome in outcomes
    ] == [
        ("bug", False, Reason.UNFORESEEN),
        ("w", True, Reason.DONE),
    ]


@dataclass
class Stuck(Writer):
    """Never comes to an end with one change."""

    async def apply_change(
        self, change: Change, installation: str, keep: SaveSecret
    ) -> ChangeResult:
        if change.subject == "stuck":
            await asyncio.Event().wait()
        return await super().apply_change(change, installation, keep)


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_OPERATION_SECONDS", "0.3")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


async def test_what_takes_too_long_is_an_outcome_and_the_rest_is_left(short_timeout: None) -> None:
    writer = Stuck()
    outcomes = await apply.fn(_plan(narrow("stuck"), narrow("n"), widen("w")), writer)
    results = {outcome.change.subject: (outcome.succeeded, outcome.reason) for outcome in outcomes}
    over = (False, Reason.TIMED_OUT)
    assert results == {"stuck": over, "n": (True, Reason.DONE), "w": over}
    assert {outcome.message for outcome in outcomes if not outcome.succeeded} == {
        "applying the changes took longer than 0.3 s; the next run continues"
    }
    assert "w begins" not in writer.steps


class StuckCluster:
    """Never comes to an end with one namespace."""

    async def apply_change(
        self, change: ClusterChange, contents: Mapping[str, str]
    ) -> ClusterChangeResult:
        if change.namespace == "stuck":
            await asyncio.Event().wait()
        return ClusterChangeResult(change=change, succeeded=True, reason=Reason.DONE)


async def test_the_same_in_a_cluster(short_timeout: None) -> None:
    changes = tuple(AddImagePullSecret(namespace=name) for name in ("a", "stuck", "z"))
    plan = PullSecretPlan(cluster="eu", changes=changes)
    outcomes = await apply_pull_secret_plan(plan, StuckCluster(), {})
    assert {outcome.change.namespace: outcome.reason for outcome in outcomes} == {
        "a": Reason.DONE,
        "stuck": Reason.TIMED_OUT,
        "z": Reason.DONE,
    }


class DenyingCluster:
    """Denies changes of one kind and name."""

    def __init__(self, kind: str, service_account: str = "") -> None:
        self.denied = (kind, service_account)

    async def apply_change(
        self, change: ClusterChange, contents: Mapping[str, str]
    ) -> ClusterChangeResult:
        is_denied = (change.kind, getattr(change, "service_account", "")) == self.denied
        reason = Reason.ADMISSION_DENIED if is_denied else Reason.DONE
        return ClusterChangeResult(change=change, succeeded=not is_denied, reason=reason)


@pytest.mark.parametrize(
    ("kind", "account", "tried"),
    [("deliver", "", ["deliver"]), ("link", "a", ["deliver", "link", "link"])],
)
async def test_a_secret_that_was_not_written_is_not_linked_and_links_do_not_stop_each_other(
    kind: str, account: str, tried: list[str]
) -> None:
    write = WriteSecret(
        namespace="shop", before="", after="x", registries=("prod",), reason=Reason.MISSING
    )
    links = (AddImagePullSecret(namespace="shop", service_account=name) for name in ("a", "b"))
    plan = PullSecretPlan(cluster="eu", changes=(write, *links))
    outcomes = await apply_pull_secret_plan(plan, DenyingCluster(kind, account), {})
    assert [outcome.change.kind for outcome in outcomes] == tried
