"""Decide what to do about managed Harbors: adopt, follow, wait, give up, forget."""

from collections.abc import Collection, Iterable, Mapping, MutableMapping
from datetime import datetime, timedelta
from types import MappingProxyType

from models.core.availability import Unavailable
from models.core.limits import PollPolicy
from models.core.plural import pluralize
from models.discovery.claims import next_password_attempt
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborRef,
    ManagedHarbor,
    ManagedHarborRecord,
    registry_name_for,
)
from models.discovery.steps import (
    Adopt,
    AdoptExisting,
    ConfirmIdentity,
    DiscoveryPlan,
    Forget,
    SetState,
    Step,
    UpdateAdopted,
)
from models.discovery.trust import (
    MANAGED_LABEL,
    MANAGED_LABEL_VALUE,
    CompleteHarbors,
    DiscoveryTrust,
)
from models.discovery.update_rules import (
    address_objection,
    describe_update,
    is_discovery_managed,
    missing_requirement,
)
from models.registries.address import parse_address
from models.registries.registry import Kind, Registry, RegistryOrigin

_POLL_POLICY = PollPolicy()


def plan_discovery(
    sections: Mapping[str, CompleteHarbors | Unavailable],
    records: Iterable[ManagedHarborRecord],
    registries: Iterable[Registry],
    *,
    trust: DiscoveryTrust,
    now: datetime,
    grace: timedelta,
    take_over: Collection[HarborRef] = (),
    retry_now: Collection[HarborRef] = (),
    policy: PollPolicy = _POLL_POLICY,
    bindings: Mapping[str, int] = MappingProxyType({}),
) -> DiscoveryPlan:
    """Compare the Harbors that clusters show with those that are known.

    An object is known by its place and uid. That another object stands for a Harbor on record has
    to be proved (`ConfirmIdentity`). Only a complete look at its cluster lets one be missing, and
    only one that is trusted changes anything.

    Args:
        sections: by cluster.
        records: as they were left.
        registries: all that are integrated, by hand too.
        bindings: how many each registry has, held ones too; one that has any is never forgotten.
        trust: whose word counts.
        now: the time of the look (UTC).
        grace: how long a missing one is kept.
        take_over: those that a person links to what was integrated by hand at their address.
        retry_now: those that a person asks for: their password is tried, refused lately or not.
        policy: how often a refused password is tried.
    """
    records = tuple(records)
    by_place = {record.ref: record for record in records}
    complete = {
        name: section for name, section in sections.items() if isinstance(section, CompleteHarbors)
    }
    planner = _Planner(registries, records, complete, take_over, bindings)
    claims = _plan_all_present(by_place, trust, planner)
    missing_steps = _plan_all_absent(by_place.values(), claims, trust, planner, now, grace)
    due_steps = _without_refs(claims, _delayed_refs(records, policy, now) - set(retry_now))
    return DiscoveryPlan(
        steps=(*missing_steps, *due_steps),  # what moved is missing first, and then found
        adopted_count=sum(bool(record.registry) for record in records),
        unavailable={
            name: section.message
            for name, section in sections.items()
            if isinstance(section, Unavailable)
        },
    )


def _plan_all_present(
    records: MutableMapping[HarborRef, ManagedHarborRecord],
    trust: DiscoveryTrust,
    planner: "_Planner",
) -> list[Step]:
    """Plan for what the clusters show, and take its records out of `records`."""
    harbors = [harbor for section in planner.complete.values() for harbor in section.items]
    steps = (
        _decide(harbor, records.pop(harbor.ref, None), trust, planner)
        for harbor in sorted(harbors, key=lambda harbor: str(harbor.ref))
    )
    return [step for step in steps if step is not None]


def _delayed_refs(
    records: Iterable[ManagedHarborRecord], policy: PollPolicy, now: datetime
) -> set[HarborRef]:
    """Return the Harbors whose refused password is not tried now."""
    return {
        record.ref for record in records if (next_password_attempt(record, policy) or now) > now
    }


