"""Audit entries for clusters, namespaces and pull secrets."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from models.clusters.cluster import Cluster, ClusterStatus
from models.clusters.identity import is_replacement
from models.clusters.membership import Namespace
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChangeResult,
    DeleteSecret,
    PullSecretState,
    PullSecretStatus,
    WriteSecret,
)
from models.clusters.rights import describe_missing_rights
from models.core.audit import AuditEntry
from models.core.errors import NEEDS_PERSON_REASONS
from models.core.reasons import Reason


def registration_entries(before: Cluster | None, after: Cluster) -> tuple[AuditEntry, ...]:
    """Return the audit entry of a cluster that is registered; none if nothing changes.

    Args:
        before: the cluster on record; None if it is new.
        after: the cluster.
    """
    if before == after:
        return ()
    if is_replacement(before, after):
        return (_replacement_entry(after.name, before.uid if before else "", after.uid),)
    event = "cluster.registered" if before is None else "cluster.updated"
    entry = AuditEntry(subject=after.name, action=event, cluster=after.name, reason="by hand")
    return (entry,)


def _replacement_entry(name: str, before: str, after: str) -> AuditEntry:
    return AuditEntry(
        subject=name,
        action="cluster.replaced",
        before=before,
        after=after,
        reason="rebuilt, by hand",
        cluster=name,
    )


def duplicate_entries(name: str, other_names: Collection[str]) -> tuple[AuditEntry, ...]:
    """Return the audit entry of a cluster that has other names; none without any."""
    if not other_names:
        return ()
    reason = f"it is the same cluster as {', '.join(other_names)}: run remove-cluster for one"
    entry = AuditEntry(subject=name, action="cluster.disputed", cluster=name, reason=reason)
    return (entry,)


def cluster_entries(
    name: str, before: ClusterStatus, after: ClusterStatus
) -> tuple[AuditEntry, ...]:
    """Return the audit entries if a cluster became unreachable, recovered, or denies rights.

    The first successful observation has no entry. A cluster that was down and since then refuses
    the credential, or is another one, has one, because a person has to act.
    """
    entries = rights_entries(name, before, after)
    needs_person = after.reason in NEEDS_PERSON_REASONS
    is_refused = needs_person and before.reason not in NEEDS_PERSON_REASONS
    is_unchanged = before.reachable is after.reachable and not is_refused
    if is_unchanged or (before.reachable is None and after.reachable):
        return entries
    event = "cluster.recovered" if after.reachable else "cluster.unreachable"
    message = f"{after.reason}: {after.message}"
    return (AuditEntry(subject=name, action=event, cluster=name, reason=message), *entries)


def rights_entries(
    name: str, before: ClusterStatus, after: ClusterStatus
) -> tuple[AuditEntry, ...]:
    """Return the audit entry if other rights are missing than before."""
    if not after.missing_rights or after.missing_rights == before.missing_rights:
        return ()
    reason = describe_missing_rights(after.missing_rights)
    return (AuditEntry(subject=name, action="cluster.rights-missing", cluster=name, reason=reason),)


def namespace_entries(
    before: Iterable[Namespace], after: Iterable[Namespace]
) -> tuple[AuditEntry, ...]:
    """Return the audit entries for namespaces that joined or left a workspace or are disputed."""
    previous = {namespace.name: namespace for namespace in before}
    entries = [
        entry
        for namespace in after
        for entry in _namespace_entry(previous.pop(namespace.name, None), namespace)
    ]
    deleted_namespaces = (namespace for namespace in previous.values() if namespace.workspace)
    return (
        *entries,
        *(
            _departure_entry(namespace, "the namespace was deleted")
            for namespace in deleted_namespaces
        ),
    )


def _namespace_entry(before: Namespace | None, after: Namespace) -> Iterable[AuditEntry]:
    was = before.workspace if before else None
    if was and was != after.workspace and before:
        yield _departure_entry(before, after.message or "its label or the list changed")
    if after.workspace and after.workspace != was:
        yield AuditEntry(
            subject=after.name,
            action="namespace.joined",
            after=after.workspace,
            reason=f"by {after.source}",
            cluster=after.cluster,
            workspace=after.workspace,
        )
    if after.problem and (before is None or before.problem is not after.problem):
        yield AuditEntry(
            subject=after.name,
            action="namespace.disputed",
            reason=f"{after.problem}: {after.message}",
            cluster=after.cluster,
        )


def _departure_entry(namespace: Namespace, why: str) -> AuditEntry:
    return AuditEntry(
        subject=namespace.name,
        action="namespace.left",
        before=namespace.workspace or "",
        reason=why,
        cluster=namespace.cluster,
        workspace=namespace.workspace or "",
    )


def pull_secret_entries(
    cluster: str,
    workspaces: dict[str, str],
    before: Iterable[PullSecretStatus],
    outcomes: Iterable[ClusterChangeResult],
    after: Iterable[PullSecretStatus],
) -> tuple[AuditEntry, ...]:
    """Return the audit entries for written and deleted pull secrets, and for new failures.

    Args:
        cluster: name of the cluster.
        workspaces: workspaces by namespace.
        before, after: statuses of the pull secrets before and after the run.
        outcomes: results of the changes.
    """
    reasons = {pull_secret.namespace: pull_secret.reason for pull_secret in before}
    outcomes = tuple(outcomes)
    successes = [entry for outcome in outcomes if (entry := _change_entry(outcome))]
    contested = {
        pull_secret.namespace
        for pull_secret in after
        if pull_secret.reason is Reason.CONTESTED is reasons.get(pull_secret.namespace)
    }
    successes += _link_entries(outcomes, contested)
    failures = [
        AuditEntry(
            subject=pull_secret.namespace,
            action="secret.contested"
            if pull_secret.reason is Reason.CONTESTED
            else "secret.failed",
            reason=f"{pull_secret.reason}: {pull_secret.message}",
        )
        for pull_secret in after
        if pull_secret.status is not PullSecretState.DELIVERED
        and pull_secret.reason is not Reason.NAMESPACE_TERMINATING  # no pull secret is needed
        and reasons.get(pull_secret.namespace) is not pull_secret.reason
    ]
    return tuple(
        entry.model_copy(
            update={"cluster": cluster, "workspace": workspaces.get(entry.subject, "")}
        )
        for entry in (*successes, *failures)
    )


def _link_entries(
    outcomes: Iterable[ClusterChangeResult], contested: Collection[str]
) -> list[AuditEntry]:
    """Return one entry per namespace for links that others removed, and one for new links.

    A contested namespace has none: it would have two entries after each repair.
    """
    removed: dict[str, list[AddImagePullSecret]] = defaultdict(list)
    linked: dict[str, list[AddImagePullSecret]] = defaultdict(list)
    for outcome in outcomes:
        change = outcome.change
        if not isinstance(change, AddImagePullSecret) or change.namespace in contested:
            continue
        if change.reason is Reason.MODIFIED:
            removed[change.namespace].append(change)
        if outcome.succeeded and outcome.reason is Reason.DONE:
            linked[change.namespace].append(change)
    return [
        *(_link_removed_entry(name, changes) for name, changes in removed.items()),
        *(
            AuditEntry(
                subject=name,
                action="secret.linked",
                after=_account_names(changes),
                reason=changes[0].reason,
            )
            for name, changes in linked.items()
        ),
    ]


def _link_removed_entry(namespace: str, changes: Sequence[AddImagePullSecret]) -> AuditEntry:
    managers = sorted({change.manager or "another client" for change in changes})
    return AuditEntry(
        subject=namespace,
        action="secret.link-removed",
        before=_account_names(changes),
        reason=f"by {', '.join(managers)}",
    )


def _account_names(changes: Iterable[AddImagePullSecret]) -> str:
    return ", ".join(change.service_account for change in changes)


def _change_entry(outcome: ClusterChangeResult) -> AuditEntry | None:
    change = outcome.change
    if not outcome.succeeded:
        # Other failures are in the pull secret's status; an orphan has no status on record.
        if isinstance(change, DeleteSecret) and change.reason is Reason.ORPHANED:
            why = f"{outcome.reason}: {outcome.message}"
            return AuditEntry(subject=change.namespace, action="secret.failed", reason=why)
        return None
    if isinstance(change, WriteSecret):
        registry_names = ", ".join(change.registries)
        return AuditEntry(
            subject=change.namespace,
            action="secret.delivered",
            after=registry_names,
            reason=change.reason,
        )
    if isinstance(change, DeleteSecret) and outcome.reason is Reason.DONE:
        return AuditEntry(subject=change.namespace, action="secret.withdrawn", reason=change.reason)
    return None
