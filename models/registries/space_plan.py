"""Decide what a look at a registry means: what to change, what has drifted, what to remember."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from models.core.availability import Unseen
from models.core.reasons import Reason
from models.registries.changes import Change, CreateSpace, Drift, DriftKind, Handling, SetVisibility
from models.registries.observation import Snapshot
from models.registries.plan import Plan, ordered
from models.registries.registry import DriftPolicy, Privacy, Registry
from models.registries.space import ObservedSpace, Space, Visibility


def plan_spaces(
    registry: Registry,
    known: Iterable[Space],
    snapshot: Snapshot,
    *,
    now: datetime,
    grace: timedelta,
    bound: Collection[str] = (),
) -> Plan:
    """Compare what is known and desired with what was seen.

    Only a complete observation lets a space be missing, and only one that stays missing beyond
    `grace` is forgotten. A space is created only if it was asked for and never seen.

    Args:
        bound: spaces that somebody is bound to.
    """
    if isinstance(snapshot.spaces, Unseen):
        return Plan(registry=registry.name, made_at=now)
    before = {space.name: space for space in known}
    ledger = _Ledger(registry, now, grace, frozenset(bound))
    for seen in snapshot.spaces.items:
        ledger.compare(before.pop(seen.name, None), seen)
    for space in before.values():
        ledger.miss(space)
    return ledger.plan(spaces=len(snapshot.spaces.items) + len(before))


class _Ledger:
    """Collects what one comparison finds; lives no longer than `plan_spaces`."""

    def __init__(
        self, registry: Registry, now: datetime, grace: timedelta, bound: frozenset[str]
    ) -> None:
        self.registry, self.now, self.grace, self.bound = registry, now, grace, bound
        self.changes: list[Change] = []
        self.drifts: list[Drift] = []
        self.remembered: list[Space] = []
        self.retired: list[str] = []
        self.bindings_to_hold: dict[str, str] = {}

    def plan(self, spaces: int) -> Plan:
        return Plan(
            registry=self.registry.name,
            made_at=self.now,
            changes=ordered(self.changes),
            drifts=tuple(self.drifts),
            remembered=tuple(self.remembered),
            retired=tuple(self.retired),
            bindings_to_hold=self.bindings_to_hold,
            spaces=spaces,
        )

    def compare(self, space: Space | None, seen: ObservedSpace) -> None:
        """A space is there: note what became of it, and set right what was desired."""
        record = _record(space, seen)
        self._hold_bindings(space, seen)
        if space is None:
            self.note(DriftKind.APPEARED, seen.name, "", _word(seen.visibility), "first seen")
        elif space.declared:
            reason = "it was asked for here"
            if _another(space, seen):
                reason += " as public, but somebody else made it private, and it is left so"
            self.note(DriftKind.APPEARED, seen.name, "", _word(seen.visibility), reason)
        else:
            self._note_return(space, seen)
            if space.observed is not seen.visibility:
                self._note_visibility(space.observed, record)
        if record != space:
            self.remembered.append(record)
        if self._differs(record) and self._enforces:
            moved = space is not None and space.observed not in (None, record.observed)
            self._set_right(record, Reason.VISIBILITY_DRIFTED if moved else Reason.ASKED)

    def _hold_bindings(self, space: Space | None, seen: ObservedSpace) -> None:
        """Whoever was bound to a name is not granted what somebody made anew under it."""
        if space is None and seen.name in self.bound:
            why = "the space was first seen after it was bound: it is not the one that was meant"
            self.bindings_to_hold[seen.name] = why
        elif space is not None and space.is_other(seen):
            before, after = _identities(space, seen)
            self.bindings_to_hold[seen.name] = (
                f"the space was deleted and made again in the registry ({before} before, {after} "
                "now)"
            )
        elif space is not None and _another(space, seen):
            self.bindings_to_hold[seen.name] = "somebody else made the space before this service"

    def _note_return(self, space: Space, seen: ObservedSpace) -> None:
        if space.is_other(seen):
            reason = "deleted and made again in the registry"
            if space.desired is Visibility.PUBLIC:
                reason += "; 'public' was set for the old one and is not applied to the new one"
            self.note(DriftKind.RECREATED, seen.name, *_identities(space, seen), reason)
        elif space.missing_since is not None:
            self.note(DriftKind.RETURNED, seen.name, "missing", "there", "seen again")

    def _note_visibility(self, before: Visibility | None, record: Space) -> None:
        """It moved in the registry since the last look: tell what is done about it."""
        if record.desired is None:
            handling, reason = Handling.ADOPTED, "nobody set it here, so the registry is followed"
        elif not self._differs(record):
            handling, reason = Handling.NOTED, "it is now as it was set here"
        elif self._enforces:
            handling, reason = Handling.ENFORCED, f"it was set {record.desired.value} here"
        else:
            handling, reason = Handling.REPORTED, "the registry's drift policy is 'report'"
        words = _word(before), _word(record.observed)
        self.note(DriftKind.VISIBILITY, record.name, *words, reason, handling=handling)

    @property
    def _enforces(self) -> bool:
        return self.registry.drift_policy is DriftPolicy.ENFORCE

    def _differs(self, record: Space) -> bool:
        return (
            self.registry.privacy is Privacy.ENFORCED
            and record.desired is not None
            and record.observed is not record.desired
        )

    def _set_right(self, record: Space, reason: Reason) -> None:
        self.changes.append(
            SetVisibility(
                space=record.name,
                remote_id=record.remote_id,
                before=record.observed or Visibility.PRIVATE,
                after=record.desired or Visibility.PRIVATE,
                reason=reason,
            )
        )

    def miss(self, space: Space) -> None:
        """A space is not there: create it if it never was, else count down its grace."""
        if space.declared:
            if self.registry.privacy is Privacy.ENFORCED:
                wish = space.desired or Visibility.PRIVATE
                self.changes.append(CreateSpace(space=space.name, after=wish))
        elif space.missing_since is None:
            self.remembered.append(space.model_copy(update={"missing_since": self.now}))
            self.note(DriftKind.MISSING, space.name, "there", "missing", "not in the registry")
        elif self.now - space.missing_since > self.grace:
            self.retired.append(space.name)
            reason = f"missing since {space.missing_since:%Y-%m-%d %H:%M} UTC, grace is over"
            self.note(DriftKind.RETIRED, space.name, "missing", "forgotten", reason)

    def note(
        self,
        kind: DriftKind,
        space: str,
        before: str,
        after: str,
        reason: str,
        handling: Handling = Handling.NOTED,
    ) -> None:
        self.drifts.append(
            Drift(
                kind=kind, space=space, before=before, after=after, handling=handling, reason=reason
            )
        )


def _record(space: Space | None, seen: ObservedSpace) -> Space:
    """Write down a space as it was just seen, keeping what was desired of it.

    Another space of the same name is not opened to everybody on the strength of an old wish.
    """
    desired = space.desired if space else None
    if space is not None and desired is Visibility.PUBLIC and _another(space, seen):
        desired = None
    return Space(
        name=seen.name,
        remote_id=seen.remote_id,
        created_at=seen.created_at or (space.created_at if space else None),
        desired=desired,
        observed=seen.visibility,
        repositories=seen.repositories,
    )


def _identities(space: Space, seen: ObservedSpace) -> tuple[str, str]:
    """Say in what two spaces of one name differ: in their ids, or in when they were created."""
    if seen.remote_id != space.remote_id:
        return f"id {space.remote_id}", f"id {seen.remote_id}"
    return f"created {space.created_at:%F %T}", f"created {seen.created_at:%F %T}"


def _word(visibility: Visibility | None) -> str:
    return visibility.value if visibility else "–"


def _another(space: Space, seen: ObservedSpace) -> bool:
    """Whether it is another space than the one meant: made again, or made by somebody else.

    What this service creates has the visibility that was asked for from the start.
    """
    private = seen.visibility is Visibility.PRIVATE
    return space.is_other(seen) or (
        space.declared and space.desired is Visibility.PUBLIC and private
    )
