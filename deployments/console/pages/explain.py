"""Why a namespace can or cannot pull an image.

The answer is that of a run of explain-access: the workers reach clusters and registries and have
the keys, the console need not. The address of the answer can be passed on.
"""

from typing import NamedTuple

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import read, user_of
from deployments.console.errors import PageNotFound
from deployments.console.forms import InvalidForm, check_parameters, text_of
from deployments.console.markdown import render_all
from deployments.console.rendering import render, url
from flows.access.explain_access import explain_access
from models.core.errors import InvalidRequest
from models.core.suggestion import suggest_name
from models.overview.lists import MAX_ROWS_PER_PAGE, NamespaceQuery
from tasks.prefect.flow_runs import FlowRunView, get_run, list_artifacts, list_logs, start_run
from tasks.store.access import clusters
from tasks.store.lists.namespaces import list_paths

_FIELDS = ("cluster", "namespace", "image", "service_account", "pod")


class _Options(NamedTuple):
    clusters: tuple[str, ...]
    paths: tuple[str, ...]


async def show(request: Request) -> Response:
    """Show the form with the values of the address, and the answer of its run."""
    params = request.query_params
    values = {name: params.get(name, "") for name in _FIELDS}
    run = await _find_run(params["run"]) if params.get("run") else None
    if run is not None:
        values = {name: str(run.parameters.get(name) or "") for name in _FIELDS}
    return await _page(request, values, run=run)


async def start_explanation(request: Request, form: FormData) -> Response:
    """Start the run, and show its answer on this page."""
    values = {name: text_of(form, name) for name in _FIELDS}
    cluster, _, namespace = text_of(form, "target").partition("/")
    values |= {"cluster": cluster, "namespace": namespace}
    try:
        check_parameters(explain_access, values)
        run_id = await start_run(explain_access.name, values, user_of(request).name)
    except InvalidForm as error:
        return await _page(request, values, errors=error.errors, status=422)
    except InvalidRequest as error:
        return await _page(request, values, errors={"": str(error)}, status=422)
    query = {name: value for name, value in values.items() if value}
    return RedirectResponse(url("explain", run=run_id, **query), status_code=303)


async def _find_run(run_id: str) -> FlowRunView:
    run = await get_run(run_id)
    if run is None or run.flow != explain_access.name:
        raise PageNotFound("explanation", run_id)
    return run


async def _page(
    request: Request,
    values: dict[str, str],
    *,
    run: FlowRunView | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    search = request.query_params.get("q", "")
    options = await read(_load_options, request.query_params.get("in", ""), search)
    path = f"{values['cluster']}/{values['namespace']}" if values["namespace"] else ""
    extra = (path,) if path and path not in options.paths else ()
    cluster = values["cluster"]
    is_known = not cluster or cluster in options.clusters
    pages = await list_artifacts(run.id) if run else ()
    answers = await render_all(page.markdown for page in pages)
    return render(
        request,
        "explain.html",
        status=status,
        values=values,
        errors=dict.fromkeys((*_FIELDS, ""), "") | (errors or {}),
        run=run,
        answers=answers,
        logs=await list_logs(run.id) if run and run.is_final and not answers else (),
        clusters=options.clusters,
        paths=(*extra, *options.paths),
        path=path,
        search=search,
        in_cluster=request.query_params.get("in", ""),
        unknown_cluster="" if is_known else cluster,
        suggestion=None if is_known else suggest_name(cluster, options.clusters),
    )


def _load_options(session: Session, cluster: str, search: str) -> _Options:
    query = NamespaceQuery(cluster=cluster or None, search=search, limit=MAX_ROWS_PER_PAGE)
    return _Options(clusters.list_names(session), list_paths(session, query))
