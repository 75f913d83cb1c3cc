"""Prefect in the fork server and in its children."""

import importlib
import logging
import runpy
import sys
import warnings

from prefect.context import refresh_global_settings_context
from prefect.logging.configuration import setup_logging
from prefect.settings import PREFECT_LOGGING_EXTRA_LOGGERS

from deployments.definitions import load_definitions
from models.core.settings import get_settings

_ENGINE = "prefect.engine"
_MODULES = (_ENGINE, "prefect.flow_engine", "prefect.task_engine", "prefect.deployments.steps")


def import_flows() -> None:
    """Import what flow runs import: Prefect's engine and the flows of all deployments."""
    for name in _MODULES:
        importlib.import_module(name)
    for definition in load_definitions():
        path, _, _ = str(definition["entrypoint"]).partition(":")
        importlib.import_module(path.removesuffix(".py").replace("/", "."))


def run_engine() -> int:
    """Run Prefect's engine in this process, as `python -m prefect.engine` does.

    Returns:
        The exit status.
    """
    _refresh_settings()
    sys.argv = [_ENGINE]
    # The engine's module is imported by the flow engine, too, and runs as the main module here.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    try:
        runpy.run_module(_ENGINE, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        raise
    return 0


def _refresh_settings() -> None:
    """Read all settings again, and set logging up with them and with the new streams."""
    get_settings.cache_clear()
    for name in PREFECT_LOGGING_EXTRA_LOGGERS.value():
        logging.getLogger(name).handlers.clear()
    refresh_global_settings_context()
    setup_logging(incremental=False)
