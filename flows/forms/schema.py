"""How Prefect's form shows a parameter: what pydantic says of it by itself shows poorly.

Prefect names a parameter after its argument and drops a `Field`'s title and description; only what
stands in `json_schema_extra` reaches the form. Hence `shown`, `Text`, `Tabs` and `picker`.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

KEEP = "keep"
"""What a form says instead of None where a value may stay as it is."""

NONE = "none"
"""What a form says instead of None where there may be no value."""

UNDECIDED = "(nothing chosen yet)"
"""What a picker holds before something is chosen; it is refused."""

_CHECKS = ("pattern", "minLength", "maxLength")


def shown(title: str, description: str = "", **more: Any) -> Any:  # noqa: ANN401 - JSON Schema
    """Return a field with a title and a description that the form shows."""
    told = {"title": title} | ({"description": description} if description else {}) | more
    return Field(json_schema_extra=told)


class Text:
    """Shows optional text as a plain field; the form sends "" for what was left empty."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Leave None out of the schema: beside it the form would ask for the type first."""
        return next(one for one in handler(core)["anyOf"] if one["type"] == "string")


class Tabs:
    """Shows a union of models as tabs, in both of Prefect's forms, and None as "Keep", first.

    What is shown (`anyOf`) and what is checked (`allOf`) are two: a value that fits no variant
    would be refused as a whole, and so nobody told which field is wrong.
    """

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Inline the variants, side by side."""
        found = sorted(_variants(handler(core), handler), key=lambda one: one["type"] != "null")
        checks = [check for one in found for check in _checks(one)]
        return {"anyOf": [_tab(one) for one in found]} | ({"allOf": checks} if checks else {})


def none_for(word: str) -> BeforeValidator:
    """Take a word for None, since that is what a form sends instead."""
    return BeforeValidator(lambda value: None if value == word else value)


def picker(
    block_type: str, title: str, otherwise: str, word: str = "", **words: str
) -> WithJsonSchema:
    """Show a picker of saved blocks and, as another tab, None; a password typed in is refused.

    Without a choice the form holds `UNDECIDED`. Prefect submits the form as well when a block is
    created in it (3.9.1), which would start a run before there is one.

    Args:
        block_type: its slug.
        title: of the tab with the picker.
        otherwise: title of the tab that stands for None.
        word: what the form sends for None if that is the default. From a tab whose value is null
            by default Prefect's form finds no way to the picker (3.9.1).
        words: what else may be sent instead of a block, each with its tab's title.
    """
    saved = {"title": title, "block_type_slug": block_type, "default": UNDECIDED}
    if word:  # null is for calls of the API
        instead = {word: otherwise, **words}
        variants = [{**saved, "type": ["object", "null"]}]
        variants += [
            {"type": "string", "title": tab, "const": each, "enum": [each]}
            for each, tab in instead.items()
        ]
    else:
        variants = [{**saved, "type": "object"}, {"type": "null", "title": otherwise}]
    return WithJsonSchema(
        {"anyOf": variants, "properties": {"$ref": {}}, "additionalProperties": False}
    )


def _variants(schema: JsonSchemaValue, handler: GetJsonSchemaHandler) -> Iterator[JsonSchemaValue]:
    schema = handler.resolve_ref_schema(schema)
    nested = schema.get("oneOf") or schema.get("anyOf")
    if not nested:
        yield schema
    for one in nested or ():
        yield from _variants(one, handler)


def _tab(variant: JsonSchemaValue) -> JsonSchemaValue:
    """Return what the form needs to draw a variant; its tag is a drop-down with one entry."""
    if variant["type"] == "null":
        return {**variant, "title": KEEP.capitalize(), "description": "It stays as it is."}
    if "properties" not in variant:
        return variant
    fields = {
        name: {key: value for key, value in one.items() if key not in _CHECKS}
        | ({"enum": [one["const"]]} if "const" in one else {})
        for name, one in variant["properties"].items()
    }
    return {
        "type": "object",
        "title": variant["title"],
        "description": variant["description"],
        "properties": fields,
        "required": _required(variant),
    }


def _checks(variant: JsonSchemaValue) -> Iterator[JsonSchemaValue]:
    """Yield what holds for a variant, which is known by its tag."""
    for name, tag in variant.get("properties", {}).items():
        if "const" in tag:
            held = {key: variant[key] for key in ("properties", "additionalProperties")}
            wanted = {"properties": {name: {"const": tag["const"]}}}
            yield {"if": wanted, "then": held | {"required": _required(variant)}}


def _required(variant: JsonSchemaValue) -> list[str]:
    tags = [name for name, one in variant["properties"].items() if "const" in one]
    return [*tags, *variant.get("required", ())]
