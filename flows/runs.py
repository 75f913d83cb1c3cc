"""How flows end: what was refused or went wrong is one plain sentence in the run's state."""

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
    """Let a flow that raises one of our errors end as Failed with the error's text.

    It is not begun on a database that has not the tables of this version.
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
    """Await what is done for one of many; what goes wrong is its ending too, and no exception.

    Args:
        subject: whom it is done for, as people know it.
        work: what is done.
        on_error: makes an ending of what went wrong, in words.
    """
    try:
        return await work
    except IntegrationError as error:
        message = str(error)
        return on_error(message if message.startswith(f"{subject}:") else f"{subject}: {message}")
    except Exception as error:
        get_run_logger().exception("%s: unforeseen", subject)
        return on_error(f"{subject}: unforeseen {type(error).__name__}, see the run's log")


def flow_run_id() -> str:
    """Return the id of the flow run that is under way; empty outside of one."""
    return str(flow_run.id or "")
