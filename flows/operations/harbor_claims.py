"""Verify that an object in a cluster is the Harbor of a registry on record, and act on it."""

from datetime import datetime
from functools import partial

from sqlmodel import Session

from flows.operations.integration import save_registry
from flows.operations.reconcile_registry import AS_FUNCTIONS, LEASE_WAIT_SECONDS, reconcile
from flows.runs import hold_lease
from models.access.binding_update import hold_all
from models.core.audit import AuditEntry
from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from models.core.plural import pluralize
from models.core.runs.context import RunContext
from models.discovery.claims import resolve_claim
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord, adopted_record
from models.discovery.steps import ConfirmIdentity, Relocate, Replace, SetState
from models.discovery.update_rules import refresh_registry, secret_ref
from models.registries.registry import Registry
from models.registries.robots import ObservedRobot
from tasks import clock
from tasks.registries.identify import observe_robots
from tasks.store.access import bindings, managed_harbors
from tasks.store.registries import registries
from tasks.store.registries import robots as robot_store
from tasks.store.session import in_transaction

HARBOR_REPLACED_REASON = (
    "replaced by another Harbor: it contains none of the robot accounts on record"
)


async def verify_claim(claim: ConfirmIdentity) -> None:
    """List the robot accounts at the registry's saved address, and act on the result.

    The password is the one in the claimant's own Secret. The check changes nothing in Harbor.

    Raises:
        LeaseHeld: another run holds the lease on the registry.
    """
    name = claim.registry
    async with hold_lease(name, wait_seconds=LEASE_WAIT_SECONDS) as context:
        registry = (await in_transaction(registries.get_registry, name)).registry
        robots = await _list_claimed_robots(registry, claim)
        later = context.at(clock.now())
        step = await in_transaction(_load_and_resolve, claim, robots, later.now)
        match step:
            case SetState():
                await in_transaction(managed_harbors.save_harbor_records, [step.record])
            case Relocate():
                await in_transaction(_apply_relocation, step, claim.reason, later)
            case Replace():
                await in_transaction(_apply_replacement, step, later)
                await reconcile(name, later, AS_FUNCTIONS, is_new_registry=True, release=True)


async def _list_claimed_robots(
    registry: Registry, claim: ConfirmIdentity
) -> Complete[ObservedRobot] | Unavailable:
    # Only the password comes from the claimant; address and TLS settings are those on record, so
    # that the claimant cannot direct the check to another server.
    by_claimant = registry.model_copy(update={"credential": secret_ref(claim.harbor)})
    try:
        return await observe_robots(by_claimant)
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=str(error))


def _load_and_resolve(
    session: Session,
    claim: ConfirmIdentity,
    robots: Complete[ObservedRobot] | Unavailable,
    now: datetime,
) -> Relocate | Replace | SetState:
    records = managed_harbors.list_harbor_records(session)
    registry_bindings = bindings.list_bindings(session, registry=claim.registry)
    return resolve_claim(
        claim,
        robots,
        robot_store.list_robots(session, claim.registry),
        now=now,
        active_bindings=sum(not binding.is_held for binding in registry_bindings),
        linked_harbor=next(
            (record for record in records if record.registry == claim.registry), None
        ),
        record=next((record for record in records if record.ref == claim.harbor.ref), None),
    )


def _apply_relocation(session: Session, step: Relocate, reason: str, context: RunContext) -> None:
    # Bindings and robot accounts stay: it is the same Harbor.
    _save_link(session, step, "")
    _update_registry(
        session,
        step,
        "registry.followed",
        f"the same Harbor, with the same robot accounts; {reason}",
        context,
    )


def _apply_replacement(session: Session, step: Replace, context: RunContext) -> None:
    # Another Harbor must not inherit access: bindings are held, and observations are deleted.
    name = step.registry
    registry_bindings = bindings.list_bindings(session, registry=name)
    hold = partial(hold_all, reason=HARBOR_REPLACED_REASON)
    bindings.update_bindings(session, name, hold, context)
    registries.reset(session, name)
    message = ""
    if registry_bindings:
        message = (
            f"replaced by another Harbor; {pluralize(len(registry_bindings), 'binding')} of {name} "
            "held: run resolve-held-bindings"
        )
    _save_link(session, step, message)
    _update_registry(session, step, "registry.replaced", HARBOR_REPLACED_REASON, context)


def _save_link(session: Session, step: Relocate | Replace, message: str) -> None:
    ref, linked_harbor = step.harbor.ref, step.previous
    if linked_harbor is not None and linked_harbor.ref != ref:
        moved_harbor = ManagedHarborRecord(
            ref=linked_harbor.ref,
            uid=linked_harbor.uid,
            state=AdoptionState.MOVED,
            message=f"{step.registry} has moved to {ref}",
        )
        managed_harbors.save_harbor_records(session, [moved_harbor])
    record = adopted_record(step.harbor, step.registry, message)
    managed_harbors.save_harbor_records(session, [record])


def _update_registry(
    session: Session, step: Relocate | Replace, event: str, reason: str, context: RunContext
) -> None:
    before = registries.get_registry(session, step.registry).registry
    after = refresh_registry(before, step.harbor)
    entry = AuditEntry(
        subject=before.name, action=event, before=before.address, after=after.address, reason=reason
    )
    save_registry(session, after, entry, context)
