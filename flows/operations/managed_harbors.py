"""What discovery means in one cluster: look, plan, and carry each step out on its own."""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from functools import partial

from sqlmodel import Session

from flows.operations.harbor_claims import prove_claim
from flows.operations.reconcile_registry import PATIENCE, PLAIN, reconcile
from flows.operations.removal import forget
from flows.overview import refresh_overview
from flows.runs import contained, run_id
from models.clusters.cluster import Cluster
from models.core.audit import Entry
from models.core.availability import Unseen
from models.core.base import Value
from models.core.errors import InputRefused, PlanRefused
from models.core.settings import settings
from models.discovery.managed_harbor import Managed, ManagedHarbor, Standing
from models.discovery.plan import plan_discovery
from models.discovery.steps import (
    Adopt,
    DiscoveryPlan,
    Follow,
    Note,
    Prove,
    Relocate,
    Replace,
    Retire,
    Step,
    TakeOver,
    is_note,
    place_of,
)
from models.discovery.trust import SeenHarbors, Trust, pin
from models.discovery.update_rules import renewed, secret_ref, tls_of
from models.registries.health import failed, opens
from models.registries.registry import Kind, Origin, Registry
from tasks import clock
from tasks.concurrency import for_each
from tasks.registries.identify import find_twin
from tasks.registries.probe import probe
from tasks.store.access import bindings, managed_harbors, trusted_objects
from tasks.store.leases import leased
from tasks.store.registries import registries
from tasks.store.session import stored


class Found(Value):
    """How discovery in one cluster ended.

    Attributes:
        seen: how many managed Harbors there are.
        failures: what could not be done, for people.
        refused: why nothing was forgotten, if the brakes refused it.
        postponed: how many are left for the next runs to adopt.
    """

    cluster: str
    seen: int = 0
    plan: DiscoveryPlan = DiscoveryPlan()
    failures: tuple[str, ...] = ()
    refused: str = ""
    postponed: int = 0

    @property
    def unread(self) -> str:
        """Why the cluster could not be read."""
        return "; ".join(f"cluster {name}: {why}" for name, why in self.plan.unseen.items())


async def discover(
    cluster: Cluster,
    section: SeenHarbors | Unseen,
    *,
    dry_run: bool = False,
    allow_large: bool = False,
    only: tuple[str, str] | None = None,
    take_over: bool = False,
) -> Found:
    """Decide about one cluster's managed Harbors, and do it; one failure never holds up the rest.

    Args:
        section: what was seen there.
        only: namespace and name of the one Harbor to care for; the others are left for later.
        take_over: whether a person links that one to what was integrated by hand at its address.
    """
    plan = await stored(
        _planned, cluster.name, section, clock.now(), only, take_over=take_over, save=not dry_run
    )
    if only is not None:
        plan = plan.about(*only)
    refused, postponed = "", 0
    try:
        if not allow_large:
            plan.check(settings().limits)
    except PlanRefused as refusal:
        plan, refused = plan.without_retirements(), str(refusal)
    failures: tuple[str, ...] = ()
    if not dry_run:
        plan, postponed = plan.limited(settings().adoptions_at_once)
        failures = await _carry_out_all(plan)
    return Found(
        cluster=cluster.name,
        seen=len(section.items) if isinstance(section, SeenHarbors) else 0,
        plan=plan,
        failures=failures,
        refused=refused,
        postponed=postponed,
    )


def trust_in(session: Session, cluster: str, now: datetime) -> Trust:
    """Return whom settings and persons trust in a cluster."""
    objects = trusted_objects.trusted_objects(session, cluster, now)
    return Trust(patterns=settings().trusted_namespaces, objects=objects)


def _planned(
    session: Session,
    cluster: str,
    section: SeenHarbors | Unseen,
    now: datetime,
    only: tuple[str, str] | None,
    *,
    take_over: bool,
    save: bool,
) -> DiscoveryPlan:
    harbors = section.items if isinstance(section, SeenHarbors) else ()
    trust = trust_in(session, cluster, now)
    if save:
        trusted_objects.pin(session, pin(trust.objects, harbors, now))
    asked = [one.place for one in harbors if (one.place.namespace, one.place.name) == only]
    return plan_discovery(
        {cluster: section},
        managed_harbors.managed(session),
        [one.registry for one in registries.dossiers(session)],
        trust=trust.pinned(harbors, now),
        now=now,
        grace=settings().managed_grace,
        bindings=bindings.counts(session),
        take_over=asked if take_over else (),
        at_once=asked,
        cadence=settings().cadence,
    )


async def _carry_out_all(plan: DiscoveryPlan) -> tuple[str, ...]:
    """Do all steps: what is only written down at once, adoptions side by side, after the others.

    Returns:
        What could not be done.
    """
    noted = [step for step in plan.steps if is_note(step)]
    adoptions = [step for step in plan.steps if isinstance(step, Adopt)]
    await stored(_write_down, noted)
    ended = [
        await _problem_of(step)
        for step in plan.steps
        if not (is_note(step) or isinstance(step, Adopt))
    ]
    places = asyncio.Semaphore(settings().registries_at_once)
    ended += await for_each(adoptions, _problem_of, places)
    return tuple(problem for problem in ended if problem)


async def _problem_of(step: Step) -> str:
    async def work() -> str:
        await carry_out(step)
        return ""

    return await contained(str(place_of(step)), work(), str)