def _without_refs(steps: Iterable[Step], refs: Collection[HarborRef]) -> list[Step]:
    """Leave out the claims of some Harbors."""
    return [
        step
        for step in steps
        if not (isinstance(step, ConfirmIdentity) and step.harbor.ref in refs)
    ]


def _decide(
    harbor: ManagedHarbor,
    before: ManagedHarborRecord | None,
    trust: DiscoveryTrust,
    planner: "_Planner",
) -> Step | None:
    section = planner.complete[harbor.ref.cluster]
    if trust.covers(harbor.ref, harbor.uid, section.marked_namespaces):
        return planner.plan(harbor, before)
    return _mark_untrusted(harbor.ref, harbor.uid, before)


def _mark_untrusted(ref: HarborRef, uid: str, record: ManagedHarborRecord | None) -> Step | None:
    """Write down that one is where nobody trusted is: it is listed, and nothing else.

    Its registry stays as it is, and keeps the uid of the object that was trusted.
    """
    if record is not None and record.state is AdoptionState.EXCLUDED and record.uid == uid:
        return None
    has_registry = record is not None and bool(record.registry)
    label = f"{MANAGED_LABEL}={MANAGED_LABEL_VALUE}"
    message = f"namespace {ref.namespace} is not trusted: label it {label}"
    if has_registry:
        message += "; until then its registry is kept as it is, and not followed"
    else:
        message += ", or run integrate-managed-harbor for this one"
    new_record = ManagedHarborRecord(
        ref=ref,
        uid=record.uid if record and has_registry else uid,
        state=AdoptionState.UNTRUSTED,
        registry=record.registry if record else "",
        message=message,
    )
    return SetState(record=new_record) if new_record != record else None


def _plan_all_absent(
    records: Iterable[ManagedHarborRecord],
    claims: Iterable[Step],
    trust: DiscoveryTrust,
    planner: "_Planner",
    now: datetime,
    grace: timedelta,
) -> list[Step]:
    """Plan for what its cluster does not show; a registry that another object claims is kept."""
    claimed_registries = {step.registry for step in claims if isinstance(step, ConfirmIdentity)}
    return [
        step
        for record in records
        if (section := planner.complete.get(record.ref.cluster)) is not None
        for step in _plan_absent(record, section, trust, planner, now, grace)
        if not (isinstance(step, Forget) and step.registry in claimed_registries)
    ]


def _plan_absent(
    record: ManagedHarborRecord,
    section: CompleteHarbors,
    trust: DiscoveryTrust,
    planner: "_Planner",
    now: datetime,
    grace: timedelta,
) -> Iterable[Step]:
    """What is gone from a namespace that is there and not trusted, says nothing of its registry."""
    ref = record.ref
    is_untrusted = ref.namespace in section.namespaces and not trust.covers(
        ref, record.uid, section.marked_namespaces
    )
    if is_untrusted and record.registry:
        step = _mark_untrusted(ref, record.uid, record)
        return [step] if step else []
    return _plan_missing(record, planner, now, grace)


def _plan_missing(
    record: ManagedHarborRecord, planner: "_Planner", now: datetime, grace: timedelta
) -> Iterable[Step]:
    """It is not there any more: count down its grace, or forget what was never adopted.

    What a person integrated is never forgotten with it: only that it was linked.
    """
    registry = planner.by_name.get(record.registry)
    since = record.missing_since or now
    is_external = registry is not None and registry.origin is RegistryOrigin.EXTERNAL
    binding_count = 0 if is_external else planner.bindings.get(record.registry, 0)
    if not record.registry or (now - since > grace and not binding_count):
        yield Forget(ref=record.ref, registry="" if is_external else record.registry)
        return
    message = "not in its cluster any more; forgotten after the grace"
    if binding_count:
        message = (
            f"not in its cluster any more; {record.registry} is kept, because it has "
            f"{pluralize(binding_count, 'binding')}. If the Harbor is gone for good, run "
            f"remove-registry for {record.registry}; if it is elsewhere under another URL, run "
            "update-registry for it"
        )
    update = {"state": AdoptionState.MISSING, "missing_since": since, "message": message}
    new_record = record.model_copy(update=update)
    if new_record != record:
        yield SetState(record=new_record)


