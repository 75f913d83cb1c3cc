"""Flows that are deployed to the product's workers to see how their runs start and end."""

import asyncio
import logging
import os
from pathlib import Path

import sqlalchemy  # noqa: F401 - as all flows of the product do, and workers do not
from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings
from prefect.states import Completed

from models.core.settings import get_settings


@flow(name="describe-process", persist_result=False)
async def describe_process() -> State[None]:
    """End with what the process of this run is."""
    parent = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    level = get_current_settings().logging.level
    read_seconds = get_settings().read_seconds
    get_run_logger().info("logged by the run")
    print("printed by the run")  # to the worker's output
    is_warm = "deployments.worker.warm" in parent
    return Completed(message=f"{is_warm=} {level=} {read_seconds=}")


@flow(name="raise-error", persist_result=False)
async def raise_error() -> None:
    """Fail with an exception."""
    raise ValueError("raised by the run")


@flow(name="time-out", persist_result=False, timeout_seconds=1)
async def time_out() -> None:
    """Run longer than allowed."""
    await asyncio.sleep(600)


@flow(name="hang", persist_result=False)
async def hang() -> None:
    """Run until cancelled or killed."""
    logging.getLogger("tests.extra").warning("logged by a library")
    get_run_logger().info("pid %d", os.getpid())
    await asyncio.sleep(600)
