"""Change the settings of a registry: what is changed in the form becomes parameters of the flow."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from deployments.console.forms import InvalidForm, check_parameters, start, text_of
from deployments.console.pages.registry import find_registry
from deployments.console.rendering import render, url
from flows.forms.schema import NONE
from flows.registries.update import update_registry
from models.registries.registry import BlockRef, CredentialRef, DriftPolicy, Registry
from tasks.prefect.api import PrefectUnavailable
from tasks.secrets.form_blocks import list_saved_credentials

_TEXT_FIELDS = ("address", "description", "drift_policy", "count_storage", "allow_push")
_SLUG = "registry-credentials"
_YES_NO = (("yes", "yes"), ("no", "no"))
KEEP = ""
"""Value of a choice of credentials that changes nothing, whatever the current ones are."""


async def show(request: Request) -> Response:
    """Show the settings that can be changed."""
    registry = await find_registry(request)
    return await _form_page(request, registry, _current(registry), {})


async def submit(request: Request, form: FormData) -> Response:
    """Start the flow with what was changed; it tests the registry before anything is saved."""
    registry = await find_registry(request)
    values = {name: text_of(form, name) for name in (*_current(registry), "opened_spaces")}
    if "@" in values["address"] + values["token_service"]:
        error = {"address": "An address contains no user name or password: select credentials."}
        kept = values | {name: _current(registry)[name] for name in ("address", "token_service")}
        return await _form_page(request, registry, kept, error, 422)
    try:
        changes = _changes(registry, values)
        if not changes:
            raise InvalidForm({"": "Nothing was changed in the form."})
        parameters = {"name": registry.name, **changes}
        check_parameters(update_registry, parameters)
        back = url("registries", registry.name)
        return await start(request, update_registry, parameters, back)
    except InvalidForm as error:
        return await _form_page(request, registry, values, error.errors, 422)


def _current(registry: Registry) -> dict[str, str]:
    """Return what the fields of the form show while nothing is changed in them."""
    return {
        "address": registry.address,
        "description": "".join(registry.description.splitlines()).strip(),  # as browsers send it
        "credentials": KEEP,
        "pull_credentials": KEEP,
        "allow_push": "yes" if registry.allow_push else "no",
        "tls": registry.tls.mode,
        "bundle": "",
        "token_service": registry.token_service or "",
        "pull_addresses": "\n".join(registry.pull_addresses),
        "drift_policy": registry.drift_policy.value,
        "count_storage": "yes" if registry.count_storage else "no",
    }


def _changes(registry: Registry, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of the flow for the values that differ from those on record.

    Raises:
        InvalidForm: a number is none.
    """
    current = _current(registry)
    changed = {name for name in current if values[name] != current[name]}
    changes: dict[str, Any] = {name: values[name] for name in _TEXT_FIELDS if name in changed}
    if "credentials" in changed:
        changes["credentials"] = _reference(values["credentials"])
    if "pull_credentials" in changed:
        changes.update(_pull_credentials(registry, values["pull_credentials"]))
    if "token_service" in changed:
        changes["token_service"] = values["token_service"] or NONE
    if values["pull_addresses"].split() != current["pull_addresses"].split():
        changes["pull_addresses"] = values["pull_addresses"].split()
    if "tls" in changed or values["bundle"]:
        bundle = {"bundle": values["bundle"]} if values["tls"] == "ca" else {}
        changes["tls"] = {"mode": values["tls"], **bundle}
    if changes and values["opened_spaces"]:
        changes["opened_spaces"] = _number(values["opened_spaces"])
    return changes


def _pull_credentials(registry: Registry, name: str) -> dict[str, Any]:
    if name == NONE:
        return {"pull_credentials": NONE} if registry.pull_credential else {}
    return {"pull_credentials": _reference(name)}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": {"block_document_slug": f"{_SLUG}/{name}"}}


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise InvalidForm({"opened_spaces": "enter a number"})


async def _form_page(
    request: Request,
    registry: Registry,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int = 200,
) -> Response:
    saved: tuple[str, ...] = ()
    with suppress(PrefectUnavailable):  # the form can be read, and the run cannot be started
        saved = await list_saved_credentials()
    return render(
        request,
        "registry_edit.html",
        status=status,
        registry=registry,
        values={"opened_spaces": "", **values},
        errors=errors,
        messages=[f"{name}: {text}" if name else text for name, text in errors.items()],
        credential_options=_credential_options(registry.credential, saved, values["credentials"]),
        pull_options=_pull_options(registry, saved, values["pull_credentials"]),
        drift_policies=[(policy.value, policy.value) for policy in DriftPolicy],
        yes_no=_YES_NO,
    )


def _credential_options(
    current: CredentialRef | None, saved: Iterable[str], chosen: str
) -> list[tuple[str, str]]:
    """Return the choices: first to change nothing, then blocks, also those that are not listed."""
    listed = {current.name} if isinstance(current, BlockRef) else set()
    names = sorted({*saved, *listed, chosen} - {KEEP, NONE})
    return [(KEEP, f"Keep the current ones: {current or NONE}"), *((name, name) for name in names)]


def _pull_options(registry: Registry, saved: Iterable[str], chosen: str) -> list[tuple[str, str]]:
    keep, *blocks = _credential_options(registry.pull_credential, saved, chosen)
    removal = [(NONE, "No pull-only user")] if registry.pull_credential else []
    return [keep, *removal, *blocks]
