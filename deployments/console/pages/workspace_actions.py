"""The forms of workspaces. What takes access away starts a dry run first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from deployments.console.context import read
from deployments.console.forms import (
    InvalidForm,
    check_parameters,
    is_checked,
    start,
    start_preview,
    text_of,
    texts_of,
)
from deployments.console.pages.configuration import find_mark
from deployments.console.pages.workspaces import find_workspace
from deployments.console.rendering import own_path, render, url
from flows.access.bind_space import bind_space
from flows.access.create_workspace import create_workspace
from flows.access.remove_workspace import remove_workspace
from flows.access.unbind_space import unbind_space
from models.access.binding import Workspace
from models.clusters.service_account_choice import DEFAULT_ACCOUNTS
from models.configuration.things import ThingKind
from models.overview.lists import MAX_ROWS_PER_PAGE, NamespaceQuery
from tasks.store.access import clusters, workspaces
from tasks.store.lists.namespaces import list_listed_paths, list_paths

_FIELDS_WITH_ERROR = ("name", "description", "service_accounts")


async def show_new(request: Request) -> Response:
    """Show the form of a new workspace."""
    return await _form_page(request, _values(None, ()), {}, None)


async def show_edit(request: Request) -> Response:
    """Show the form of a workspace."""
    workspace = await find_workspace(request)
    listed = await read(list_listed_paths, workspace.name)
    return await _form_page(request, _values(workspace, listed), {}, workspace)


async def create(request: Request, form: FormData) -> Response:
    """Create a workspace."""
    name = text_of(form, "name")
    values = _form_values(form) | {"name": name}
    existing = await read(workspaces.get_workspace, name)
    if existing is not None:
        error = {"name": "A workspace of this name exists: change it on its own page."}
        return await _form_page(request, values, error, None, 422)
    return await _submit(request, values, None, preview=False)


async def edit(request: Request, form: FormData) -> Response:
    """Preview what replacing the lists of a workspace changes."""
    workspace = await find_workspace(request)
    values = _form_values(form) | {"name": workspace.name}
    return await _submit(request, values, workspace, preview=True)


async def bind(request: Request, form: FormData) -> Response:
    """Bind the workspace to spaces of a registry."""
    workspace = await find_workspace(request)
    spaces = texts_of(form, "space")
    _require(spaces, "Select at least one space.")
    parameters = {
        "registry": text_of(form, "registry"),
        "spaces": spaces,
        "workspaces": [workspace.name],
    }
    return await start(request, bind_space, parameters, _back(workspace.name, form))


async def unbind(request: Request, form: FormData) -> Response:
    """Preview what unbinding the selected spaces takes away; they are of one registry."""
    workspace = await find_workspace(request)
    selected = [value.partition(" ") for value in texts_of(form, "binding")]
    _require(selected, "Select at least one space.")
    names = sorted({registry for registry, _, _ in selected})
    if len(names) > 1:
        message = f"Select spaces of one registry: {' and '.join(names[:2])} have a run each."
        raise InvalidForm({"": message})
    parameters = {
        "registry": names[0],
        "spaces": [space for _, _, space in selected],
        "workspaces": [workspace.name],
        "allow_large": is_checked(form, "allow_large"),
    }
    return await start_preview(request, unbind_space, parameters, _back(workspace.name, form))


async def remove(request: Request, form: FormData) -> Response:
    """Preview what removing the workspace takes away."""
    workspace = await find_workspace(request)
    parameters = {"name": workspace.name, "confirm": True}
    return await start_preview(request, remove_workspace, parameters, _back(workspace.name, form))


def _values(workspace: Workspace | None, listed: Sequence[str]) -> dict[str, Any]:
    return {
        "name": workspace.name if workspace else "",
        "description": workspace.description if workspace else "",
        "namespaces": list(listed),
        "clusters": list(workspace.clusters) if workspace else [],
        "service_accounts": workspace.service_accounts if workspace else DEFAULT_ACCOUNTS,
    }


def _form_values(form: FormData) -> dict[str, Any]:
    more = text_of(form, "more_namespaces").split()
    return {
        "description": text_of(form, "description"),
        "namespaces": sorted({*texts_of(form, "namespaces"), *more}),
        "clusters": texts_of(form, "clusters"),
        "service_accounts": text_of(form, "service_accounts") or DEFAULT_ACCOUNTS,
    }


async def _submit(
    request: Request, values: Mapping[str, Any], workspace: Workspace | None, *, preview: bool
) -> Response:
    back = url("workspaces", workspace.name) if workspace else url("workspaces")
    begin = start_preview if preview else start
    try:
        check_parameters(create_workspace, values)
        return await begin(request, create_workspace, values, back)
    except InvalidForm as error:
        return await _form_page(request, values, error.errors, workspace, 422)


async def _form_page(
    request: Request,
    values: Mapping[str, Any],
    errors: Mapping[str, str],
    workspace: Workspace | None,
    status: int = 200,
) -> Response:
    search = request.query_params.get("nq", "")
    paths, cluster_names = await read(_load_options, search)
    return render(
        request,
        "workspace_form.html",
        status=status,
        values=values,
        errors=errors,
        messages=[text for name, text in errors.items() if name not in _FIELDS_WITH_ERROR],
        workspace=workspace,
        mark=await find_mark(ThingKind.WORKSPACE, workspace.name) if workspace else None,
        paths=_options({*paths, *values["namespaces"]}),
        has_more=len(paths) == MAX_ROWS_PER_PAGE,
        namespace_search=search,
        cluster_names=_options({*cluster_names, *values["clusters"]}),
    )


def _options(values: Iterable[str]) -> list[tuple[str, str]]:
    return [(value, value) for value in sorted(values)]


def _load_options(session: Session, search: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    query = NamespaceQuery(search=search, limit=MAX_ROWS_PER_PAGE)
    return list_paths(session, query), clusters.list_names(session)


def _require(values: Sequence[object], message: str) -> None:
    if not values:
        raise InvalidForm({"": message})


def _back(workspace: str, form: FormData) -> str:
    back, page = own_path(text_of(form, "back")), url("workspaces", workspace)
    return back if back == page or back.startswith(f"{page}?") else page
