"""Records of the cluster objects that a person trusts as sources of a Harbor."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from models.discovery.managed_harbor import HarborSourceKind
from models.discovery.trust import TrustedObject
from models.tables import TrustedObjectRow
from tasks.store.upsert import upsert


def list_trusted_objects(session: Session, cluster: str) -> tuple[TrustedObject, ...]:
    """Return the trusted objects of a cluster, oldest first."""
    query = select(TrustedObjectRow).where(col(TrustedObjectRow.cluster_name) == cluster)
    rows = session.exec(query.order_by(col(TrustedObjectRow.trusted_at)))
    return tuple(_to_trusted_object(row) for row in rows)


def delete_trusted_objects(session: Session, objects: Iterable[TrustedObject]) -> None:
    """Delete the records of trusted objects."""
    for item in objects:
        row = session.get(TrustedObjectRow, (item.cluster, item.namespace, item.name, item.uid))
        if row is not None:
            session.delete(row)


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
    delete_trusted_objects(session, (item.model_copy(update={"uid": ""}) for item in objects))
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
