"""What is published about documents is what is accepted."""

import json
import re
from pathlib import Path

import pytest

from deployments.demo.scenario import DOCUMENT
from models.configuration.parse import parse_documents
from models.configuration.schema import build_schema

ROOT = Path(__file__).parent.parent.parent.parent
SCHEMA = ROOT / "docs" / "configuration.schema.json"


def test_the_published_schema_is_current() -> None:
    """If it is not, write it: `python -c` with the next two lines."""
    expected = json.dumps(build_schema(), indent=2) + "\n"
    assert SCHEMA.read_text() == expected


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_each_example_is_a_valid_document(page: str) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert examples
    for number, text in enumerate(examples):
        assert parse_documents({f"{page}-{number}": text})


def test_the_document_of_the_demo_is_valid() -> None:
    text = DOCUMENT.format(name="harbor-lab", url="http://127.0.0.1:1")
    (parsed,) = parse_documents({"demo.yaml": text})
    assert set(parsed.document.registries) == {"harbor-lab"}
