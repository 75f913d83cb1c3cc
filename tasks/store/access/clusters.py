"""Records of clusters, their namespaces and their pull secrets."""

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy
from sqlmodel import Session, SQLModel, col, delete, select

from models.clusters.cluster import Cluster, ClusterStatus
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretStatus
from models.core.audit import AuditEntry
from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from models.core.suggestion import did_you_mean
from models.tables import (
    ClusterRow,
    LeaseRow,
    ListedNamespaceRow,
    ManagedHarborRow,
    NamespaceRow,
    PullSecretRow,
    TrustedObjectRow,
)
from tasks.store import audit, leases
from tasks.store.access.workspaces import save_former_listing
from tasks.store.upsert import upsert

_CLUSTER_FIELDS, _STATUS_FIELDS = set(Cluster.model_fields), set(ClusterStatus.model_fields)


def lease_key(cluster: str) -> str:
    """Return the lease key of a cluster. Names of registries contain no slash."""
    return f"cluster/{cluster}"


def discovery_lease_key(cluster: str) -> str:
    """Return the lease key of the discovery in a cluster."""
    return f"discovery/{cluster}"


class ClusterRecord(FrozenModel):
    """A cluster with its status, namespaces and pull secrets.

    Attributes:
        other_names: other names under which the same cluster is registered.
    """

    cluster: Cluster
    status: ClusterStatus
    namespaces: tuple[Namespace, ...] = ()
    pull_secrets: tuple[PullSecretStatus, ...] = ()
    other_names: tuple[str, ...] = ()

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprints of the pull secrets that were written, by namespace."""
        return {
            pull_secret.namespace: pull_secret.fingerprint
            for pull_secret in self.pull_secrets
            if pull_secret.fingerprint
        }

    @property
    def links(self) -> frozenset[str]:
        """The names of all ServiceAccounts that have a link of this service."""
        return frozenset(name for secret in self.pull_secrets for name in secret.links)


def list_names(session: Session) -> tuple[str, ...]:
    """Return the names of all clusters, sorted."""
    return tuple(session.exec(select(ClusterRow.name).order_by(col(ClusterRow.name))))


def list_clusters(session: Session) -> tuple[Cluster, ...]:
    """Return all clusters, sorted by name."""
    rows = session.exec(select(ClusterRow).order_by(col(ClusterRow.name)))
    return tuple(Cluster.model_validate(row.model_dump(include=_CLUSTER_FIELDS)) for row in rows)


def get_cluster(session: Session, name: str) -> ClusterRecord:
    """Return the record of a cluster.

    Raises:
        InvalidRequest: there is no cluster with this name; the message lists the existing ones.
    """
    row = session.get(ClusterRow, name)
    if row is None:
        names = list_names(session)
        available_names = ", ".join(names[:20]) or "none; run register-cluster"
        raise InvalidRequest(
            f"there is no cluster {name!r}; registered clusters: {available_names}"
            f"{did_you_mean(name, names)}"
        )
    cluster = Cluster.model_validate(row.model_dump(include=_CLUSTER_FIELDS))
    return ClusterRecord(
        cluster=cluster,
        status=ClusterStatus.model_validate(row.model_dump(include=_STATUS_FIELDS)),
        namespaces=list_namespaces(session, name),
        pull_secrets=list_pull_secrets(session, name),
        other_names=list_other_names(session, cluster),
    )


def list_statuses(session: Session) -> dict[str, ClusterStatus]:
    """Return the status of each cluster, by name."""
    return {
        row.name: ClusterStatus.model_validate(row.model_dump(include=_STATUS_FIELDS))
        for row in session.exec(select(ClusterRow))
    }


def list_other_names(session: Session, cluster: Cluster) -> tuple[str, ...]:
    """Return other names under which the same cluster is registered, sorted."""
    if not cluster.uid:
        return ()
    query = select(ClusterRow.name).where(
        col(ClusterRow.uid) == cluster.uid, col(ClusterRow.name) != cluster.name
    )
    return tuple(sorted(session.exec(query)))


def list_namespaces(
    session: Session, cluster: str | None = None, workspaces: Collection[str] | None = None
) -> tuple[Namespace, ...]:
    """Return namespaces as last observed, of one cluster, of these workspaces, or all."""
    # Plain rows instead of ORM objects: pages read a thousand of them.
    query = sqlalchemy.select(SQLModel.metadata.tables["namespace"]).order_by(
        col(NamespaceRow.cluster_name), col(NamespaceRow.name)
    )
    if cluster is not None:
        query = query.where(col(NamespaceRow.cluster_name) == cluster)
    if workspaces is not None:
        query = query.where(col(NamespaceRow.workspace).in_(workspaces))
    rows = [row._asdict() for row in session.connection().execute(query)]
    return tuple(
        Namespace.model_validate({"cluster": row.pop("cluster_name"), **row}) for row in rows
    )


def list_pull_secrets(
    session: Session,
    cluster: str | None = None,
    workspaces: Collection[str] | None = None,
    registries: Collection[str] | None = None,
) -> tuple[PullSecretStatus, ...]:
    """Return the states of pull secrets.

    Args:
        session: the transaction.
        cluster: only of this cluster; None for all.
        workspaces: only of namespaces of these workspaces; None for all.
        registries: only with the logins of these registries; None for all.
    """
    query = sqlalchemy.select(SQLModel.metadata.tables["delivery"]).order_by(
        col(PullSecretRow.cluster_name), col(PullSecretRow.namespace)
    )
    if cluster is not None:
        query = query.where(col(PullSecretRow.cluster_name) == cluster)
    if workspaces is not None:
        members = sqlalchemy.select(col(NamespaceRow.cluster_name), col(NamespaceRow.name)).where(
            col(NamespaceRow.workspace).in_(workspaces)
        )
        key = sqlalchemy.tuple_(col(PullSecretRow.cluster_name), col(PullSecretRow.namespace))
        query = query.where(key.in_(members))
    rows = session.connection().execute(query)
    return tuple(_to_pull_secret(row._asdict(), registries) for row in rows)


def _to_pull_secret(values: dict[str, Any], registries: Collection[str] | None) -> PullSecretStatus:
    values["cluster"] = values.pop("cluster_name")
    for name in ("links", "repairs"):
        values[name] = values[name] or ()
    if registries is not None:
        values["logins"] = [item for item in values["logins"] if item["registry"] in registries]
    return PullSecretStatus.model_validate(values)


def namespaces_using(session: Session, registry: str) -> tuple[Namespace, ...]:
    """Return the namespaces whose pull secret logs in to a registry."""
    namespace_keys = {
        (pull_secret.cluster, pull_secret.namespace)
        for pull_secret in list_pull_secrets(session)
        if any(login.registry == registry for login in pull_secret.logins)
    }
    return tuple(
        namespace
        for namespace in list_namespaces(session)
        if (namespace.cluster, namespace.name) in namespace_keys
    )


def save_cluster(
    session: Session,
    cluster: Cluster,
    status: ClusterStatus,
    entries: Iterable[AuditEntry],
    context: RunContext,
) -> None:
    """Add a cluster, or update the one with this name."""
    upsert(session, ClusterRow, [cluster.model_dump(mode="json") | status.model_dump()])
    audit.append(session, "", entries, context)


def save_uid(
    session: Session, name: str, uid: str, entries: Iterable[AuditEntry], context: RunContext
) -> None:
    """Save the identity of a cluster that was registered before identities were on record."""
    row = session.get_one(ClusterRow, name, with_for_update=True)
    row.uid = uid
    session.add(row)
    audit.append(session, "", entries, context)


def delete_observations(session: Session, name: str) -> None:
    """Delete what was observed in a cluster: its namespaces and pull secrets."""
    for table in (NamespaceRow, PullSecretRow):
        session.exec(delete(table).where(col(table.cluster_name) == name))


def delete_cluster(session: Session, name: str, entry: AuditEntry, context: RunContext) -> None:
    """Delete the records of a cluster, except its audit log."""
    delete_observations(session, name)
    is_listed = col(ListedNamespaceRow.cluster_name) == name
    for listed_row in session.exec(select(ListedNamespaceRow).where(is_listed)).all():
        save_former_listing(session, listed_row)
    for table in (ListedNamespaceRow, TrustedObjectRow, ManagedHarborRow):
        session.exec(delete(table).where(col(table.cluster_name) == name))
    keys = lease_key(name), discovery_lease_key(name)
    session.exec(delete(LeaseRow).where(col(LeaseRow.key).in_(keys)))
    session.exec(delete(ClusterRow).where(col(ClusterRow.name) == name))
    audit.append(session, "", [entry], context)


def save_status(
    session: Session,
    name: str,
    state: ClusterStatus,
    entries: Iterable[AuditEntry],
    context: RunContext,
) -> None:
    """Save the status of a cluster.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    leases.check_lease(session, lease_key(name), context.lease_id)
    row = session.get_one(ClusterRow, name, with_for_update=True)
    session.add(row.sqlmodel_update(state.model_dump()))
    audit.append(session, "", entries, context)


