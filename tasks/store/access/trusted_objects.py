"""The objects in clusters that persons trust to stand for a Harbor."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from models.discovery.managed_harbor import SourceKind
from models.discovery.trust import TrustedObject
from models.tables import TrustedObjectRow
from tasks.store.upsert import upsert


def trusted_objects(session: Session, cluster: str, now: datetime) -> tuple[TrustedObject, ...]:
    """Return a cluster's; those that were to appear and did not in time are forgotten."""
    asked = select(TrustedObjectRow).where(col(TrustedObjectRow.cluster_name) == cluster)
    found = []
    for row in session.exec(asked.order_by(col(TrustedObjectRow.trusted_at))).all():
        trusted = _value(row)
        if trusted.uid or trusted.is_pending(now):
            found.append(trusted)
        else:
            session.delete(row)
    return tuple(found)


def save(session: Session, trusted: Iterable[TrustedObject]) -> None:
    """Write them down; named once more, one that is still to appear has its hour anew."""
    upsert(
        session,
        TrustedObjectRow,
        [
            {
                "cluster_name": one.cluster,
                "namespace": one.namespace,
                "name": one.name,
                "uid": one.uid,
                "kind": one.kind.value if one.kind else "",
                "trusted_at": one.trusted_at,
            }
            for one in trusted
        ],
    )


def pin(session: Session, pinned: Iterable[TrustedObject]) -> None:
    """Let those that appeared take the place of those that were to appear."""
    pinned = tuple(pinned)
    for one in pinned:
        row = session.get(TrustedObjectRow, (one.cluster, one.namespace, one.name, ""))
        if row is not None:
            session.delete(row)
    save(session, pinned)


def _value(row: TrustedObjectRow) -> TrustedObject:
    return TrustedObject(
        cluster=row.cluster_name,
        namespace=row.namespace,
        name=row.name,
        kind=SourceKind(row.kind) if row.kind else None,
        uid=row.uid,
        trusted_at=row.trusted_at,
    )
