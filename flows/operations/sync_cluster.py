"""What syncing one cluster means: look, settle who belongs where, plan, deliver, save."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import SecretStr
from sqlmodel import Session

from flows.runs import run_id
from models.clusters.audit_entries import cluster_entries, delivery_entries, namespace_entries
from models.clusters.cluster import ClusterSnapshot, ClusterState, state_after, unseen_cluster
from models.clusters.membership import (
    Namespace,
    check_leaving,
    departures,
    settle_namespaces,
    unmoved,
)
from models.clusters.pull_secret import ClusterOutcome, Delivery, DeliveryPlan
from models.clusters.pull_secret_plan import conclude_deliveries, plan_deliveries
from models.core.availability import Seen
from models.core.base import Value
from models.core.errors import ClusterError, PlanRefused
from models.core.settings import settings
from tasks import clock
from tasks.access.pull_secret_contents import Entitlement, Wish, entitle
from tasks.clusters.apply import apply_deliveries
from tasks.clusters.connect import opened_cluster
from tasks.clusters.protocol import ClusterReader
from tasks.store.access import clusters, rollout, workspaces
from tasks.store.access.clusters import Known
from tasks.store.installation import installation
from tasks.store.session import stored


class ClusterReport(Value):
    """How one run on one cluster ended.

    Attributes:
        news: whether anything is otherwise than before.
        unread: why the cluster could not be read; a state of the cluster, no fault of the run.
        refused: why nobody was let go, if the brakes refused it.
        broken: what went wrong in the run itself.
        departed: namespaces that left each workspace.
    """

    cluster: str
    namespaces: tuple[Namespace, ...] = ()
    plan: DeliveryPlan
    outcomes: tuple[ClusterOutcome, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    news: bool = False
    unread: str = ""
    refused: str = ""
    broken: str = ""
    departed: Mapping[str, Sequence[str]] = {}

    @property
    def problem(self) -> str:
        """What a person must look at; empty if all is delivered."""
        failed = [outcome for outcome in self.outcomes if not outcome.done]
        if failed:
            first = f"{failed[0].change.namespace}: {failed[0].message}"
            count = f"{len(failed)} of {len(self.outcomes)} changes failed"
            return f"cluster {self.cluster}: {count} ({first})"
        return self.broken or self.refused


class _Work(NamedTuple):
    """What one run saw, planned and did."""

    snapshot: ClusterSnapshot
    namespaces: tuple[Namespace, ...]
    plan: DeliveryPlan
    wish: Wish
    outcomes: tuple[ClusterOutcome, ...] = ()
    refused: str = ""


async def sync_cluster(
    name: str,
    holder: str,
    kubeconfigs: Mapping[str, SecretStr] | None = None,
    *,
    dry_run: bool = False,
    allow_large: bool = False,
) -> ClusterReport:
    """Bring one cluster's pull secrets to what is due, under the lease that `holder` has on it.

    A cluster that cannot be read completely keeps everything it has.

    Raises:
        Busy: another run took over the lease.
        InputRefused: the key in force does not open the secrets on record.
    """
    us, known, listed = await stored(_recall, name)
    entitlement = await entitle()
    try:
        async with opened_cluster(
            known.cluster,
            fingerprint=entitlement.fingerprint,
            installation=us,
            kubeconfigs=kubeconfigs,
        ) as client:
            work = await _plan(known, listed, entitlement, client, allow_large=allow_large)
            if not dry_run:
                await _note(known, work.namespaces, holder)
                outcomes = await apply_deliveries(work.plan, client, work.wish.contents)
                work = work._replace(outcomes=outcomes)
    except ClusterError as error:
        work = _idle(known, error)
    left = known.deliveries
    if work.snapshot.unseen is None:
        left = conclude_deliveries(work.plan, work.outcomes, work.wish.due, now=clock.now())
    state = state_after(known.state, work.snapshot)
    if not dry_run:
        await stored(_save, known, work, state, left, holder=holder)
    return ClusterReport(
        cluster=name,
        namespaces=work.namespaces,
        plan=work.plan,
        outcomes=work.outcomes,
        deliveries=left,
        news=_differs(known, work, state, left),
        unread="" if state.reachable else f"cluster {name}: {state.message}",
        refused=work.refused,
        departed=departures(known.namespaces, work.namespaces),
    )


def _differs(known: Known, work: _Work, state: ClusterState, left: Sequence[Delivery]) -> bool:
    before = known.namespaces, known.deliveries, known.state.reachable
    return before != (work.namespaces, tuple(left), state.reachable)


async def _plan(
    known: Known,
    listed: Mapping[str, frozenset[str]],
    entitlement: Entitlement,
    client: ClusterReader,
    *,
    allow_large: bool,
) -> _Work:
    """Look, settle who belongs where, and plan what is due there."""
    snapshot = await client.look(settings().labels)
    namespaces, refused = _settled(known, snapshot, listed, allow_large=allow_large)
    wish = entitlement.wish(namespaces)
    plan = plan_deliveries(
        known.cluster, snapshot, wish.due, known.deliveries, wish.unknown, wish.entitled
    )
    try:
        if not allow_large:
            plan.check(settings().limits)
    except PlanRefused as refusal:
        plan, refused = plan.without_removals(), refused or str(refusal)
    return _Work(snapshot, namespaces, plan, wish, refused=refused)


def _idle(known: Known, error: ClusterError) -> _Work:
    """Return what is done about a cluster that cannot be read: nothing."""
    name = known.cluster.name
    snapshot = unseen_cluster(name, error, clock.now())
    return _Work(snapshot, known.namespaces, DeliveryPlan(cluster=name), Wish({}, {}, {}, {}))


def _recall(session: Session, name: str) -> tuple[str, Known, dict[str, frozenset[str]]]:
    return (
        installation(session),
        clusters.known(session, name),
        workspaces.listed(session, name),
    )


def _settled(
    known: Known,
    snapshot: ClusterSnapshot,
    listed: Mapping[str, frozenset[str]],
    *,
    allow_large: bool,
) -> tuple[tuple[Namespace, ...], str]:
    """Return who belongs where, and why nobody was let go if the brakes refused it."""
    if not isinstance(snapshot.namespaces, Seen):
        return known.namespaces, ""
    name, seen = known.cluster.name, snapshot.namespaces.items
    settled = settle_namespaces(name, seen, settings().labels, listed)
    try:
        if not allow_large:
            check_leaving(name, known.namespaces, settled, settings().limits)
    except PlanRefused as refusal:
        return unmoved(known.namespaces, settled), str(refusal)
    return settled, ""


async def _note(known: Known, namespaces: Sequence[Namespace], holder: str) -> None:
    """Save who belongs where before anything is delivered or withdrawn on the strength of it."""
    if namespaces == known.namespaces:
        return
    entries = namespace_entries(known.namespaces, namespaces)
    await stored(
        clusters.save_namespaces,
        known.cluster.name,
        namespaces,
        entries,
        holder=holder,
        at=clock.now(),
        flow_run=run_id(),
    )


def _save(
    session: Session,
    known: Known,
    work: _Work,
    state: ClusterState,
    left: Sequence[Delivery],
    *,
    holder: str,
) -> None:
    name, at, flow_run = known.cluster.name, clock.now(), run_id()
    members = {one.name: one.workspace or "" for one in work.namespaces}
    entries = delivery_entries(name, members, known.deliveries, work.outcomes, left)
    told = cluster_entries(name, known.state, state)
    clusters.save_state(session, name, state, told, holder=holder, at=at, flow_run=flow_run)
    clusters.save_deliveries(session, name, left, entries, holder=holder, at=at, flow_run=flow_run)
    rollout.note_rolled_out(session, at)
