"""Records of managed Harbors."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row
from sqlmodel import Session, col, select

from models.discovery.managed_harbor import HarborRef, ManagedHarborRecord
from models.tables import ManagedHarborRow
from tasks.store.upsert import upsert


def list_harbor_records(session: Session) -> tuple[ManagedHarborRecord, ...]:
    """Return all managed Harbors, sorted by cluster, namespace and name."""
    rows = session.exec(
        select(ManagedHarborRow).order_by(
            col(ManagedHarborRow.cluster_name),
            col(ManagedHarborRow.namespace),
            col(ManagedHarborRow.name),
        )
    )
    return tuple(harbor_record(row) for row in rows)


def harbor_record(row: ManagedHarborRow | Row[Any]) -> ManagedHarborRecord:
    """Return the record in a row of the table."""
    return ManagedHarborRecord.model_validate(
        {
            "ref": {
                "cluster": row.cluster_name,
                "namespace": row.namespace,
                "name": row.name,
                "kind": row.kind,
            },
            "uid": row.uid,
            "state": row.standing,
            "registry": row.registry_name,
            "message": row.message,
            "missing_since": row.missing_since,
            "refusals": row.refusals,
            "refused_at": row.refused_at,
        }
    )


def list_adopted_registries(session: Session, cluster: str) -> tuple[str, ...]:
    """Return the names of the registries adopted from a cluster."""
    query = select(ManagedHarborRow.registry_name).where(
        col(ManagedHarborRow.cluster_name) == cluster, col(ManagedHarborRow.registry_name) != ""
    )
    return tuple(sorted(session.exec(query)))


def save_harbor_records(session: Session, harbors: Iterable[ManagedHarborRecord]) -> None:
    """Save the records of managed Harbors."""
    rows = [
        {
            "cluster_name": harbor.ref.cluster,
            "namespace": harbor.ref.namespace,
            "name": harbor.ref.name,
            "kind": harbor.ref.kind.value,
            "uid": harbor.uid,
            "standing": harbor.state.value,
            "registry_name": harbor.registry,
            "message": harbor.message,
            "missing_since": harbor.missing_since,
            "refusals": harbor.refusals,
            "refused_at": harbor.refused_at,
        }
        for harbor in harbors
    ]
    upsert(session, ManagedHarborRow, rows)


def delete_harbor_record(session: Session, ref: HarborRef) -> None:
    """Delete the record of a managed Harbor."""
    row = session.get(ManagedHarborRow, (ref.cluster, ref.namespace, ref.name, ref.kind.value))
    if row is not None:
        session.delete(row)
