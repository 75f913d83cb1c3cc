"""A document cannot send a credential to an address that it is not declared for."""

from typing import Any

import pytest

from models.configuration.credential_check import (
    DeclaredCredential,
    check_credentials,
    entries_to_check,
    references_of,
)
from tests.models.configuration.worlds import (
    FILE,
    docker,
    documents,
    harbor,
    plan,
    world_of,
)

HARBOR = harbor()
OWN = DeclaredCredential(origins=frozenset({"https://harbor.example.com"}))
DOCKER = docker(
    credential={"block": "harbor"},
    pull_credential={"environment": "REGISTRY_CREDENTIAL_PULL"},
    token_service="https://auth.example.com",
    pull_addresses=["mirror.example.com"],
)
DOCKER_ORIGINS = {"https://docker.example.com", "https://auth.example.com"}
MIRROR = {"https://mirror.example.com"}


def objections(
    entry: dict[str, Any], before: dict[str, Any] | None, **declared: DeclaredCredential
) -> list[str]:
    content = {"registries": {"prod": entry}}
    world = world_of({"registries": {"prod": before}} if before else {})
    entries = entries_to_check(plan(world, content))
    by_key = {key.replace("environment_", "environment:"): value for key, value in declared.items()}
    notices = check_credentials(entries, by_key, documents({FILE: content}))
    return [str(notice) for notice in notices.values()]


def test_a_declared_address_is_allowed() -> None:
    assert objections(HARBOR, None, harbor=OWN) == []


@pytest.mark.parametrize("before", [None, HARBOR])
def test_another_address_needs_a_credential_that_is_declared_for_it(before: Any) -> None:
    moved = harbor("https://evil.example.com")
    (message,) = objections(moved, before, harbor=OWN)
    assert message.startswith(
        "platform/main.yaml:5:4: registry prod: block harbor is not declared for "
        "https://evil.example.com, so it was not sent there"
    )


def test_what_sends_nothing_elsewhere_needs_no_declaration() -> None:
    assert objections(harbor(description="new", drift_policy="report"), HARBOR) == []
    assert objections(HARBOR, HARBOR) == []


@pytest.mark.parametrize(
    ("own", "pull", "place", "origin"),
    [
        (DOCKER_ORIGINS, DOCKER_ORIGINS | MIRROR, None, ""),
        (DOCKER_ORIGINS - {"https://auth.example.com"}, DOCKER_ORIGINS | MIRROR, 12, "auth"),
        (DOCKER_ORIGINS, DOCKER_ORIGINS, 13, "mirror"),
    ],
)
def test_each_host_that_receives_a_credential_is_checked(
    own: set[str], pull: set[str], place: int | None, origin: str
) -> None:
    declared = {
        "harbor": DeclaredCredential(origins=frozenset(own)),
        "environment_REGISTRY_CREDENTIAL_PULL": DeclaredCredential(origins=frozenset(pull)),
    }
    messages = objections(DOCKER, None, **declared)
    expected = [] if place is None else [place]
    assert [int(message.split(":")[1]) for message in messages] == expected
    assert all(f"https://{origin}.example.com" in message for message in messages)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({}, "block harbor does not exist: save it"),
        ({"harbor": DeclaredCredential(error="it has no 'Password'")}, "it has no 'Password'"),
    ],
)
def test_a_missing_or_unusable_credential_is_named(
    declared: dict[str, DeclaredCredential], message: str
) -> None:
    assert message in objections(HARBOR, None, **declared)[0]


def test_all_references_are_read() -> None:
    content = {"registries": {"prod": DOCKER}}
    entries = entries_to_check(plan(world_of({}), content))
    keys = {reference.ref_key for reference in references_of(entries.values())}
    assert keys == {"harbor", "environment:REGISTRY_CREDENTIAL_PULL"}
