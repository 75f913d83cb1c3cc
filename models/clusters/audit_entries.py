"""What goes into the audit about clusters, namespaces and pull secrets."""

from collections.abc import Iterable

from models.clusters.cluster import ClusterState
from models.clusters.membership import Namespace
from models.clusters.pull_secret import ClusterOutcome, Deliver, Delivery, DeliveryStatus, Withdraw
from models.core.audit import Entry
from models.core.reasons import Reason


def cluster_entries(name: str, before: ClusterState, after: ClusterState) -> tuple[Entry, ...]:
    """Write down that a cluster went out of reach or came back; a first look is no news."""
    if before.reachable is after.reachable or (before.reachable is None and after.reachable):
        return ()
    what = "cluster.recovered" if after.reachable else "cluster.unreachable"
    told = f"{after.reason}: {after.message}"
    return (Entry(subject=name, what=what, cluster=name, why=told),)


def namespace_entries(before: Iterable[Namespace], after: Iterable[Namespace]) -> tuple[Entry, ...]:
    """Write down who joined, left or is disputed."""
    known = {one.name: one for one in before}
    entries = [entry for one in after for entry in _namespace_entry(known.pop(one.name, None), one)]
    gone = (one for one in known.values() if one.workspace)
    return (*entries, *(_left(one, "the namespace was deleted") for one in gone))


def _namespace_entry(before: Namespace | None, after: Namespace) -> Iterable[Entry]:
    was = before.workspace if before else None
    if was and was != after.workspace and before:
        yield _left(before, after.message or "its label or the list says otherwise")
    if after.workspace and after.workspace != was:
        yield Entry(
            subject=after.name,
            what="namespace.joined",
            after=after.workspace,
            why=f"by {after.source}",
            cluster=after.cluster,
            workspace=after.workspace,
        )
    if after.problem and (before is None or before.problem is not after.problem):
        yield Entry(
            subject=after.name,
            what="namespace.disputed",
            why=f"{after.problem}: {after.message}",
            cluster=after.cluster,
        )


def _left(one: Namespace, why: str) -> Entry:
    return Entry(
        subject=one.name,
        what="namespace.left",
        before=one.workspace or "",
        why=why,
        cluster=one.cluster,
        workspace=one.workspace or "",
    )


def delivery_entries(
    cluster: str,
    workspaces: dict[str, str],
    before: Iterable[Delivery],
    outcomes: Iterable[ClusterOutcome],
    after: Iterable[Delivery],
) -> tuple[Entry, ...]:
    """Write down what was delivered and withdrawn, and what was refused for another reason before.

    Args:
        cluster: where.
        workspaces: by namespace.
        before, after: how pull secrets were left last time and now.
        outcomes: what was done.
    """
    known = {one.namespace: one.reason for one in before}
    done = [entry for outcome in outcomes if (entry := _done(outcome))]
    failed = [
        Entry(subject=one.namespace, what="secret.failed", why=f"{one.reason}: {one.message}")
        for one in after
        if one.status is not DeliveryStatus.DELIVERED
        and one.reason is not Reason.NAMESPACE_TERMINATING  # nobody needs it there any more
        and known.get(one.namespace) is not one.reason
    ]
    return tuple(
        entry.model_copy(
            update={"cluster": cluster, "workspace": workspaces.get(entry.subject, "")}
        )
        for entry in (*done, *failed)
    )


def _done(outcome: ClusterOutcome) -> Entry | None:
    change = outcome.change
    if not outcome.done:
        if isinstance(change, Withdraw) and change.reason is Reason.UNWANTED:  # of no record
            why = f"{outcome.reason}: {outcome.message}"
            return Entry(subject=change.namespace, what="secret.failed", why=why)
        return None
    if isinstance(change, Deliver):
        told = ", ".join(change.registries)
        return Entry(
            subject=change.namespace, what="secret.delivered", after=told, why=change.reason
        )
    if isinstance(change, Withdraw) and outcome.reason is Reason.DONE:
        return Entry(subject=change.namespace, what="secret.withdrawn", why=change.reason)
    return None
