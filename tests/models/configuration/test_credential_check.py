"""A document cannot send a credential to an address that it is not declared for."""

from typing import Any

import pytest
import trustme

from models.configuration.credential_check import (
    DeclaredCredential,
    check_credentials,
    entries_to_check,
    references_of,
)
from models.configuration.planner import PlanOptions, plan_configuration
from models.configuration.scope import Scope
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
    parsed = documents({FILE: content})
    entries = entries_to_check(plan(world, content), parsed, world)
    by_key = {key.replace("environment_", "environment:"): value for key, value in declared.items()}
    notices = check_credentials(entries, by_key, parsed)
    return [str(notice) for notice in notices.values()]


def test_a_declared_address_is_allowed() -> None:
    assert objections(HARBOR, None, harbor=OWN) == []


@pytest.mark.parametrize("before", [None, HARBOR])
def test_another_address_needs_a_credential_that_is_declared_for_it(before: Any) -> None:
    moved = harbor("https://evil.example.com")
    (message,) = objections(moved, before, harbor=OWN)
    assert message.startswith(
        "platform/main.yaml:5:4: registry prod: block harbor is not declared for "
        "https://evil.example.com, so it is not sent there"
    )


def test_what_sends_nothing_elsewhere_needs_no_declaration() -> None:
    assert objections(harbor(description="new", drift_policy="report"), HARBOR) == []
    assert objections(HARBOR, HARBOR) == []


def test_an_origin_that_is_not_declared_any_more_is_an_objection() -> None:
    """Also without a change; but only if the credential could be read."""
    revoked = DeclaredCredential(origins=frozenset({"https://other.example.com"}))
    (message,) = objections(HARBOR, HARBOR, harbor=revoked)
    assert "main.yaml:5:4: registry prod: block harbor is not declared for https" in message
    assert objections(HARBOR, HARBOR, harbor=OWN) == []
    assert objections(HARBOR, HARBOR, harbor=DeclaredCredential(error="unreadable")) == []


def test_the_owner_of_a_thing_is_named_before_its_credential() -> None:
    world = world_of({"registries": {"prod": HARBOR}}, "other.yaml")
    content = {"registries": {"prod": harbor("https://evil.example.com")}}
    parsed = documents({FILE: content})
    entries = entries_to_check(plan(world, content), parsed, world)
    found = check_credentials(entries, {"harbor": DeclaredCredential()}, parsed)
    options = PlanOptions(Scope(name="platform", is_folder=True), objections=found)
    (notice,) = plan_configuration(parsed, world, options).notices
    assert "other.yaml:3 owns it" in notice.message


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
        "environment_REGISTRY_CREDENTIAL_PULL": DeclaredCredential(
            origins=frozenset(pull), for_pull=True
        ),
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
    world = world_of({})
    entries = entries_to_check(plan(world, content), documents({FILE: content}), world)
    keys = {reference.ref_key for reference in references_of(entries.values())}
    assert keys == {"harbor", "environment:REGISTRY_CREDENTIAL_PULL"}


ADMIN = DeclaredCredential(origins=frozenset({"https://docker.example.com"}))


def allowed(**fields: bool) -> DeclaredCredential:
    return ADMIN.model_copy(update=fields)


@pytest.mark.parametrize("before", [None, docker()])
def test_a_credential_gets_into_pull_secrets_only_if_it_is_declared_for_that(before: Any) -> None:
    entry = docker(pull_credential={"block": "admin"})
    (message,) = objections(entry, before, admin=ADMIN)
    assert "main.yaml:6:4: registry prod: block admin is not declared for pull secrets" in message
    assert objections(entry, before, admin=allowed(for_pull=True)) == []
    pushing = docker(pull_credential={"block": "admin"}, allow_push=True)
    for by_hand in (before, entry):
        (message,) = objections(pushing, by_hand, admin=allowed(for_pull=True))
        assert "block admin is not declared as one that may push" in message
    assert objections(pushing, before, admin=allowed(for_pull=True, allow_push=True)) == []


def _new_root() -> str:
    return trustme.CA().cert_pem.bytes().decode()


