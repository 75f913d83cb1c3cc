"""Integrate a registry: one form, which comes back with the failed step if the probe fails."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import SecretStr
from sqlmodel import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import read, user_of
from deployments.console.errors import PageNotFound
from deployments.console.forms import InvalidForm, check_parameters, is_checked, text_of
from deployments.console.markdown import render_all
from deployments.console.pages.runs import discard_credentials, find_run
from deployments.console.rendering import render, url
from flows.registries.integrate import integrate_registry
from models.core.errors import IntegrationError
from models.registries.registry import CAPABILITIES
from models.tables import RegistryRow
from tasks.prefect.api import PrefectUnavailable
from tasks.prefect.flow_runs import FlowRunView, list_artifacts, list_steps, start_run
from tasks.secrets.form_blocks import (
    discard_form_credentials,
    list_saved_credentials,
    save_form_credentials,
    sweep_form_credentials,
)

_FIELDS = ("name", "type", "address", "token_service", "user", "saved", "tls", "bundle")
_TLS_MODES = {
    "verify": "Verify the certificate (recommended)",
    "ca": "Verify it with an own certificate authority",
    "insecure": "Do not verify it (unsafe)",
}
_MAX_CREDENTIAL_LENGTH = 1_000
_BLOCK_REFERENCE = "registry-credentials"

Values = Mapping[str, str]


async def show(request: Request) -> Response:
    """Show the empty form, or how the run of a form that was sent is going."""
    run_id = request.query_params.get("run")
    if not run_id:
        with suppress(PrefectUnavailable):  # the page says so
            await sweep_form_credentials()
        return await _form_page(request, {"type": "harbor", "tls": "verify"})
    run = await find_run(run_id)
    if run.flow != integrate_registry.name:
        raise PageNotFound("integration", run_id)
    if not run.is_final:
        steps = await list_steps(run.id)
        return render(request, "registry_progress.html", run=run, steps=steps)
    await discard_credentials(run)
    is_integrated = run.is_completed and not run.parameters.get("test_only")
    name = str(run.parameters.get("name", ""))  # the API accepts a run without it, which fails
    if name and (is_integrated or await read(_was_saved, name, run)):
        return RedirectResponse(url("registries", name), status_code=303)
    return await _result_page(request, run)


async def submit(request: Request, form: FormData) -> Response:
    """Save the credentials, start the flow, and follow its run."""
    values = _read_values(form)
    password = str(form.get("password", ""))
    parameters = _parameters(values, test_only=is_checked(form, "test_only"))
    block_id = ""
    try:
        _check(values, password, parameters)
        if values["user"]:
            block_id = await save_form_credentials(
                values["name"], values["user"], SecretStr(password)
            )
            parameters["credentials"] = {"$ref": block_id}
        run_id = await start_run(integrate_registry.name, parameters, user_of(request).name)
    except (InvalidForm, IntegrationError) as error:
        if block_id:
            await discard_form_credentials(block_id)
        errors = error.errors if isinstance(error, InvalidForm) else {"": str(error)}
        return await _form_page(request, values, errors=_by_field(errors), status=422)
    # The user name is in no parameter of the run: the form gets it from here if it comes back.
    query = {"user": values["user"]} if values["user"] else {}
    return RedirectResponse(url("registries", "-", "new", run=run_id, **query), status_code=303)


def _read_values(form: FormData) -> dict[str, str]:
    values = {name: text_of(form, name) for name in (*_FIELDS, "description")}
    for name in ("address", "token_service"):
        if "@" in values[name]:  # may contain a password, which must not come back in a page
            values[name] = "@"
    return values | ({"test_only": "on"} if is_checked(form, "test_only") else {})


def _parameters(values: Values, *, test_only: bool) -> dict[str, Any]:
    registry = {"type": values["type"], "address": values["address"]}
    if values["token_service"]:
        registry["token_service"] = values["token_service"]
    tls = {"mode": values["tls"]} | ({"bundle": values["bundle"]} if values["tls"] == "ca" else {})
    saved = {"$ref": {"block_document_slug": f"{_BLOCK_REFERENCE}/{values['saved']}"}}
    return {
        "name": values["name"],
        "registry": registry,
        "credentials": saved if values["saved"] else None,
        "tls": tls,
        "description": values["description"],
        "test_only": test_only,
    }


def _check(values: Values, password: str, parameters: Mapping[str, Any]) -> None:
    """Check the whole form before anything is saved.

    Raises:
        InvalidForm: a field is invalid.
    """
    errors = _credential_errors(values, password)
    try:
        check_parameters(integrate_registry, parameters)
    except InvalidForm as error:
        errors |= error.errors
    if "@" in values["address"]:
        errors["address"] = "enter the user name and the password in their own fields"
    if errors:
        raise InvalidForm(errors)


def _credential_errors(values: Values, password: str) -> dict[str, str]:
    user = values["user"]
    requires_credential = (
        values["type"] in CAPABILITIES and CAPABILITIES[values["type"]].requires_credential
    )
    if values["saved"] and (user or password):
        return {"saved": "select saved credentials, or enter a user name and a password; not both"}
    if not values["saved"] and not user and (requires_credential or password):
        return {"user": "enter a user name, or select saved credentials"}
    if user and not password:
        return {"password": "enter the password; it is not kept when the form comes back"}
    if ":" in user or not user.isprintable():
        return {"user": "a user name has no colon and no control character"}
    if max(len(user) * 4, len(password)) > _MAX_CREDENTIAL_LENGTH:
        return {"password": "the user name or the password is too long"}
    return {}


def _by_field(errors: Mapping[str, str]) -> dict[str, str]:
    """Return errors by field of the form: `registry.harbor.address` is `address`."""
    fields = {key.rpartition(".")[2]: text for key, text in errors.items()}
    known = {*_FIELDS, "description", "password"}
    others = [f"{key}: {text}" if key else text for key, text in fields.items() if key not in known]
    return {key: text for key, text in fields.items() if key in known} | (
        {"": "; ".join(others)} if others else {}
    )


def _was_saved(session: Session, name: str, run: FlowRunView) -> bool:
    """Return whether a run saved its registry, even if it failed afterwards."""
    row = session.get(RegistryRow, name)
    return row is not None and run.created_at is not None and row.integrated_at >= run.created_at


async def _result_page(request: Request, run: FlowRunView) -> Response:
    results = await render_all(artifact.markdown for artifact in await list_artifacts(run.id))
    values = _values_of_run(run, request.query_params.get("user", ""))
    if run.is_completed:
        values.pop("test_only", None)
    return await _form_page(request, values, run=run, results=results)


def _values_of_run(run: FlowRunView, user: str) -> dict[str, str]:
    parameters = run.parameters
    registry, tls = (_dict(parameters.get(name)) for name in ("registry", "tls"))
    reference = _dict(_dict(parameters.get("credentials")).get("$ref"))
    values = {
        "name": parameters.get("name"),
        "type": registry.get("type"),
        "address": registry.get("address"),
        "token_service": registry.get("token_service"),
        "user": user,
        "saved": str(reference.get("block_document_slug", "")).partition("/")[2],
        "tls": tls.get("mode", "verify"),
        "bundle": tls.get("bundle"),
        "description": parameters.get("description"),
        "test_only": "on" if parameters.get("test_only") else "",
    }
    return {name: str(value) for name, value in values.items() if value}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


async def _form_page(
    request: Request,
    values: Values,
    *,
    errors: Mapping[str, str] | None = None,
    run: FlowRunView | None = None,
    results: object = (),
    status: int = 200,
) -> Response:
    try:
        saved, prefect_error = await list_saved_credentials(), ""
    except IntegrationError as error:
        saved, prefect_error = (), str(error)
    empty = dict.fromkeys((*_FIELDS, "description", "test_only"), "")
    if ":" in values.get("user", ""):  # may contain a password, which must not come back in a page
        values = {**values, "user": ""}
    names = sorted({*saved, values.get("saved", "")} - {""})
    return render(
        request,
        "registry_new.html",
        status=status,
        values={**empty, **values},
        errors=dict.fromkeys((*_FIELDS, "description", "password", ""), "") | dict(errors or {}),
        run=run,
        results=results,
        has_probe_error=bool(results) and run is not None and " was not saved: " in run.message,
        kinds=[(kind, item.label) for kind, item in CAPABILITIES.items()],
        kind_help=[f"{item.label}: {item.description}" for item in CAPABILITIES.values()],
        tls_modes=list(_TLS_MODES.items()),
        saved=[("", "None: enter them above"), *((name, name) for name in names)],
        prefect_error=prefect_error,
    )
