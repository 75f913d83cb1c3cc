"""What pages tell of access: read in a fixed number of queries, however much there is."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy
from pydantic import TypeAdapter
from sqlalchemy import Select
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select

from models.access.binding import Binding
from models.clusters.cluster import ClusterState
from models.overview.views import Facts
from models.registries.space import Space
from models.tables import AuditRow, BindingRow, ClusterRow, OutcomeRow, SpaceRow
from tasks.store.access import clusters, workspaces
from tasks.store.registries import registries, robots

_HISTORY = 20
_GRANTING = ("make-grant", "edit-grant")
_BINDINGS = TypeAdapter(tuple[Binding, ...])
_STATE = set(ClusterState.model_fields)


def facts_of_workspaces(session: Session, names: Collection[str] | None, at: datetime) -> Facts:
    """Read what is on record about some workspaces, or all; one that is not there is left out."""
    known = workspaces.workspaces(session)
    wanted = tuple(one for one in known if names is None or one.name in names)
    bound = _bindings(session, col(BindingRow.workspace), names) if wanted else ()
    facts = Facts(at=at, workspaces=wanted, bindings=bound, grants=robots.grants(session))
    return _completed(session, facts) if wanted else facts


def facts_of_registries(session: Session, names: Collection[str], at: datetime) -> Facts:
    """Read what is on record about who may pull from some registries."""
    bound = _bindings(session, col(BindingRow.registry_name), names)
    made = tuple(one for one in robots.grants(session) if one.registry in names)
    facts = Facts(at=at, bindings=bound, grants=made)
    return _completed(session, facts) if bound else facts


def _completed(session: Session, facts: Facts) -> Facts:
    more = {
        "history": _history(session, [one.name for one in facts.workspaces]),
        "dossiers": registries.dossiers(session),
        "spaces": _spaces(session),
        "namespaces": clusters.namespaces(session),
        "deliveries": clusters.deliveries(session),
        "clusters": _states(session),
        "failures": grant_failures(session),
    }
    return facts.model_copy(update=more)


def _bindings(
    session: Session, column: Mapped[str], names: Collection[str] | None
) -> tuple[Binding, ...]:
    """Return bindings whose column has one of these names; there may be very many."""
    asked: Select[*tuple[Any, ...]] = sqlalchemy.select(
        col(BindingRow.registry_name).label("registry"),
        col(BindingRow.space),
        col(BindingRow.workspace),
        col(BindingRow.bound_at),
        col(BindingRow.effective_at),
        col(BindingRow.held_since),
        col(BindingRow.held_reason),
    ).order_by(col(BindingRow.registry_name), col(BindingRow.space), col(BindingRow.workspace))
    if names is not None:
        asked = asked.where(column.in_(names))
    found = session.connection().execute(asked)
    return _BINDINGS.validate_python([row._asdict() for row in found])


def _spaces(session: Session) -> dict[tuple[str, str], Space]:
    """Return the spaces that anybody is bound to, by registry and name."""
    bound = sqlalchemy.select(col(BindingRow.registry_name), col(BindingRow.space)).distinct()
    place = sqlalchemy.tuple_(col(SpaceRow.registry_name), col(SpaceRow.name))
    columns = [getattr(SpaceRow, name) for name in Space.model_fields]
    rows = session.connection().execute(
        sqlalchemy.select(col(SpaceRow.registry_name), *columns).where(place.in_(bound))
    )
    found: dict[tuple[str, str], Space] = {}
    for row in rows:
        told = row._asdict()
        registry = told.pop("registry_name")
        found[registry, told["name"]] = Space(**told)
    return found


def _states(session: Session) -> dict[str, ClusterState]:
    return {
        row.name: ClusterState.model_validate(row.model_dump(include=_STATE))
        for row in session.exec(select(ClusterRow))
    }


def grant_failures(session: Session) -> dict[tuple[str, str], str]:
    """Return what was last said when a grant failed, by registry and workspace."""
    asked = select(OutcomeRow).where(
        col(OutcomeRow.done).is_(False), col(OutcomeRow.kind).in_(_GRANTING)
    )
    return {
        (row.registry_name, row.subject): f"{row.reason}: {row.message}"
        for row in session.exec(asked)
    }


def _history(session: Session, names: Collection[str]) -> dict[str, tuple[AuditRow, ...]]:
    """Return what last happened to each of some workspaces, newest first."""
    if not names:
        return {}
    place = (
        sqlalchemy.func.row_number()
        .over(partition_by=col(AuditRow.workspace), order_by=col(AuditRow.id).desc())
        .label("place")
    )
    ranked = (
        sqlalchemy.select(col(AuditRow.id), place)
        .where(col(AuditRow.workspace).in_(names))
        .subquery()
    )
    newest = sqlalchemy.select(ranked.c.id).where(ranked.c.place <= _HISTORY)
    asked = select(AuditRow).where(col(AuditRow.id).in_(newest)).order_by(col(AuditRow.id).desc())
    found: dict[str, list[AuditRow]] = defaultdict(list)
    for row in session.exec(asked):
        found[row.workspace].append(row)
    return {name: tuple(rows) for name, rows in found.items()}
