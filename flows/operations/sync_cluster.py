"""Synchronize one cluster: observe, assign namespaces to workspaces, plan, apply, save."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import NamedTuple

from pydantic import SecretStr
from sqlmodel import Session

from flows.operations.bindings import save_rolled_out_robots
from flows.operations.memberships import save_identity, update_memberships
from flows.operations.run_results import ClusterSyncResult
from flows.runs import load_under_lease
from models.clusters.audit_entries import cluster_entries, pull_secret_entries
from models.clusters.cluster import (
    ClusterSnapshot,
    ClusterStatus,
    next_cluster_status,
    unreachable_cluster_snapshot,
)
from models.clusters.contest import forget_recreated
from models.clusters.identity import confirm_identity
from models.clusters.link_plan import limit_link_changes
from models.clusters.membership import (
    MembershipRules,
    Namespace,
    assign_workspaces,
    departures_by_workspace,
    exceeded_departure_limit,
    keep_assignments,
    keep_misspelled,
    keep_unreadable,
)
from models.clusters.pull_secret import ClusterChangeResult, PullSecretPlan, PullSecretStatus
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.pull_secret_status import update_statuses
from models.clusters.rights import is_rights_check_due, required_rights
from models.clusters.service_account_choice import ServiceAccountChoice, labels_to_observe
from models.core.availability import Complete
from models.core.errors import NEEDS_PERSON_REASONS, RemoteError
from models.core.runs.context import RunContext
from models.core.settings import get_settings
from tasks import clock
from tasks.access.kept_logins import KeptLogins
from tasks.access.pull_secret_contents import (
    NamespaceContents,
    PullAccess,
    PullSecretContents,
    build_pull_secret_contents,
    load_pull_access,
)
from tasks.clusters.apply import apply_pull_secret_plan
from tasks.clusters.connect import open_cluster
from tasks.clusters.protocol import ClusterReader
from tasks.store.access import clusters, workspaces
from tasks.store.access.clusters import ClusterRecord
from tasks.store.installation import get_installation
from tasks.store.leases import save_and_release
from tasks.store.session import in_transaction


class _SyncRun(NamedTuple):
    """Observation, plan and results of one run."""

    snapshot: ClusterSnapshot
    namespaces: tuple[Namespace, ...]
    plan: PullSecretPlan
    namespace_contents: NamespaceContents
    results: tuple[ClusterChangeResult, ...] = ()
    unsafe_reason: str = ""


class ClusterState(NamedTuple):
    """What a run on one cluster needs of the database.

    Attributes:
        installation: installation id, which identifies the Secrets of this installation.
        record: the cluster.
        rules: what users entered about its namespaces.
        access: who may pull from where.
        choices: ServiceAccounts by workspace that get the pull secret, if not the default ones.
    """

    installation: str
    record: ClusterRecord
    rules: MembershipRules
    access: PullAccess
    choices: Mapping[str, ServiceAccountChoice] = MappingProxyType({})


class _Options(NamedTuple):
    """Options of a run; see `sync_cluster`."""

    context: RunContext
    kubeconfigs: Mapping[str, SecretStr] | None
    dry_run: bool
    allow_large: bool


@asynccontextmanager
async def hold_cluster(
    name: str, *, wait_seconds: float = 0.0
) -> AsyncIterator[tuple[RunContext, ClusterState]]:
    """Hold the lease on a cluster; yield the context of the run and the state of the cluster.

    Raises:
        LeaseHeld: another run still holds the lease after `wait_seconds`; or it was lost.
        InvalidRequest: there is no cluster with this name.
    """

    def load(session: Session, context: RunContext) -> ClusterState:
        return ClusterState(
            get_installation(session),
            clusters.get_cluster(session, name),
            workspaces.get_membership_rules(session, name),
            load_pull_access(session),
            workspaces.list_choices(session),
        )

    key = clusters.lease_key(name)
    async with load_under_lease(key, load, wait_seconds=wait_seconds) as loaded:
        yield loaded


async def sync_cluster(
    cluster_state: ClusterState,
    context: RunContext,
    kubeconfigs: Mapping[str, SecretStr] | None = None,
    *,
    dry_run: bool = False,
    allow_large: bool = False,
) -> ClusterSyncResult:
    """Bring one cluster's pull secrets to the desired state, under the lease of the run.

    Nothing is changed in a cluster that cannot be read completely. The lease is released in the
    transaction that saves the results.

    Args:
        cluster_state: the state that was loaded under the lease of the run.
        context: the run, with its lease on the cluster.
        kubeconfigs: kubeconfigs by reference key; None reads them now.
        dry_run: whether to change nothing; then the lease is kept.
        allow_large: whether to lift the safety limits.

    Raises:
        LeaseHeld: another run took over the lease.
        InvalidRequest: the current key cannot decrypt the secrets on record.
    """
    record = cluster_state.record
    options = _Options(context, kubeconfigs, dry_run, allow_large)
    sync_run = await _connect_and_run(cluster_state, options)
    context, pull_secrets = context.at(clock.now()), record.pull_secrets
    if sync_run.snapshot.first_unavailable is None:
        pull_secrets = update_statuses(
            sync_run.plan, sync_run.results, sync_run.namespace_contents.desired, now=context.now
        )
    status = next_cluster_status(record.status, sync_run.snapshot)
    if not dry_run:
        lease_id = context.lease_id
        await save_and_release(lease_id, _save, record, sync_run, status, pull_secrets, context)
    return _sync_result(record, sync_run, status, pull_secrets)


async def _connect_and_run(cluster_state: ClusterState, options: _Options) -> _SyncRun:
    """Observe, plan, save assignments, apply; an error of the cluster is a result, too."""
    record = cluster_state.record
    contents = await build_pull_secret_contents(cluster_state.access)
    kept_logins = contents.keep_logins(record.pull_secrets)
    try:
        async with open_cluster(
            record.cluster,
            fingerprint=contents.fingerprint,
            installation=cluster_state.installation,
            is_own_content=contents.is_own_content,
            recorded_fingerprints=record.fingerprints,
            keep_content=kept_logins.add,
            kubeconfigs=options.kubeconfigs,
        ) as client:
            sync_run = await _plan(cluster_state, contents, kept_logins, client, options)
            if options.dry_run:
                return sync_run
            await _save_assignments(cluster_state, sync_run.namespaces, options.context)
            results = await apply_pull_secret_plan(
                sync_run.plan, client, sync_run.namespace_contents.contents
            )
            return sync_run._replace(results=results)
    except RemoteError as error:
        return _unreachable(record, error)


def _sync_result(
    record: ClusterRecord,
    sync_run: _SyncRun,
    status: ClusterStatus,
    pull_secrets: tuple[PullSecretStatus, ...],
) -> ClusterSyncResult:
    name = record.cluster.name
    return ClusterSyncResult(
        cluster=name,
        namespaces=sync_run.namespaces,
        plan=sync_run.plan,
        results=sync_run.results,
        pull_secrets=pull_secrets,
        has_changes=_has_changes(record, sync_run, status, pull_secrets),
        unavailable_reason="" if status.reachable else f"cluster {name}: {status.message}",
        needs_person=not status.reachable and status.reason in NEEDS_PERSON_REASONS,
        unsafe_reason=sync_run.unsafe_reason,
        other_names=record.other_names,
        departures=departures_by_workspace(record.namespaces, sync_run.namespaces),
    )


def _has_changes(
    record: ClusterRecord,
    sync_run: _SyncRun,
    status: ClusterStatus,
    pull_secrets: Sequence[PullSecretStatus],
) -> bool:
    before = record.namespaces, record.pull_secrets, record.status.reachable
    return before != (sync_run.namespaces, tuple(pull_secrets), status.reachable)


async def _plan(
    cluster_state: ClusterState,
    pull_secret_contents: PullSecretContents,
    kept_logins: KeptLogins,
    client: ClusterReader,
    options: _Options,
) -> _SyncRun:
    record, choices = cluster_state.record, cluster_state.choices
    snapshot, namespaces, unsafe_reason = await _observe(
        cluster_state, client, allow_large=options.allow_large
    )
    if is_rights_check_due(record.status, snapshot, record.pull_secrets, clock.now()):
        missing_rights = await client.find_missing_rights(required_rights(record.cluster))
        snapshot = snapshot.model_copy(update={"missing_rights": missing_rights})
    namespace_contents = pull_secret_contents.for_namespaces(namespaces, kept_logins)
    plan = plan_pull_secrets(
        record.cluster,
        snapshot,
        namespace_contents.desired,
        forget_recreated(record.pull_secrets, record.namespaces, namespaces),
        namespace_contents.unresolved,
        namespace_contents.entitled,
        {
            namespace.name: choices[namespace.workspace]
            for namespace in namespaces
            if namespace.workspace and namespace.workspace in choices
        },
    )
    exceeded = None if options.allow_large else plan.exceeded_limit(get_settings().change_limits)
    if exceeded is not None:
        plan, unsafe_reason = plan.without_removals(), unsafe_reason or exceeded.message
    plan = limit_link_changes(plan)
    return _SyncRun(snapshot, namespaces, plan, namespace_contents, unsafe_reason=unsafe_reason)


async def _observe(
    cluster_state: ClusterState, client: ClusterReader, *, allow_large: bool
) -> tuple[ClusterSnapshot, tuple[Namespace, ...], str]:
    """Return the observation, and the result of `_assign_namespaces`."""
    record, rules = cluster_state.record, cluster_state.rules
    label_keys = get_settings().workspace_label_keys
    account_labels = _account_labels(cluster_state, record.namespaces)
    observation = await client.observe(label_keys, account_labels)
    snapshot = confirm_identity(record.cluster, observation)
    assigned = _assign_namespaces(record, snapshot, rules, allow_large=allow_large)
    needed_labels = _account_labels(cluster_state, assigned[0])
    if account_labels is None and needed_labels is not None:
        # The first namespaces of a workspace joined whose other ServiceAccounts are needed.
        observation = await client.observe(label_keys, needed_labels)
        snapshot = confirm_identity(record.cluster, observation)
        assigned = _assign_namespaces(record, snapshot, rules, allow_large=allow_large)
    return snapshot, *assigned


def _account_labels(
    cluster_state: ClusterState, namespaces: Iterable[Namespace]
) -> frozenset[str] | None:
    record = cluster_state.record
    if not record.cluster.links_accounts:
        return None
    workspace_names = {namespace.workspace for namespace in namespaces}
    return labels_to_observe(cluster_state.choices, workspace_names, record.links)


def _unreachable(record: ClusterRecord, error: RemoteError) -> _SyncRun:
    name = record.cluster.name
    snapshot = unreachable_cluster_snapshot(name, error, clock.now())
    return _SyncRun(
        snapshot, record.namespaces, PullSecretPlan(cluster=name), NamespaceContents({}, {}, {}, {})
    )


def _assign_namespaces(
    record: ClusterRecord,
    snapshot: ClusterSnapshot,
    rules: MembershipRules,
    *,
    allow_large: bool,
) -> tuple[tuple[Namespace, ...], str]:
    """Return namespaces with their workspaces, and why departures exceed the safety limits."""
    if not isinstance(snapshot.namespaces, Complete):
        return record.namespaces, ""
    name, observed = record.cluster.name, snapshot.namespaces.items
    label_keys = get_settings().workspace_label_keys
    namespaces = keep_misspelled(
        record.namespaces,
        assign_workspaces(name, observed, label_keys, rules),
        observed,
        label_keys,
        rules,
        now=snapshot.observed_at,
        grace=get_settings().label_grace,
    )
    namespaces = keep_unreadable(record.namespaces, namespaces, snapshot.unreadable_messages)
    exceeded = exceeded_departure_limit(
        name, record.namespaces, namespaces, get_settings().change_limits
    )
    if exceeded is None or allow_large:
        return namespaces, ""
    return keep_assignments(record.namespaces, namespaces), exceeded.message


async def _save_assignments(
    cluster_state: ClusterState, namespaces: Sequence[Namespace], context: RunContext
) -> None:
    # Before any change: a run that is killed must not leave pull secrets without their reason.
    record = cluster_state.record
    if namespaces == record.namespaces and not cluster_state.rules.find_pins(namespaces):
        return
    await in_transaction(update_memberships, record.cluster.name, namespaces, context)


def _save(
    session: Session,
    record: ClusterRecord,
    sync_run: _SyncRun,
    status: ClusterStatus,
    pull_secrets: Sequence[PullSecretStatus],
    context: RunContext,
) -> None:
    name = record.cluster.name
    workspace_by_namespace = {
        namespace.name: namespace.workspace or "" for namespace in sync_run.namespaces
    }
    entries = pull_secret_entries(
        name, workspace_by_namespace, record.pull_secrets, sync_run.results, pull_secrets
    )
    status_entries = cluster_entries(name, record.status, status)
    clusters.save_status(session, name, status, status_entries, context)
    if sync_run.snapshot.uid and not record.cluster.uid:
        cluster = record.cluster.model_copy(update={"uid": sync_run.snapshot.uid})
        save_identity(session, cluster, context)
    clusters.save_pull_secrets(session, name, pull_secrets, entries, context)
    save_rolled_out_robots(session, context.now)
