"""Turn expected errors into a Failed state with a readable message."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Failed

from models.core.errors import IntegrationError
from models.core.settings import get_settings
from tasks.store.schema_revision import require_current_schema

P = ParamSpec("P")
T = TypeVar("T")


def report_errors(
    flow_function: Callable[P, Awaitable[T]],
) -> Callable[P, Awaitable[T | State[Any]]]:
    """Return a flow function that ends as Failed, with the message, on an `IntegrationError`.

    The flow does not start if the database schema is not the one of this version.
    """

    @wraps(flow_function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> T | State[Any]:
        try:
            await asyncio.to_thread(require_current_schema, get_settings().database)
            return await flow_function(*args, **kwargs)
        except IntegrationError as error:
            return Failed(message=str(error))

    return wrapper


async def isolate_failure(subject: str, work: Awaitable[T], on_error: Callable[[str], T]) -> T:
    """Await the work for one of many subjects, and turn any exception into a result.

    Args:
        subject: name of the registry or cluster, for the error message.
        work: the work to await.
        on_error: returns the result for an error message.
    """
    try:
        return await work
    except IntegrationError as error:
        message = str(error)
        return on_error(message if message.startswith(f"{subject}:") else f"{subject}: {message}")
    except Exception as error:
        get_run_logger().exception("%s: unexpected error", subject)
        return on_error(f"{subject}: unexpected {type(error).__name__}, see the run's log")


def flow_run_id() -> str:
    """Return the id of the current flow run; empty outside of a flow run."""
    return str(flow_run.id or "")
