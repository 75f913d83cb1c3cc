"""What syncing one cluster means: look, settle who belongs where, plan, deliver, save."""

import asyncio
from collections.abc import Mapping, Sequence

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from pydantic import SecretStr
from sqlmodel import Session

from flows.ending import run_id
from models.audit_access import cluster_entries, delivery_entries, namespace_entries
from models.base import Value
from models.cluster import ClusterSnapshot, ClusterState, state_after, unseen_cluster
from models.delivering import conclude_deliveries, plan_deliveries
from models.delivery import ClusterOutcome, Delivery, DeliveryPlan
from models.entitlement import effective
from models.errors import Busy, ClusterError, IntegrationError, PlanRefused
from models.membership import Namespace, check_leaving, settle_namespaces, unmoved
from models.settings import settings
from models.snapshot import Seen
from tasks import clock
from tasks.clusters import apply_deliveries, opened_cluster
from tasks.entitling import entitle
from tasks.kubernetes.credentials import kubeconfigs_of
from tasks.store import bindings, clusters, grants, registries, workspaces
from tasks.store.clusters import Known, lease_key
from tasks.store.installation import installation
from tasks.store.leases import leased
from tasks.store.session import stored


class ClusterReport(Value):
    """How one run on one cluster ended.

    Attributes:
        unread: why the cluster could not be read; a state of the cluster, no fault of the run.
        refused: why nobody was let go, if the brakes refused it.
        broken: what went wrong in the run itself.
    """

    cluster: str
    namespaces: tuple[Namespace, ...] = ()
    plan: DeliveryPlan
    outcomes: tuple[ClusterOutcome, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    unread: str = ""
    refused: str = ""
    broken: str = ""

    @property
    def problem(self) -> str:
        """What a person must look at; empty if all is delivered."""
        failed = [outcome for outcome in self.outcomes if not outcome.done]
        if failed:
            first = f"{failed[0].change.namespace}: {failed[0].message}"
            count = f"{len(failed)} of {len(self.outcomes)} changes failed"
            return f"cluster {self.cluster}: {count} ({first})"
        return self.broken or self.refused


@task(name="sync-clusters", cache_policy=NO_CACHE, persist_result=False)
async def sync_clusters(
    names: Sequence[str] | None = None,
    *,
    patience: float = 0.0,
    dry_run: bool = False,
    allow_large: bool = False,
) -> tuple[ClusterReport, ...]:
    """Sync clusters side by side, all of them unless some are named; one never holds up another.

    Args:
        patience: seconds to wait for another run on the same cluster.
    """
    known = await stored(clusters.clusters)
    wanted = [one for one in known if names is None or one.name in names]
    if not wanted:
        return ()
    kubeconfigs = await kubeconfigs_of(wanted)
    places = asyncio.Semaphore(settings().clusters_at_once)

    async def one(name: str) -> ClusterReport:
        async with places:
            return await _sync_one(
                name, kubeconfigs, patience, dry_run=dry_run, allow_large=allow_large
            )

    reports = await asyncio.gather(*(one(cluster.name) for cluster in wanted))
    if not dry_run:
        await stored(_note_effective)
    return tuple(reports)


async def _sync_one(
    name: str,
    kubeconfigs: Mapping[str, SecretStr],
    patience: float,
    *,
    dry_run: bool,
    allow_large: bool,
) -> ClusterReport:
    """Sync one cluster; whatever happens, it is a report and no exception."""
    nothing = ClusterReport(cluster=name, plan=DeliveryPlan(cluster=name))
    try:
        async with leased(lease_key(name), patience=patience) as holder:
            return await sync_cluster(
                name, holder, kubeconfigs, dry_run=dry_run, allow_large=allow_large
            )
    except Busy:
        return nothing  # another run does it
    except IntegrationError as error:
        return nothing.model_copy(update={"broken": f"cluster {name}: {error}"})
    except Exception as error:
        get_run_logger().exception("cluster %s: unforeseen", name)
        told = f"cluster {name}: unforeseen {type(error).__name__}, see the run's log"
        return nothing.model_copy(update={"broken": told})


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
    outcomes: tuple[ClusterOutcome, ...] = ()
    refused = ""
    namespaces, wish = known.namespaces, entitlement.wish(())
    try:
        async with opened_cluster(
            known.cluster,
            fingerprint=entitlement.fingerprint,
            installation=us,
            kubeconfigs=kubeconfigs,
        ) as client:
            snapshot = await client.look(settings().labels)
            namespaces, refused = _settled(known, snapshot, listed, allow_large=allow_large)
            wish = entitlement.wish(namespaces)
            plan = plan_deliveries(
                known.cluster, snapshot, wish.due, known.deliveries, wish.unknown
            )
            if not dry_run:
                await _note(known, namespaces, holder)
                outcomes = await apply_deliveries(plan, client, wish.contents)
    except ClusterError as error:
        snapshot = unseen_cluster(name, error, clock.now())
        plan = DeliveryPlan(cluster=name)
    left = known.deliveries
    if snapshot.unseen is None:
        left = conclude_deliveries(plan, outcomes, wish.due, now=clock.now())
    state = state_after(known.state, snapshot)
    if not dry_run:
        await stored(_save, known, state, namespaces, outcomes, left, holder=holder)
    return ClusterReport(
        cluster=name,
        namespaces=namespaces,
        plan=plan,
        outcomes=outcomes,
        deliveries=left,
        unread="" if state.reachable else f"cluster {name}: {state.message}",
        refused=refused,
    )


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
    state: ClusterState,
    namespaces: Sequence[Namespace],
    outcomes: Sequence[ClusterOutcome],
    left: Sequence[Delivery],
    *,
    holder: str,
) -> None:
    name, at, flow_run = known.cluster.name, clock.now(), run_id()
    members = {one.name: one.workspace or "" for one in namespaces}
    entries = delivery_entries(name, members, known.deliveries, outcomes, left)
    told = cluster_entries(name, known.state, state)
    clusters.save_state(session, name, state, told, holder=holder, at=at, flow_run=flow_run)
    clusters.save_deliveries(session, name, left, entries, holder=holder, at=at, flow_run=flow_run)


def _note_effective(session: Session) -> None:
    """Note which bindings have reached every namespace of their workspace by now."""
    pending = bindings.not_yet_effective(session)
    if not pending:
        return
    reached = effective(
        pending,
        [one.registry for one in registries.dossiers(session)],
        grants.grants(session),
        clusters.namespaces(session),
        clusters.deliveries(session),
    )
    bindings.note_effective(session, reached, clock.now())
