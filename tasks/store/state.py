"""State of a registry at the start of a run."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session

from models.access.robot_state import RobotState
from models.access.rotation import (
    departure_rotations,
    due_for_rotation,
    registries_with_due_robots,
    replacement_robots,
    schedule_robot_deletions,
)
from models.access.rotation_messages import summarize_departures
from models.core.base import FrozenModel
from models.core.settings import get_settings
from models.registries.record import RegistryRecord
from models.registries.registry import RegistryOrigin
from models.registries.space import Space
from tasks import clock
from tasks.store.access import bindings, departures
from tasks.store.installation import get_installation
from tasks.store.registries import registries, robots, runs, spaces


class RegistryState(FrozenModel):
    """A registry with its spaces and robot accounts.

    Attributes:
        record: the registry.
        spaces: all its spaces.
        failures: (subject, kind, reason) of changes whose last attempt failed.
        robot_state: bindings and robot accounts.
        encrypted_observer_secret: encrypted secret of the observer robot account; empty if the
            registry has none.
    """

    record: RegistryRecord
    spaces: tuple[Space, ...]
    failures: frozenset[tuple[str, str, str]]
    robot_state: RobotState
    encrypted_observer_secret: str = ""


def load_registry_state(session: Session, name: str) -> RegistryState:
    """Return the state of a registry.

    Raises:
        InvalidRequest: there is no registry with this name.
    """
    registry_record = registries.get_registry(session, name)
    is_managed = registry_record.registry.origin is RegistryOrigin.MANAGED
    robot_state = _load_robot_state(session, name).model_copy(update={"is_managed": is_managed})
    observer = robot_state.observer
    return RegistryState(
        record=registry_record,
        spaces=spaces.list_spaces(session, name),
        failures=runs.list_failures(session, name),
        robot_state=robot_state,
        encrypted_observer_secret=robots.get_encrypted_secret(session, observer)
        if observer
        else "",
    )


def _load_robot_state(session: Session, name: str) -> RobotState:
    robot_accounts, departure_records = (
        robots.list_robots(session, name),
        departures.list_departures(session, name),
    )
    now = clock.now()
    deletions_by_robot_id = {
        id: deletion
        for (_, id), deletion in schedule_robot_deletions(
            robot_accounts, departure_records, get_settings().superseded_retention
        ).items()
    }
    return RobotState(
        registry=name,
        installation=get_installation(session),
        other_registries=registries.list_names(session) - {name},
        bound_spaces=bindings.spaces_by_workspace(session, name),
        has_bindings=bindings.count_bindings(session, name) > 0,
        robots=robot_accounts,
        rolled_out=frozenset(
            robot.workspace for robot in replacement_robots(robot_accounts) if robot.rolled_out_at
        ),
        departure_rotations=frozenset(
            workspace
            for _, workspace in departure_rotations(robot_accounts, departure_records, now)
        ),
        expired_robot_ids=frozenset(
            id for id, deletion in deletions_by_robot_id.items() if deletion.is_due(now)
        ),
        exposed_robot_ids=frozenset(
            id for id, deletion in deletions_by_robot_id.items() if deletion.is_exposed
        ),
        overdue_robot_ids=frozenset(
            id for id, deletion in deletions_by_robot_id.items() if deletion.is_overdue(now)
        ),
    )


def list_registries_with_due_robots(session: Session) -> frozenset[str]:
    """Return the registries on which a robot account is due for creation or deletion."""
    robot_accounts, departure_records = (
        robots.list_robots(session),
        departures.list_departures(session),
    )
    return registries_with_due_robots(
        robot_accounts, departure_records, get_settings().superseded_retention, clock.now()
    )


def departure_note(session: Session, workspaces: Collection[str]) -> str:
    """Return until when namespaces that left these workspaces can pull; empty if they cannot."""
    departure_records = [
        departure
        for departure in departures.list_departures(session)
        if departure.workspace in workspaces
    ]
    return summarize_departures(departure_records, get_settings().superseded_retention)


def workspaces_due_for_rotation(
    session: Session, age: timedelta | None, now: datetime
) -> dict[str, frozenset[str]]:
    """Return the workspaces with a secret older than `age`, by registry."""
    robot_accounts = robots.list_robots(session)
    registry_names = {robot_account.registry for robot_account in robot_accounts}
    overdue_workspaces = {
        name: due_for_rotation(
            (robot_account for robot_account in robot_accounts if robot_account.registry == name),
            age,
            now,
        )
        for name in sorted(registry_names)
    }
    return {name: workspaces for name, workspaces in overdue_workspaces.items() if workspaces}
