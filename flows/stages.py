"""The log of a run: one line for each stage with its result.

A run on one registry logs all stages. A run on many logs only what it changes there, since an
unchanged registry would write four lines each minute.
"""

import logging
from collections.abc import Callable, Sequence
from enum import StrEnum

from prefect import get_run_logger
from prefect.exceptions import MissingContextError
from prefect.logging.loggers import LoggingAdapter, get_logger

from flows.operations.run_results import ClusterSyncResult
from models.core.availability import Complete, Unavailable
from models.core.plural import pluralize
from models.core.runs.counts import count_changes
from models.core.text import to_single_line
from models.registries.changes import ChangeResult
from models.registries.observation import NOT_REQUESTED, UNCHANGED, Snapshot
from models.registries.plan import Plan
from models.registries.robots import ObservedRobot
from models.registries.space import ObservedSpace

_MAX_CLUSTERS = 20
"""Clusters with changes that one run logs each on a line of its own."""


class Stage(StrEnum):
    """A stage of a run."""

    OBSERVE = "Observe"
    PLAN = "Plan"
    APPLY = "Apply"
    SAVE = "Save"
    SYNC = "Sync"


LogStage = Callable[[Stage, str, str], None]
"""Logs the result of a stage: the stage, the name of the registry or cluster, and the result."""


_Section = Complete[ObservedSpace] | Complete[ObservedRobot] | Unavailable


def log_stage(stage: Stage, subject: str, result: str) -> None:
    """Log the result of a stage on one line."""
    try:
        logger: logging.Logger | LoggingAdapter = get_run_logger()
    except MissingContextError:  # the steps of a run can be called outside of one
        logger = get_logger(__name__)
    logger.info("%s %s: %s", stage, subject, to_single_line(result, 500))


def log_changes_only(stage: Stage, subject: str, result: str) -> None:
    """Log the result of the stage that changes something, and nothing else."""
    if stage is Stage.APPLY:
        log_stage(stage, subject, result)


def describe_observation(snapshot: Snapshot) -> str:
    """Return what was observed of a registry: `12 spaces, 3 robot accounts in 0.4 s`."""
    sections = {"space": snapshot.spaces, "robot account": snapshot.robots}
    parts = [
        _describe_section(noun, section)
        for noun, section in sections.items()
        if section != NOT_REQUESTED
    ]
    return f"{', '.join(parts)} in {snapshot.seconds:.1f} s"


def _describe_section(noun: str, section: _Section) -> str:
    if section == UNCHANGED:
        return f"{noun}s unchanged"
    if isinstance(section, Unavailable):
        return f"{noun}s not read ({section.reason}: {section.message})"
    return pluralize(len(section.items), noun)


def describe_plan(plan: Plan, unsafe_reason: str = "") -> str:
    """Return how many changes are planned: `3 changes, 1 difference from the desired state`."""
    differences = f"{pluralize(len(plan.drifts), 'difference')} from the desired state"
    parts = [pluralize(len(plan.changes), "change"), *([differences] if plan.drifts else [])]
    parts += [f"{plan.withheld_count} withheld"] if plan.withheld_count else []
    return ", ".join(parts) + (f" ({unsafe_reason})" if unsafe_reason else "")


def describe_changes(plan: Plan, results: Sequence[ChangeResult]) -> str:
    """Return how many changes were made, with the first error: `2 of 3 changes made, 1 failed`."""
    summary = count_changes(plan.changes, results, plan.withheld_count).summarize()
    errors = (result for result in results if not result.succeeded)
    error = next((f" ({result.change.subject}: {result.message})" for result in errors), "")
    return summary + error


def log_clusters(results: Sequence[ClusterSyncResult]) -> None:
    """Log the clusters that a run changed or could not synchronize; count the others."""
    notable = [result for result in results if _is_notable(result)]
    for result in notable[:_MAX_CLUSTERS]:
        log_stage(Stage.SYNC, f"cluster {result.cluster}", _describe_cluster(result))
    rest = len(results) - len(notable[:_MAX_CLUSTERS])
    if rest:
        extent = "unchanged" if rest == len(results) - len(notable) else "more"
        log_stage(Stage.SYNC, "clusters", f"{pluralize(rest, 'cluster')} {extent}")


def _is_notable(result: ClusterSyncResult) -> bool:
    return bool(result.plan.changes or result.has_changes or not result.target().in_force)


def _describe_cluster(result: ClusterSyncResult) -> str:
    target = result.target()
    if not target.in_force:
        return target.reason.removeprefix(f"cluster {result.cluster}: ")
    return f"{pluralize(len(result.namespaces), 'namespace')}, {result.counts.summarize()}"
