"""What registries of each kind can do, and which names their spaces can have."""

from typing import Any

import pytest
from pydantic import ValidationError

from models.registries.registry import CAPABILITIES, BlockRef, Capabilities, Kind, Registry
from tests.support.builders import registry

PROJECTS, PREFIXES = (CAPABILITIES[kind].space_names for kind in (Kind.HARBOR, Kind.DOCKER))


def test_each_kind_has_capabilities() -> None:
    assert list(CAPABILITIES) == list(Kind)
    assert registry(Kind.HARBOR).capabilities is CAPABILITIES[Kind.HARBOR]
    assert registry(Kind.DOCKER).capabilities is CAPABILITIES[Kind.DOCKER]


def test_a_harbor_enforces_privacy_and_a_docker_registry_does_not() -> None:
    assert registry(Kind.HARBOR).capabilities.enforces_privacy
    assert not registry(Kind.DOCKER).capabilities.enforces_privacy


def test_a_kind_without_capabilities_is_refused() -> None:
    with pytest.raises(
        ValidationError, match="unknown kind of registry; known kinds: harbor, docker"
    ):
        Registry(name="prod", kind="quay", address="https://registry.test")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"has_robot_accounts": True}, "could not pull from public spaces"),
        ({"serves_public_spaces": True}, "if it stores the visibility"),
        ({"stores_spaces": True}, ""),
        ({"stores_spaces": True, "serves_public_spaces": True}, ""),
        ({"stores_spaces": True, "has_robot_accounts": True}, "could not pull from public spaces"),
        ({"serves_public_spaces": True, "has_robot_accounts": True}, "if it stores the visibility"),
    ],
)
def test_capabilities_that_exclude_each_other_are_refused(
    values: dict[str, Any], message: str
) -> None:
    values = {**CAPABILITIES[Kind.DOCKER].model_dump(), **values}
    if not message:
        assert not Capabilities(**values).enforces_privacy
        return
    with pytest.raises(ValidationError, match=message):
        Capabilities(**values)


@pytest.mark.parametrize(
    ("kind", "pull_credential", "expected"),
    [
        (Kind.DOCKER, BlockRef(name="puller"), True),
        (Kind.DOCKER, None, False),
        (Kind.HARBOR, BlockRef(name="puller"), False),
    ],
)
def test_only_a_registry_without_robot_accounts_has_a_pull_user(
    kind: Kind, pull_credential: BlockRef | None, expected: bool
) -> None:
    target = registry(kind).model_copy(update={"pull_credential": pull_credential})
    assert target.has_pull_user is expected


@pytest.mark.parametrize("name", ["a", "123", "a.b", "a_b", "a-b", "a.b-c_d", "a" * 255])
def test_projects(name: str) -> None:
    assert PROJECTS.check(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "..", ".", "a..b", "a--b", "a__b", "-a", "a-", "a/b", "/", "a b", "ä", "a\n", "²",
     "a" * 256],
)  # fmt: skip
def test_projects_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid Harbor project: use 1 to 255"):
        PROJECTS.check(name)


@pytest.mark.parametrize("name", ["a", "123", "a.b", "a_b", "a__b", "a---b", "/", "a" * 255])
def test_prefixes(name: str) -> None:
    assert PREFIXES.check(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "..", "a..b", "a___b", "-a", "a-", "a/b", "//", "a b", "ä", "a\n", "a" * 256],
)
def test_prefixes_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a valid space of a Docker Registry") as excinfo:
        PREFIXES.check(name)
    assert len(str(excinfo.value)) < 400