class _Planner:
    """Knows which names and addresses are taken; lives no longer than `plan_discovery`."""

    def __init__(
        self,
        registries: Iterable[Registry],
        records: Iterable[ManagedHarborRecord],
        complete: Mapping[str, CompleteHarbors],
        take_over: Collection[HarborRef],
        bindings: Mapping[str, int],
    ) -> None:
        self.by_name = {registry.name: registry for registry in registries}
        self.by_host = {
            registry.parsed_address.netloc: registry for registry in self.by_name.values()
        }
        self.names_in_use = set(self.by_name)
        self.refs_by_registry = {
            record.registry: record.ref
            for record in records
            if record.state is not AdoptionState.MISSING
        }
        self.records_by_registry = {
            record.registry: record for record in records if record.registry
        }
        self.complete, self.adopt_existing, self.bindings = complete, take_over, bindings

    def plan(self, harbor: ManagedHarbor, record: ManagedHarborRecord | None) -> Step | None:
        registry = self.by_name.get(record.registry) if record is not None else None
        if record is not None and record.uid == harbor.uid:
            if record.state is AdoptionState.EXCLUDED:
                return None
            if record.state is AdoptionState.MOVED and missing_requirement(harbor):
                return None
            if registry is not None:
                return self._plan_update(harbor, record, registry)
        elif (
            record is not None
            and registry is not None
            and registry.origin is RegistryOrigin.MANAGED
        ):
            return self._plan_recreated(harbor, record, registry)
        return self._plan_new(harbor, record)

    def _plan_recreated(
        self, harbor: ManagedHarbor, record: ManagedHarborRecord, registry: Registry
    ) -> Step | None:
        """Another object stands in its place, for the same Harbor or for another."""
        if missing_requirement(harbor):
            return self._plan_waiting(harbor, record)
        return self._plan_claim(harbor, record, registry, "its object was made again")

    def _plan_claim(
        self,
        harbor: ManagedHarbor,
        record: ManagedHarborRecord | None,
        registry: Registry,
        why: str,
    ) -> Step | None:
        """Let an object prove that it stands for a registry's Harbor, under the same URL only."""
        address = parse_address(harbor.address).origin
        conflict = address_objection(registry, harbor)
        if conflict:
            return self._set_state(harbor, record, AdoptionState.CONFLICT, conflict)
        if address != registry.address:
            message = (
                f"{why}, and its address is {address}, where {registry.name} is at "
                f"{registry.address}: if it is the same Harbor, run update-registry for "
                f"{registry.name} with the new address; if it is another one, run remove-registry "
                f"for {registry.name}, then integrate-managed-harbor"
            )
            return self._set_state(harbor, record, AdoptionState.CONFLICT, message)
        return ConfirmIdentity(harbor=harbor, registry=registry.name, reason=why)

    def _plan_moved(
        self, harbor: ManagedHarbor, record: ManagedHarborRecord | None, registry: Registry
    ) -> Step | None:
        """An object in another place has the address of an adopted Harbor: it may have moved."""
        linked_harbor = self.records_by_registry.get(registry.name)
        has_moved = (
            record is not None and record.state is AdoptionState.MOVED and record.uid == harbor.uid
        )
        if has_moved and linked_harbor is not None and self._is_live(linked_harbor):
            return None  # it was left behind, and does not take the registry back and forth
        reason = (
            f"its Harbor was at {linked_harbor.ref}"
            if linked_harbor
            else "it was found in no cluster"
        )
        return self._plan_claim(harbor, record, registry, reason)

    def _is_live(self, linked_harbor: ManagedHarborRecord) -> bool:
        """Whether an object that a registry is linked to is there and ready, as far as is known."""
        section = self.complete.get(linked_harbor.ref.cluster)
        if section is None:
            return linked_harbor.state is not AdoptionState.MISSING
        return any(
            (harbor.ref, harbor.uid) == (linked_harbor.ref, linked_harbor.uid)
            and not missing_requirement(harbor)
            for harbor in section.items
        )

    def _plan_update(
        self, harbor: ManagedHarbor, record: ManagedHarborRecord, registry: Registry
    ) -> Step | None:
        conflict = "" if missing_requirement(harbor) else self._address_conflict(harbor, registry)
        if conflict:  # it goes on under the address it had
            return self._set_state(harbor, record, AdoptionState.CONFLICT, conflict)
        why = describe_update(registry, harbor)
        if why:
            self._reserve_address(harbor, registry)
            return UpdateAdopted(harbor=harbor, registry=registry.name, reason=why)
        if record.state is AdoptionState.ADOPTED:
            return None  # what was said when it was adopted goes on being said
        new_record = ManagedHarborRecord(
            ref=harbor.ref, uid=harbor.uid, state=AdoptionState.ADOPTED, registry=registry.name
        )
        return SetState(record=new_record)

    def _address_conflict(self, harbor: ManagedHarbor, registry: Registry) -> str:
        """Say why a registry cannot have its Harbor's address."""
        other = self.by_host.get(parse_address(harbor.address).netloc)
        if other is not None and other.name != registry.name:
            return _address_conflict_message(harbor, other)
        return address_objection(registry, harbor)

    def _plan_new(self, harbor: ManagedHarbor, record: ManagedHarborRecord | None) -> Step | None:
        if missing_requirement(harbor):
            return self._plan_waiting(harbor, record)
        address = parse_address(harbor.address)
        registry = self.by_host.get(address.netloc)
        if registry is None:
            name = registry_name_for(harbor.ref, self.names_in_use)
            self.names_in_use.add(name)
            self.by_host[address.netloc] = Registry(
                name=name, kind=Kind.HARBOR, address=address.origin, origin=RegistryOrigin.MANAGED
            )
            return Adopt(harbor=harbor, registry=name)
        if registry.origin is RegistryOrigin.EXTERNAL and registry.kind is Kind.HARBOR:
            return self._plan_existing(harbor, record, registry)
        if registry.name in self.by_name and registry.kind is Kind.HARBOR:
            return self._plan_moved(harbor, record, registry)
        return self._set_state(
            harbor, record, AdoptionState.CONFLICT, _address_conflict_message(harbor, registry)
        )

    def _plan_existing(
        self, harbor: ManagedHarbor, record: ManagedHarborRecord | None, registry: Registry
    ) -> Step | None:
        """Leave what a person integrated to persons: one of them may link it."""
        conflict = address_objection(registry, harbor)
        ref = self.refs_by_registry.get(registry.name, harbor.ref)
        if ref != harbor.ref:
            conflict = f"{registry.address} is linked to {ref} already"
        if not conflict and harbor.ref in self.adopt_existing:
            return AdoptExisting(harbor=harbor, registry=registry.name)
        message = (
            f"{registry.address} was integrated by hand as {registry.name}, of which nothing is "
            "changed: to link the two, run integrate-managed-harbor with take_over"
        )
        return self._set_state(harbor, record, AdoptionState.CONFLICT, conflict or message)

    def _reserve_address(self, harbor: ManagedHarbor, registry: Registry) -> None:
        """Note that a registry has this Harbor's address from now on."""
        if is_discovery_managed(registry):
            self.by_host.pop(registry.parsed_address.netloc, None)
            self.by_host[parse_address(harbor.address).netloc] = registry

    def _plan_waiting(
        self, harbor: ManagedHarbor, record: ManagedHarborRecord | None
    ) -> Step | None:
        return self._set_state(harbor, record, AdoptionState.WAITING, missing_requirement(harbor))

    @staticmethod
    def _set_state(
        harbor: ManagedHarbor,
        record: ManagedHarborRecord | None,
        standing: AdoptionState,
        message: str,
    ) -> Step | None:
        new_record = ManagedHarborRecord(
            ref=harbor.ref,
            uid=record.uid if record and record.registry else harbor.uid,
            state=standing,
            registry=record.registry if record else "",
            message=message,
        )
        return SetState(record=new_record) if new_record != record else None


def _address_conflict_message(harbor: ManagedHarbor, other: Registry) -> str:
    address = parse_address(harbor.address)
    return f"{address.origin} is the address of {other.name} already: give one of them another"
