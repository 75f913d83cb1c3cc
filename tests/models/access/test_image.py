"""Image references."""

import re

import pytest

from models.access.image import IMAGE_PATTERN, find_registry, parse_image, space_name
from models.core.errors import InvalidRequest
from models.registries.registry import CAPABILITIES, Capabilities, Kind
from tests.support.builders import registry

HARBOR, DOCKER = CAPABILITIES[Kind.HARBOR], CAPABILITIES[Kind.DOCKER]
DIGEST = f"sha256:{'0a' * 32}"
ALL = (
    registry(name="harbor-prod", address="https://harbor.example.com"),
    registry(Kind.DOCKER, name="docker-dev", address="http://localhost:5000").model_copy(
        update={"pull_addresses": ("mirror.test",)}
    ),
)


@pytest.mark.parametrize(
    ("text", "capabilities", "expected", "space"),
    [
        ("harbor-prod/team-a/app:1.0", HARBOR, "harbor-prod", "team-a"),
        ("harbor-prod/team-a", HARBOR, "harbor-prod", "team-a"),
        ("harbor.example.com/team-a/deep/app", HARBOR, "harbor-prod", "team-a"),
        ("Harbor.Example.com:443/team-a/app", HARBOR, "harbor-prod", "team-a"),
        (f"https://harbor.example.com/team-a/app@{DIGEST}", HARBOR, "harbor-prod", "team-a"),
        ("localhost:5000/team/app:1", DOCKER, "docker-dev", "team"),
        ("mirror.test/team/app:1", DOCKER, "docker-dev", "team"),
        ("mirror.test:443/team/app:1", DOCKER, "docker-dev", "team"),
        ("docker-dev/app:1", DOCKER, "docker-dev", "/"),
        ("docker-dev/app", DOCKER, "docker-dev", "/"),
        ("docker-dev/team", DOCKER, "docker-dev", "team"),
        ("docker-dev/team:1", DOCKER, "docker-dev", "/"),
        ("docker-dev/new/", DOCKER, "docker-dev", "new"),
    ],
)
def test_an_image_names_its_registry_and_its_space(
    text: str, capabilities: Capabilities, expected: str, space: str
) -> None:
    image = parse_image(text)
    image_registry = find_registry(image, ALL)
    assert image_registry is not None
    assert image_registry.name == expected
    assert image_registry.capabilities is capabilities
    assert space_name(image, capabilities, {"team"}) == space


@pytest.mark.parametrize(
    "text",
    ["", "nginx", "nginx:1.25", "harbor-prod/", "user:pw@harbor.example.com/team/app", "a b/c"],
)
def test_what_is_no_image_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"expected registry/space\[/image:tag\]"):
        parse_image(text)


def test_an_image_outside_of_every_space_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="expected project/image for a Harbor"):
        space_name(parse_image("harbor-prod/app:1"), HARBOR, ())
    with pytest.raises(InvalidRequest, match="not a valid Harbor project"):
        space_name(parse_image("harbor-prod/Team_/app:1"), HARBOR, ())


def test_another_registry_is_none_of_ours() -> None:
    assert find_registry(parse_image("quay.io/team/app"), ALL) is None


def test_the_form_takes_no_password() -> None:
    assert re.search(IMAGE_PATTERN, f"harbor-prod/team-a/app:1.0@{DIGEST}")
    assert not re.search(IMAGE_PATTERN, "user:pw@harbor.example.com/team/app")
