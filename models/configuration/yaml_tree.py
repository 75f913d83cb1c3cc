"""Parse YAML into a tree that knows lines and columns, within bounds that hostile text cannot pass.

The tree is built from PyYAML's events: its loaders overwrite duplicate keys, and expand aliases
without any limit. Plain scalars are text, except `true`, `false` and `null`, as in
https://yaml.org/spec/1.2.2/#102-json-schema: a space that is called `no` or `1e3` keeps its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from models.configuration.positions import DocumentError, Position

MAX_LENGTH = 4_000_000
"""Maximum length of a document in characters: about 100,000 spaces."""

MAX_NODES = 500_000
"""Maximum number of values in a document, with each alias counted as often as it is used."""

MAX_DEPTH = 20

_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}
_MERGE_KEY = "<<"


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a document.

    Attributes:
        line, column: where it begins, from 1.
        value: a scalar, the items of a sequence, or the entries of a mapping by key.
        size: how many values it contains, itself included, with aliases expanded.
        depth: how many levels it has, itself included, with aliases expanded.
        text: the text of a scalar, for keys.
    """

    line: int
    column: int
    value: "str | bool | tuple[Node, ...] | dict[str, Entry] | None"
    size: int = 1
    depth: int = 1
    text: str | None = None


class Entry(NamedTuple):
    """An entry of a mapping, with the position of its key."""

    line: int
    column: int
    node: Node


@dataclass(slots=True)
class _Collection:
    """A collection whose end is not parsed yet."""

    line: int
    column: int
    anchor: str | None
    is_mapping: bool
    items: list[Node] = field(default_factory=list)


class _InvalidYaml(Exception):
    """The text cannot be parsed any further."""

    def __init__(self, line: int, column: int, message: str) -> None:
        self.line, self.column, self.message = line, column, message
        super().__init__(message)


def parse_yaml(text: str, file: str) -> tuple[Node | None, tuple[DocumentError, ...]]:
    """Parse a document; return its tree, or None if it has none, and all errors.

    Args:
        text: the document.
        file: name of the file, for the errors.
    """
    builder = _TreeBuilder(file)
    try:
        _check_text(text)
        root = builder.build(yaml.parse(text, Loader=yaml.CSafeLoader))
    except _InvalidYaml as error:
        builder.add_error(error.line, error.column, error.message)
        return None, tuple(builder.errors)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = getattr(error, "problem", None) or "a character that YAML does not allow"
        builder.add_error(line, column, f"invalid YAML: {problem}")
        return None, tuple(builder.errors)
    return root, tuple(builder.errors)


