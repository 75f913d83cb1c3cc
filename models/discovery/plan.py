"""Plan the adoption of managed Harbors: adopt, update, wait, or report a conflict."""

from collections.abc import Collection, Iterable, Mapping, MutableMapping
from datetime import datetime, timedelta
from types import MappingProxyType

from models.core.availability import Unavailable
from models.core.limits import PollPolicy
from models.discovery.claims import next_password_attempt
from models.discovery.managed_harbor import (
    AdoptionState,
    HarborRef,
    ManagedHarbor,
    ManagedHarborRecord,
    registry_name_for,
)
from models.discovery.missing_harbors import MissingHarborPlanner, keep_excluded, mark_untrusted
from models.discovery.observation import ClusterHarbors, list_unavailable
from models.discovery.steps import (
    Adopt,
    AdoptExisting,
    ConfirmIdentity,
    DiscoveryPlan,
    SetState,
    Step,
    UpdateAdopted,
)
from models.discovery.trust import DiscoveryTrust
from models.discovery.update_rules import (
    address_objection,
    ca_warnings,
    describe_update,
    is_discovery_managed,
    missing_requirement,
)
from models.registries.address import parse_address
from models.registries.registry import MANAGED_KIND, Registry, RegistryOrigin

_POLL_POLICY = PollPolicy()


def plan_discovery(
    sections: Mapping[str, ClusterHarbors | Unavailable],
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
    untrusted_tls: Collection[str] = (),
) -> DiscoveryPlan:
    """Compare the observed managed Harbors with the recorded ones.

    An object is identified by its reference and uid. If another object claims to be a Harbor on
    record, the plan contains a `ConfirmIdentity` step. A Harbor is missing only if its source was
    read completely; Harbors of an unavailable source keep their state, and so do their registries.
    Only trusted objects change registries.

    Args:
        sections: observed Harbors by cluster.
        records: records of managed Harbors.
        registries: all registries, including those that users integrated.
        trust: the trusted namespaces and objects.
        now: time of the observation (UTC).
        grace: how long the record of a missing Harbor is kept.
        take_over: Harbors that a user wants to link to the existing registry at their address.
        retry_now: Harbors that a user requested: their password is tried without a delay.
        policy: delays between attempts with a refused password.
        bindings: number of bindings by registry, including held ones; a registry with bindings is
            never removed.
        untrusted_tls: names of registries whose certificate is not trusted.
    """
    records = tuple(records)
    by_place = {record.ref: record for record in records}
    complete = _complete_sections(sections)
    planner = _Planner(registries, records, complete, take_over)
    claims = _plan_all_present(by_place, trust, planner)
    missing_planner = MissingHarborPlanner(complete, planner.by_name, trust, bindings, now, grace)
    missing_steps = missing_planner.plan(by_place.values(), claims)
    due_steps = _without_refs(claims, _delayed_refs(records, policy, now) - set(retry_now))
    return DiscoveryPlan(
        # Missing Harbors first: one that moved is missing in its old place.
        steps=(*missing_steps, *due_steps),
        adopted_count=sum(bool(record.registry) for record in records),
        unavailable=list_unavailable(sections),
        warnings=ca_warnings(_all_harbors(complete), records, untrusted_tls),
    )


def _complete_sections(
    sections: Mapping[str, ClusterHarbors | Unavailable],
) -> dict[str, ClusterHarbors]:
    return {
        name: section for name, section in sections.items() if isinstance(section, ClusterHarbors)
    }


def _plan_all_present(
    records: MutableMapping[HarborRef, ManagedHarborRecord],
    trust: DiscoveryTrust,
    planner: "_Planner",
) -> list[Step]:
    """Plan all observed Harbors, and remove their records from `records`."""
    steps = (
        _decide(harbor, records.pop(harbor.ref, None), trust, planner)
        for harbor in _all_harbors(planner.complete)
    )
    return [step for step in steps if step is not None]


def _all_harbors(sections: Mapping[str, ClusterHarbors]) -> list[ManagedHarbor]:
    harbors = (harbor for section in sections.values() for harbor in section.items)
    return sorted(harbors, key=lambda harbor: str(harbor.ref))


def _delayed_refs(
    records: Iterable[ManagedHarborRecord], policy: PollPolicy, now: datetime
) -> set[HarborRef]:
    return {
        record.ref for record in records if (next_password_attempt(record, policy) or now) > now
    }


def _without_refs(steps: Iterable[Step], refs: Collection[HarborRef]) -> list[Step]:
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
    return mark_untrusted(harbor.ref, harbor.uid, before)


