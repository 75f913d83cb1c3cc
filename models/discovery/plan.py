"""Decide what to do about managed Harbors: adopt, follow, wait, give up, forget."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from models.core.availability import Unseen
from models.core.limits import Cadence
from models.core.plural import amount
from models.discovery.claims import retry_at
from models.discovery.managed_harbor import Managed, ManagedHarbor, Place, Standing, registry_name
from models.discovery.steps import Adopt, DiscoveryPlan, Follow, Note, Prove, Retire, Step, TakeOver
from models.discovery.trust import MANAGED_LABEL, MANAGED_LABEL_VALUE, SeenHarbors, Trust
from models.discovery.update_rules import difference, follows, hindrance, objection
from models.registries.address import parse_address
from models.registries.registry import Kind, Origin, Registry

_CADENCE = Cadence()


def plan_discovery(
    seen: Mapping[str, SeenHarbors | Unseen],
    known: Iterable[Managed],
    registries: Iterable[Registry],
    *,
    trust: Trust,
    now: datetime,
    grace: timedelta,
    take_over: Collection[Place] = (),
    at_once: Collection[Place] = (),
    cadence: Cadence = _CADENCE,
    bindings: Mapping[str, int] = MappingProxyType({}),
) -> DiscoveryPlan:
    """Compare the Harbors that clusters show with those that are known.

    An object is known by its place and uid. That another object stands for a Harbor on record has
    to be proved (`Prove`). Only a complete look at its cluster lets one be missing, and only one
    that is trusted changes anything.

    Args:
        seen: by cluster.
        known: as they were left.
        registries: all that are integrated, by hand too.
        bindings: how many each registry has, held ones too; one that has any is never forgotten.
        trust: whose word counts.
        now: the time of the look (UTC).
        grace: how long a missing one is kept.
        take_over: those that a person links to what was integrated by hand at their address.
        at_once: those that a person asks for, whose password is tried whenever it was refused last.
        cadence: how often a refused password is tried.
    """
    known = tuple(known)
    by_place = {one.place: one for one in known}
    complete = {name: one for name, one in seen.items() if isinstance(one, SeenHarbors)}
    desk = _Desk(registries, known, complete, take_over, bindings)
    harbors = [harbor for section in complete.values() for harbor in section.items]
    decisions = [
        _decide(harbor, by_place.pop(harbor.place, None), trust, complete, desk)
        for harbor in sorted(harbors, key=lambda harbor: str(harbor.place))
    ]
    claims = [step for step in decisions if step is not None]
    claimed = {step.registry for step in claims if isinstance(step, Prove)}
    gone = [
        step
        for managed in by_place.values()
        if managed.place.cluster in complete
        for step in _absent(managed, complete[managed.place.cluster], trust, desk, now, grace)
        if not (isinstance(step, Retire) and step.registry in claimed)
    ]
    waits = {
        one.place
        for one in known
        if one.place not in at_once and (retry_at(one, cadence) or now) > now
    }
    due = [one for one in claims if not (isinstance(one, Prove) and one.harbor.place in waits)]
    return DiscoveryPlan(
        steps=(*gone, *due),  # what moved is missing first, and then found
        adopted=sum(bool(one.registry) for one in known),
        unseen={name: each.message for name, each in seen.items() if isinstance(each, Unseen)},
    )


def _decide(
    harbor: ManagedHarbor,
    before: Managed | None,
    trust: Trust,
    complete: Mapping[str, SeenHarbors],
    desk: "_Desk",
) -> Step | None:
    if trust.covers(harbor.place, harbor.uid, complete[harbor.place.cluster].marked):
        return desk.decide(harbor, before)
    return _distrust(harbor.place, harbor.uid, before)


def _distrust(place: Place, uid: str, known: Managed | None) -> Step | None:
    """Write down that one is where nobody trusted is: it is listed, and nothing else.

    Its registry stays as it is, and keeps the uid of the object that was trusted.
    """
    if known is not None and known.standing is Standing.KEPT_OUT and known.uid == uid:
        return None
    kept = known is not None and bool(known.registry)
    label = f"{MANAGED_LABEL}={MANAGED_LABEL_VALUE}"
    said = f"namespace {place.namespace} is not trusted: label it {label}"
    if kept:
        said += "; until then its registry is kept as it is, and not followed"
    else:
        said += ", or run integrate-managed-harbor for this one"
    found = Managed(
        place=place,
        uid=known.uid if known and kept else uid,
        standing=Standing.UNTRUSTED,
        registry=known.registry if known else "",
        message=said,
    )
    return Note(managed=found) if found != known else None


def _absent(
    managed: Managed,
    section: SeenHarbors,
    trust: Trust,
    desk: "_Desk",
    now: datetime,
    grace: timedelta,
) -> Iterable[Step]:
    """What is gone from a namespace that is there and not trusted, says nothing of its registry."""
    place = managed.place
    silent = place.namespace in section.namespaces and not trust.covers(
        place, managed.uid, section.marked
    )
    if silent and managed.registry:
        step = _distrust(place, managed.uid, managed)
        return [step] if step else []
    return _miss(managed, desk, now, grace)


def _miss(managed: Managed, desk: "_Desk", now: datetime, grace: timedelta) -> Iterable[Step]:
    """It is not there any more: count down its grace, or forget what was never adopted.

    What a person integrated is never forgotten with it: only that it was linked.
    """
    registry = desk.by_name.get(managed.registry)
    since = managed.missing_since or now
    external = registry is not None and registry.origin is Origin.EXTERNAL
    bound = 0 if external else desk.bindings.get(managed.registry, 0)
    if not managed.registry or (now - since > grace and not bound):
        yield Retire(place=managed.place, registry="" if external else managed.registry)
        return
    said = "not in its cluster any more; forgotten after the grace"
    if bound:
        said = (
            f"not in its cluster any more; {managed.registry} is kept, because it has "
            f"{amount(bound, 'binding')}. If the Harbor is gone for good, run remove-registry for "
            f"{managed.registry}; if it is elsewhere under another URL, run update-registry for it"
        )
    update = {"standing": Standing.MISSING, "missing_since": since, "message": said}
    missing = managed.model_copy(update=update)
    if missing != managed:
        yield Note(managed=missing)


class _Desk:
    """Knows which names and addresses are taken; lives no longer than `plan_discovery`."""

    def __init__(
        self,
        registries: Iterable[Registry],
        known: Iterable[Managed],
        complete: Mapping[str, SeenHarbors],
        take_over: Collection[Place],
        bindings: Mapping[str, int],
    ) -> None:
        self.by_name = {one.name: one for one in registries}
        self.by_host = {one.where.netloc: one for one in self.by_name.values()}
        self.taken = set(self.by_name)
        self.linked = {
            one.registry: one.place for one in known if one.standing is not Standing.MISSING
        }
        self.holders = {one.registry: one for one in known if one.registry}
        self.complete = complete
        self.take_over, self.bindings = take_over, bindings

    def decide(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        registry = self.by_name.get(known.registry) if known is not None else None
        if known is not None and known.uid == harbor.uid:
            if known.standing is Standing.KEPT_OUT:
                return None
            if known.standing is Standing.MOVED and hindrance(harbor):
                return None
            if registry is not None:
                return self._keep_up(harbor, known, registry)
        elif known is not None and registry is not None and registry.origin is Origin.MANAGED:
            return self._again(harbor, known, registry)
        return self._new(harbor, known)

    def _again(self, harbor: ManagedHarbor, known: Managed, registry: Registry) -> Step | None:
        """Another object stands in its place, for the same Harbor or for another."""
        if hindrance(harbor):
            return self._waiting(harbor, known)
        return self._claim(harbor, known, registry, "its object was made again")

    def _claim(
        self, harbor: ManagedHarbor, known: Managed | None, registry: Registry, why: str
    ) -> Step | None:
        """Let an object prove that it stands for a registry's Harbor, under the same URL only."""
        address = parse_address(harbor.address).origin
        against = objection(registry, harbor)
        if against:
            return self._noted(harbor, known, Standing.CONFLICT, against)
        if address != registry.address:
            said = (
                f"{why}, and its address is {address}, where {registry.name} is at "
                f"{registry.address}: if it is the same Harbor, run update-registry for "
                f"{registry.name} with the new address; if it is another one, run remove-registry "
                f"for {registry.name}, then integrate-managed-harbor"
            )
            return self._noted(harbor, known, Standing.CONFLICT, said)
        return Prove(harbor=harbor, registry=registry.name, why=why)

    def _elsewhere(
        self, harbor: ManagedHarbor, known: Managed | None, registry: Registry
    ) -> Step | None:
        """An object in another place has the address of an adopted Harbor: it may have moved."""
        holder = self.holders.get(registry.name)
        moved = known is not None and known.standing is Standing.MOVED and known.uid == harbor.uid
        if moved and holder is not None and self._stands(holder):
            return None  # it was left behind, and does not take the registry back and forth
        whence = f"its Harbor was at {holder.place}" if holder else "it was found in no cluster"
        return self._claim(harbor, known, registry, whence)

    def _stands(self, holder: Managed) -> bool:
        """Whether an object that a registry is linked to is there and ready, as far as is known."""
        section = self.complete.get(holder.place.cluster)
        if section is None:
            return holder.standing is not Standing.MISSING
        return any(
            (one.place, one.uid) == (holder.place, holder.uid) and not hindrance(one)
            for one in section.items
        )

    def _keep_up(self, harbor: ManagedHarbor, known: Managed, registry: Registry) -> Step | None:
        against = "" if hindrance(harbor) else self._against(harbor, registry)
        if against:  # it goes on under the address it had
            return self._noted(harbor, known, Standing.CONFLICT, against)
        why = difference(registry, harbor)
        if why:
            self._move(harbor, registry)
            return Follow(harbor=harbor, registry=registry.name, why=why)
        if known.standing is Standing.ADOPTED:
            return None  # what was said when it was adopted goes on being said
        well = Managed(
            place=harbor.place, uid=harbor.uid, standing=Standing.ADOPTED, registry=registry.name
        )
        return Note(managed=well)

    def _against(self, harbor: ManagedHarbor, registry: Registry) -> str:
        """Say why a registry cannot have its Harbor's address."""
        other = self.by_host.get(parse_address(harbor.address).netloc)
        if other is not None and other.name != registry.name:
            return _taken(harbor, other)
        return objection(registry, harbor)

    def _new(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        if hindrance(harbor):
            return self._waiting(harbor, known)
        address = parse_address(harbor.address)
        there = self.by_host.get(address.netloc)
        if there is None:
            name = registry_name(harbor.place, self.taken)
            self.taken.add(name)
            self.by_host[address.netloc] = Registry(
                name=name, kind=Kind.HARBOR, address=address.origin, origin=Origin.MANAGED
            )
            return Adopt(harbor=harbor, registry=name)
        if there.origin is Origin.EXTERNAL and there.kind is Kind.HARBOR:
            return self._by_hand(harbor, known, there)
        if there.name in self.by_name and there.kind is Kind.HARBOR:
            return self._elsewhere(harbor, known, there)
        return self._noted(harbor, known, Standing.CONFLICT, _taken(harbor, there))

    def _by_hand(
        self, harbor: ManagedHarbor, known: Managed | None, there: Registry
    ) -> Step | None:
        """Leave what a person integrated to persons: one of them may link it."""
        against = objection(there, harbor)
        place = self.linked.get(there.name, harbor.place)
        if place != harbor.place:
            against = f"{there.address} is linked to {place} already"
        if not against and harbor.place in self.take_over:
            return TakeOver(harbor=harbor, registry=there.name)
        said = (
            f"{there.address} was integrated by hand as {there.name}, of which nothing is changed: "
            "to link the two, run integrate-managed-harbor with take_over"
        )
        return self._noted(harbor, known, Standing.CONFLICT, against or said)

    def _move(self, harbor: ManagedHarbor, registry: Registry) -> None:
        """Note that a registry has this Harbor's address from now on."""
        if follows(registry):
            self.by_host.pop(registry.where.netloc, None)
            self.by_host[parse_address(harbor.address).netloc] = registry

    def _waiting(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        return self._noted(harbor, known, Standing.WAITING, hindrance(harbor))

    @staticmethod
    def _noted(
        harbor: ManagedHarbor, known: Managed | None, standing: Standing, said: str
    ) -> Step | None:
        found = Managed(
            place=harbor.place,
            uid=known.uid if known and known.registry else harbor.uid,
            standing=standing,
            registry=known.registry if known else "",
            message=said,
        )
        return Note(managed=found) if found != known else None


def _taken(harbor: ManagedHarbor, other: Registry) -> str:
    address = parse_address(harbor.address)
    return f"{address.origin} is the address of {other.name} already: give one of them another"