def save_namespaces(
    session: Session,
    name: str,
    current_namespaces: Iterable[Namespace],
    entries: Iterable[AuditEntry],
    context: RunContext,
) -> None:
    """Save the namespaces of a cluster; records of others, and of their pull secrets, are deleted.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    leases.check_lease(session, lease_key(name), context.lease_id)
    rows = [_namespace_row(namespace) for namespace in current_namespaces]
    _replace_rows(session, NamespaceRow, name, "name", rows)
    _delete_rows(session, PullSecretRow, name, "namespace", {row["name"] for row in rows})
    audit.append(session, "", entries, context)


def save_pull_secrets(
    session: Session,
    name: str,
    pull_secrets: Iterable[PullSecretStatus],
    entries: Iterable[AuditEntry],
    context: RunContext,
) -> None:
    """Save the pull secrets of a cluster; records of other namespaces are deleted.

    Raises:
        LeaseHeld: the lease was lost; nothing is saved.
    """
    leases.check_lease(session, lease_key(name), context.lease_id)
    rows = [_pull_secret_row(pull_secret) for pull_secret in pull_secrets]
    _replace_rows(session, PullSecretRow, name, "namespace", rows)
    audit.append(session, "", entries, context)


def forget_login(session: Session, workspace: str, registry: str, robot_id: int) -> None:
    """Forget that namespaces of a workspace have the login of a robot account.

    Call this when the robot account gets another secret, and before its registry's row is locked:
    a run that saves pull secrets locks in this order. Namespaces count as served again when they
    have the new secret.
    """
    members = sqlalchemy.select(col(NamespaceRow.cluster_name), col(NamespaceRow.name)).where(
        col(NamespaceRow.workspace) == workspace
    )
    key = sqlalchemy.tuple_(col(PullSecretRow.cluster_name), col(PullSecretRow.namespace))
    query = select(PullSecretRow).where(key.in_(members))
    query = query.order_by(col(PullSecretRow.cluster_name), col(PullSecretRow.namespace))
    for row in session.exec(query.with_for_update(of=PullSecretRow)):
        logins = [
            login
            for login in row.logins
            if (login["registry"], login.get("robot_id")) != (registry, robot_id)
        ]
        if logins != row.logins:
            row.logins = logins
            session.add(row)


def _namespace_row(namespace: Namespace) -> dict[str, Any]:
    return namespace.model_dump(exclude={"cluster"}) | {"cluster_name": namespace.cluster}


def _pull_secret_row(pull_secret: PullSecretStatus) -> dict[str, Any]:
    return pull_secret.model_dump(exclude={"cluster"}) | {
        "cluster_name": pull_secret.cluster,
        "logins": [login.model_dump(mode="json") for login in pull_secret.logins],
        "links": list(pull_secret.links),
        "repairs": [history.model_dump(mode="json") for history in pull_secret.repairs],
    }


def _replace_rows(
    session: Session,
    table: type[NamespaceRow] | type[PullSecretRow],
    cluster: str,
    key: str,
    rows: list[dict[str, Any]],
) -> None:
    query = select(table).where(col(table.cluster_name) == cluster)
    before = {getattr(row, key): row.model_dump() for row in session.exec(query)}
    upsert(session, table, [row for row in rows if before.get(row[key]) != row])
    _delete_rows(session, table, cluster, key, {row[key] for row in rows}, before.keys())


def _delete_rows(
    session: Session,
    table: type[NamespaceRow] | type[PullSecretRow],
    cluster: str,
    key: str,
    desired_keys: Collection[str],
    existing_keys: Collection[str] | None = None,
) -> None:
    if existing_keys is None:
        existing_keys = set(
            session.exec(select(getattr(table, key)).where(col(table.cluster_name) == cluster))
        )
    stale_keys = sorted(set(existing_keys) - set(desired_keys))
    for start in range(0, len(stale_keys), 500):
        session.exec(
            delete(table).where(
                col(table.cluster_name) == cluster,
                col(getattr(table, key)).in_(stale_keys[start : start + 500]),
            )
        )
