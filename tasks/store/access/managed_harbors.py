"""Managed Harbors as they are known."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from models.discovery.managed_harbor import Managed, Place, Standing
from models.tables import ManagedRow
from tasks.store.upsert import upsert


def managed(session: Session) -> tuple[Managed, ...]:
    """Return all managed Harbors, by place."""
    rows = session.exec(
        select(ManagedRow).order_by(
            col(ManagedRow.cluster_name), col(ManagedRow.namespace), col(ManagedRow.name)
        )
    )
    return tuple(_value(row) for row in rows)


def _value(row: ManagedRow) -> Managed:
    return Managed.model_validate(
        {
            "place": {
                "cluster": row.cluster_name,
                "namespace": row.namespace,
                "name": row.name,
                "kind": row.kind,
            },
            "uid": row.uid,
            "standing": row.standing,
            "registry": row.registry_name,
            "message": row.message,
            "missing_since": row.missing_since,
            "refusals": row.refusals,
            "refused_at": row.refused_at,
        }
    )


def adopted_in(session: Session, cluster: str) -> tuple[str, ...]:
    """Return the names of the registries that are managed Harbors of a cluster."""
    asked = select(ManagedRow.registry_name).where(
        col(ManagedRow.cluster_name) == cluster, col(ManagedRow.registry_name) != ""
    )
    return tuple(sorted(session.exec(asked)))


def note(session: Session, changed: Iterable[Managed]) -> None:
    """Write down how managed Harbors stand."""
    rows = [
        {
            "cluster_name": one.place.cluster,
            "namespace": one.place.namespace,
            "name": one.place.name,
            "kind": one.place.kind.value,
            "uid": one.uid,
            "standing": one.standing.value,
            "registry_name": one.registry,
            "message": one.message,
            "missing_since": one.missing_since,
            "refusals": one.refusals,
            "refused_at": one.refused_at,
        }
        for one in changed
    ]
    upsert(session, ManagedRow, rows)


def forget(session: Session, place: Place) -> None:
    """Drop a managed Harbor that is gone."""
    row = session.get(ManagedRow, (place.cluster, place.namespace, place.name, place.kind.value))
    if row is not None:
        session.delete(row)


def keep_out(session: Session, registry: str) -> None:
    """Note that somebody removed a managed registry by hand: it is not adopted again by itself."""
    said = "removed by hand; run integrate-managed-harbor to adopt it again"
    for row in session.exec(select(ManagedRow).where(col(ManagedRow.registry_name) == registry)):
        row.standing, row.registry_name, row.message = Standing.KEPT_OUT.value, "", said
        session.add(row)


def let_in(session: Session, cluster: str, namespace: str, name: str) -> None:
    """Forget that somebody kept a Harbor out."""
    for one in managed(session):
        place = one.place.cluster, one.place.namespace, one.place.name
        if one.standing is Standing.KEPT_OUT and place == (cluster, namespace, name):
            forget(session, one.place)
