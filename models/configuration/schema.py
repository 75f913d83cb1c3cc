"""The JSON Schema of documents, for editors: docs/configuration.schema.json."""

from typing import Any

from models.configuration.document import EXTENSION_PREFIX, Document


def build_schema() -> dict[str, Any]:
    """Return the JSON Schema of a document.

    See https://json-schema.org/draft/2020-12; a comment
    `# yaml-language-server: $schema=…` in a document names it for editors.
    """
    schema = Document.model_json_schema()
    for definition in (schema, *schema["$defs"].values()):
        if "description" in definition:  # the first paragraph of the docstring
            definition["description"] = definition["description"].partition("\n\n")[0]
    schema["patternProperties"] = {f"^{EXTENSION_PREFIX}": {}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
