"""Plan the spaces of a registry: changes, drifts and updated records."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.registries.changes import (
    Change,
    CreateSpace,
    Drift,
    DriftAction,
    DriftKind,
    SetVisibility,
)
from models.registries.observation import Snapshot
from models.registries.plan import Plan, order_changes
from models.registries.registry import DriftPolicy, Registry
from models.registries.space import ObservedSpace, Space, Visibility


def plan_spaces(
    registry: Registry,
    records: Iterable[Space],
    snapshot: Snapshot,
    *,
    now: datetime,
    grace: timedelta,
    bound_spaces: Collection[str] = (),
) -> Plan:
    """Compare the recorded and desired spaces with the observed ones.

    A space is missing only if the observation is complete; its record is deleted after it was
    missing longer than `grace`. A space is created only if it was requested and never observed.

    Args:
        registry: the registry.
        records: its spaces on record.
        snapshot: the observation.
        now: time of the observation (UTC).
        grace: how long the record of a missing space is kept.
        bound_spaces: names of the spaces with bindings.
    """
    if isinstance(snapshot.spaces, Unavailable):
        return Plan(registry=registry.name, created_at=now)
    before = {space.name: space for space in records}
    diff = _SpaceDiff(registry, now, grace, frozenset(bound_spaces))
    for observed in snapshot.spaces.items:
        diff.add_observed(before.pop(observed.name, None), observed)
    for space in before.values():
        diff.add_missing(space)
    return diff.plan(spaces=len(snapshot.spaces.items) + len(before))


class _SpaceDiff:
    """The state of one comparison; used only by `plan_spaces`."""

    def __init__(
        self, registry: Registry, now: datetime, grace: timedelta, bound: frozenset[str]
    ) -> None:
        self.registry, self.now, self.grace, self.bound_spaces = registry, now, grace, bound
        self.changes: list[Change] = []
        self.drifts: list[Drift] = []
        self.updated_spaces: list[Space] = []
        self.expired_spaces: list[str] = []
        self.bindings_to_hold: dict[str, str] = {}

    def plan(self, spaces: int) -> Plan:
        return Plan(
            registry=self.registry.name,
            created_at=self.now,
            changes=order_changes(self.changes),
            drifts=tuple(self.drifts),
            updated_spaces=tuple(self.updated_spaces),
            expired_spaces=tuple(self.expired_spaces),
            bindings_to_hold=self.bindings_to_hold,
            space_count=spaces,
        )

    def add_observed(self, space: Space | None, observed: ObservedSpace) -> None:
        """Add an observed space: its record, drifts, and the change to the desired visibility."""
        record = _updated_space(space, observed)
        self._hold_bindings(space, observed)
        if space is None:
            self.add_drift(
                DriftKind.APPEARED,
                observed.name,
                "",
                _visibility_label(observed.visibility),
                "first observed",
            )
        elif space.declared:
            reason = "requested in this service"
            if _is_another_space(space, observed):
                reason += " as public, but created as private by another client; it stays private"
            self.add_drift(
                DriftKind.APPEARED,
                observed.name,
                "",
                _visibility_label(observed.visibility),
                reason,
            )
        else:
            self._add_return(space, observed)
            if space.observed is not observed.visibility:
                self._add_visibility_drift(space.observed, record)
        if record != space:
            self.updated_spaces.append(record)
        if self._has_drifted(record) and self._enforces:
            has_drifted = space is not None and space.observed not in (None, record.observed)
            self._add_visibility_change(
                record, Reason.VISIBILITY_DRIFTED if has_drifted else Reason.REQUESTED
            )

    def _hold_bindings(self, space: Space | None, observed: ObservedSpace) -> None:
        # A binding must not give access to another space that was created under the bound name.
        if space is None and observed.name in self.bound_spaces:
            why = "the space was first observed after it was bound: it is not the bound space"
            self.bindings_to_hold[observed.name] = why
        elif space is not None and space.differs_from(observed):
            before, after = _identity_pair(space, observed)
            self.bindings_to_hold[observed.name] = (
                f"the space was deleted and recreated in the registry ({before} before, {after} "
                "now)"
            )
        elif space is not None and _is_another_space(space, observed):
            self.bindings_to_hold[observed.name] = (
                "another client created the space before this service"
            )

    def _add_return(self, space: Space, observed: ObservedSpace) -> None:
        if space.differs_from(observed):
            reason = "deleted and recreated in the registry"
            if space.desired is Visibility.PUBLIC:
                reason += "; 'public' was set for the old space and is not applied to the new one"
            self.add_drift(
                DriftKind.RECREATED, observed.name, *_identity_pair(space, observed), reason
            )
        elif space.missing_since is not None:
            self.add_drift(DriftKind.RETURNED, observed.name, "missing", "there", "observed again")

    def _add_visibility_drift(self, before: Visibility | None, record: Space) -> None:
        if record.desired is None:
            action, reason = (
                DriftAction.ADOPTED,
                "no visibility is set in this service, so the registry's is adopted",
            )
        elif not self._has_drifted(record):
            action, reason = DriftAction.RECORDED, "it now matches the desired visibility"
        elif self._enforces:
            action, reason = DriftAction.ENFORCED, f"the desired visibility is {record.desired}"
        else:
            action, reason = DriftAction.REPORTED, "the registry's drift policy is 'report'"
        values = _visibility_label(before), _visibility_label(record.observed)
        self.add_drift(DriftKind.VISIBILITY, record.name, *values, reason, action=action)

    @property
    def _enforces(self) -> bool:
        return self.registry.drift_policy is DriftPolicy.ENFORCE

    def _has_drifted(self, record: Space) -> bool:
        return (
            self.registry.capabilities.stores_spaces
            and record.desired is not None
            and record.observed is not record.desired
        )

    def _add_visibility_change(self, record: Space, reason: Reason) -> None:
        self.changes.append(
            SetVisibility(
                space=record.name,
                remote_id=record.remote_id,
                before=record.observed or Visibility.PRIVATE,
                after=record.desired or Visibility.PRIVATE,
                reason=reason,
            )
        )

    def add_missing(self, space: Space) -> None:
        """Add a space that was not observed: create it, or apply the grace period."""
        if space.declared:
            if self.registry.capabilities.stores_spaces:
                visibility = space.desired or Visibility.PRIVATE
                self.changes.append(CreateSpace(space=space.name, after=visibility))
        elif space.missing_since is None:
            self.updated_spaces.append(space.model_copy(update={"missing_since": self.now}))
            self.add_drift(DriftKind.MISSING, space.name, "there", "missing", "not in the registry")
        elif self.now - space.missing_since > self.grace:
            self.expired_spaces.append(space.name)
            since = f"{space.missing_since:%Y-%m-%d %H:%M} UTC"
            reason = f"missing since {since}, longer than the grace period"
            self.add_drift(DriftKind.EXPIRED, space.name, "missing", "forgotten", reason)

    def add_drift(
        self,
        kind: DriftKind,
        space: str,
        before: str,
        after: str,
        reason: str,
        action: DriftAction = DriftAction.RECORDED,
    ) -> None:
        self.drifts.append(
            Drift(kind=kind, space=space, before=before, after=after, action=action, reason=reason)
        )


def _updated_space(space: Space | None, observed: ObservedSpace) -> Space:
    desired = space.desired if space else None
    # Another space of the same name must not become public because the old one was.
    if space is not None and desired is Visibility.PUBLIC and _is_another_space(space, observed):
        desired = None
    return Space(
        name=observed.name,
        remote_id=observed.remote_id,
        created_at=observed.created_at or (space.created_at if space else None),
        desired=desired,
        observed=observed.visibility,
        repositories=observed.repositories,
    )


def _identity_pair(space: Space, observed: ObservedSpace) -> tuple[str, str]:
    if observed.remote_id != space.remote_id:
        return f"id {space.remote_id}", f"id {observed.remote_id}"
    return f"created {space.created_at:%F %T}", f"created {observed.created_at:%F %T}"


def _visibility_label(visibility: Visibility | None) -> str:
    return visibility.value if visibility else "–"


def _is_another_space(space: Space, observed: ObservedSpace) -> bool:
    # This service creates spaces with the requested visibility, so a private space that was
    # requested as public was created by another client.
    private = observed.visibility is Visibility.PRIVATE
    return space.differs_from(observed) or (
        space.declared and space.desired is Visibility.PUBLIC and private
    )
