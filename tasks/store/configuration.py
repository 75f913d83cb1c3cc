"""Which configuration file owns what, and all records that a plan of a configuration needs."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy
from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel

from models.configuration.things import DROPPED, Mark, ThingKey, ThingKind, World
from models.tables import ConfigurationMarkRow
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.registries import registries, spaces
from tasks.store.upsert import upsert

_ROLLOUT = "rollout"
_MAX_NAME_LENGTH = 255
_TABLE = SQLModel.metadata.tables["configuration_mark"]
_MATCHES_KEY = sqlalchemy.and_(
    _TABLE.c.kind == bindparam("of_kind"),
    _TABLE.c.registry_name == bindparam("of_registry"),
    _TABLE.c.name == bindparam("of_name"),
    _TABLE.c.workspace == bindparam("of_workspace"),
)


def load_world(session: Session) -> World:
    """Return all records that configuration files can be about: one query for each table."""
    listed = workspaces.list_listed_namespaces(session)
    return World.of_records(
        registries=registries.list_registries(session),
        spaces=spaces.list_all_spaces(session),
        clusters=clusters.list_clusters(session),
        workspaces=[
            (workspace, listed.get(workspace.name, frozenset()))
            for workspace in workspaces.list_workspaces(session)
        ],
        bindings=bindings.list_bindings(session),
        marks=list_marks(session),
        repeated_namespaces=workspaces.list_repeated_namespaces(session),
    )


def list_marks(session: Session) -> dict[ThingKey, Mark]:
    """Return the marks of all things."""
    is_thing = _TABLE.c.kind.in_(list(ThingKind))
    return _parse_marks(session.connection().execute(sqlalchemy.select(_TABLE).where(is_thing)))


def _parse_marks(rows: Iterable[sqlalchemy.Row[Any]]) -> dict[ThingKey, Mark]:
    return {
        ThingKey(ThingKind(row.kind), row.name, row.registry_name, row.workspace): Mark(
            file=row.file, line=row.line, digest=row.digest
        )
        for row in rows
    }


def find_marks(session: Session, keys: Iterable[ThingKey]) -> dict[ThingKey, Mark]:
    """Return the marks of these things, as many as a page shows; those without one are omitted."""
    columns = (_TABLE.c.kind, _TABLE.c.registry_name, _TABLE.c.name, _TABLE.c.workspace)
    names = [(key.kind.value, key.registry, key.name, key.workspace) for key in keys]
    query = sqlalchemy.select(_TABLE).where(sqlalchemy.tuple_(*columns).in_(names))
    return _parse_marks(session.connection().execute(query))


def count_marks(session: Session, registry: str) -> dict[ThingKind, int]:
    """Return how many spaces and bindings of a registry have a mark."""
    query = (
        sqlalchemy.select(_TABLE.c.kind, sqlalchemy.func.count())
        .where(_TABLE.c.registry_name == registry, _TABLE.c.kind.in_(list(ThingKind)))
        .group_by(_TABLE.c.kind)
    )
    return {ThingKind(kind): count for kind, count in session.connection().execute(query)}


def save_marks(session: Session, marks: Mapping[ThingKey, Mark]) -> None:
    """Save who owns things; previous owners are replaced."""
    rows = [
        {
            "kind": key.kind.value,
            "registry_name": key.registry,
            "name": key.name,
            "workspace": key.workspace,
            **mark.model_dump(),
        }
        for key, mark in marks.items()
    ]
    upsert(session, ConfigurationMarkRow, rows)


def delete_marks(session: Session, keys: Iterable[ThingKey]) -> None:
    """Delete the marks of things."""
    if parameters := _key_parameters(keys):
        session.connection().execute(sqlalchemy.delete(_TABLE).where(_MATCHES_KEY), parameters)


def begin_rollout(session: Session, scope: str, registry_names: Iterable[str]) -> None:
    """Save that a run is about to make changes, which then have to reach registries and clusters.

    Args:
        session: the transaction.
        scope: name of the file or folder of the run.
        registry_names: the registries in which it makes changes.
    """
    name = scope[-_MAX_NAME_LENGTH:]
    rows = [
        {
            "kind": _ROLLOUT,
            "registry_name": registry,
            "name": name,
            "workspace": "",
            "file": scope,
            "line": 0,
            "digest": "",
        }
        for registry in {"", *registry_names}  # the empty one: clusters and workspaces
    ]
    upsert(session, ConfigurationMarkRow, rows)


def list_unfinished_rollouts(session: Session, scope: str) -> frozenset[str]:
    """Return the registries in which a killed run made changes, and an empty name; or nothing."""
    query = sqlalchemy.select(_TABLE.c.registry_name).where(_is_rollout(scope))
    return frozenset(row.registry_name for row in session.connection().execute(query))


def end_rollout(session: Session, scope: str) -> None:
    """Save that the changes of a run reached registries and clusters, or are reported."""
    session.connection().execute(sqlalchemy.delete(_TABLE).where(_is_rollout(scope)))


def _is_rollout(scope: str) -> sqlalchemy.ColumnElement[bool]:
    return sqlalchemy.and_(_TABLE.c.kind == _ROLLOUT, _TABLE.c.file == scope)


def save_refusals(session: Session, keys: Iterable[ThingKey]) -> None:
    """Save that a person dropped owned things, so that their files do not create them again."""
    if parameters := _key_parameters(keys):
        query = sqlalchemy.update(_TABLE).where(_MATCHES_KEY).values(digest=DROPPED)
        session.connection().execute(query, parameters)


def _key_parameters(keys: Iterable[ThingKey]) -> list[dict[str, str]]:
    return [
        {
            "of_kind": key.kind.value,
            "of_registry": key.registry,
            "of_name": key.name,
            "of_workspace": key.workspace,
        }
        for key in keys
    ]
