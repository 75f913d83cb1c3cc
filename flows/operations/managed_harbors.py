"""Reconcile the managed Harbors of one cluster: plan, then apply each step independently."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

from sqlmodel import Session

from flows.operations.harbor_claims import verify_claim
from flows.operations.integration import save_new_registry, save_registry
from flows.operations.reconcile_registry import (
    AS_FUNCTIONS,
    LEASE_WAIT_SECONDS,
    hold_registry,
    reconcile,
)
from flows.operations.removal import decommission
from flows.operations.run_results import DiscoveryResult
from flows.operations.storage import refresh_storage
from flows.runs import hold_lease, isolate_failure, load_under_lease
from models.clusters.cluster import Cluster
from models.core.audit import AuditEntry
from models.core.availability import Unavailable
from models.core.errors import InvalidRequest
from models.core.runs.context import RunContext
from models.core.settings import get_settings
from models.discovery.managed_harbor import (
    AdoptionState,
    ManagedHarborRecord,
    adopted_record,
    duplicate_record,
)
from models.discovery.observation import ClusterHarbors
from models.discovery.plan import plan_discovery
from models.discovery.steps import (
    Adopt,
    AdoptExisting,
    ConfirmIdentity,
    DiscoveryPlan,
    Forget,
    Relocate,
    Replace,
    SetState,
    Step,
    UpdateAdopted,
    is_record_only,
    step_ref,
)
from models.discovery.trust import DiscoveryTrust, pin_trusted_objects
from models.discovery.update_rules import new_registry, refresh_registry, secret_ref
from models.registries.health import (
    first_failure,
    has_valid_credential,
    is_certificate_refused,
)
from tasks.concurrency import map_concurrently
from tasks.discovery.trust import load_discovery_trust
from tasks.registries.identify import find_duplicate
from tasks.registries.probe import probe
from tasks.store import audit
from tasks.store.access import bindings, clusters, managed_harbors, trusted_objects
from tasks.store.registries import registries, robots
from tasks.store.session import in_transaction


async def reconcile_managed_harbors(
    cluster: Cluster,
    section: ClusterHarbors | Unavailable,
    context: RunContext,
    *,
    dry_run: bool = False,
    allow_large: bool = False,
    only: tuple[str, str] | None = None,
    take_over: bool = False,
) -> DiscoveryResult:
    """Plan one cluster's managed Harbors, and apply each step independently of the others.

    Args:
        section: the observed Harbors.
        context: the run.
        only: namespace and name of the only Harbor to reconcile.
        take_over: whether to link that Harbor to the registry that a user integrated at its
            address.
    """
    plan = await in_transaction(
        _load_and_plan,
        cluster.name,
        section,
        context.now,
        only,
        take_over=take_over,
        save=not dry_run,
    )
    if only is not None:
        plan = plan.only(*only)
    unsafe_reason, postponed, planned_count = "", 0, len(plan.steps)
    exceeded = None if allow_large else plan.exceeded_limit(get_settings().change_limits)
    if exceeded is not None:
        plan, unsafe_reason = plan.without_removals(), exceeded.message
    withheld_count = planned_count - len(plan.steps)
    failures: tuple[str, ...] = ()
    if not dry_run:
        plan, postponed = plan.limit_adoptions(get_settings().adoptions_at_once)
        failures = await _apply_steps(plan, context)
    return DiscoveryResult(
        cluster=cluster.name,
        harbor_count=len(section.items) if isinstance(section, ClusterHarbors) else 0,
        plan=plan,
        failures=failures,
        withheld_count=withheld_count,
        unsafe_reason=unsafe_reason,
        postponed_count=postponed,
    )


@asynccontextmanager
async def hold_discovery(
    cluster: str, *, wait_seconds: float = 0.0
) -> AsyncIterator[tuple[RunContext, DiscoveryTrust]]:
    """Hold the lease on discovery in a cluster; yield the context of the run and what is trusted.

    Raises:
        LeaseHeld: another run still holds the lease after `wait_seconds`; or it was lost.
    """

    def load(session: Session, context: RunContext) -> DiscoveryTrust:
        return load_discovery_trust(session, cluster, context.now)

    key = clusters.discovery_lease_key(cluster)
    async with load_under_lease(key, load, wait_seconds=wait_seconds) as loaded:
        yield loaded


def _load_and_plan(
    session: Session,
    cluster: str,
    section: ClusterHarbors | Unavailable,
    now: datetime,
    only: tuple[str, str] | None,
    *,
    take_over: bool,
    save: bool,
) -> DiscoveryPlan:
    harbors = section.items if isinstance(section, ClusterHarbors) else ()
    candidates = section.unambiguous_items if isinstance(section, ClusterHarbors) else ()
    trust = load_discovery_trust(session, cluster, now)
    if save:
        trusted_objects.save_pinned(session, pin_trusted_objects(trust.objects, candidates, now))
    registry_records = registries.list_registries(session)
    refs = [harbor.ref for harbor in harbors if (harbor.ref.namespace, harbor.ref.name) == only]
    return plan_discovery(
        {cluster: section},
        managed_harbors.list_harbor_records(session),
        [record.registry for record in registry_records],
        trust=trust.with_pinned_objects(candidates, now),
        now=now,
        grace=get_settings().managed_grace,
        bindings=bindings.count_by_registry(session),
        take_over=refs if take_over else (),
        retry_now=refs,
        policy=get_settings().poll_policy,
        untrusted_tls={
            record.registry.name
            for record in registry_records
            if is_certificate_refused(record.conditions)
        },
    )


async def _apply_steps(plan: DiscoveryPlan, context: RunContext) -> tuple[str, ...]:
    """Apply all steps: records in one transaction, then the others, then adoptions concurrently.

    Returns:
        The errors.
    """
    record_steps = [step for step in plan.steps if is_record_only(step)]
    adoptions = [step for step in plan.steps if isinstance(step, Adopt)]
    if record_steps:
        await in_transaction(_save_records, record_steps, context)
    errors = [
        await _step_error(step, context)
        for step in plan.steps
        if not (is_record_only(step) or isinstance(step, Adopt))
    ]
    semaphore = asyncio.Semaphore(get_settings().registries_at_once)
    errors += await map_concurrently(adoptions, lambda step: _step_error(step, context), semaphore)
    return tuple(error for error in errors if error)


async def _step_error(step: Step, context: RunContext) -> str:
    async def work() -> str:
        await apply_step(step, context)
        return ""

    return await isolate_failure(str(step_ref(step)), work(), str)


def _save_records(session: Session, steps: Iterable[Step], context: RunContext) -> None:
    # One transaction for all: any namespace owner can create many objects, and so many steps.
    records = {record.ref: record for record in managed_harbors.list_harbor_records(session)}
    for step in steps:
        if isinstance(step, SetState):
            _save_record(session, step.record, records.get(step.record.ref), context)
        elif isinstance(step, Forget):
            managed_harbors.delete_harbor_record(session, step.ref)


async def apply_step(step: Step, context: RunContext) -> None:
    """Apply one step; a step that is already applied changes nothing.

    Raises:
        IntegrationError: the step failed; the next discovery retries it.
    """
    match step:
        case SetState():
            await in_transaction(_save_records, [step], context)
        case Forget():
            await _forget(step)
        case Adopt():
            await _adopt(step)
        case AdoptExisting():
            await _adopt_existing(step)
        case UpdateAdopted():
            await _update_adopted(step)
        case ConfirmIdentity():
            await verify_claim(step)
        case Relocate() | Replace():  # results of verify_claim; no plan contains them
            raise InvalidRequest(f"{step_ref(step)}: {step.kind} requires a verified identity")


def _save_record(
    session: Session,
    record: ManagedHarborRecord,
    before: ManagedHarborRecord | None,
    context: RunContext,
) -> None:
    if before is not None and record.registry and before.registry != record.registry:
        return  # another run has linked it to another registry meanwhile
    managed_harbors.save_harbor_records(session, [record])
    if record.state is AdoptionState.MISSING and (before is None or before.missing_since is None):
        entry = AuditEntry(
            subject=record.registry, action="registry.missing", reason=record.message
        )
        audit.append(session, record.registry, [entry], context)


async def _adopt(step: Adopt) -> None:
    harbor, registry = step.harbor, new_registry(step.registry, step.harbor)
    entry = AuditEntry(subject=registry.name, action="registry.adopted", after=registry.address)
    robot_accounts = await in_transaction(robots.list_robots)
    duplicate = await find_duplicate(registry, robot_accounts)
    if duplicate:
        await in_transaction(
            managed_harbors.save_harbor_records, [duplicate_record(harbor, duplicate)]
        )
        return

    def save(session: Session, context: RunContext) -> None:
        save_new_registry(session, registry, entry, context)
        managed_harbors.save_harbor_records(session, [adopted_record(harbor, registry.name)])

    async with hold_registry(registry.name, save) as (context, registry_state):
        await reconcile(
            registry.name,
            context,
            AS_FUNCTIONS,
            is_new_registry=True,
            registry_state=registry_state,
            release=True,
        )


async def _adopt_existing(step: AdoptExisting) -> None:
    """Link a Harbor to a registry, if the password in its own Secret is valid there.

    Raises:
        InvalidRequest: the registry rejects the password.
    """
    name, ref = step.registry, step.harbor.ref
    async with hold_lease(name, wait_seconds=LEASE_WAIT_SECONDS) as context:
        registry = (await in_transaction(registries.get_registry, name)).registry
        checks = await probe(registry.model_copy(update={"credential": secret_ref(step.harbor)}))
        if not has_valid_credential(checks):
            failure = first_failure(checks) or checks[-1]
            raise InvalidRequest(
                f"{ref} was not linked to {name}: the password in its own Secret is not valid at "
                f"{registry.address}: {failure.message}"
            )
        await in_transaction(_save_adoption, step, context)


def _save_adoption(session: Session, step: AdoptExisting, context: RunContext) -> None:
    name, ref = step.registry, step.harbor.ref
    message = f"linked to {name}, which a user integrated; its settings are unchanged"
    managed_harbors.save_harbor_records(session, [adopted_record(step.harbor, name, message)])
    entry = AuditEntry(subject=name, action="registry.adopted", reason=f"linked to {ref} by a user")
    audit.append(session, name, [entry], context)


async def _update_adopted(step: UpdateAdopted) -> None:
    name, harbor = step.registry, step.harbor

    def save(session: Session, context: RunContext) -> None:
        _update_registry(session, step, context)
        managed_harbors.save_harbor_records(session, [adopted_record(harbor, name)])

    async with hold_registry(name, save) as (context, registry_state):
        await reconcile(name, context, AS_FUNCTIONS, registry_state=registry_state, release=True)
    await refresh_storage(name)


def _update_registry(session: Session, step: UpdateAdopted, context: RunContext) -> None:
    before = registries.get_registry(session, step.registry).registry
    after = refresh_registry(before, step.harbor)  # a credential set by a user stays
    entry = AuditEntry(
        subject=before.name,
        action="registry.followed",
        before=before.address,
        after=after.address,
        reason=step.reason,
    )
    save_registry(session, after, entry, context)


async def _forget(step: Forget) -> None:
    delete_record = partial(managed_harbors.delete_harbor_record, ref=step.ref)
    if not step.registry:
        await in_transaction(delete_record)
        return
    async with hold_lease(step.registry, wait_seconds=LEASE_WAIT_SECONDS) as context:
        if await in_transaction(bindings.list_bindings, registry=step.registry):
            return  # bound since the plan was made: keep it
        reason = "missing from its cluster for longer than the grace period"
        await decommission(step.registry, context, reason, on_delete=delete_record)