class _Planner:
    """Plans observed Harbors and tracks names and addresses in use, for one `plan_discovery`."""

    def __init__(
        self,
        registries: Iterable[Registry],
        records: Iterable[ManagedHarborRecord],
        complete: Mapping[str, ClusterHarbors],
        take_over: Collection[HarborRef],
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
        self.complete, self.adopt_existing = complete, take_over

    def plan(self, harbor: ManagedHarbor, record: ManagedHarborRecord | None) -> Step | None:
        registry = self.by_name.get(record.registry) if record is not None else None
        if record is not None and record.state is AdoptionState.EXCLUDED:
            return keep_excluded(record)
        if record is not None and record.uid == harbor.uid:
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
        # The new object may be for the same Harbor or for another one.
        if missing_requirement(harbor):
            return self._plan_waiting(harbor, record)
        return self._plan_claim(harbor, record, registry, "its object was recreated")

    def _plan_claim(
        self,
        harbor: ManagedHarbor,
        record: ManagedHarborRecord | None,
        registry: Registry,
        why: str,
    ) -> Step | None:
        """Return the step for an object that claims to be the Harbor of a registry on record.

        The identity is confirmed only if the URL is the same.
        """
        address = parse_address(harbor.address).origin
        conflict = address_objection(registry, harbor)
        if conflict:
            return self._set_state(harbor, record, AdoptionState.CONFLICT, conflict)
        if address != registry.address:
            message = (
                f"{why}, and its address is {address}, but the address of {registry.name} is "
                f"{registry.address}: if it is the same Harbor, run update-registry for "
                f"{registry.name} with the new address; if it is another one, run remove-registry "
                f"for {registry.name}, then integrate-managed-harbor"
            )
            return self._set_state(harbor, record, AdoptionState.CONFLICT, message)
        return ConfirmIdentity(harbor=harbor, registry=registry.name, reason=why)

    def _plan_moved(
        self, harbor: ManagedHarbor, record: ManagedHarborRecord | None, registry: Registry
    ) -> Step | None:
        # An object with another reference has the address of an adopted Harbor: it may have moved.
        linked_harbor = self.records_by_registry.get(registry.name)
        has_moved = (
            record is not None and record.state is AdoptionState.MOVED and record.uid == harbor.uid
        )
        if has_moved and linked_harbor is not None and self._is_live(linked_harbor):
            return None  # otherwise two live objects would take the registry from each other
        failure = self._source_failure(linked_harbor.ref) if linked_harbor else None
        if linked_harbor is not None and failure is not None:
            return self._plan_undecidable(harbor, record, linked_harbor, failure)
        reason = (
            f"the Harbor on record is {linked_harbor.ref}"
            if linked_harbor
            else "no Harbor is on record for the registry"
        )
        return self._plan_claim(harbor, record, registry, reason)

    def _plan_undecidable(
        self,
        harbor: ManagedHarbor,
        record: ManagedHarborRecord | None,
        linked_harbor: ManagedHarborRecord,
        failure: Unavailable,
    ) -> Step | None:
        # Both may be one Harbor: harbor-operator can install a chart. Nothing is known of the one
        # on record now, so neither the registry nor an earlier decision changes.
        if record is not None and record.state is not AdoptionState.WAITING:
            return None
        message = (
            f"its address belongs to {linked_harbor.registry}, and whether the Harbor on record "
            f"({linked_harbor.ref}, {linked_harbor.ref.kind}) still exists is unknown: "
            f"{failure.message}"
        )
        return self._set_state(harbor, record, AdoptionState.WAITING, message)

    def _source_failure(self, ref: HarborRef) -> Unavailable | None:
        """Return why a Harbor's source could not be read in a cluster that was read."""
        section = self.complete.get(ref.cluster)
        return section.unavailable.get(ref.kind) if section is not None else None

    def _is_live(self, linked_harbor: ManagedHarborRecord) -> bool:
        """Return whether the linked object exists and is ready, as far as is known."""
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
        if conflict:  # the registry keeps its address
            return self._set_state(harbor, record, AdoptionState.CONFLICT, conflict)
        why = describe_update(registry, harbor)
        if why:
            self._reserve_address(harbor, registry)
            return UpdateAdopted(harbor=harbor, registry=registry.name, reason=why)
        if record.state is AdoptionState.ADOPTED:
            return None  # keep the message of the adoption
        new_record = ManagedHarborRecord(
            ref=harbor.ref, uid=harbor.uid, state=AdoptionState.ADOPTED, registry=registry.name
        )
        return SetState(record=new_record)

    def _address_conflict(self, harbor: ManagedHarbor, registry: Registry) -> str:
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
                name=name, kind=MANAGED_KIND, address=address.origin, origin=RegistryOrigin.MANAGED
            )
            return Adopt(harbor=harbor, registry=name)
        if registry.origin is RegistryOrigin.EXTERNAL and registry.kind == MANAGED_KIND:
            return self._plan_existing(harbor, record, registry)
        if registry.name in self.by_name and registry.kind == MANAGED_KIND:
            return self._plan_moved(harbor, record, registry)
        return self._set_state(
            harbor, record, AdoptionState.CONFLICT, _address_conflict_message(harbor, registry)
        )

    def _plan_existing(
        self, harbor: ManagedHarbor, record: ManagedHarborRecord | None, registry: Registry
    ) -> Step | None:
        # Discovery never changes a registry that a user integrated; only a user may link the two.
        conflict = address_objection(registry, harbor)
        ref = self.refs_by_registry.get(registry.name, harbor.ref)
        if ref != harbor.ref:
            conflict = f"{registry.address} is already linked to {ref}"
        if not conflict and harbor.ref in self.adopt_existing:
            return AdoptExisting(harbor=harbor, registry=registry.name)
        message = (
            f"{registry.address} was integrated by a user as {registry.name}, which is not "
            "changed: to link the two, run integrate-managed-harbor with take_over"
        )
        return self._set_state(harbor, record, AdoptionState.CONFLICT, conflict or message)

    def _reserve_address(self, harbor: ManagedHarbor, registry: Registry) -> None:
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
        state: AdoptionState,
        message: str,
    ) -> Step | None:
        new_record = ManagedHarborRecord(
            ref=harbor.ref,
            uid=record.uid if record and record.registry else harbor.uid,
            state=state,
            registry=record.registry if record else "",
            message=message,
        )
        return SetState(record=new_record) if new_record != record else None


def _address_conflict_message(harbor: ManagedHarbor, other: Registry) -> str:
    address = parse_address(harbor.address)
    return f"{address.origin} is already the address of {other.name}: change one of them"