def _write_down(session: Session, steps: Iterable[Step]) -> None:
    """Do what touches nothing but the record, for all at once: anybody can make many of these."""
    known = {one.place: one for one in managed_harbors.managed(session)}
    for step in steps:
        if isinstance(step, Note):
            _note(session, step.managed, known.get(step.managed.place))
        elif isinstance(step, Retire):
            managed_harbors.forget(session, step.place)


async def carry_out(step: Step) -> None:
    """Do one step; what is done already is left as it is.

    Raises:
        IntegrationError: it was not done; the next discovery tries again.
    """
    match step:
        case Note():
            await stored(_write_down, [step])
        case Retire():
            await _retire(step)
        case Adopt():
            await _adopt(step)
        case TakeOver():
            await _link(step)
        case Follow():
            await _follow(step)
        case Prove():
            await prove_claim(step)
        case Relocate() | Replace():  # what a proof comes to; no plan holds them
            raise InputRefused(f"{place_of(step)}: {step.kind} needs a proof")


def _note(session: Session, found: Managed, before: Managed | None) -> None:
    if before is not None and found.registry and before.registry != found.registry:
        return  # another run has found its Harbor elsewhere meanwhile
    managed_harbors.note(session, [found])
    if found.standing is Standing.MISSING and (before is None or before.missing_since is None):
        entry = Entry(subject=found.registry, what="registry.missing", why=found.message)
        registries.tell(session, found.registry, entry, at=clock.now(), flow_run=run_id())


async def _adopt(step: Adopt) -> None:
    harbor = step.harbor
    wanted = Registry(
        name=step.registry,
        kind=Kind.HARBOR,
        address=harbor.address,
        origin=Origin.MANAGED,
        credential=secret_ref(harbor),
        tls=tls_of(harbor),
        description=f"Managed: {harbor.place} ({harbor.place.kind})",
    )
    entry = Entry(subject=wanted.name, what="registry.adopted", after=wanted.address)
    twin = await find_twin(wanted)
    if twin:
        await stored(managed_harbors.note, [_second_address(harbor, twin)])
        return
    async with leased(wanted.name, patience=PATIENCE) as holder:
        at, run = clock.now(), run_id()
        await stored(registries.add, wanted, entry, at=at, flow_run=run)
        await stored(managed_harbors.note, [_adopted(harbor, wanted.name)])
        await reconcile(wanted.name, holder, PLAIN, first=True)
    await refresh_overview(wanted.name)


def _second_address(harbor: ManagedHarbor, twin: str) -> Managed:
    message = (
        f"{harbor.address} is another address of the Harbor that is integrated as {twin}, whose "
        f"robot accounts are in it: give it that one, or run update-registry for {twin}"
    )
    return Managed(place=harbor.place, uid=harbor.uid, standing=Standing.CONFLICT, message=message)


def _adopted(harbor: ManagedHarbor, registry: str, message: str = "") -> Managed:
    return Managed(
        place=harbor.place,
        uid=harbor.uid,
        standing=Standing.ADOPTED,
        registry=registry,
        message=message,
    )


async def _link(step: TakeOver) -> None:
    """Link a Harbor to a registry, once its own Secret has opened what is there already.

    Raises:
        InputRefused: it did not.
    """
    name, place = step.registry, step.harbor.place
    async with leased(name, patience=PATIENCE):
        registry = (await stored(registries.dossier, name)).registry
        verdicts = await probe(registry.model_copy(update={"credential": secret_ref(step.harbor)}))
        if not opens(verdicts):
            told = failed(verdicts) or verdicts[-1]
            raise InputRefused(
                f"{place} was not linked to {name}: the password in its own Secret does not open "
                f"{registry.address}: {told.message}"
            )
        await stored(_save_link, step)


def _save_link(session: Session, step: TakeOver) -> None:
    name, place = step.registry, step.harbor.place
    said = f"linked to {name}, which was integrated by hand and stays as it is"
    managed_harbors.note(session, [_adopted(step.harbor, name, said)])
    entry = Entry(subject=name, what="registry.adopted", why=f"linked to {place} by a person")
    registries.tell(session, name, entry, at=clock.now(), flow_run=run_id())


async def _follow(step: Follow) -> None:
    name, harbor = step.registry, step.harbor
    async with leased(name, patience=PATIENCE) as holder:
        await stored(_replace, step)
        await stored(managed_harbors.note, [_adopted(harbor, name)])
        await reconcile(name, holder, PLAIN)
    await refresh_overview(name)


def _replace(session: Session, step: Follow) -> None:
    """Bring what is known of the registry up to date; a credential given by hand stays."""
    before = registries.dossier(session, step.registry).registry
    after = renewed(before, step.harbor)
    entry = Entry(
        subject=before.name,
        what="registry.followed",
        before=before.address,
        after=after.address,
        why=step.why,
    )
    registries.replace(session, after, entry, at=clock.now(), flow_run=run_id())


async def _retire(step: Retire) -> None:
    gone = partial(managed_harbors.forget, place=step.place)
    if not step.registry:
        await stored(gone)
        return
    async with leased(step.registry, patience=PATIENCE) as holder:
        if await stored(bindings.bindings, registry=step.registry):
            return  # somebody bound it since; it is kept
        why = "it was missing from its cluster beyond its grace"
        await forget(step.registry, holder, why, at_once=gone)
