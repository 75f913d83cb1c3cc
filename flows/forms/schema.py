"""JSON Schema of flow parameters, adapted to Prefect's forms.

Prefect takes a parameter's title from its argument and drops the title and description of a
`Field`; only `json_schema_extra` reaches the form. Hence `form_field`, `OptionalText`, `UnionTabs`
and `block_picker`.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

KEEP = "keep"
"""Form value for None where None keeps the current value."""

NONE = "none"
"""Form value for None where None means no value."""

NOTHING_CHOSEN = "(nothing chosen yet)"
"""Form value of a picker without a selection; validation rejects it."""

_CONSTRAINTS = ("pattern", "minLength", "maxLength")


def form_field(title: str, description: str = "", **schema: Any) -> Any:  # noqa: ANN401 - JSON Schema
    """Return a field with a title and a description for the form."""
    extra_schema = {"title": title} | ({"description": description} if description else {}) | schema
    return Field(json_schema_extra=extra_schema)


class OptionalText:
    """Shows optional text as a plain text field; the form sends "" if it is empty."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema without null: with it the form asks for the type first."""
        return next(variant for variant in handler(core)["anyOf"] if variant["type"] == "string")


class UnionTabs:
    """Shows a union of models as tabs, in both of Prefect's forms, with None as first tab "Keep".

    The schema separates display (`anyOf`) from validation (`allOf`): with `anyOf` alone, a value
    that matches no variant is rejected as a whole, and the error names no field.
    """

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return a schema with the variants inlined."""
        variants = sorted(
            _variants(handler(core), handler), key=lambda variant: variant["type"] != "null"
        )
        checks = [check for variant in variants for check in _variant_constraints(variant)]
        return {"anyOf": [_variant_tab(variant) for variant in variants]} | (
            {"allOf": checks} if checks else {}
        )


def none_if(none_value: str) -> BeforeValidator:
    """Return a validator that turns `none_value`, which the form sends for None, into None."""
    return BeforeValidator(lambda value: None if value == none_value else value)


def block_picker(
    block_type: str, title: str, otherwise: str, none_value: str = "", **tabs: str
) -> WithJsonSchema:
    """Return the schema of a picker of saved blocks, with None as another tab.

    The schema accepts only references to blocks: inline credentials are rejected.
    Without a selection the form holds `NOTHING_CHOSEN`. Prefect 3.9.1 also submits the form when a
    block is created in it, which would start a run without the block.

    Args:
        block_type: slug of the block type.
        title: title of the picker's tab.
        otherwise: title of the tab for None.
        none_value: the form's value for None, if None is the default. Prefect's form (3.9.1)
            cannot switch to the picker from a tab whose default is null.
        tabs: other values that can replace a block, each with the title of its tab.
    """
    block_variant = {"title": title, "block_type_slug": block_type, "default": NOTHING_CHOSEN}
    if none_value:  # API calls may send null
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
    if variant["type"] == "null":
        return {**variant, "title": KEEP.capitalize(), "description": "Keep the current value."}
    if "properties" not in variant:
        return variant
    # The form draws a tag (const) as a drop-down only if it has an enum, here of one value.
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
    # A variant is recognized by its tag.
    for name, tag in variant.get("properties", {}).items():
        if "const" in tag:
            constraints = {key: variant[key] for key in ("properties", "additionalProperties")}
            condition = {"properties": {name: {"const": tag["const"]}}}
            yield {"if": condition, "then": constraints | {"required": _required_fields(variant)}}


def _required_fields(variant: JsonSchemaValue) -> list[str]:
    tags = [name for name, field_schema in variant["properties"].items() if "const" in field_schema]
    return [*tags, *variant.get("required", ())]
