"""The plan of a configuration: what is created, changed, adopted and removed, in which order."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from pydantic import TypeAdapter

from models.configuration.document import RegistryEntry, WorkspaceEntry
from models.configuration.positions import Position
from models.configuration.things import Declaration, Mark, Spec, ThingKey, ThingKind
from models.core.plural import pluralize
from models.core.text import shorten

_NOT_ON_RECORD = frozenset({"public_opens_all"})
"""Fields that only permit something, so that records do not have them."""

_MAX_VALUE_LENGTH = 80
_SPEC_ADAPTER: TypeAdapter[object] = TypeAdapter(object)


class ChangeKind(StrEnum):
    """What happens to a thing."""

    CREATE = "create"
    CHANGE = "change"
    ADOPT = "adopt"
    REMOVE = "remove"


class NoticeKind(StrEnum):
    """Why nothing happens to a thing."""

    BLOCKED = "blocked"
    WITHHELD = "withheld"
    DRIFT = "drift"
    HELD = "held"
    KEPT = "kept"
    PENDING = "pending"


class FieldDifference(NamedTuple):
    """A field with its value on record and in the document, as text."""

    field: str
    before: str
    after: str


class ConfigurationChange(NamedTuple):
    """A planned change.

    Attributes:
        declaration: what the document says; None if the thing is removed.
        before: what is on record; None if the thing is created.
        reason: why it differs, e.g. `changed by hand`.
    """

    kind: ChangeKind
    key: ThingKey
    declaration: Declaration | None = None
    before: Spec | None = None
    reason: str = ""

    @property
    def differences(self) -> tuple[FieldDifference, ...]:
        """The fields that change."""
        if self.declaration is None:
            return ()
        return find_differences(self.before, self.declaration.spec)

    @property
    def changes_thing(self) -> bool:
        """Whether more than the ownership changes."""
        return self.kind is not ChangeKind.ADOPT or bool(self.differences)

    @property
    def needed_keys(self) -> tuple[ThingKey, ...]:
        """The things without which it cannot be made; if one is not created, it is skipped."""
        key, keys = self.key, []
        if self.declaration is None:
            return ()
        if key.registry:
            keys.append(ThingKey(ThingKind.REGISTRY, key.registry))
        if key.kind is ThingKind.BINDING:
            keys.append(ThingKey(ThingKind.WORKSPACE, key.workspace))
            keys.append(ThingKey(ThingKind.SPACE, key.name, key.registry))
        if isinstance(self.declaration.spec, WorkspaceEntry):
            names = sorted(self.declaration.spec.cluster_names)
            keys += [ThingKey(ThingKind.CLUSTER, name) for name in names]
        return tuple(keys)

    def uses(self, key: ThingKey) -> bool:
        """Return whether what is on record uses a thing, which cannot be removed until then."""
        if key.kind is ThingKind.REGISTRY:
            return self.key.registry == key.name
        if key.kind is ThingKind.WORKSPACE:
            return self.key.workspace == key.name
        return (
            key.kind is ThingKind.CLUSTER
            and isinstance(self.before, WorkspaceEntry)
            and key.name in self.before.cluster_names
        )

    @property
    def order(self) -> tuple[int, int]:
        """The position in the plan: what reduces access comes first."""
        is_public = ("visibility", "public") in [
            (field, after) for field, _, after in self.differences
        ]
        return _STAGES[self.kind is ChangeKind.REMOVE, self.key.kind], is_public


_STAGES = {
    (is_removal, kind): number
    for number, (is_removal, kind) in enumerate(
        [
            (True, ThingKind.BINDING),
            (True, ThingKind.SPACE),
            (True, ThingKind.REGISTRY),
            (True, ThingKind.WORKSPACE),
            (False, ThingKind.CLUSTER),
            (False, ThingKind.WORKSPACE),
            (True, ThingKind.CLUSTER),
            (False, ThingKind.REGISTRY),
            (False, ThingKind.SPACE),
            (False, ThingKind.BINDING),
        ]
    )
}


class Notice(NamedTuple):
    """Something that a plan does not change, and why."""

    kind: NoticeKind
    key: ThingKey
    message: str
    position: Position | None = None

    @classmethod
    def of(cls, kind: NoticeKind, declaration: Declaration, message: str) -> "Notice":
        """Return a notice about something that a document declares."""
        return cls(kind, declaration.key, message, declaration.position)

    @property
    def is_error(self) -> bool:
        """Whether a document asks for something that cannot be done, or not safely."""
        return self.kind in (NoticeKind.BLOCKED, NoticeKind.WITHHELD)

    def __str__(self) -> str:
        place = f"{self.position}: " if self.position else ""
        return f"{place}{self.key}: {self.message}"


class ConfigurationPlan(NamedTuple):
    """The plan of a configuration.

    Attributes:
        changes: the changes, in the order in which they are made.
        notices: what is not changed, and why.
        new_marks: ownership marks of things that are as declared, but whose mark is outdated.
        unused_marks: marks of things that are neither declared nor on record any more.
    """

    changes: tuple[ConfigurationChange, ...] = ()
    notices: tuple[Notice, ...] = ()
    new_marks: Mapping[ThingKey, Mark] = {}
    unused_marks: tuple[ThingKey, ...] = ()

    @property
    def errors(self) -> tuple[Notice, ...]:
        """What a document asks for and cannot be done."""
        return tuple(notice for notice in self.notices if notice.is_error)


class ChangeFailures:
    """What failed in a run, and what was skipped because it needs that.

    If only the change of a thing failed, it is there as before, and what needs it is not skipped.
    """

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._not_created: set[ThingKey] = set()
        self._not_released: list[ConfigurationChange] = []
        self._skipped: dict[ThingKey, Counter[ThingKind]] = defaultdict(Counter)

    def add(self, message: str, changes: Iterable[ConfigurationChange] = ()) -> None:
        """Add an error, and the changes that were not made because of it."""
        self._messages.append(message)
        for change in changes:
            self._add_change(change)

    def _add_change(self, change: ConfigurationChange) -> None:
        if change.kind is ChangeKind.CREATE:
            self._not_created.add(change.key)
        elif change.before is not None:
            self._not_released.append(change)

    def select(self, changes: Iterable[ConfigurationChange]) -> list[ConfigurationChange]:
        """Return the changes that can be made; the others are skipped."""
        possible = []
        for change in changes:
            blocker = self._find_blocker(change)
            if blocker is None:
                possible.append(change)
            else:
                self._skipped[blocker][change.key.kind] += 1
                self._add_change(change)
        return possible

    def _find_blocker(self, change: ConfigurationChange) -> ThingKey | None:
        if change.kind is not ChangeKind.REMOVE:
            return next((key for key in change.needed_keys if key in self._not_created), None)
        return next((other.key for other in self._not_released if other.uses(change.key)), None)

    def describe(self) -> tuple[str, ...]:
        """Return each error once, then what was skipped."""
        skipped = []
        for blocker, counts in self._skipped.items():
            things = ", ".join(pluralize(count, kind) for kind, count in counts.items())
            skipped.append(f"skipped, because {blocker} failed: {things}")
        return tuple(dict.fromkeys([*self._messages, *skipped]))


def mark_of(declaration: Declaration) -> Mark:
    """Return the mark of a thing that is as declared."""
    position = declaration.position
    return Mark(file=position.file, line=position.line, digest=digest_of(declaration.spec))


def digest_of(spec: Spec) -> str:
    """Return the digest of what a document says about a thing."""
    text = json.dumps(_fields(spec), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_same(first: Spec, second: Spec) -> bool:
    """Return whether two specifications are the same, as far as records have them."""
    if isinstance(first, RegistryEntry):
        return _fields(first) == _fields(second)
    return first == second


def find_differences(before: Spec | None, after: Spec) -> tuple[FieldDifference, ...]:
    """Return the fields that differ; of something new, those that are not the default."""
    old = {} if before is None else _fields(before)
    defaults = {
        name: None if field.is_required() else field.default
        for name, field in type(after).model_fields.items()
    }
    differences = []
    for name, value in _fields(after).items():
        previous = old.get(name) if before is not None else _plain(defaults[name])
        if previous != value:
            text = _display(previous) if before is not None else ""
            differences.append(FieldDifference(name, text, _display(value)))
    return tuple(differences)


def _fields(spec: Spec) -> dict[str, object]:
    return {
        name: _plain(getattr(spec, name))
        for name in type(spec).model_fields
        if name not in _NOT_ON_RECORD
    }


def _plain(value: object) -> object:
    plain = _SPEC_ADAPTER.dump_python(value, mode="json", exclude_none=True)
    return sorted(plain) if isinstance(value, frozenset) else plain


def _display(value: object) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict) and "bundle" in value:
        digest = hashlib.sha256(str(value["bundle"]).encode()).hexdigest()
        text = f"CA bundle sha256:{digest[:12]}"
    elif value is None or value == []:
        text = "none"
    else:
        text = json.dumps(value, sort_keys=True)
    return shorten(" ".join(text.split()), _MAX_VALUE_LENGTH)
