"""Validation of names."""

import pytest
from pydantic import TypeAdapter, ValidationError

from models.core.names import RegistryName, check_prefix, check_project

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


@pytest.mark.parametrize("name", ["a", "123", "a.b", "a_b", "a-b", "a.b-c_d", "a" * 255])
def test_projects(name: str) -> None:
    assert check_project(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "..", ".", "a..b", "a--b", "a__b", "-a", "a-", "a/b", "/", "a b", "ä", "a\n", "²",
     "a" * 256],
)  # fmt: skip
def test_projects_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid Harbor project: use 1 to 255"):
        check_project(name)


@pytest.mark.parametrize("name", ["a", "123", "a.b", "a_b", "a__b", "a---b", "/", "a" * 255])
def test_prefixes(name: str) -> None:
    assert check_prefix(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "..", "a..b", "a___b", "-a", "a-", "a/b", "//", "a b", "ä", "a\n", "a" * 256],
)
def test_prefixes_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid space of a Docker Registry") as excinfo:
        check_prefix(name)
    assert len(str(excinfo.value)) < 400
