"""`python -m deployments.configuration plan|apply FILE`: configuration files in a terminal and CI.

It uses the database and the Prefect server that the environment names, as a worker does. Exit
codes: 0 nothing to do, 2 there are changes (plan) or changes were made (apply), 1 an error.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.configuration.apply_configuration import MAX_PARAMETER_LENGTH, apply_configuration
from flows.configuration.make_plan import plan_sources
from models.configuration.plan import ConfigurationPlan
from models.core.errors import IntegrationError, InvalidRequest
from models.core.settings import get_settings
from tasks.configuration.files import Sources, read_file, read_folder, to_absolute
from tasks.configuration.text import describe_plan

NOTHING_TO_DO, ERROR, CHANGES = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Plan or apply a file or folder; return the exit code.

    Args:
        arguments: the command line, without the name of the program; None for that of the process.
    """
    options = _parser().parse_args(arguments)
    if options.prune and _root(options) is None:
        print(
            "--prune needs --folder: files of other folders can have the same name, and what they "
            "declare would be removed",
            file=sys.stderr,
        )
        return ERROR
    try:
        return asyncio.run(_run(options))
    except IntegrationError as error:
        print(error, file=sys.stderr)
        return ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.configuration",
        description="Plan or apply configuration files. Exit codes: 0 nothing to do, 2 changes, "
        "1 an error.",
    )
    parser.add_argument("command", choices=["plan", "apply"])
    parser.add_argument("path", metavar="FILE", type=Path, help="a YAML file, or a folder of them")
    parser.add_argument(
        "--folder",
        type=Path,
        help="the folder that the file belongs to: files are named by its name and their path in "
        "it, and the name is the owner of what they declare",
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove what the files own and do not declare any more",
    )
    parser.add_argument("--allow-large", action="store_true", help="lift the safety limits")
    return parser


async def _run(options: argparse.Namespace) -> int:
    sources = _read(options)
    planned = await plan_sources(sources, prune=options.prune, allow_large=options.allow_large)
    plan = planned.plan
    print(describe_plan(plan), flush=True)
    if options.command == "plan":
        return exit_code(plan)
    run: Any = apply_configuration  # a flow's own type does not know return_state
    state = await run(
        **_flow_source(options, sources),
        prune=options.prune,
        allow_large=options.allow_large,
        return_state=True,
    )
    print(state.message, file=sys.stdout if state.is_completed() else sys.stderr)
    return exit_code(plan) if state.is_completed() else ERROR


def exit_code(plan: ConfigurationPlan) -> int:
    """Return the exit code of a plan."""
    if plan.errors:
        return ERROR
    return CHANGES if plan.changes else NOTHING_TO_DO


def _root(options: argparse.Namespace) -> Path | None:
    path: Path = options.path
    folder: Path | None = options.folder
    return folder or (path if path.is_dir() else None)


def _read(options: argparse.Namespace) -> Sources:
    root = _root(options)
    return read_file(options.path) if root is None else read_folder(root, options.path)


def _flow_source(options: argparse.Namespace, sources: Sources) -> dict[str, str]:
    """Return the parameters that name the same documents for the flow."""
    root = _root(options)
    if root is None:
        ((name, document),) = sources.texts.items()
        if len(document) > MAX_PARAMETER_LENGTH:
            raise InvalidRequest(
                f"{name} has more than {MAX_PARAMETER_LENGTH:,} characters, which Prefect does not "
                "store with a run: name its folder with --folder, or run apply-configuration with "
                "a path below CONFIGURATION_DIR of the worker"
            )
        return {"document": document, "name": name}
    # As it was given: the flow has to name the files as the plan above does.
    os.environ["REGISTRY_INTEGRATION_CONFIGURATION_DIR"] = str(to_absolute(root))
    get_settings.cache_clear()
    return {"path": sources.scope.name.partition("/")[2] or "."}


if __name__ == "__main__":
    sys.exit(main())
