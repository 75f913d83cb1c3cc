"""What is remembered of a registry when a run on it begins."""

from datetime import datetime, timedelta

from sqlmodel import Session

from models.access import Grant
from models.access_record import AccessRecord
from models.base import Value
from models.dossier import Dossier
from models.registry import Origin
from models.rotation import overdue, served, youngest
from models.space import Space
from tasks.store import bindings, clusters, grants, looks, registries, spaces
from tasks.store.installation import installation


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
        failures=looks.known_failures(session, name),
        record=record,
        observer_sealed=grants.sealed_one(session, observer) if observer else "",
    )


def _access_record(session: Session, name: str) -> AccessRecord:
    known = grants.grants(session, name)
    return AccessRecord(
        registry=name,
        installation=installation(session),
        others=registries.names(session) - {name},
        bound=bindings.bound(session, name),
        has_bindings=bindings.count(session, name) > 0,
        grants=known,
        served=_served(session, known),
    )


def _served(session: Session, known: tuple[Grant, ...]) -> frozenset[str]:
    """Ask about deliveries only if a robot account waits to be retired."""
    if len(known) == len(youngest(known)):
        return frozenset()
    found = served(known, clusters.namespaces(session), clusters.deliveries(session))
    return frozenset(workspace for _, workspace in found)


def rotation_due(
    session: Session, age: timedelta | None, now: datetime
) -> dict[str, frozenset[str]]:
    """Return the workspaces whose secrets are too old, by registry."""
    known = grants.grants(session)
    by_registry = {grant.registry for grant in known}
    due = {
        name: overdue((one for one in known if one.registry == name), age, now)
        for name in sorted(by_registry)
    }
    return {name: workspaces for name, workspaces in due.items() if workspaces}
