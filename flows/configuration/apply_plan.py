"""Apply the plan of a configuration: each change on its own, one failure never blocks others."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import NamedTuple

from flows.configuration.cluster_changes import change_cluster, change_workspace
from flows.configuration.make_plan import PlannedConfiguration, plan_documents
from flows.configuration.registry_changes import (
    RegistryChanges,
    change_contents,
    change_spec,
    remove_registry,
    unbind_in_registry,
)
from flows.operations.access_changes import sync_targets
from flows.operations.reconcile_registry import AS_FUNCTIONS, hold_registry, reconcile
from flows.operations.run_results import RegistryRunResult
from flows.runs import isolate_failure
from models.access.access_summary import describe_pending
from models.configuration.document import RegistryEntry
from models.configuration.plan import (
    ChangeFailures,
    ChangeKind,
    ConfigurationChange,
    ConfigurationPlan,
    mark_of,
)
from models.configuration.things import ThingKey, ThingKind
from models.core.settings import get_settings
from tasks.concurrency import map_concurrently
from tasks.configuration.files import Sources
from tasks.store.configuration import (
    begin_rollout,
    delete_marks,
    end_rollout,
    list_unfinished_rollouts,
    save_marks,
)
from tasks.store.session import in_transaction

_MAX_ROUNDS = 2
"""A registry that is new has spaces, which patterns match, only after it was read."""


class ApplyOptions(NamedTuple):
    """What a person allows: removing what left the files, and lifting the safety limits."""

    prune: bool = False
    allow_large: bool = False


class ConfigurationResult(NamedTuple):
    """The result of applying a configuration.

    Attributes:
        made: the changes that were made.
        failures: what failed, and where.
        remaining: the plan of what is still different.
        has_finished: whether it rolled out what an earlier run saved, and did not roll out.
        pending: where access is not in force yet; empty if it is everywhere.
    """

    made: tuple[ConfigurationChange, ...]
    failures: tuple[str, ...]
    remaining: ConfigurationPlan
    has_finished: bool = False
    pending: str = ""


async def apply_plan(
    planned: PlannedConfiguration, sources: Sources, options: ApplyOptions
) -> ConfigurationResult:
    """Make the changes of a plan, and plan again to see what is still different.

    A run that was killed between any two steps is finished by the next one: every step saves what
    it did, the next plan has only what is missing, and the next run rolls out what was saved.
    """
    failures, scope = ChangeFailures(), sources.scope.name
    unfinished = await in_transaction(list_unfinished_rollouts, scope)
    attempted: dict[ThingKey, ConfigurationChange] = {}
    results: list[RegistryRunResult] = []
    for _ in range(_MAX_ROUNDS):
        # A space that was to be created can turn out to exist, and differ: that is another change.
        changes = [change for change in planned.plan.changes if attempted.get(change.key) != change]
        if not changes and not planned.plan.new_marks and not planned.plan.unused_marks:
            break
        attempted |= {change.key: change for change in changes}
        await _save_marks(planned.plan, changes)
        changes = [change for change in changes if change.changes_thing]
        if changes:
            names = {change.key.registry or _registry_name(change.key) for change in changes}
            await in_transaction(begin_rollout, scope, names)
        await _apply_in_order(changes, failures)
        results += await _change_registries(planned, changes, options, failures)
        planned = await plan_documents(planned.documents, sources, **options._asdict())
    pending = ""
    if unfinished or any(change.changes_thing for change in attempted.values()):
        reconciled = {result.registry for result in results}
        open_names = unfinished & planned.world.registries.keys() - reconciled
        results += await _reconcile_all(open_names, failures)
        workspaces = _bound_workspaces(attempted.values())
        pending = await _roll_out(results, workspaces, options, failures)
        await in_transaction(end_rollout, scope)
    open_keys = {change.key for change in planned.plan.changes}
    return ConfigurationResult(
        made=tuple(change for key, change in attempted.items() if key not in open_keys),
        failures=failures.describe(),
        remaining=planned.plan,
        has_finished=bool(unfinished),
        pending=pending,
    )


async def _save_marks(plan: ConfigurationPlan, changes: Iterable[ConfigurationChange]) -> None:
    """Save who owns what is as declared already, also what is only adopted."""
    adopted = {
        change.key: mark_of(change.declaration)
        for change in changes
        if change.declaration is not None and not change.changes_thing
    }
    if marks := {**plan.new_marks, **adopted}:
        await in_transaction(save_marks, marks)
    if plan.unused_marks:
        await in_transaction(delete_marks, plan.unused_marks)


async def _apply_in_order(changes: Iterable[ConfigurationChange], failures: ChangeFailures) -> None:
    """Make all changes but those in a registry: stage by stage, things of a stage concurrently."""
    removed_bindings = defaultdict(list)
    for change in changes:
        if change.kind is ChangeKind.REMOVE and change.key.kind is ThingKind.BINDING:
            removed_bindings[change.key.registry].append(change)
    for name, removals in removed_bindings.items():
        unbind = unbind_in_registry([change.key for change in removals])
        await isolate_failure(name, unbind, _collect(failures, removals))
    steps = [change for change in changes if _find_step(change)]
    for _, group in itertools.groupby(steps, lambda change: change.order[0]):
        stage = [*group]
        # Workspaces need no waiting for servers, and the order decides who lists a namespace first.
        is_remote = stage[0].key.kind is not ThingKind.WORKSPACE
        semaphore = asyncio.Semaphore(get_settings().registries_at_once if is_remote else 1)
        await map_concurrently(failures.select(stage), _make_step(failures), semaphore)


def _collect(
    failures: ChangeFailures, changes: Iterable[ConfigurationChange]
) -> Callable[[str], None]:
    return lambda message: failures.add(message, changes)


def _make_step(failures: ChangeFailures) -> Callable[[ConfigurationChange], Awaitable[None]]:
    async def make(change: ConfigurationChange) -> None:
        def on_error(message: str) -> str:
            failures.add(message, [change])
            return ""

        apply = _find_step(change)
        if apply and (note := await isolate_failure(str(change.key), apply(change), on_error)):
            failures.add(note)

    return make


def _find_step(
    change: ConfigurationChange,
) -> Callable[[ConfigurationChange], Awaitable[str]] | None:
    if change.key.kind is ThingKind.CLUSTER:
        return change_cluster
    if change.key.kind is ThingKind.WORKSPACE:
        return change_workspace
    if change.key.kind is ThingKind.REGISTRY and change.kind is ChangeKind.REMOVE:
        return remove_registry
    return None


async def _change_registries(
    planned: PlannedConfiguration,
    changes: Iterable[ConfigurationChange],
    options: ApplyOptions,
    failures: ChangeFailures,
) -> list[RegistryRunResult]:
    """Make the changes of all registries concurrently, and collect what failed."""

    async def make(work: RegistryChanges) -> RegistryRunResult | None:
        result = None
        for change in work.of(ThingKind.REGISTRY):
            on_error = _collect(failures, [change])
            result = await isolate_failure(work.name, change_spec(work, change), on_error)
        contents = [change for change in work.changes if change.key.kind is not ThingKind.REGISTRY]
        work = work._replace(changes=tuple(failures.select(contents)))
        if work.changes:
            on_error = _collect(failures, work.changes)
            result = await isolate_failure(work.name, change_contents(work), on_error) or result
        return result

    semaphore = asyncio.Semaphore(get_settings().registries_at_once)
    registries = _by_registry(planned, changes, options)
    return _collect_results(await map_concurrently(registries, make, semaphore), failures)


def _collect_results(
    results: Iterable[RegistryRunResult | None], failures: ChangeFailures
) -> list[RegistryRunResult]:
    """Return the runs that there were, and collect their errors."""
    runs = [result for result in results if result]
    for run in runs:
        if run.error:
            failures.add(f"{run.registry}: {run.error}")
    return runs


def _by_registry(
    planned: PlannedConfiguration, changes: Iterable[ConfigurationChange], options: ApplyOptions
) -> list[RegistryChanges]:
    groups: dict[str, list[ConfigurationChange]] = defaultdict(list)
    removed = set()
    for change in changes:
        key = change.key
        if key.kind is ThingKind.REGISTRY and change.kind is ChangeKind.REMOVE:
            removed.add(key.name)
        elif key.kind in (ThingKind.REGISTRY, ThingKind.SPACE, ThingKind.BINDING):
            groups[key.registry or key.name].append(change)
    entries: dict[str, RegistryEntry] = {}
    for document in planned.documents:
        entries |= document.document.registries
    return [
        RegistryChanges(
            name=name,
            changes=tuple(group),
            public_opens_all=name in entries and entries[name].public_opens_all,
            allow_large=options.allow_large,
        )
        for name, group in groups.items()
        if name not in removed
    ]


def _bound_workspaces(changes: Iterable[ConfigurationChange]) -> frozenset[str]:
    return frozenset(change.key.workspace for change in changes if change.key.workspace)


async def _roll_out(
    results: Iterable[RegistryRunResult],
    workspaces: Collection[str],
    options: ApplyOptions,
    failures: ChangeFailures,
) -> str:
    """Update pull secrets once, then delete superseded robot accounts; return what is pending."""
    targets = await sync_targets(workspaces, allow_large=options.allow_large)
    superseded = {result.registry: result.has_superseded_robots for result in results}
    await _reconcile_all([name for name, is_so in superseded.items() if is_so], failures)
    return describe_pending(targets, get_settings().poll_policy.interval)


async def _reconcile_all(names: Iterable[str], failures: ChangeFailures) -> list[RegistryRunResult]:
    async def reconcile_isolated(name: str) -> RegistryRunResult | None:
        return await isolate_failure(name, _reconcile(name), failures.add)

    semaphore = asyncio.Semaphore(get_settings().registries_at_once)
    results = await map_concurrently(sorted(names), reconcile_isolated, semaphore)
    return _collect_results(results, failures)


async def _reconcile(name: str) -> RegistryRunResult:
    async with hold_registry(name) as (context, registry_state):
        return await reconcile(
            name, context, AS_FUNCTIONS, registry_state=registry_state, release=True
        )


def _registry_name(key: ThingKey) -> str:
    return key.name if key.kind is ThingKind.REGISTRY else ""