INSECURE = {"mode": "insecure"}
CA, OTHER_CA = {"mode": "ca", "bundle": _new_root()}, {"mode": "ca", "bundle": _new_root()}


@pytest.mark.parametrize(
    ("before", "after", "is_refused"),
    [
        ({}, {"tls": INSECURE}, True),
        ({}, {"tls": CA}, True),
        ({"tls": CA}, {"tls": OTHER_CA}, True),
        ({"tls": CA}, {"tls": INSECURE}, True),
        ({"tls": INSECURE}, {"tls": CA}, False),
        ({"tls": INSECURE}, {}, False),
        ({"tls": CA}, {}, False),
        ({"tls": CA}, {"tls": CA, "drift_policy": "report"}, False),
        (None, {"tls": INSECURE}, True),
        (None, {"tls": CA}, False),
    ],
)
def test_a_document_does_not_weaken_the_verification_of_a_password(
    before: dict[str, Any] | None, after: dict[str, Any], is_refused: bool
) -> None:
    entry = harbor(**after)
    known = None if before is None else harbor(**before)
    messages = objections(entry, known, harbor=OWN)
    assert [("verified less than before" in message) for message in messages] == [True] * is_refused
    assert objections(entry, known, harbor=OWN.model_copy(update={"allow_weak_tls": True})) == []


PROXY = {"proxy": "http://proxy.example.com:3128"}


@pytest.mark.parametrize(
    ("fields", "key", "place"),
    [
        (
            {"client_certificate": {"block": "own"}},
            "client-certificate/own",
            "5:4: registry prod: client certificate own",
        ),
        ({**PROXY, "proxy_credential": {"block": "own"}}, "own", "9:4: registry prod: block own"),
    ],
)
def test_certificates_and_users_of_proxies_follow_the_rule_of_passwords(
    fields: dict[str, Any], key: str, place: str
) -> None:
    entry = harbor(**fields)
    origin = fields.get("proxy", HARBOR["address"])
    for before in (None, HARBOR, entry):
        declared = {"harbor": OWN, key: DeclaredCredential(origins=frozenset({"https://x.test"}))}
        (message,) = objections(entry, before, **declared)
        assert f"main.yaml:{place} is not declared for {origin}, so it is not sent" in message
        declared[key] = DeclaredCredential(origins=frozenset({origin}))
        assert objections(entry, before, **declared) == []
    assert "own does not exist" in objections(entry, HARBOR, harbor=OWN)[0]


def without_proxy(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "proxy"}


@pytest.mark.parametrize(
    ("entry", "is_readable"),
    [
        (harbor(**PROXY), False),
        (harbor(**PROXY, tls=CA), True),
        (harbor(**PROXY, tls=INSECURE), True),
        (harbor("http://harbor.example.com", **PROXY), True),
        (
            docker(
                "https://harbor.example.com",
                credential={"block": "harbor"},
                token_service="http://harbor.example.com",
                **PROXY,
            ),
            True,
        ),
        (docker(**PROXY, tls=CA), False),
    ],
)
def test_a_proxy_that_can_read_a_password_has_to_be_declared(
    entry: dict[str, Any], is_readable: bool
) -> None:
    origins = OWN.origins | {"http://harbor.example.com"}
    for before in (None, without_proxy(entry)):
        own = DeclaredCredential(origins=origins, allow_weak_tls=True)
        messages = objections(entry, before, harbor=own)
        where = "http://proxy.example.com:3128, where it could be read"
        assert [where in message for message in messages] == [True] * is_readable
        own = own.model_copy(update={"origins": origins | {PROXY["proxy"]}})
        assert objections(entry, before, harbor=own) == []


def test_what_a_form_chose_is_adopted_without_a_declaration() -> None:
    """Only what the service sends itself is checked again, as it is at each use."""
    entry = harbor("http://harbor.example.com", **PROXY)
    chosen = DeclaredCredential(origins=frozenset({"http://harbor.example.com"}))
    assert objections(entry, entry, harbor=chosen) == []
    pull = DeclaredCredential(origins=frozenset(DOCKER_ORIGINS))
    key = "environment_REGISTRY_CREDENTIAL_PULL"
    assert objections(DOCKER, DOCKER, harbor=pull, **{key: pull}) == []
