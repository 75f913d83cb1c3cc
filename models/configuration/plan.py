"""The plan of a configuration: what is created, changed, adopted and removed, in which order."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from pydantic import TypeAdapter

from models.configuration.document import RegistryEntry
from models.configuration.positions import Position
from models.configuration.things import Declaration, Mark, Spec, ThingKey, ThingKind
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
