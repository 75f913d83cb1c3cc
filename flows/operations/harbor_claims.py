"""Prove that an object stands for a Harbor on record, and do what the proof means."""

from sqlmodel import Session

from flows.operations.reconcile_registry import PATIENCE, PLAIN, reconcile
from flows.overview import refresh_overview
from flows.runs import run_id
from models.core.audit import Entry
from models.core.availability import Seen, Unseen
from models.core.errors import RegistryError
from models.core.plural import amount
from models.discovery.claims import settle_claim
from models.discovery.managed_harbor import Managed, Standing
from models.discovery.steps import Note, Prove, Relocate, Replace
from models.discovery.update_rules import renewed, secret_ref
from models.registries.registry import Registry
from models.registries.robots import ObservedRobot
from tasks import clock
from tasks.registries.identify import list_robots
from tasks.store.access import bindings, managed_harbors
from tasks.store.leases import leased
from tasks.store.registries import registries
from tasks.store.registries import robots as robot_store
from tasks.store.session import stored

OTHER_HARBOR = "another Harbor is there now: none of the robot accounts on record is in it"


async def prove_claim(claim: Prove) -> None:
    """Ask the Harbor at the saved address, as the claimant's own Secret lets us, and act on it.

    Nothing is changed there to find out.

    Raises:
        Busy: another run works on the registry.
    """
    name = claim.registry
    async with leased(name, patience=PATIENCE) as holder:
        registry = (await stored(registries.dossier, name)).registry
        robots = await _robots(registry, claim)
        step = await stored(_settled, claim, robots)
        match step:
            case Note():
                await stored(managed_harbors.note, [step.managed])
            case Relocate():
                await stored(_relocate, step, claim.why)
            case Replace():
                await stored(_replace, step)
                await reconcile(name, holder, PLAIN, first=True)
    if not isinstance(step, Note):
        await refresh_overview(name)


async def _robots(registry: Registry, claim: Prove) -> Seen[ObservedRobot] | Unseen:
    """List our robot accounts with the saved address and trust, and the claimant's password."""
    by_claimant = registry.model_copy(update={"credential": secret_ref(claim.harbor)})
    try:
        return await list_robots(by_claimant)
    except RegistryError as error:
        return Unseen(reason=error.reason, message=str(error))


def _settled(
    session: Session, claim: Prove, robots: Seen[ObservedRobot] | Unseen
) -> Relocate | Replace | Note:
    rows = managed_harbors.managed(session)
    return settle_claim(
        claim,
        robots,
        robot_store.grants(session, claim.registry),
        now=clock.now(),
        bindings=bindings.count(session, claim.registry),
        holder=next((one for one in rows if one.registry == claim.registry), None),
        known=next((one for one in rows if one.place == claim.harbor.place), None),
    )


def _relocate(session: Session, step: Relocate, why: str) -> None:
    """Link the registry to the object that stands for it now; bindings and robots stay."""
    _link(session, step, "")
    _bring_up_to_date(session, step, "registry.followed", f"the same Harbor inside; {why}")


def _replace(session: Session, step: Replace) -> None:
    """Hold all that was promised of the Harbor that is gone, and forget what was seen of it."""
    name = step.registry
    bound = bindings.bindings(session, registry=name)
    bindings.hold(session, bound, OTHER_HARBOR, at=clock.now(), flow_run=run_id())
    registries.start_over(session, name)
    message = ""
    if bound:
        message = (
            f"another Harbor than before; {amount(len(bound), 'binding')} of {name} held: run "
            "resolve-held-bindings"
        )
    _link(session, step, message)
    _bring_up_to_date(session, step, "registry.replaced", OTHER_HARBOR)


def _link(session: Session, step: Relocate | Replace, message: str) -> None:
    place, holder = step.harbor.place, step.holder
    if holder is not None and holder.place != place:
        moved = Managed(
            place=holder.place,
            uid=holder.uid,
            standing=Standing.MOVED,
            message=f"{step.registry} is at {place} now",
        )
        managed_harbors.note(session, [moved])
    linked = Managed(
        place=place,
        uid=step.harbor.uid,
        standing=Standing.ADOPTED,
        registry=step.registry,
        message=message,
    )
    managed_harbors.note(session, [linked])


def _bring_up_to_date(session: Session, step: Relocate | Replace, event: str, why: str) -> None:
    before = registries.dossier(session, step.registry).registry
    after = renewed(before, step.harbor)
    entry = Entry(
        subject=before.name, what=event, before=before.address, after=after.address, why=why
    )
    registries.replace(session, after, entry, at=clock.now(), flow_run=run_id())
