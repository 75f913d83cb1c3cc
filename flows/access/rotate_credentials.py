"""Rotate robot accounts: create, distribute, verify, then delete the superseded ones."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Annotated

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field
from sqlmodel import Session

from flows.access import messages
from flows.forms.schema import OptionalText, form_field
from flows.operations.access_changes import sync_targets, to_state
from flows.operations.reconcile_registry import AS_FUNCTIONS, hold_registry, reconcile
from flows.runs import isolate_failure, report_errors
from models.access.access_summary import summarize_access
from models.access.requests import check_workspaces_exist
from models.access.rotation import due_for_rotation
from models.access.target import TargetKind, TargetResult, failed_target, locked_target
from models.core.base import FrozenModel
from models.core.errors import InvalidRequest, LeaseHeld
from models.core.settings import get_settings
from models.registries.changes import CreateRobot
from tasks import clock
from tasks.concurrency import map_concurrently
from tasks.prefect.events import send_events
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.access import workspaces
from tasks.store.registries import registries, robots
from tasks.store.session import in_transaction

_OptionalNameField = Annotated[
    str | None, Field(pattern=r"^[a-z0-9-]*$", max_length=63), OptionalText()
]


@flow(name="rotate-credentials", persist_result=False)
@report_errors
async def rotate_credentials(
    registry: Annotated[
        _OptionalNameField,
        form_field("Registry", "Leave empty for all. Example: harbor-prod", default=""),
    ] = None,
    workspace: Annotated[
        _OptionalNameField,
        form_field("Workspace", "Leave empty for all. Example: team-a", default=""),
    ] = None,
    overdue_only: Annotated[
        bool,
        form_field("Overdue only", "Rotate only secrets older than ROTATION_DAYS (default: 90)."),
    ] = False,
) -> State[None]:
    """Replace the secrets of robot accounts without interrupting pulls.

    A second robot account is created and distributed to every namespace. The first one is deleted
    SUPERSEDED_MINUTES after the registry has accepted the new secret and every namespace has
    received it. If the run is interrupted, the next reconcile completes the rotation.
    """
    workspaces_by_registry = await in_transaction(
        _due_workspaces, registry or None, workspace or None, overdue_only=overdue_only
    )
    if not workspaces_by_registry:
        return Completed(message=messages.NOT_DUE_FOR_ROTATION)
    await load_cipher()
    first = await rotate_batch(workspaces_by_registry)
    workspace_names = sorted({name for names in workspaces_by_registry.values() for name in names})
    cluster_targets = await sync_targets(workspace_names)
    second = await rotate_batch(dict.fromkeys(workspaces_by_registry, frozenset[str]()))
    await send_events()
    superseded_count = await in_transaction(_superseded_count, sorted(workspaces_by_registry))
    targets = [*_worse_targets(first, second), *cluster_targets]
    return _final_state(first, targets, superseded_count)


class RotationResult(FrozenModel):
    """The result of the rotation in one registry.

    Attributes:
        secret_count: how many robot accounts have a new secret.
        missing_count: how many should have one, and have not.
    """

    target: TargetResult
    secret_count: int = 0
    missing_count: int = 0


@task(name="rotate-batch", cache_policy=NO_CACHE, persist_result=False)
async def rotate_batch(
    workspaces_by_registry: Mapping[str, frozenset[str]],
) -> tuple[RotationResult, ...]:
    """Reconcile registries concurrently; the given workspaces get new secrets."""

    def rotate(name: str) -> Awaitable[RotationResult]:
        return isolate_failure(
            name,
            _rotate_registry(name, workspaces_by_registry[name]),
            lambda message: RotationResult(
                target=failed_target(name, message), missing_count=len(workspaces_by_registry[name])
            ),
        )

    semaphore = asyncio.Semaphore(get_settings().registries_at_once)
    return await map_concurrently(workspaces_by_registry, rotate, semaphore)


async def _rotate_registry(name: str, rotate: frozenset[str]) -> RotationResult:
    try:
        async with hold_registry(name) as (context, registry_state):
            result = await reconcile(
                name,
                context,
                AS_FUNCTIONS,
                rotate=rotate,
                registry_state=registry_state,
                release=True,
            )
    except LeaseHeld as error:
        target = locked_target(TargetKind.REGISTRY, name, error.conflict)
        return RotationResult(target=target, missing_count=len(rotate))
    rotated = rotate & {
        change_result.change.subject
        for change_result in result.results
        if isinstance(change_result.change, CreateRobot) and change_result.succeeded
    }
    return RotationResult(
        target=result.target,
        secret_count=len(rotated),
        missing_count=0 if result.target.in_force else len(rotate - rotated),
    )


def _worse_targets(
    first: Sequence[RotationResult], second: Sequence[RotationResult]
) -> list[TargetResult]:
    """Return the result of each registry: of the second run, unless the first one failed."""
    pairs = zip(first, second, strict=True)
    return [(after if before.target.in_force else before).target for before, after in pairs]


def _final_state(
    results: Sequence[RotationResult],
    targets: Sequence[TargetResult],
    superseded_count: int,
) -> State[None]:
    settings = get_settings()
    secret_count = sum(result.secret_count for result in results)
    missing_count = sum(result.missing_count for result in results)
    summary = summarize_access(
        messages.new_secrets(secret_count, secret_count + missing_count, len(results)),
        targets,
        settings.poll_policy.interval,
        is_saved=not missing_count,
    )
    notes = [messages.rotate_again(missing_count)] if missing_count else []
    if superseded_count:
        notes.append(messages.superseded_robots(superseded_count, settings.superseded_minutes))
    return to_state(summary, notes)


def _due_workspaces(
    session: Session, registry: str | None, workspace: str | None, *, overdue_only: bool
) -> dict[str, frozenset[str]]:
    """Return the workspaces that get a new secret, by registry.

    Raises:
        InvalidRequest: the registry or the workspace is unknown.
    """
    if registry is not None:
        registries.get_registry(session, registry)
    if workspace is not None:
        check_workspaces_exist([workspace], workspaces.list_names(session))
    if overdue_only:
        candidates = due_for_rotation(
            robots.list_robots(session), get_settings().rotation_age, clock.now()
        )
    else:
        candidates = {}
        for robot_account in robots.list_robots(session):
            if robot_account.workspace:
                candidates[robot_account.registry] = candidates.get(
                    robot_account.registry, frozenset()
                ) | {robot_account.workspace}
    selection = {
        name: frozenset(names if workspace is None else names & {workspace})
        for name, names in candidates.items()
        if registry in (None, name)
    }
    workspaces_by_registry = {name: names for name, names in selection.items() if names}
    if not workspaces_by_registry and not overdue_only and (registry or workspace):
        raise InvalidRequest(messages.NO_ROBOT_ACCOUNT)
    return workspaces_by_registry


def _superseded_count(session: Session, names: list[str]) -> int:
    robot_accounts = [
        robot_account
        for robot_account in robots.list_robots(session)
        if robot_account.workspace and robot_account.registry in names
    ]
    return len(robot_accounts) - len(
        {(robot_account.registry, robot_account.workspace) for robot_account in robot_accounts}
    )
