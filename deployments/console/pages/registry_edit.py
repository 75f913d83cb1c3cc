"""Change the settings of a registry: what is changed in the form becomes parameters of the flow.

The flow has no preview: what it takes away from namespaces is confirmed in the form.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from deployments.console.forms import InvalidForm, check_parameters, start, text_of
from deployments.console.pages.configuration import find_mark
from deployments.console.pages.registry import find_registry
from deployments.console.rendering import render, url
from flows.forms.fields import canonicalize_address, parse_pull_addresses
from flows.forms.schema import NONE
from flows.registries.update import update_registry
from models.configuration.things import ThingKind
from models.core.errors import InvalidRequest
from models.registries.registry import BlockRef, CredentialRef, DriftPolicy, Registry
from tasks.prefect.api import PrefectUnavailable
from tasks.secrets.form_blocks import list_saved_credentials

_TEXT_FIELDS = ("address", "description", "drift_policy", "count_storage", "allow_push")
_ADDRESSES = ("address", "token_service", "pull_addresses")
_HAS_USER = "An address contains no user name or password: select credentials."
_CHANGED_MEANWHILE = (
    "The settings were changed meanwhile. The form shows them as they are now: enter your change "
    "again."
)
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
    current = _current(registry)
    values = {name: text_of(form, name) for name in (*current, "opened_spaces")}
    if any("@" in values[name] for name in _ADDRESSES):
        kept = values | {name: current[name] for name in _ADDRESSES}
        return await _form_page(request, registry, kept, {"": _HAS_USER}, 422)
    if text_of(form, "version") != _version(registry):
        return await _form_page(request, registry, current, {"": _CHANGED_MEANWHILE}, 409)
    try:
        changes = _changes(registry, values)
        if not changes:
            raise InvalidForm({"": "Nothing was changed in the form."})
        parameters = {"name": registry.name, **changes}
        check_parameters(update_registry, parameters)
        losses = _losses(registry, changes)
        if text_of(form, "confirmed") != losses:
            return await _form_page(request, registry, values, {}, 422, losses)
        # LOSS
        back = url("registries", registry.name)
        return await start(request, update_registry, parameters, back)
    except InvalidForm as error:
        return await _form_page(request, registry, values, error.errors, 422)


def _losses(registry: Registry, changes: Mapping[str, Any]) -> str:
    """Return what the parameters of the flow take away from namespaces; empty for nothing.

    The flow has no preview, so a person confirms this text.

    Raises:
        InvalidForm: an address is invalid.
    """
    losses = []
    if changes.get("pull_credentials") == NONE:
        losses.append("the pull-only user: namespaces receive no login for this registry")
    try:
        updates: dict[str, Any] = {}
        if "address" in changes:
            updates["address"] = canonicalize_address(changes["address"])
        if "pull_addresses" in changes:
            updates["pull_addresses"] = parse_pull_addresses(changes["pull_addresses"])
    except InvalidRequest as error:
        raise InvalidForm({"": str(error)}) from None
    kept = registry.model_copy(update=updates).image_hosts
    if hosts := [host for host in registry.image_hosts if host not in kept]:
        losses.append(f"{', '.join(hosts)}: pull secrets contain no login for these names")
    return "; ".join(losses)


def _version(registry: Registry) -> str:
    """Return a digest of the settings: those of a form are compared with the ones it has shown."""
    return hashlib.sha256(registry.model_dump_json().encode()).hexdigest()


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
    losses: str = "",
) -> Response:
    saved: tuple[str, ...] = ()
    with suppress(PrefectUnavailable):  # the form can be read, and the run cannot be started
        saved = await list_saved_credentials()
    return render(
        request,
        "registry_edit.html",
        status=status,
        registry=registry,
        version=_version(registry),
        losses=losses,
        mark=await find_mark(ThingKind.REGISTRY, registry.name),
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
