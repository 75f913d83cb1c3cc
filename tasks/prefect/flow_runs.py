"""Runs of flows over Prefect's public client: start, show, cancel."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, Log
from prefect.client.schemas.sorting import LogSort, TaskRunSort
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling

from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from tasks import clock
from tasks.prefect.actors import sign_run
from tasks.prefect.api import prefect_client
from tasks.prefect.artifacts import remove_console_link
from tasks.secrets.console_key import ensure_console_key

_DEPLOYMENT = "default"
_PAGE_SIZE = 200
MAX_LOG_LINES = 1_000
_FINAL_STATES = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_REQUEST_ERRORS = (
    httpx.codes.BAD_REQUEST,
    httpx.codes.CONFLICT,
    httpx.codes.UNPROCESSABLE_ENTITY,
)


class FlowRunArtifact(FrozenModel):
    """A result that a run published.

    Attributes:
        markdown: the content; it may contain text of registries and clusters.
    """

    key: str
    description: str
    markdown: str


class FlowRunLog(FrozenModel):
    """One line of a run's log."""

    at: datetime
    level: int
    message: str


class FlowRunStep(FrozenModel):
    """One step of a run that is a Prefect task."""

    name: str
    state: str
    state_name: str

    @property
    def is_final(self) -> bool:
        """Whether the step has ended."""
        return self.state in _FINAL_STATES


class FlowRunView(FrozenModel):
    """A run of a flow as the Prefect server knows it.

    Attributes:
        flow: name of the flow, e.g. `bind-space`.
        state: type of the state, e.g. `RUNNING`.
        state_name: name of the state, e.g. `AwaitingRetry`.
        parameters: as they were given; credentials are references to blocks.
        created_at, started_at, ended_at: times (UTC); None until then.
    """

    id: str
    name: str
    flow: str
    state: str
    state_name: str
    message: str
    parameters: Mapping[str, Any]
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.state in _FINAL_STATES

    @property
    def is_completed(self) -> bool:
        """Whether the run has succeeded."""
        return self.state == "COMPLETED"

    @property
    def is_cancellable(self) -> bool:
        """Whether the run can be cancelled."""
        return not self.is_final and self.state != "CANCELLING"


async def start_run(
    flow: str, parameters: Mapping[str, Any], actor: str, *, idempotency_key: str | None = None
) -> str:
    """Start a run of a flow's deployment and return its id.

    Args:
        flow: name of the flow.
        parameters: its parameters as JSON; they contain no secret.
        actor: who starts it.
        idempotency_key: if a run of the flow with this key exists, it is returned; None for a
            random one.

    Raises:
        InvalidRequest: Prefect does not accept the parameters, or the flow is not deployed; no run
            was started.
        PrefectUnavailable: the server did not answer.
    """
    async with prefect_client() as client:
        try:
            deployment = await client.read_deployment_by_name(f"{flow}/{_DEPLOYMENT}")
            all_parameters = {**deployment.parameters, **parameters}  # as the server stores them
            key = ensure_console_key()
            signed = sign_run(
                flow, all_parameters, actor, clock.now(), key, idempotency_key=idempotency_key
            )
            run = await client.create_flow_run_from_deployment(
                deployment.id,
                parameters=all_parameters,
                idempotency_key=signed.idempotency_key,
                labels=dict(signed.labels),
            )
        except ObjectNotFound:
            raise InvalidRequest(
                f"{flow} is not deployed: run `python -m deployments.deploy` with the same "
                "PREFECT_API_URL"
            ) from None
        except PrefectHTTPStatusError as error:
            if error.response.status_code not in _REQUEST_ERRORS:
                raise
            raise _start_error(flow, error) from None
    return str(run.id)


def _start_error(flow: str, error: PrefectHTTPStatusError) -> InvalidRequest:
    try:
        detail = error.response.json().get("detail", "")
    except ValueError:
        detail = ""
    return InvalidRequest(f"{flow} was not started: {detail or error.response.status_code}")


async def get_run(run_id: str) -> FlowRunView | None:
    """Return a run; None if there is none with this id."""
    id_ = _parse_id(run_id)
    if id_ is None:
        return None
    async with prefect_client() as client:
        try:
            run = await client.read_flow_run(id_)
            flow = await client.read_flow(run.flow_id)
        except ObjectNotFound:
            return None
    return _view(run, flow.name)


def _view(run: FlowRun, flow: str) -> FlowRunView:
    state = run.state
    return FlowRunView(
        id=str(run.id),
        name=run.name,
        flow=flow,
        state=state.type.value if state else "PENDING",
        state_name=(state.name if state else "") or "Pending",
        message=(state.message if state else "") or "",
        parameters=run.parameters,
        created_at=run.created,
        started_at=run.start_time,
        ended_at=run.end_time,
    )


async def list_logs(run_id: str) -> tuple[FlowRunLog, ...]:
    """Return the last 1,000 lines of a run's log, oldest first."""
    logs: list[Log] = []
    async with prefect_client() as client:
        while len(logs) < MAX_LOG_LINES and len(logs) % _PAGE_SIZE == 0:
            page = await client.read_logs(
                LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(run_id)])),
                limit=_PAGE_SIZE,
                offset=len(logs),
                sort=LogSort.TIMESTAMP_DESC,
            )
            logs += page
            if not page:
                break
    return tuple(
        FlowRunLog(at=log.timestamp, level=log.level, message=log.message) for log in reversed(logs)
    )


async def list_steps(run_id: str) -> tuple[FlowRunStep, ...]:
    """Return the last 200 steps of a run that have begun, in the order of their start."""
    async with prefect_client() as client:
        runs = await client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[UUID(run_id)])),
            limit=_PAGE_SIZE,
            sort=TaskRunSort.EXPECTED_START_TIME_DESC,
        )
    runs.sort(key=lambda run: str(run.start_time or run.created))
    return tuple(
        FlowRunStep(
            name=run.name.rpartition("-")[0] or run.name,
            state=run.state_type.value if run.state_type else "PENDING",
            state_name=run.state_name or "Pending",
        )
        for run in runs
    )


async def list_artifacts(run_id: str) -> tuple[FlowRunArtifact, ...]:
    """Return the Markdown artifacts of a run, oldest first."""
    async with prefect_client() as client:
        artifacts = await client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(run_id)]))
        )
    texts: Iterable[FlowRunArtifact] = (
        FlowRunArtifact(
            key=artifact.key or "",
            description=artifact.description or "",
            markdown=remove_console_link(str(artifact.data or "")),
        )
        for artifact in sorted(artifacts, key=lambda item: str(item.created))
        if artifact.type == "markdown"
    )
    return tuple(texts)


async def cancel_run(run_id: str) -> bool:
    """Ask the run to end; False if there is no such run, or if it has ended already."""
    id_ = _parse_id(run_id)
    run = await get_run(run_id)
    if id_ is None or run is None or not run.is_cancellable:
        return False
    async with prefect_client() as client:
        await _set_cancelling(client, id_)
    return True


async def _set_cancelling(client: PrefectClient, id_: UUID) -> None:
    # A run without a process would stay in Cancelling for ever: Prefect's API turns a scheduled run
    # into a cancelled one itself.
    await client.set_flow_run_state(id_, Cancelling())


def _parse_id(run_id: str) -> UUID | None:
    try:
        return UUID(run_id)
    except ValueError:
        return None
