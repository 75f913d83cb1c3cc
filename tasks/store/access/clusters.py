"""Clusters, their namespaces, and how pull secrets were left there."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete, select

from models.clusters import membership
from models.clusters.cluster import Cluster, ClusterState
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery
from models.core.audit import Entry
from models.core.base import Value
from models.core.errors import InputRefused
from models.tables import (
    ClusterRow,
    DeliveryRow,
    LeaseRow,
    ListedRow,
    NamespaceRow,
    PublicationRow,
    TrustedObjectRow,
)
from tasks.store import audit, leases
from tasks.store.access import departures, workspaces
from tasks.store.upsert import upsert

_CLUSTER, _STATE = set(Cluster.model_fields), set(ClusterState.model_fields)


def lease_key(cluster: str) -> str:
    """Return the key of the lease on a cluster; a registry's name holds no slash."""
    return f"cluster/{cluster}"


class Known(Value):
    """A cluster with what is remembered of it."""

    cluster: Cluster
    state: ClusterState
    namespaces: tuple[Namespace, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


def names(session: Session) -> tuple[str, ...]:
    """Return the names of all clusters."""
    return tuple(session.exec(select(ClusterRow.name).order_by(col(ClusterRow.name))))


def clusters(session: Session) -> tuple[Cluster, ...]:
    """Return all clusters, by name."""
    rows = session.exec(select(ClusterRow).order_by(col(ClusterRow.name)))
    return tuple(Cluster.model_validate(row.model_dump(include=_CLUSTER)) for row in rows)


def known(session: Session, name: str) -> Known:
    """Return one cluster.

    Raises:
        InputRefused: there is none of that name; the message lists those there are.
    """
    row = session.get(ClusterRow, name)
    if row is None:
        there = ", ".join(names(session)[:20]) or "none yet; run register-cluster"
        raise InputRefused(f"there is no cluster {name!r} here; known are: {there}")
    return Known(
        cluster=Cluster.model_validate(row.model_dump(include=_CLUSTER)),
        state=ClusterState.model_validate(row.model_dump(include=_STATE)),
        namespaces=namespaces(session, name),
        deliveries=deliveries(session, name),
    )


def namespaces(session: Session, cluster: str | None = None) -> tuple[Namespace, ...]:
    """Return namespaces as they were last seen, of one cluster or of all."""
    asked = select(NamespaceRow).order_by(col(NamespaceRow.cluster_name), col(NamespaceRow.name))
    if cluster is not None:
        asked = asked.where(col(NamespaceRow.cluster_name) == cluster)
    return tuple(
        Namespace.model_validate(
            row.model_dump(exclude={"cluster_name"}) | {"cluster": row.cluster_name}
        )
        for row in session.exec(asked)
    )


def deliveries(session: Session, cluster: str | None = None) -> tuple[Delivery, ...]:
    """Return how pull secrets were left, in one cluster or in all."""
    asked = select(DeliveryRow).order_by(col(DeliveryRow.cluster_name), col(DeliveryRow.namespace))
    if cluster is not None:
        asked = asked.where(col(DeliveryRow.cluster_name) == cluster)
    return tuple(
        Delivery.model_validate(
            row.model_dump(exclude={"cluster_name"}) | {"cluster": row.cluster_name}
        )
        for row in session.exec(asked)
    )


def holding(session: Session, registry: str) -> tuple[Namespace, ...]:
    """Return the namespaces whose pull secret logs in to a registry."""
    held = {
        (one.cluster, one.namespace)
        for one in deliveries(session)
        if any(login.registry == registry for login in one.logins)
    }
    return tuple(one for one in namespaces(session) if (one.cluster, one.name) in held)


def register(
    session: Session, cluster: Cluster, *, at: datetime, flow_run: str, state: ClusterState
) -> None:
    """Add a cluster, or bring one of that name up to date."""
    row = session.get(ClusterRow, cluster.name)
    before = Cluster.model_validate(row.model_dump(include=_CLUSTER)) if row else None
    columns = cluster.model_dump(mode="json") | state.model_dump()
    upsert(session, ClusterRow, [columns])
    if before != cluster:
        what = "cluster.registered" if before is None else "cluster.updated"
        entry = Entry(subject=cluster.name, what=what, cluster=cluster.name, why="by hand")
        audit.write(session, "", [entry], at=at, flow_run=flow_run)


def remove(session: Session, name: str, why: str, *, at: datetime, flow_run: str) -> None:
    """Forget a cluster and all that belongs to it, except its audit.

    Its namespaces leave their workspaces: what they were given may have been copied, or could not
    be withdrawn.
    """
    left = {one.workspace for one in namespaces(session, name) if one.workspace}
    departures.record(session, left, at)
    for table in (NamespaceRow, DeliveryRow, ListedRow, TrustedObjectRow):
        session.exec(delete(table).where(col(table.cluster_name) == name))
    session.exec(delete(LeaseRow).where(col(LeaseRow.key) == lease_key(name)))
    session.exec(delete(PublicationRow).where(col(PublicationRow.key) == f"cluster-{name}"))
    session.exec(delete(ClusterRow).where(col(ClusterRow.name) == name))
    entry = Entry(subject=name, what="cluster.removed", cluster=name, why=why)
    audit.write(session, "", [entry], at=at, flow_run=flow_run)


def save_state(
    session: Session,
    name: str,
    state: ClusterState,
    entries: Iterable[Entry],
    *,
    holder: str,
    at: datetime,
    flow_run: str,
) -> None:
    """Save how a cluster was found.

    Raises:
        Busy: the run lost its lease meanwhile; nothing is saved.
    """
    leases.check_held(session, lease_key(name), holder)
    row = session.get_one(ClusterRow, name, with_for_update=True)
    session.add(row.sqlmodel_update(state.model_dump()))
    audit.write(session, "", entries, at=at, flow_run=flow_run)


def save_namespaces(
    session: Session,
    name: str,
    settled: Iterable[Namespace],
    entries: Iterable[Entry],
    *,
    holder: str,
    at: datetime,
    flow_run: str,
) -> None:
    """Save whom the namespaces of a cluster belong to; those that are not there are forgotten.

    Whoever leaves a workspace may have copied its login, so it is to have another.

    Raises:
        Busy: the run lost its lease meanwhile; nothing is saved.
    """
    leases.check_held(session, lease_key(name), holder)
    found = {one.name: one for one in settled}
    gone = membership.departures(namespaces(session, name), found.values())
    departures.record(session, gone, at)
    _replace(session, NamespaceRow, name, "name", [_namespace_row(one) for one in found.values()])
    _drop(session, DeliveryRow, name, "namespace", set(found))
    workspaces.discover(
        session,
        {one.workspace for one in found.values() if one.workspace},
        at=at,
        flow_run=flow_run,
    )
    audit.write(session, "", entries, at=at, flow_run=flow_run)


def save_deliveries(
    session: Session,
    name: str,
    left: Iterable[Delivery],
    entries: Iterable[Entry],
    *,
    holder: str,
    at: datetime,
    flow_run: str,
) -> None:
    """Save how pull secrets were left; namespaces that are not named have none.

    Raises:
        Busy: the run lost its lease meanwhile; nothing is saved.
    """
    leases.check_held(session, lease_key(name), holder)
    _replace(session, DeliveryRow, name, "namespace", [_delivery_row(one) for one in left])
    audit.write(session, "", entries, at=at, flow_run=flow_run)


def _namespace_row(one: Namespace) -> dict[str, Any]:
    return one.model_dump(exclude={"cluster"}) | {"cluster_name": one.cluster}


def _delivery_row(one: Delivery) -> dict[str, Any]:
    return one.model_dump(exclude={"cluster"}) | {
        "cluster_name": one.cluster,
        "logins": [login.model_dump() for login in one.logins],
    }


def _replace(
    session: Session,
    table: type[NamespaceRow] | type[DeliveryRow],
    cluster: str,
    key: str,
    rows: list[dict[str, Any]],
) -> None:
    """Let a cluster have exactly these rows; only what differs is written."""
    asked = select(table).where(col(table.cluster_name) == cluster)
    before = {getattr(row, key): row.model_dump() for row in session.exec(asked)}
    upsert(session, table, [row for row in rows if before.get(row[key]) != row])
    _drop(session, table, cluster, key, {row[key] for row in rows}, before.keys())


def _drop(
    session: Session,
    table: type[NamespaceRow] | type[DeliveryRow],
    cluster: str,
    key: str,
    kept: Collection[str],
    known: Collection[str] | None = None,
) -> None:
    if known is None:
        known = set(
            session.exec(select(getattr(table, key)).where(col(table.cluster_name) == cluster))
        )
    gone = sorted(set(known) - set(kept))
    for start in range(0, len(gone), 500):
        session.exec(
            delete(table).where(
                col(table.cluster_name) == cluster,
                col(getattr(table, key)).in_(gone[start : start + 500]),
            )
        )
