"""Logs of flow runs in Prefect."""

import asyncio
from contextlib import suppress

from prefect.logging.handlers import APILogHandler

_FLUSH_SECONDS = 5.0
"""A Prefect server that does not answer must not hold up the end of a run."""


async def flush_logs() -> None:
    """Send the log of the current run to the Prefect server now.

    Prefect sends logs every two seconds and when the process exits; the UI asks for them a last
    time when the run reaches its final state. Without a flush, the last lines are missing there.
    """
    with suppress(TimeoutError):
        await asyncio.wait_for(APILogHandler.aflush(), _FLUSH_SECONDS)