def _check_text(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise _InvalidYaml(1, 1, f"the document is longer than {MAX_LENGTH:,} characters: split it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _InvalidYaml(1, 1, "the document is not valid Unicode text") from None


class _TreeBuilder:
    """Builds the tree of one document from its events, without recursion."""

    def __init__(self, file: str) -> None:
        self.errors: list[DocumentError] = []
        self._file = file
        self._anchors: dict[str, Node] = {}
        self._size = 0

    def add_error(self, line: int, column: int, message: str) -> None:
        position = Position(file=self._file, line=line, column=column)
        self.errors.append(DocumentError(position=position, message=message))

    def build(self, events: Iterator[yaml.Event]) -> Node:
        """Return the root.

        Raises:
            yaml.YAMLError: the text is no YAML.
            _InvalidYaml: it exceeds a bound, or uses a part of YAML that documents cannot have.
        """
        collections: list[_Collection] = []
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise _error(event, "a second document begins here: write one per file")
            node = self._read(event, collections)
            if node is None:
                continue
            if collections:
                collections[-1].items.append(node)
            else:
                root = node
        if root is None:
            raise _InvalidYaml(1, 1, "the document is empty: to remove everything, write {}")
        return root

    def _read(self, event: yaml.Event, collections: list[_Collection]) -> Node | None:
        """Return the node that an event completes."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._check(event, event.tag, 1)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            collections.append(_Collection(*_place(event), event.anchor, is_mapping))
            if len(collections) > MAX_DEPTH:
                raise _error(event, f"more than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            return self._complete(collections.pop())
        elif isinstance(event, yaml.AliasEvent):
            return self._resolve(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._check(event, event.tag, 1)
            return self._keep(event.anchor, _scalar(event))
        return None

    def _check(self, event: yaml.Event, tag: str | None, size: int) -> None:
        if tag is not None:
            raise _error(event, "tags such as !!str are not allowed: remove it")
        self._size += size
        if self._size > MAX_NODES:
            raise _error(event, f"the document has more than {MAX_NODES:,} values: split it")

    def _resolve(self, event: yaml.AliasEvent) -> Node:
        target = self._anchors.get(event.anchor or "")
        if target is None:  # also an alias inside of its own anchor
            raise _error(event, f"there is no complete anchor &{event.anchor} before this alias")
        self._check(event, None, target.size)
        return target

    def _keep(self, anchor: str | None, node: Node) -> Node:
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _complete(self, collection: _Collection) -> Node:
        items = collection.items
        value = self._entries(items) if collection.is_mapping else tuple(items)
        size = 1 + sum(item.size for item in items)
        depth = 1 + max((item.depth for item in items), default=0)
        node = Node(collection.line, collection.column, value, size, depth)
        if depth > MAX_DEPTH:  # with aliases: the collections that are open are counted already
            raise _InvalidYaml(node.line, node.column, f"more than {MAX_DEPTH} levels")
        return self._keep(collection.anchor, node)

    def _entries(self, items: list[Node]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, node in zip(items[::2], items[1::2], strict=True):
            if key.text is None:
                self.add_error(key.line, key.column, "a key must be text")
            elif key.text == _MERGE_KEY:
                self._merge(merged, node)
            elif key.text in entries:
                first = entries[key.text].line
                message = (
                    f"the key {key.text[:80]!r} is in line {first} already: remove one of them"
                )
                self.add_error(key.line, key.column, message)
            else:
                entries[key.text] = Entry(key.line, key.column, node)
        return merged | entries

    def _merge(self, merged: dict[str, Entry], node: Node) -> None:
        """Add the entries of one mapping or of several, of which the first has precedence."""
        for source in node.value if isinstance(node.value, tuple) else (node,):
            if not isinstance(source.value, dict):
                self.add_error(node.line, node.column, "<< needs a mapping, e.g. <<: *defaults")
                return
            merged |= {key: entry for key, entry in source.value.items() if key not in merged}


def _scalar(event: yaml.ScalarEvent) -> Node:
    text = event.value
    is_plain = event.implicit[0]
    value = _CONSTANTS.get(text, text) if is_plain else text
    return Node(*_place(event), value, text=text)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _error(event: yaml.Event, message: str) -> _InvalidYaml:
    return _InvalidYaml(*_place(event), message)


def to_plain(node: Node) -> object:
    """Return a tree as plain values; its depth is bounded."""
    if isinstance(node.value, dict):
        return {key: to_plain(entry.node) for key, entry in node.value.items()}
    if isinstance(node.value, tuple):
        return [to_plain(item) for item in node.value]
    return node.value


def find_position(root: Node, path: tuple[str | int, ...]) -> Entry:
    """Return the place of a value, that of its key in a mapping.

    Args:
        root: the tree.
        path: keys and indexes that lead to the value. Others, such as the name of a variant in the
            errors of pydantic, or a missing key, are skipped.
    """
    place = Entry(root.line, root.column, root)
    for step in path:
        value = place.node.value
        if isinstance(value, dict) and str(step) in value:
            place = value[str(step)]
        elif isinstance(value, tuple) and isinstance(step, int) and step < len(value):
            item = value[step]
            place = Entry(item.line, item.column, item)
    return place
