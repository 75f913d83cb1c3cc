"""The forms of a registry's page. What takes access away starts a dry run first."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from deployments.console.context import read
from deployments.console.forms import (
    InvalidForm,
    is_checked,
    start,
    start_preview,
    text_of,
    texts_of,
)
from deployments.console.pages.registry import find_registry, parse_query
from deployments.console.rendering import own_path, url
from flows.access.bind_space import bind_space
from flows.access.resolve_held_bindings import resolve_held_bindings
from flows.access.rotate_credentials import rotate_credentials
from flows.access.unbind_space import unbind_space
from flows.registries.create_space import create_space
from flows.registries.reconcile import reconcile_registry
from flows.registries.remove import remove_registry
from flows.registries.set_visibility import set_space_visibility
from models.registries.space import Visibility
from tasks.store.lists.spaces import list_space_names

MAX_SPACES = 5_000
"""Spaces that one run accepts."""


async def bind(request: Request, form: FormData) -> Response:
    """Bind the selected spaces to the selected workspaces."""
    name, spaces, workspaces = await _selection(request, form)
    parameters = {"registry": name, "spaces": spaces, "workspaces": workspaces}
    return await start(request, bind_space, parameters, _back(name, form))


async def unbind(request: Request, form: FormData) -> Response:
    """Preview what the selected workspaces lose."""
    name, spaces, workspaces = await _selection(request, form)
    parameters = {
        "registry": name,
        "spaces": spaces,
        "workspaces": workspaces,
        "allow_large": is_checked(form, "allow_large"),
    }
    return await start_preview(request, unbind_space, parameters, _back(name, form))


async def make_public(request: Request, form: FormData) -> Response:
    """Make the selected spaces public."""
    return await _set_visibility(request, form, Visibility.PUBLIC)


async def make_private(request: Request, form: FormData) -> Response:
    """Preview what making the selected spaces private takes away."""
    return await _set_visibility(request, form, Visibility.PRIVATE)


async def create(request: Request, form: FormData) -> Response:
    """Create spaces."""
    registry = await find_registry(request)
    names = text_of(form, "names").split()
    _require(names, "Enter the name of at least one space.")
    parameters = {
        "registry": registry.name,
        "names": names,
        "visibility": text_of(form, "visibility"),
        **_opened_spaces(form),
    }
    return await start(request, create_space, parameters, _back(registry.name, form))


async def reconcile(request: Request, form: FormData) -> Response:
    """Preview what reconciling would change."""
    registry = await find_registry(request)
    parameters = {"name": registry.name, "allow_large": is_checked(form, "allow_large")}
    return await start_preview(request, reconcile_registry, parameters, _back(registry.name, form))


async def rotate(request: Request, form: FormData) -> Response:
    """Replace the secrets of the robot accounts, of one workspace or of all."""
    registry = await find_registry(request)
    workspace = text_of(form, "workspace")
    parameters = {"registry": registry.name} | ({"workspace": workspace} if workspace else {})
    return await start(request, rotate_credentials, parameters, _back(registry.name, form))


async def resolve_held(request: Request, form: FormData) -> Response:
    """Preview what restoring or dropping held bindings changes."""
    registry = await find_registry(request)
    space, _, workspace = text_of(form, "binding").rpartition(" ")
    parameters = {
        "registry": registry.name,
        "action": text_of(form, "action"),
        "spaces": [space] if space else [],
        "workspaces": [workspace] if workspace else [],
    }
    back = _back(registry.name, form)
    return await start_preview(request, resolve_held_bindings, parameters, back)


async def remove(request: Request, form: FormData) -> Response:
    """Preview what removing the registry takes away; the run does nothing without `confirm`."""
    registry = await find_registry(request)
    parameters = {"name": registry.name, "confirm": False}
    return await start(request, remove_registry, parameters, _back(registry.name, form))


async def _set_visibility(request: Request, form: FormData, visibility: Visibility) -> Response:
    registry = await find_registry(request)
    spaces = await _spaces(registry.name, form)
    _require(spaces, "Select at least one space.")
    parameters = {
        "registry": registry.name,
        "names": spaces,
        "visibility": visibility.value,
        "allow_large": is_checked(form, "allow_large"),
        **_opened_spaces(form),
    }
    back = _back(registry.name, form)
    if visibility is Visibility.PRIVATE:
        return await start_preview(request, set_space_visibility, parameters, back)
    return await start(request, set_space_visibility, parameters, back)


async def _selection(request: Request, form: FormData) -> tuple[str, list[str], list[str]]:
    registry = await find_registry(request)
    spaces, workspaces = await _spaces(registry.name, form), texts_of(form, "workspace")
    _require(spaces, "Select at least one space.")
    _require(workspaces, "Select at least one workspace.")
    return registry.name, spaces, workspaces


async def _spaces(registry: str, form: FormData) -> list[str]:
    if not is_checked(form, "all_matches"):
        return texts_of(form, "space")
    filters = {name: text_of(form, name) for name in ("q", "visibility", "state", "bound")}
    names = await read(list_space_names, registry, parse_query(filters), MAX_SPACES + 1)
    if len(names) > MAX_SPACES:
        raise InvalidForm({"": f"The list has more than {MAX_SPACES:,} spaces: narrow it."})
    return list(names)


def _opened_spaces(form: FormData) -> Mapping[str, int]:
    number = text_of(form, "opened_spaces")
    if not number:
        return {}
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise InvalidForm({"": "'Private spaces to open' is not a number."})
    return {"opened_spaces": int(number)}


def _require(names: Sequence[str], message: str) -> None:
    if not names:
        raise InvalidForm({"": message})


def _back(registry: str, form: FormData) -> str:
    back = own_path(text_of(form, "back"))
    page = url("registries", registry)
    return back if back == page or back.startswith(f"{page}?") else page
