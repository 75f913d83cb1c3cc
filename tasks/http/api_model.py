"""Base class of API models: parses JSON responses in bounded memory.

A validator that reports every invalid item needs about 1 kB per item: 2 MB of `[0,0,…]` would
take a gigabyte. Lists therefore stop at the first invalid item, and objects with arbitrary keys
have a limit, unless any value is valid: tenants of a cluster choose how many labels they set.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema

ModelT = TypeVar("ModelT")

MAX_VALUES = 1_000_000
"""Maximum values in one response: a page of 100 robot accounts with 1,000 spaces has 700,000."""

MAX_ERROR_LENGTH = 100_000
"""Maximum bytes of an error body that are parsed; a longer body is truncated and not parsed."""

_MAX_KEYS = 10_000
"""Maximum keys of an object with arbitrary keys, whose values can be invalid."""


def _check_keys(value: object) -> object:
    if isinstance(value, dict) and len(value) > _MAX_KEYS:
        raise ValueError(f"more than {_MAX_KEYS:,} keys")
    return value


def _bound_node(node: Any) -> Any:  # noqa: ANN401 - a schema is nested dicts and lists
    if isinstance(node, list | tuple):
        return type(node)(_bound_node(part) for part in node)
    if not isinstance(node, dict) or node.get("function") == _KEY_CHECK:
        return node
    copy = {key: _bound_node(part) for key, part in node.items()}
    match copy.get("type"):
        case "list" | "tuple" | "set" | "frozenset":
            return copy | {"fail_fast": True}
        case "dict" if copy.get("values_schema", {}).get("type") != "any":
            return {"type": "function-before", "function": _KEY_CHECK, "schema": copy}
    return copy


_KEY_CHECK = {"type": "no-info", "function": _check_keys}


class ApiModel(BaseModel):
    """A part of a response; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Add the limits to the lists and objects of every field."""
        schema: CoreSchema = _bound_node(handler(source))
        return schema


def list_adapter(shape: type[ModelT]) -> TypeAdapter[list[ModelT]]:
    """Return a type adapter for a list that stops at the first invalid item."""
    return TypeAdapter(Annotated[list[shape], FailFast()])  # type: ignore[valid-type,arg-type]


def count_values(body: bytes) -> int:
    """Return an upper bound of the values in a JSON text, without parsing it.

    Separators inside strings are counted as well.
    """
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def check_values(body: bytes) -> None:
    """Check that a JSON text has at most `MAX_VALUES` values.

    Raises:
        ValueError: the text has more values.
    """
    if len(body) > MAX_VALUES and count_values(body) > MAX_VALUES:  # each has a separator
        raise ValueError(f"more than {MAX_VALUES:,} values")
