"""Names that other systems depend on stay as they are; titles and descriptions may change.

A name that is changed on purpose is changed in the sample too, and in the CHANGELOG.
"""

import importlib
import json
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel

import models.tables  # noqa: F401 - defines the tables
from deployments.definitions import BLOCK_TYPES, load_definitions
from models.core.audit import EVENT_DESCRIPTIONS
from models.core.reasons import Reason
from models.core.settings import Settings

SAMPLE = Path(__file__).parent.parent / "samples" / "public_names.json"
TEXTS = {"title", "description", "examples", "position"}
Schema = dict[str, Any]


def test_public_names_stay() -> None:
    expected = json.loads(SAMPLE.read_text())
    actual = public_names()
    assert actual.keys() == expected.keys()
    for area, names in expected.items():
        assert actual[area] == names, area


def public_names() -> Schema:
    """Return all names that other systems depend on, by area."""
    prefix = Settings.model_config.get("env_prefix", "")
    return {
        "flows": {_flow_name(entry): _parameters(entry) for entry in load_definitions()},
        "events": sorted(EVENT_DESCRIPTIONS),
        "settings": sorted(f"{prefix}{name}".upper() for name in Settings.model_fields),
        "blocks": {kind.get_block_type_slug(): sorted(kind.model_fields) for kind in BLOCK_TYPES},
        "reasons": sorted(Reason),
        "tables": {
            table.name: sorted(column.name for column in table.columns)
            for table in SQLModel.metadata.sorted_tables
        },
    }


def _flow(entry: Schema) -> Any:
    path, _, function = entry["entrypoint"].partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    return getattr(module, function)


def _flow_name(entry: Schema) -> str:
    return f"{_flow(entry).name}/{entry['name']}"


def _parameters(entry: Schema) -> Schema:
    schema = _flow(entry).parameters.model_dump()
    parameters = {name: schema[name] for name in ("properties", "required") if name in schema}
    shape: Schema = _without_texts(parameters, schema.get("definitions", {}))
    return {"required": [], **shape}


def _without_texts(node: Any, types: Schema) -> Any:
    """Return a JSON schema without texts for people, and with types in place of references."""
    if isinstance(node, list):
        return [_without_texts(item, types) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        own = {key: value for key, value in node.items() if key != "$ref"}
        return _without_texts(types[node["$ref"].rpartition("/")[2]] | own, types)
    shape = {key: value for key, value in node.items() if key not in TEXTS}
    names = shape.pop("properties", {})
    clean = {key: _without_texts(value, types) for key, value in shape.items()}
    if names:
        clean["properties"] = {name: _without_texts(value, types) for name, value in names.items()}
    return clean
