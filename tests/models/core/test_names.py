"""Validation of names."""

import pytest
from pydantic import TypeAdapter, ValidationError

from models.core.names import RegistryName

REGISTRY = TypeAdapter(RegistryName)


@pytest.mark.parametrize("name", ["a", "7", "harbor-prod", "a--b", "123", "a" * 63])
def test_registry_names(name: str) -> None:
    assert REGISTRY.validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "Harbor", "-a", "a-", "a_b", "a.b", "a b", "..", "a/b", "ä", "a\n", "٣", "a" * 64],
)
def test_registry_names_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="lower-case letters, digits and inner hyphens"):
        REGISTRY.validate_python(name)


def test_a_refusal_is_short() -> None:
    with pytest.raises(ValidationError) as excinfo:
        REGISTRY.validate_python("x" * 256)
    assert "(256 characters)" in excinfo.value.errors()[0]["msg"]
    assert len(excinfo.value.errors()[0]["msg"]) < 250
