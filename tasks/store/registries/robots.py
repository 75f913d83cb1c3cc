"""Robot accounts that we made: their records, and their sealed secrets."""

from collections.abc import Iterable

from sqlmodel import Session, col, delete, select

from models.registries.robots import Grant
from models.tables import GrantRow
from tasks.store.access import departures
from tasks.store.registries import registries
from tasks.store.upsert import upsert


def grants(session: Session, registry: str | None = None) -> tuple[Grant, ...]:
    """Return the robot accounts on record, of one registry or of all."""
    asked = select(GrantRow).order_by(col(GrantRow.registry_name), col(GrantRow.robot_id))
    if registry is not None:
        asked = asked.where(col(GrantRow.registry_name) == registry)
    return tuple(
        Grant(
            registry=row.registry_name,
            workspace=row.workspace,
            robot_id=row.robot_id,
            login=row.login,
            spaces=tuple(row.spaces),
            made_at=row.made_at,
            created_at=row.created_at,
            rolled_out_at=row.rolled_out_at,
        )
        for row in session.exec(asked)
    )


def keep(session: Session, grant: Grant, sealed: str) -> None:
    """Put a robot account and its sealed secret on record, at once."""
    registries.locked(session, grant.registry)
    upsert(session, GrantRow, [_columns(grant) | {"sealed": sealed}])
    departures.answer(session, grant)


def note(session: Session, registry: str, changed: Iterable[Grant]) -> None:
    """Write down what robot accounts are called and may pull; their secrets stay."""
    for grant in changed:
        row = session.get(GrantRow, (registry, grant.robot_id))
        if row is not None:
            row.login, row.spaces = grant.login, list(grant.spaces)
            row.created_at = grant.created_at
            session.add(row)


def forget(session: Session, registry: str, robot_ids: Iterable[int]) -> None:
    """Drop the records of robot accounts that are gone."""
    session.exec(
        delete(GrantRow).where(
            col(GrantRow.registry_name) == registry, col(GrantRow.robot_id).in_(list(robot_ids))
        )
    )


def sealed_one(session: Session, grant: Grant) -> str:
    """Return the sealed secret of one robot account."""
    return session.get_one(GrantRow, (grant.registry, grant.robot_id)).sealed


def sealed(session: Session, registry: str | None = None) -> dict[tuple[str, int], str]:
    """Return sealed secrets by registry and robot, of one registry or of all."""
    asked = select(GrantRow)
    if registry is not None:
        asked = asked.where(col(GrantRow.registry_name) == registry)
    return {(row.registry_name, row.robot_id): row.sealed for row in session.exec(asked)}


def _columns(grant: Grant) -> dict[str, object]:
    return {
        "registry_name": grant.registry,
        "robot_id": grant.robot_id,
        "workspace": grant.workspace,
        "login": grant.login,
        "spaces": list(grant.spaces),
        "made_at": grant.made_at,
        "created_at": grant.created_at,
        "rolled_out_at": grant.rolled_out_at,
    }
