"""Records of the cluster objects that a person trusts as sources of a Harbor."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from models.discovery.managed_harbor import HarborSourceKind
from models.discovery.trust import TrustedObject
from models.tables import TrustedObjectRow
from tasks.store.upsert import upsert


def list_trusted_objects(
    session: Session, cluster: str, now: datetime
) -> tuple[TrustedObject, ...]:
    """Return the trusted objects of a cluster; expired pending ones are deleted."""
    query = select(TrustedObjectRow).where(col(TrustedObjectRow.cluster_name) == cluster)
    objects = []
    for row in session.exec(query.order_by(col(TrustedObjectRow.trusted_at))).all():
        trusted_object = _to_trusted_object(row)
        if trusted_object.uid or trusted_object.is_pending(now):
            objects.append(trusted_object)
        else:
            session.delete(row)
    return tuple(objects)


def save(session: Session, objects: Iterable[TrustedObject]) -> None:
    """Save trusted objects. Saving a pending one again restarts its time limit."""
    upsert(
        session,
        TrustedObjectRow,
        [
            {
                "cluster_name": trusted_object.cluster,
                "namespace": trusted_object.namespace,
                "name": trusted_object.name,
                "uid": trusted_object.uid,
                "kind": trusted_object.kind.value if trusted_object.kind else "",
                "trusted_at": trusted_object.trusted_at,
            }
            for trusted_object in objects
        ],
    )


def save_pinned(session: Session, objects: Iterable[TrustedObject]) -> None:
    """Save objects that appeared, in place of their pending records."""
    objects = tuple(objects)
    for trusted_object in objects:
        row = session.get(
            TrustedObjectRow,
            (trusted_object.cluster, trusted_object.namespace, trusted_object.name, ""),
        )
        if row is not None:
            session.delete(row)
    save(session, objects)


def _to_trusted_object(row: TrustedObjectRow) -> TrustedObject:
    return TrustedObject(
        cluster=row.cluster_name,
        namespace=row.namespace,
        name=row.name,
        kind=HarborSourceKind(row.kind) if row.kind else None,
        uid=row.uid,
        trusted_at=row.trusted_at,
    )
