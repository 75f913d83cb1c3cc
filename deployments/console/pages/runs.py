"""One run of a flow: its state, results and log; cancel it, or do for real what it previewed."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import user_of
from deployments.console.errors import PageNotFound
from deployments.console.forms import InvalidForm
from deployments.console.markdown import render_markdown
from deployments.console.rendering import own_path, render, url
from models.core.errors import InvalidRequest
from tasks.prefect.flow_runs import (
    FlowRunView,
    cancel_run,
    get_run,
    list_artifacts,
    list_logs,
    start_run,
)


async def show(request: Request) -> Response:
    """Show a run."""
    run = await _find_run(request)
    return render(
        request,
        "run.html",
        run=run,
        results=[render_markdown(result.markdown) for result in await list_artifacts(run.id)],
        logs=await list_logs(run.id),
        back=own_path(request.query_params.get("back", "")),
    )


async def cancel(request: Request, form: FormData) -> Response:
    """Ask a run to end."""
    run = await _find_run(request)
    await cancel_run(run.id)
    return RedirectResponse(_run_url(run.id, form), status_code=303)


async def repeat_for_real(request: Request, form: FormData) -> Response:
    """Start the run that a dry run previewed, with the parameters of the dry run."""
    preview = await _find_run(request)
    if not preview.is_preview:
        raise InvalidForm({"": f"the run {preview.name!r} is not a preview that has succeeded"})
    try:
        run_id = await start_run(
            preview.flow,
            {**preview.parameters, "dry_run": False},
            user_of(request).name,
            idempotency_key=f"{preview.id}-now",  # a second click starts no second run
        )
    except InvalidRequest as error:
        raise InvalidForm({"": str(error)}) from None
    return RedirectResponse(_run_url(run_id, form), status_code=303)


async def _find_run(request: Request) -> FlowRunView:
    run_id = request.path_params["run_id"]
    run = await get_run(run_id)
    if run is None:
        raise PageNotFound("run", run_id)
    return run


def _run_url(run_id: str, form: FormData) -> str:
    return url("runs", run_id, back=own_path(str(form.get("back", ""))))
