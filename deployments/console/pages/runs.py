"""One run of a flow: its state, results and log; cancel it, or do for real what it previewed."""

import asyncio

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import user_of
from deployments.console.errors import PageNotFound
from deployments.console.forms import InvalidForm
from deployments.console.markdown import render_all
from deployments.console.previews import MAX_AGE, find_preview, is_outdated
from deployments.console.rendering import own_path, render, url
from models.core.errors import InvalidRequest
from tasks import clock
from tasks.prefect.flow_runs import (
    MAX_LOG_LINES,
    FlowRunView,
    cancel_run,
    get_run,
    list_artifacts,
    list_logs,
    list_steps,
    start_run,
)
from tasks.secrets.form_blocks import discard_form_credentials


async def show(request: Request) -> Response:
    """Show a run, with everything that it has published and logged so far."""
    run = await find_run(request.path_params["run_id"])
    if run.is_final:
        await discard_credentials(run)
    artifacts, logs, steps = await asyncio.gather(
        list_artifacts(run.id), list_logs(run.id), list_steps(run.id)
    )
    return render(
        request,
        "run.html",
        run=run,
        preview=find_preview(run),
        is_outdated=is_outdated(run, clock.now()),
        results=await render_all(artifact.markdown for artifact in artifacts),
        steps=steps,
        logs=logs,
        has_older_logs=len(logs) >= MAX_LOG_LINES,
        back=own_path(request.query_params.get("back", "")),
    )


async def cancel(request: Request, form: FormData) -> Response:
    """Ask a run to end."""
    run = await find_run(request.path_params["run_id"])
    await cancel_run(run.id)
    return RedirectResponse(_run_url(run.id, form), status_code=303)


async def apply_preview(request: Request, form: FormData) -> Response:
    """Start the run that a run previewed, with its parameters; the same one if that was done."""
    run = await find_run(request.path_params["run_id"])
    preview = find_preview(run)
    if preview is None:
        raise InvalidForm({"": f"the run {run.name!r} is not a preview that has succeeded"})
    if is_outdated(run, clock.now()):
        minutes = int(MAX_AGE.total_seconds() // 60)
        raise InvalidForm({"": f"the preview is older than {minutes} minutes: preview again"})
    try:
        run_id = await start_run(
            run.flow,
            {**run.parameters, preview.parameter: not preview.preview_value},
            user_of(request).name,
            idempotency_key=f"console now {run.id}",
        )
    except InvalidRequest as error:
        raise InvalidForm({"": str(error)}) from None
    return RedirectResponse(_run_url(run_id, form), status_code=303)


async def discard_credentials(run: FlowRunView) -> None:
    """Delete the block that the form of a run made, unless what the run saved uses it."""
    reference = run.parameters.get("credentials")
    block_id = reference.get("$ref") if isinstance(reference, dict) else None
    if isinstance(block_id, str):
        await discard_form_credentials(block_id)


async def find_run(run_id: str) -> FlowRunView:
    """Return a run.

    Raises:
        PageNotFound: there is no run with this id.
    """
    run = await get_run(run_id)
    if run is None:
        raise PageNotFound("run", run_id)
    return run


def _run_url(run_id: str, form: FormData) -> str:
    return url("runs", run_id, back=own_path(str(form.get("back", ""))))
