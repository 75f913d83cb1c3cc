"""How Prefect's form shows a parameter: what pydantic says of it by itself shows poorly.

Prefect names a parameter after its argument and drops a `Field`'s title and description; only what
stands in `json_schema_extra` reaches the form. Hence `form_field`, `OptionalText`, `UnionTabs` and
`block_picker`.
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

NOTHING_CHOSEN = "(nothing chosen yet)"
"""What a picker holds before something is chosen; it is refused."""

_CONSTRAINTS = ("pattern", "minLength", "maxLength")


def form_field(title: str, description: str = "", **schema: Any) -> Any:  # noqa: ANN401 - JSON Schema
    """Return a field with a title and a description that the form shows."""
    extra_schema = {"title": title} | ({"description": description} if description else {}) | schema
    return Field(json_schema_extra=extra_schema)


class OptionalText:
    """Shows optional text as a plain field; the form sends "" for what was left empty."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Leave None out of the schema: beside it the form would ask for the type first."""
        return next(variant for variant in handler(core)["anyOf"] if variant["type"] == "string")


class UnionTabs:
    """Shows a union of models as tabs, in both of Prefect's forms, and None as "Keep", first.

    What is shown (`anyOf`) and what is checked (`allOf`) are two: a value that fits no variant
    would be refused as a whole, and so nobody told which field is wrong.
    """

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Inline the variants, side by side."""
        variants = sorted(
            _variants(handler(core), handler), key=lambda variant: variant["type"] != "null"
        )
        checks = [check for variant in variants for check in _variant_constraints(variant)]
        return {"anyOf": [_variant_tab(variant) for variant in variants]} | (
            {"allOf": checks} if checks else {}
        )


def none_if(none_value: str) -> BeforeValidator:
    """Take a word for None, since that is what a form sends instead."""
    return BeforeValidator(lambda value: None if value == none_value else value)


def block_picker(
    block_type: str, title: str, otherwise: str, none_value: str = "", **tabs: str
) -> WithJsonSchema:
    """Show a picker of saved blocks and, as another tab, None; a password typed in is refused.

    Without a choice the form holds `NOTHING_CHOSEN`. Prefect submits the form as well when a block
    is created in it (3.9.1), which would start a run before there is one.

    Args:
        block_type: its slug.
        title: of the tab with the picker.
        otherwise: title of the tab that stands for None.
        none_value: what the form sends for None if that is the default. From a tab whose value is
            null by default Prefect's form finds no way to the picker (3.9.1).
        tabs: what else may be sent instead of a block, each with its tab's title.
    """
    block_variant = {"title": title, "block_type_slug": block_type, "default": NOTHING_CHOSEN}
    if none_value:  # null is for calls of the API
        options = {none_value: otherwise, **tabs}
        variants = [{**block_variant, "type": ["object", "null"]}]
        variants += [
            {"type": "string", "title": tab, "const": value, "enum": [value]}
            for value, tab in options.items()
        ]
    else:
        variants = [{**block_variant, "type": "object"}, {"type": "null", "title": otherwise}]
    return WithJsonSchema(
        {"anyOf": variants, "properties": {"$ref": {}}, "additionalProperties": False}
    )


def _variants(schema: JsonSchemaValue, handler: GetJsonSchemaHandler) -> Iterator[JsonSchemaValue]:
    schema = handler.resolve_ref_schema(schema)
    nested = schema.get("oneOf") or schema.get("anyOf")
    if not nested:
        yield schema
    for variant in nested or ():
        yield from _variants(variant, handler)


def _variant_tab(variant: JsonSchemaValue) -> JsonSchemaValue:
    """Return what the form needs to draw a variant; its tag is a drop-down with one entry."""
    if variant["type"] == "null":
        return {**variant, "title": KEEP.capitalize(), "description": "It stays as it is."}
    if "properties" not in variant:
        return variant
    fields = {
        name: {key: value for key, value in field_schema.items() if key not in _CONSTRAINTS}
        | ({"enum": [field_schema["const"]]} if "const" in field_schema else {})
        for name, field_schema in variant["properties"].items()
    }
    return {
        "type": "object",
        "title": variant["title"],
        "description": variant["description"],
        "properties": fields,
        "required": _required_fields(variant),
    }


def _variant_constraints(variant: JsonSchemaValue) -> Iterator[JsonSchemaValue]:
    """Yield what holds for a variant, which is known by its tag."""
    for name, tag in variant.get("properties", {}).items():
        if "const" in tag:
            constraints = {key: variant[key] for key in ("properties", "additionalProperties")}
            condition = {"properties": {name: {"const": tag["const"]}}}
            yield {"if": condition, "then": constraints | {"required": _required_fields(variant)}}


def _required_fields(variant: JsonSchemaValue) -> list[str]:
    tags = [name for name, field_schema in variant["properties"].items() if "const" in field_schema]
    return [*tags, *variant.get("required", ())]
