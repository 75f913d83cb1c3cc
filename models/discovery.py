"""Decide what to do about managed Harbors: adopt, follow, wait, give up, forget."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from models.address import parse_address
from models.discovery_plan import (
    Adopt,
    DiscoveryPlan,
    Follow,
    Note,
    Replace,
    Retire,
    Step,
    TakeOver,
)
from models.following import difference, follows, hindrance, objection
from models.managed import Managed, ManagedHarbor, Place, Standing, registry_name
from models.registry import Kind, Origin, Registry
from models.snapshot import Unseen
from models.trust import MANAGED_LABEL, MANAGED_LABEL_VALUE, SeenHarbors, Trust


def plan_discovery(
    seen: Mapping[str, SeenHarbors | Unseen],
    known: Iterable[Managed],
    registries: Iterable[Registry],
    *,
    trust: Trust,
    now: datetime,
    grace: timedelta,
    take_over: Collection[Place] = (),
) -> DiscoveryPlan:
    """Compare the Harbors that clusters show with those that are known.

    A Harbor is known by its place and uid, never by its address alone. Only a complete look at its
    cluster lets one be missing, and only one that is trusted changes anything.

    Args:
        seen: by cluster.
        known: as they were left.
        registries: all that are integrated, by hand too.
        trust: whose word counts.
        now: the time of the look (UTC).
        grace: how long a missing one is kept.
        take_over: those that a person links to what was integrated by hand at their address.
    """
    known = tuple(known)
    by_place = {one.place: one for one in known}
    desk = _Desk(registries, known, take_over)
    complete = {name: one for name, one in seen.items() if isinstance(one, SeenHarbors)}
    harbors = [harbor for section in complete.values() for harbor in section.items]
    steps: list[Step] = []
    for harbor in sorted(harbors, key=lambda harbor: str(harbor.place)):
        before = by_place.pop(harbor.place, None)
        marked = complete[harbor.place.cluster].marked
        if trust.covers(harbor.place, harbor.uid, marked):
            step = desk.decide(harbor, before)
        else:
            step = _distrust(harbor.place, harbor.uid, before)
        steps += [step] if step else []
    for managed in by_place.values():
        if managed.place.cluster in complete:
            steps += _absent(managed, complete[managed.place.cluster], trust, desk, now, grace)
    return DiscoveryPlan(
        steps=tuple(steps),
        adopted=sum(bool(one.registry) for one in known),
        unseen={name: each.message for name, each in seen.items() if isinstance(each, Unseen)},
    )


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
    late = managed.missing_since is not None and now - managed.missing_since > grace
    if not managed.registry or late:
        external = registry is not None and registry.origin is Origin.EXTERNAL
        yield Retire(place=managed.place, registry="" if external else managed.registry)
    elif managed.missing_since is None:
        said = "not in its cluster any more; forgotten after the grace"
        update = {"standing": Standing.MISSING, "missing_since": now, "message": said}
        yield Note(managed=managed.model_copy(update=update))


class _Desk:
    """Knows which names and addresses are taken; lives no longer than `plan_discovery`."""

    def __init__(
        self,
        registries: Iterable[Registry],
        known: Iterable[Managed],
        take_over: Collection[Place],
    ) -> None:
        self.by_name = {one.name: one for one in registries}
        self.by_host = {one.where.netloc: one for one in self.by_name.values()}
        self.taken = set(self.by_name)
        self.linked = {
            one.registry: one.place for one in known if one.standing is not Standing.MISSING
        }
        self.take_over = take_over

    def decide(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        registry = self.by_name.get(known.registry) if known is not None else None
        if known is not None and known.uid == harbor.uid:
            if known.standing is Standing.KEPT_OUT:
                return None
            if registry is not None:
                return self._keep_up(harbor, known, registry)
        elif known is not None and registry is not None and registry.origin is Origin.MANAGED:
            return self._again(harbor, known, registry)
        return self._new(harbor, known)

    def _again(self, harbor: ManagedHarbor, known: Managed, registry: Registry) -> Step | None:
        """Another Harbor stands in its place; it takes over the name once it is ready."""
        if hindrance(harbor):
            return self._waiting(harbor, known)
        against = self._against(harbor, registry)
        if against:
            return self._noted(harbor, known, Standing.CONFLICT, against)
        self._move(harbor, registry)
        return Replace(harbor=harbor, registry=registry.name)

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
