"""Decide what to do about managed Harbors: adopt, follow, wait, give up, forget."""

import hashlib
import re
from collections.abc import Iterable, Mapping
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
from models.managed import Managed, ManagedHarbor, Phase, Place, Standing
from models.registry import (
    VERIFY,
    BlockRef,
    Kind,
    NoVerification,
    Origin,
    OwnAuthority,
    Registry,
    SecretRef,
    Tls,
)
from models.snapshot import Seen, Unseen

_LONGEST = 63
_UNVERIFIED = NoVerification()


def plan_discovery(
    seen: Mapping[str, Seen[ManagedHarbor] | Unseen],
    known: Iterable[Managed],
    registries: Iterable[Registry],
    *,
    now: datetime,
    grace: timedelta,
) -> DiscoveryPlan:
    """Compare the Harbors that clusters show with those that are known.

    A Harbor is known by its place and uid, never by its address alone. Only a complete look at its
    cluster lets one be missing.

    Args:
        seen: by cluster.
        known: as they were left.
        registries: all that are integrated, by hand too.
        now: the time of the look (UTC).
        grace: how long a missing one is kept.
    """
    known = tuple(known)
    by_place = {one.place: one for one in known}
    desk = _Desk(registries)
    harbors = [one for each in seen.values() if isinstance(each, Seen) for one in each.items]
    steps: list[Step] = []
    for harbor in sorted(harbors, key=lambda one: str(one.place)):
        step = desk.decide(harbor, by_place.pop(harbor.place, None))
        steps += [step] if step else []
    complete = {name for name, each in seen.items() if isinstance(each, Seen)}
    for one in by_place.values():
        if one.place.cluster in complete:
            steps += _miss(one, now, grace)
    return DiscoveryPlan(
        steps=tuple(steps),
        adopted=sum(bool(one.registry) for one in known),
        unseen={name: each.message for name, each in seen.items() if isinstance(each, Unseen)},
    )


def _miss(one: Managed, now: datetime, grace: timedelta) -> Iterable[Step]:
    """It is not there any more: count down its grace, or forget what was never adopted."""
    if not one.registry or (one.missing_since and now - one.missing_since > grace):
        yield Retire(place=one.place, registry=one.registry)
    elif one.missing_since is None:
        said = "not in its cluster any more; forgotten after the grace"
        update = {"standing": Standing.MISSING, "missing_since": now, "message": said}
        yield Note(managed=one.model_copy(update=update))


