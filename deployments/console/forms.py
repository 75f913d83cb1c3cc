"""Forms: a form becomes the parameters of a flow, which the flow's own rules check."""

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from prefect import Flow
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.console.context import user_of
from deployments.console.previews import PREVIEWS
from deployments.console.rendering import own_path, url
from models.core.errors import InvalidRequest
from tasks.prefect.flow_runs import start_run

AnyFlow = Flow[Any, Any]
Parameters = Mapping[str, Any]


class InvalidForm(Exception):
    """A form has errors; nothing was started.

    Attributes:
        errors: messages by parameter, or by `parameter.field` for a part of one; those of the whole
            form are under the empty text.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {text}" for name, text in self.errors.items()))


def text_of(form: FormData, name: str) -> str:
    """Return a text field without space around it; empty if it was not sent."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def texts_of(form: FormData, name: str) -> list[str]:
    """Return all values of a field that can be sent several times, without empty ones."""
    return [value for value in form.getlist(name) if isinstance(value, str) and value]


def is_checked(form: FormData, name: str) -> bool:
    """Return whether a checkbox is checked."""
    return bool(text_of(form, name))


def check_parameters(flow: AnyFlow, parameters: Parameters) -> None:
    """Check parameters by the annotations of the flow, without running it.

    References to blocks are not resolved: Prefect does that when the run starts. Prefect's own
    `validate_parameters` would log the values, and a password may have been typed into any field.

    Raises:
        InvalidForm: a parameter is missing, unknown or invalid.
    """
    values = {name: value for name, value in parameters.items() if not _is_block_reference(value)}
    try:
        _parameter_model(flow).model_validate(values)
    except ValidationError as error:
        raise InvalidForm(_error_messages(error)) from None


@cache
def _parameter_model(flow: AnyFlow) -> type[BaseModel]:
    parameters = inspect.signature(flow.fn, eval_str=True).parameters
    fields: dict[str, Any] = {
        name: (item.annotation, ... if item.default is item.empty else item.default)
        for name, item in parameters.items()
    }
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)
    return create_model(f"{flow.name} parameters", __config__=config, **fields)


def _is_block_reference(value: object) -> bool:
    return isinstance(value, dict) and "$ref" in value


def _error_messages(error: ValidationError) -> dict[str, str]:
    messages: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"][:3])
        messages.setdefault(place, item["msg"].removeprefix("Value error, "))
    return messages


async def start(request: Request, flow: AnyFlow, parameters: Parameters, back: str) -> Response:
    """Check the parameters, start a run of the flow, and go to the page of the run.

    Args:
        request: the request; its user is the one who starts the run.
        flow: the flow, for its rules and its name.
        parameters: the parameters as JSON; they contain no secret.
        back: path of the page that the run's page leads back to.

    Raises:
        InvalidForm: the flow, or Prefect, does not accept the parameters; nothing was started.
    """
    check_parameters(flow, parameters)
    try:
        run_id = await start_run(flow.name, parameters, user_of(request).name)
    except InvalidRequest as error:
        raise InvalidForm({"": str(error)}) from None
    return RedirectResponse(url("runs", run_id, back=own_path(back)), status_code=303)


async def start_preview(
    request: Request, flow: AnyFlow, parameters: Parameters, back: str
) -> Response:
    """Start a run that shows what would change; its page has the button that does it.

    The flow must be in `PREVIEWS`.

    Raises:
        InvalidForm: as `start`.
    """
    preview = PREVIEWS[flow.name]
    return await start(
        request, flow, {**parameters, preview.parameter: preview.preview_value}, back
    )
