"""The log of a run: each stage on one line, and complete when the run ends."""

from typing import Any

import pytest
from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import Flow, FlowRun, State

from flows.operations.run_results import ClusterSyncResult
from flows.registries.reconcile import reconcile_registry
from flows.runs import report_errors
from flows.stages import (
    describe_changes,
    describe_observation,
    describe_plan,
    log_clusters,
)
from models.clusters.pull_secret import PullSecretPlan
from models.core.availability import Complete, Unavailable
from models.core.errors import InvalidRequest
from models.core.reasons import Reason
from models.registries.changes import ChangeResult, SetVisibility
from models.registries.observation import Snapshot
from models.registries.plan import Plan
from models.registries.space import Visibility
from tests.support.builders import NOW
from tests.support.helpers import add_registry, harbor_with, run_flow

_LOGS_AT_END: list[list[str]] = []


async def _read_log(run: FlowRun) -> list[str]:
    async with get_client() as client:
        run_filter = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
        return [log.message for log in await client.read_logs(run_filter)]


async def _read_at_end(_: Flow, run: FlowRun, __: State[Any]) -> None:
    """Read the log as the UI does when the run has its final state."""
    _LOGS_AT_END.append(await _read_log(run))


def _log_at_end(run_flow: Any) -> Any:
    return run_flow.with_options(on_completion=[_read_at_end], on_failure=[_read_at_end])


async def test_a_page_of_a_run_ends_with_its_log(name: str) -> None:
    with harbor_with("team-a") as harbor:
        await add_registry(name, harbor.url)
        state = await run_flow(_log_at_end(reconcile_registry), name)
    lines = _LOGS_AT_END.pop()
    assert [line.partition(":")[0] for line in lines if name in line][-4:] == [
        f"Observe {name}",
        f"Plan {name}",
        f"Save {name}",
        f"{name} is healthy",
    ]
    assert lines[-1] == state.message


@pytest.mark.parametrize("error", [InvalidRequest("no such registry"), KeyError("unforeseen")])
@pytest.mark.usefixtures("prefect_server")
async def test_a_failed_run_has_its_log_too(error: Exception) -> None:
    @flow(name="failing", persist_result=False)
    @report_errors
    async def fail() -> State[None]:
        get_run_logger().info("before the error")
        raise error

    await run_flow(_log_at_end(fail))
    lines = _LOGS_AT_END.pop()
    assert "before the error" in lines
    assert isinstance(error, KeyError) or lines[-1] == "no such registry"


def _change(space: str) -> SetVisibility:
    return SetVisibility(
        space=space, before=Visibility.PUBLIC, after=Visibility.PRIVATE, reason=Reason.REQUESTED
    )


def _snapshot(**changes: Any) -> Snapshot:
    spaces: Complete[Any] = Complete(items=())
    return Snapshot(registry="prod", observed_at=NOW, seconds=0.44, spaces=spaces).model_copy(
        update=changes
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (describe_observation(_snapshot()), "0 spaces in 0.4 s"),
        (
            describe_observation(
                _snapshot(robots=Unavailable(reason=Reason.TIMED_OUT, message="no answer"))
            ),
            "0 spaces, robot accounts not read (TimedOut: no answer) in 0.4 s",
        ),
        (describe_plan(Plan(registry="prod", created_at=NOW)), "0 changes"),
        (
            describe_plan(
                Plan(registry="prod", created_at=NOW, changes=(_change("a"),), withheld_count=2),
                "2 of 3",
            ),
            "1 change, 2 withheld (2 of 3)",
        ),
        (
            describe_changes(
                Plan(registry="prod", created_at=NOW, changes=(_change("a"), _change("b"))),
                [
                    ChangeResult(change=_change("a"), succeeded=True, reason=Reason.REQUESTED),
                    ChangeResult(
                        change=_change("b"),
                        succeeded=False,
                        reason=Reason.TIMED_OUT,
                        message="no answer",
                    ),
                ],
            ),
            "1 of 2 changes made, 1 failed (b: no answer)",
        ),
    ],
)
def test_lines_of_stages(line: str, expected: str) -> None:
    assert line == expected


def _cluster(number: int, **changes: Any) -> ClusterSyncResult:
    result = ClusterSyncResult(cluster=f"c{number}", plan=PullSecretPlan(cluster=f"c{number}"))
    return result.model_copy(update=changes)


@pytest.mark.parametrize(
    ("results", "lines"),
    [
        ([], []),
        ([_cluster(1), _cluster(2)], ["Sync clusters: 2 clusters unchanged"]),
        (
            [_cluster(1, has_changes=True), _cluster(2)],
            [
                "Sync cluster c1: 0 namespaces, 0 changes made",
                "Sync clusters: 1 cluster unchanged",
            ],
        ),
        (
            [_cluster(1, run_error="boom\n\u202eb")],
            ["Sync cluster c1: boom \N{REPLACEMENT CHARACTER}b"],
        ),
    ],
)
def test_clusters_without_changes_are_counted(
    results: list[ClusterSyncResult], lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        log_clusters(results)
    assert caplog.messages == lines


def test_a_run_on_very_many_clusters_logs_some(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        log_clusters([_cluster(number, has_changes=True) for number in range(1000)])
    assert len(caplog.messages) == 21
    assert caplog.messages[-1] == "Sync clusters: 980 clusters more"
