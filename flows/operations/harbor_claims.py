"""Prove that an object stands for a Harbor on record, and do what the proof means."""

from sqlmodel import Session

from flows.operations.reconcile_registry import AS_FUNCTIONS, LEASE_WAIT_SECONDS, reconcile
from flows.overview import refresh_overview
from flows.runs import flow_run_id
from models.core.audit import AuditEntry
from models.core.availability import Complete, Unavailable
from models.core.errors import RegistryError
from models.core.plural import pluralize
from models.discovery.claims import resolve_claim
from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.discovery.steps import ConfirmIdentity, Relocate, Replace, SetState
from models.discovery.update_rules import refresh_registry, secret_ref
from models.registries.registry import Registry
from models.registries.robots import ObservedRobot
from tasks import clock
from tasks.registries.identify import observe_robots
from tasks.store.access import bindings, managed_harbors
from tasks.store.leases import lease
from tasks.store.registries import registries
from tasks.store.registries import robots as robot_store
from tasks.store.session import in_transaction

HARBOR_REPLACED_REASON = (
    "another Harbor is there now: none of the robot accounts on record is in it"
)


async def verify_claim(claim: ConfirmIdentity) -> None:
    """Ask the Harbor at the saved address, as the claimant's own Secret lets us, and act on it.

    Nothing is changed there to find out.

    Raises:
        Busy: another run works on the registry.
    """
    name = claim.registry
    async with lease(name, wait_seconds=LEASE_WAIT_SECONDS) as lease_id:
        registry = (await in_transaction(registries.get_registry, name)).registry
        robots = await _list_claimed_robots(registry, claim)
        step = await in_transaction(_load_and_resolve, claim, robots)
        match step:
            case SetState():
                await in_transaction(managed_harbors.save_harbor_records, [step.record])
            case Relocate():
                await in_transaction(_apply_relocation, step, claim.reason)
            case Replace():
                await in_transaction(_apply_replacement, step)
                await reconcile(name, lease_id, AS_FUNCTIONS, first=True)
    if not isinstance(step, SetState):
        await refresh_overview(name)


async def _list_claimed_robots(
    registry: Registry, claim: ConfirmIdentity
) -> Complete[ObservedRobot] | Unavailable:
    """List our robot accounts with the saved address and trust, and the claimant's password."""
    by_claimant = registry.model_copy(update={"credential": secret_ref(claim.harbor)})
    try:
        return await observe_robots(by_claimant)
    except RegistryError as error:
        return Unavailable(reason=error.reason, message=str(error))


def _load_and_resolve(
    session: Session, claim: ConfirmIdentity, robots: Complete[ObservedRobot] | Unavailable
) -> Relocate | Replace | SetState:
    records = managed_harbors.list_harbor_records(session)
    return resolve_claim(
        claim,
        robots,
        robot_store.list_robots(session, claim.registry),
        now=clock.now(),
        bindings=bindings.count(session, claim.registry),
        linked_harbor=next(
            (record for record in records if record.registry == claim.registry), None
        ),
        record=next((record for record in records if record.ref == claim.harbor.ref), None),
    )


def _apply_relocation(session: Session, step: Relocate, why: str) -> None:
    """Link the registry to the object that stands for it now; bindings and robots stay."""
    _save_link(session, step, "")
    _update_registry(session, step, "registry.followed", f"the same Harbor inside; {why}")


def _apply_replacement(session: Session, step: Replace) -> None:
    """Hold all that was promised of the Harbor that is gone, and forget what was seen of it."""
    name = step.registry
    registry_bindings = bindings.list_bindings(session, registry=name)
    bindings.hold(
        session, registry_bindings, HARBOR_REPLACED_REASON, at=clock.now(), flow_run=flow_run_id()
    )
    registries.reset(session, name)
    message = ""
    if registry_bindings:
        message = (
            f"another Harbor than before; {pluralize(len(registry_bindings), 'binding')} of {name} "
            "held: run resolve-held-bindings"
        )
    _save_link(session, step, message)
    _update_registry(session, step, "registry.replaced", HARBOR_REPLACED_REASON)


def _save_link(session: Session, step: Relocate | Replace, message: str) -> None:
    ref, linked_harbor = step.harbor.ref, step.previous
    if linked_harbor is not None and linked_harbor.ref != ref:
        moved_harbor = ManagedHarborRecord(
            ref=linked_harbor.ref,
            uid=linked_harbor.uid,
            state=AdoptionState.MOVED,
            message=f"{step.registry} is at {ref} now",
        )
        managed_harbors.save_harbor_records(session, [moved_harbor])
    adopted_harbor = ManagedHarborRecord(
        ref=ref,
        uid=step.harbor.uid,
        state=AdoptionState.ADOPTED,
        registry=step.registry,
        message=message,
    )
    managed_harbors.save_harbor_records(session, [adopted_harbor])


def _update_registry(session: Session, step: Relocate | Replace, event: str, why: str) -> None:
    before = registries.get_registry(session, step.registry).registry
    after = refresh_registry(before, step.harbor)
    entry = AuditEntry(
        subject=before.name, action=event, before=before.address, after=after.address, reason=why
    )
    registries.replace_registry(session, after, entry, at=clock.now(), flow_run=flow_run_id())
