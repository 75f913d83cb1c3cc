"""The origins that a credential may be sent to: start with a registry, change one thing."""

from typing import Any

import pytest

from models.core.errors import InvalidRequest
from models.registries.credential_origin import (
    CredentialOrigin,
    check_moved_credentials,
    new_credential_origins,
    permitted_origins,
    token_service_origins,
)
from models.registries.registry import BlockRef, Kind, Registry, SecretRef

A, B, TOKENS = "https://a.example.com", "https://b.example.com", "https://tokens.example.com"
ADMIN, PULLER = BlockRef(name="admin"), BlockRef(name="puller")
SECRET = SecretRef(cluster="eu", namespace="hub", name="core", key="k")
IDS = {"admin": "id-1", "puller": "id-2"}


def registry(**overrides: Any) -> Registry:
    fields = {"name": "one", "kind": Kind.DOCKER, "address": A, "credential": ADMIN}
    return Registry.model_validate(fields | overrides)


def pair(origin: str = A, block: str = "admin", document_id: str = "id-1") -> CredentialOrigin:
    return CredentialOrigin(block=block, document_id=document_id, origin=origin)


@pytest.mark.parametrize(
    ("document_ids", "origins"),
    [
        ({}, {}),
        ({"admin": "id-1"}, {"admin": {A, B}}),
        ({"admin": "id-9"}, {"admin": {TOKENS}}),  # made again under its name
        ({"admin": "id-2", "puller": "id-1"}, {"admin": set(), "puller": set()}),
        ({"admin": "id-1", "puller": "id-2"}, {"admin": {A, B}, "puller": {A}}),
    ],
)
def test_a_block_may_be_sent_where_its_document_may(
    document_ids: dict[str, str], origins: dict[str, set[str]]
) -> None:
    saved = [pair(), pair(B), pair(TOKENS, document_id="id-9")]
    saved += [pair(block="puller", document_id="id-2")]
    assert permitted_origins(document_ids, saved) == origins


@pytest.mark.parametrize(
    ("more", "ids", "origins"),
    [
        ({}, IDS, {pair()}),
        ({}, {}, set()),
        ({"credential": None}, IDS, set()),
        ({"credential": SECRET}, IDS, set()),
        ({"pull_credential": PULLER}, IDS, {pair(), pair(block="puller", document_id="id-2")}),
        ({"pull_credential": PULLER}, {"admin": "id-1"}, {pair()}),
        ({"token_service": TOKENS}, IDS, {pair(), pair(TOKENS)}),
    ],
)
def test_what_is_given_is_given_for_the_address_and_the_token_service(
    more: dict[str, Any], ids: dict[str, str], origins: set[CredentialOrigin]
) -> None:
    assert set(new_credential_origins(registry(**more), ids)) == origins


def test_a_token_service_may_have_what_its_registry_may_have() -> None:
    before, after = registry(), registry(token_service=TOKENS)
    origins = [pair(), pair(B), pair(document_id="id-9"), pair(block="other")]
    assert set(token_service_origins(origins, before, after)) == {
        pair(TOKENS),
        pair(TOKENS, document_id="id-9"),
    }
    assert token_service_origins([pair(B)], before, after) == ()
    assert token_service_origins(origins, after, after) == ()
    assert token_service_origins(origins, before, registry(token_service=TOKENS, address=B)) == ()


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("address", [B, "http://a.example.com", f"{A}:8443"])
@pytest.mark.parametrize(
    ("more", "lacking"),
    [
        ({}, "set credentials in the same run"),
        ({"credential": SECRET}, "set credentials in the same run"),
        (
            {"pull_credential": PULLER},
            "set credentials and pull_credentials in the same run",
        ),
        (
            {"credential": None, "pull_credential": PULLER},
            "set pull_credentials in the same run",
        ),
    ],
)
def test_another_origin_needs_the_credentials_again(
    kind: Kind, address: str, more: dict[str, Any], lacking: str
) -> None:
    before = registry(kind=kind, **more)
    after = before.model_copy(update={"address": address})
    with pytest.raises(InvalidRequest, match=lacking):
        check_moved_credentials(before, after, {"address"})
    check_moved_credentials(before, after, {"address", "credential", "pull_credential"})
    check_moved_credentials(before, before, {"tls"})


def test_without_credentials_there_is_nothing_to_give_again() -> None:
    check_moved_credentials(registry(credential=None), registry(credential=None, address=B), set())
