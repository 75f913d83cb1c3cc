"""The audit names who started a run: as the Prefect server and the console's signature have it."""

from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.context import FlowRunContext
from prefect.flow_engine import run_flow
from prefect.states import Pending

from flows.access.create_workspace import create_workspace
from flows.runs import new_run_context
from models.core.runs.actor import Actor
from models.core.settings import get_settings
from tasks import clock
from tasks.prefect.actors import ACTOR_LABEL, SignedRun, sign_run
from tasks.prefect.flow_runs import start_run
from tasks.secrets.console_key import ensure_console_key
from tasks.store import audit
from tasks.store.session import in_transaction

FLOW = "create-workspace"


@pytest.fixture(autouse=True)
def _key_file(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_CONSOLE_KEY_FILE", str(tmp_path / "console.key"))
    get_settings.cache_clear()


async def _deploy(*schedules: DeploymentScheduleCreate) -> UUID:
    async with get_client() as client:
        flow_id = await client.create_flow(create_workspace)
        return await client.create_deployment(flow_id, "default", schedules=list(schedules))


async def _start(parameters: dict[str, Any], signed: SignedRun | None = None) -> FlowRun:
    deployment = await _deploy()
    async with get_client() as client:
        return await client.create_flow_run_from_deployment(
            deployment,
            parameters=parameters,
            idempotency_key=signed.idempotency_key if signed else None,
            labels=dict(signed.labels) if signed else None,
        )


async def _actor_in_audit(run: FlowRun, workspace: str) -> str:
    """Run what was started, as its process does, and return the actor of its audit entry."""
    async with get_client() as client:
        stored = await client.read_flow_run(run.id)
    await cast(Awaitable[Any], run_flow(create_workspace, flow_run=stored, return_type="state"))
    (entry,) = await in_transaction(audit.history, workspace=workspace)
    assert (entry.what, entry.flow_run) == ("workspace.created", str(run.id))
    return entry.actor


async def test_the_user_of_the_console(name: str) -> None:
    parameters = {"name": name, "description": "Läden, \u202e1.0"}
    await _deploy()
    run_id = await start_run(FLOW, parameters, "alice@example.com")
    async with get_client() as client:
        run = await client.read_flow_run(UUID(run_id))
    assert await _actor_in_audit(run, name) == "person:alice@example.com"
    # The same label and key make no second run, so there is nothing to replay.
    signed = SignedRun(run.idempotency_key or "", {ACTOR_LABEL: str(run.labels[ACTOR_LABEL])})
    assert (await _start(parameters, signed)).id == run.id


@pytest.mark.parametrize("forgery", ["replayed", "changed", "other flow", "expired", "other key"])
async def test_a_forged_signature_changes_nothing(name: str, forgery: str) -> None:
    parameters, key, now, signed_flow = {"name": name}, ensure_console_key(), clock.now(), FLOW
    if forgery == "other key":
        key = b"guess" * 10
    if forgery == "other flow":
        signed_flow = "remove-workspace"
    if forgery == "expired":
        now -= timedelta(hours=1)
    signed = sign_run(signed_flow, parameters, "alice", now, key)
    if forgery == "replayed":
        signed = signed._replace(idempotency_key="another run")
    if forgery == "changed":
        parameters["description"] = "changed"
    assert await _actor_in_audit(await _start(parameters, signed), name) == "api"


async def test_a_schedule(name: str) -> None:
    every_minute = DeploymentScheduleCreate(
        schedule=IntervalSchedule(interval=timedelta(minutes=1)),
        slug="every-minute",
        parameters={"name": name},
    )
    deployment = await _deploy(every_minute)
    async with get_client() as client:
        await client.request(
            "POST",
            "/deployments/{id}/schedule",
            path_params={"id": deployment},
            json={"min_runs": 1},
        )
        own_deployment = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        runs = await client.read_flow_runs(deployment_filter=own_deployment)
        (run, *_) = [run for run in runs if run.auto_scheduled]
        await client.set_flow_run_state(run.id, Pending(), force=True)  # it is due later
    assert await _actor_in_audit(run, name) == "schedule:every-minute"
    async with get_client() as client:
        await client.delete_deployment(deployment)


async def test_an_exposed_key_file_fails_no_run(name: str) -> None:
    parameters = {"name": name}
    signed = sign_run(FLOW, parameters, "alice", clock.now(), ensure_console_key())
    run = await _start(parameters, signed)
    get_settings().console_key_path.chmod(0o644)
    assert await _actor_in_audit(run, name) == "api"


@task(persist_result=False)
async def _actor_in_task() -> Actor:
    return new_run_context().actor


@flow(name="actor-in-tasks", persist_result=False)
async def _with_tasks() -> tuple[Actor, ...]:
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    parameters: dict[str, Any] = {}
    signed = sign_run("actor-in-tasks", parameters, "alice", clock.now(), ensure_console_key())
    context.flow_run.labels[ACTOR_LABEL] = signed.labels[ACTOR_LABEL]
    context.flow_run.idempotency_key = signed.idempotency_key
    return new_run_context().actor, await _actor_in_task()


async def test_tasks_know_it() -> None:
    actors = await _with_tasks()
    assert {str(actor) for actor in actors} == {"person:alice"}