class _Desk:
    """Knows which names and addresses are taken; lives no longer than `plan_discovery`."""

    def __init__(self, registries: Iterable[Registry]) -> None:
        self.by_name = {one.name: one for one in registries}
        self.by_host = {one.where.netloc: one for one in self.by_name.values()}
        self.taken = set(self.by_name)

    def decide(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        if known is not None and known.uid == harbor.uid:
            if known.standing is Standing.KEPT_OUT:
                return None
            if known.registry in self.by_name:
                return self._keep_up(harbor, known)
        elif known is not None and known.registry in self.by_name:
            return self._again(harbor, known)
        return self._new(harbor, known)

    def _again(self, harbor: ManagedHarbor, known: Managed) -> Step | None:
        """Another Harbor stands in its place; it takes over the name once it is ready."""
        if self._hindrance(harbor):
            return self._waiting(harbor, known)
        registry = self.by_name[known.registry]
        if self._taken(harbor, registry):
            return self._conflict(harbor, known)
        self._move(harbor, registry)
        return Replace(harbor=harbor, registry=known.registry)

    def _keep_up(self, harbor: ManagedHarbor, known: Managed) -> Step | None:
        registry = self.by_name[known.registry]
        if not self._hindrance(harbor) and self._taken(harbor, registry):
            return self._conflict(harbor, known)  # it goes on under the address it had
        why = self._differs(harbor, registry)
        if why:
            self._move(harbor, registry)
            return Follow(harbor=harbor, registry=registry.name, why=why)
        if known.standing is Standing.ADOPTED:
            return None  # what was said when it was adopted goes on being said
        well = Managed(
            place=harbor.place, uid=harbor.uid, standing=Standing.ADOPTED, registry=registry.name
        )
        return Note(managed=well)

    def _differs(self, harbor: ManagedHarbor, registry: Registry) -> str:
        """Say what is otherwise than on record; what cannot be read now is left as it is."""
        if self._hindrance(harbor):
            return ""
        address = parse_address(harbor.address)
        if address.origin != registry.address:
            return f"its address is {address.origin} now"
        ref = registry.credential
        if isinstance(ref, SecretRef) and ref != secret_ref(harbor):
            return "its password is in another Secret now"
        if harbor.bundle and registry.tls not in (_UNVERIFIED, OwnAuthority(bundle=harbor.bundle)):
            return "its certificate authority is another one now"
        return ""

    def _new(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        if self._hindrance(harbor):
            return self._waiting(harbor, known)
        address = parse_address(harbor.address)
        there = self.by_host.get(address.netloc)
        if there is None:
            name = self._name(harbor.place)
            self.taken.add(name)
            self.by_host[address.netloc] = Registry(
                name=name, kind=Kind.HARBOR, address=address.origin, origin=Origin.MANAGED
            )
            return Adopt(harbor=harbor, registry=name)
        if there.origin is Origin.EXTERNAL and there.kind is Kind.HARBOR:
            self.by_host[address.netloc] = renewed(there, harbor)  # no second one takes it over
            return TakeOver(harbor=harbor, registry=there.name)
        return self._conflict(harbor, known)

    def _taken(self, harbor: ManagedHarbor, registry: Registry) -> bool:
        """Whether its address is another registry's."""
        there = self.by_host.get(parse_address(harbor.address).netloc)
        return there is not None and there.name != registry.name

    def _move(self, harbor: ManagedHarbor, registry: Registry) -> None:
        """Note that a registry has this Harbor's address from now on, unless another has it."""
        if not self._taken(harbor, registry):
            self.by_host.pop(registry.where.netloc, None)
            self.by_host[parse_address(harbor.address).netloc] = registry

    def _conflict(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        address = parse_address(harbor.address)
        other = self.by_host[address.netloc].name
        said = f"{address.origin} is the address of {other} already: give one of them another"
        return self._noted(harbor, known, Standing.CONFLICT, said)

    def _hindrance(self, harbor: ManagedHarbor) -> str:
        """Say what it lacks to be integrated."""
        if harbor.phase is Phase.PROVISIONING:
            return harbor.message or "it is still provisioning"
        if not harbor.address:
            return harbor.message or "it has no address yet"
        try:
            parse_address(harbor.address)
        except ValueError as error:
            return str(error)
        return "" if harbor.password else harbor.message or "nobody says where its password is"

    def _waiting(self, harbor: ManagedHarbor, known: Managed | None) -> Step | None:
        return self._noted(harbor, known, Standing.WAITING, self._hindrance(harbor))

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

    def _name(self, place: Place) -> str:
        """Return the name that a Harbor of this place gets: the same whenever it is asked."""
        plain = re.sub(
            r"[^a-z0-9]+", "-", f"{place.cluster}-{place.namespace}-{place.name}".lower()
        )
        plain = plain.strip("-")
        if len(plain) <= _LONGEST and plain not in self.taken:
            return plain
        digest = hashlib.sha256(f"{place.kind}/{place}".encode()).hexdigest()[:8]
        return f"{plain[: _LONGEST - 9].strip('-')}-{digest}"


def secret_ref(harbor: ManagedHarbor) -> SecretRef | None:
    """Return the reference by which a managed Harbor's password is read each time."""
    key = harbor.password
    if key is None:
        return None
    return SecretRef(
        cluster=harbor.place.cluster, namespace=key.namespace, name=key.name, key=key.key
    )


def tls_of(harbor: ManagedHarbor) -> Tls:
    """Return how a managed Harbor's certificate is verified."""
    return OwnAuthority(bundle=harbor.bundle) if harbor.bundle else VERIFY


def renewed(registry: Registry, harbor: ManagedHarbor) -> Registry:
    """Return a registry as its cluster shows it now.

    A credential that a person chose stays: the Secret's password may have drifted. So does a choice
    not to verify.
    """
    chosen = isinstance(registry.credential, BlockRef)
    verifies = harbor.bundle and not isinstance(registry.tls, NoVerification)
    return registry.model_copy(
        update={
            "origin": Origin.MANAGED,
            "address": parse_address(harbor.address).origin,
            "credential": registry.credential if chosen else secret_ref(harbor),
            "tls": tls_of(harbor) if verifies else registry.tls,
        }
    )
