"""Plan managed Harbors that are untrusted, or that are no longer in their cluster."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from models.core.plural import pluralize
from models.discovery.managed_harbor import AdoptionState, HarborRef, ManagedHarborRecord
from models.discovery.observation import ClusterHarbors
from models.discovery.steps import ConfirmIdentity, Forget, SetState, Step
from models.discovery.trust import (
    MANAGED_LABEL,
    MANAGED_LABEL_VALUE,
    DiscoveryTrust,
)
from models.registries.registry import Registry, RegistryOrigin


def mark_untrusted(ref: HarborRef, uid: str, record: ManagedHarborRecord | None) -> Step | None:
    """Return the step that records an object as untrusted; None if nothing changes.

    The object is listed, and nothing else is done with it. Its registry is not changed and stays
    linked to the uid of the trusted object.
    """
    if record is not None and record.state is AdoptionState.EXCLUDED:
        return keep_excluded(record)
    has_registry = record is not None and bool(record.registry)
    label = f"{MANAGED_LABEL}={MANAGED_LABEL_VALUE}"
    message = f"namespace {ref.namespace} is not trusted: label it {label}"
    if has_registry:
        message += "; until then its registry is kept and not updated"
    else:
        message += ", or run integrate-managed-harbor for this Harbor only"
    new_record = ManagedHarborRecord(
        ref=ref,
        uid=record.uid if record and has_registry else uid,
        state=AdoptionState.UNTRUSTED,
        registry=record.registry if record else "",
        message=message,
    )
    return SetState(record=new_record) if new_record != record else None


def keep_excluded(record: ManagedHarborRecord) -> Step | None:
    """Return the step for an observed object whose Harbor a user removed; None if nothing changes.

    It stays excluded also if the object was recreated: charts recreate objects, and the Harbor is
    the same.
    """
    new_record = record.model_copy(update={"missing_since": None})
    return SetState(record=new_record) if new_record != record else None


class MissingHarborPlanner:
    """Plans recorded Harbors that were not observed.

    Args:
        complete: observed Harbors by cluster; those of an unavailable source are kept.
        registries: all registries by name.
        trust: the trusted namespaces and objects.
        bindings: number of bindings by registry, including held ones.
        now: time of the observation (UTC).
        grace: how long the record of a missing Harbor is kept.
    """

    def __init__(
        self,
        complete: Mapping[str, ClusterHarbors],
        registries: Mapping[str, Registry],
        trust: DiscoveryTrust,
        bindings: Mapping[str, int],
        now: datetime,
        grace: timedelta,
    ) -> None:
        self.complete, self.registries, self.trust = complete, registries, trust
        self.bindings, self.now, self.grace = bindings, now, grace

    def plan(self, records: Iterable[ManagedHarborRecord], claims: Iterable[Step]) -> list[Step]:
        """Return the steps for records without an observed object.

        Args:
            records: records of Harbors that were not observed.
            claims: steps for observed Harbors; a registry that one of them claims is kept.
        """
        claimed_registries = {step.registry for step in claims if isinstance(step, ConfirmIdentity)}
        return [
            step
            for record in records
            if (section := self.complete.get(record.ref.cluster)) is not None
            and section.has_source(record.ref.kind)
            for step in self._plan_absent(record, section)
            if not (isinstance(step, Forget) and step.registry in claimed_registries)
        ]

    def _plan_absent(self, record: ManagedHarborRecord, section: ClusterHarbors) -> Iterable[Step]:
        # A tenant can delete objects in an untrusted namespace: that must not affect a registry.
        ref = record.ref
        is_untrusted = ref.namespace in section.namespaces and not self.trust.covers(
            ref, record.uid, section.marked_namespaces
        )
        if is_untrusted and record.registry:
            step = mark_untrusted(ref, record.uid, record)
            return [step] if step else []
        return self._plan_missing(record)

    def _plan_missing(self, record: ManagedHarborRecord) -> Iterable[Step]:
        """Yield a step that forgets the Harbor or marks it as missing, if anything changes."""
        if record.state is AdoptionState.EXCLUDED:
            yield from self._plan_missing_excluded(record)
            return
        registry = self.registries.get(record.registry)
        since = record.missing_since or self.now
        # A registry that a user integrated is kept; only its link to the Harbor is deleted.
        is_external = registry is not None and registry.origin is RegistryOrigin.EXTERNAL
        binding_count = 0 if is_external else self.bindings.get(record.registry, 0)
        if not record.registry or (self.now - since > self.grace and not binding_count):
            yield Forget(ref=record.ref, registry="" if is_external else record.registry)
            return
        message = "no longer in its cluster; forgotten after the grace period"
        if binding_count:
            message = (
                f"no longer in its cluster; {record.registry} is kept, because it has "
                f"{pluralize(binding_count, 'binding')}. If the Harbor was deleted, run "
                f"remove-registry for {record.registry}; if it has another URL now, run "
                "update-registry for it"
            )
        update = {"state": AdoptionState.MISSING, "missing_since": since, "message": message}
        new_record = record.model_copy(update=update)
        if new_record != record:
            yield SetState(record=new_record)

    def _plan_missing_excluded(self, record: ManagedHarborRecord) -> Iterable[Step]:
        # An upgrade may delete the object for a moment: that must not undo what a user decided.
        if record.missing_since is None:
            yield SetState(record=record.model_copy(update={"missing_since": self.now}))
        elif self.now - record.missing_since > self.grace:
            yield Forget(ref=record.ref, registry="")
