"""What is remembered of a registry when a run on it begins."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlmodel import Session

from models.access.robot_state import AccessRecord
from models.access.rotation import leaving, overdue, pressing, retirements, superseding
from models.access.rotation_messages import departures_told
from models.core.base import Value
from models.core.settings import settings
from models.registries.record import Dossier
from models.registries.registry import Origin
from models.registries.space import Space
from tasks import clock
from tasks.store.access import bindings, departures
from tasks.store.installation import installation
from tasks.store.registries import registries, robots, runs, spaces


class Memory(Value):
    """One registry, its spaces, and who may pull them.

    Attributes:
        failures: (subject, kind, reason) of changes whose last attempt failed.
        observer_sealed: the sealed secret of the robot account that observes; empty without one.
    """

    dossier: Dossier
    spaces: tuple[Space, ...]
    failures: frozenset[tuple[str, str, str]]
    record: AccessRecord
    observer_sealed: str = ""


def recall(session: Session, name: str) -> Memory:
    """Return what is remembered of a registry.

    Raises:
        InputRefused: there is none of that name.
    """
    dossier = registries.dossier(session, name)  # refuses a name that nobody has
    managed = dossier.registry.origin is Origin.MANAGED
    record = _access_record(session, name).model_copy(update={"is_managed": managed})
    observer = record.observer
    return Memory(
        dossier=dossier,
        spaces=spaces.spaces(session, name),
        failures=runs.known_failures(session, name),
        record=record,
        observer_sealed=robots.sealed_one(session, observer) if observer else "",
    )


def _access_record(session: Session, name: str) -> AccessRecord:
    known, left = robots.grants(session, name), departures.departures(session, name)
    now = clock.now()
    going = {id: one for (_, id), one in retirements(known, left, settings().retention).items()}
    return AccessRecord(
        registry=name,
        installation=installation(session),
        others=registries.names(session) - {name},
        bound=bindings.bound(session, name),
        has_bindings=bindings.count(session, name) > 0,
        grants=known,
        served=frozenset(one.workspace for one in superseding(known) if one.rolled_out_at),
        leaving=frozenset(workspace for _, workspace in leaving(known, left, now)),
        retired=frozenset(id for id, one in going.items() if one.due(now)),
        exposed=frozenset(id for id, one in going.items() if one.exposed),
        overdue=frozenset(id for id, one in going.items() if one.overdue(now)),
    )


def pressing_registries(session: Session) -> frozenset[str]:
    """Return the registries on which a robot account is to be made or deleted by now."""
    known, left = robots.grants(session), departures.departures(session)
    return pressing(known, left, settings().retention, clock.now())


def departure_remark(session: Session, workspaces: Collection[str]) -> str:
    """Say until when namespaces that left some workspaces can pull; empty if they held nothing."""
    left = [one for one in departures.departures(session) if one.workspace in workspaces]
    return departures_told(left, settings().retention)


def rotation_due(
    session: Session, age: timedelta | None, now: datetime
) -> dict[str, frozenset[str]]:
    """Return the workspaces whose secrets are too old, by registry."""
    known = robots.grants(session)
    by_registry = {grant.registry for grant in known}
    due = {
        name: overdue((one for one in known if one.registry == name), age, now)
        for name in sorted(by_registry)
    }
    return {name: workspaces for name, workspaces in due.items() if workspaces}
