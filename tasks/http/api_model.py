"""How the JSON that servers answer is read: in bounded memory, whatever it holds.

A validator that reports every wrong item keeps 1 kB for each: 2 MB of `[0,0,…]` would take a
gigabyte. So lists stop at their first wrong item, and objects with free keys have a limit.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema

ModelT = TypeVar("ModelT")

MAX_VALUES = 1_000_000
"""Values in one answer: a page of 100 robot accounts with 1,000 spaces each has 700,000."""

MAX_ERROR_LENGTH = 100_000
"""Bytes of an error's body that are read; a longer one is cut off and tells nothing."""

_MAX_KEYS = 10_000
"""Keys of an object with free keys: labels, the data of a Secret (1 MiB at most)."""


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
        case "dict":
            return {"type": "function-before", "function": _KEY_CHECK, "schema": copy}
    return copy


_KEY_CHECK = {"type": "no-info", "function": _check_keys}


class ApiModel(BaseModel):
    """A part of an answer: fields we do not know are no reason to fail."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Bound the lists and objects in all fields, so that no field can be forgotten."""
        schema: CoreSchema = _bound_node(handler(source))
        return schema


def list_adapter(shape: type[ModelT]) -> TypeAdapter[list[ModelT]]:
    """Return what reads an answer that is a list."""
    return TypeAdapter(Annotated[list[shape], FailFast()])  # type: ignore[valid-type,arg-type]


def count_values(body: bytes) -> int:
    """Count the values in a JSON text without reading it; what strings hold counts, too."""
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def check_values(body: bytes) -> None:
    """Check how many values a JSON text has.

    Raises:
        ValueError: there are more than is allowed.
    """
    if count_values(body) > MAX_VALUES:
        raise ValueError(f"more than {MAX_VALUES:,} values")
