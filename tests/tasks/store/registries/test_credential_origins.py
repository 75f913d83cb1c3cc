"""The origins that credentials were given for: kept with the registry, pinned to the block."""

from collections.abc import Iterable

from flows.operations.integration import save_new_registry, save_registry
from models.registries import credential_origin
from models.registries.credential_origin import CredentialOrigin, credential_blocks
from models.registries.registry import BlockRef, Registry
from models.tables import CredentialOriginRow
from tasks.store.registries import credential_origins, registries
from tasks.store.session import run_in_transaction
from tests.support.builders import registry, run_context
from tests.tasks.store.tools import INTEGRATED, rows

A, B, TOKENS = "https://a.example.com", "https://b.example.com", "https://tokens.example.com"
ADMIN = BlockRef(name="admin")


def pair(origin: str, document_id: str = "id-1", block: str = "admin") -> CredentialOrigin:
    return CredentialOrigin(block=block, document_id=document_id, origin=origin)


def add_registry(spec: Registry, *origins: CredentialOrigin) -> None:
    run_in_transaction(save_new_registry, spec, INTEGRATED, run_context(""), origins)


def permitted_origins(**blocks: str) -> dict[str, set[str]]:
    origins = run_in_transaction(credential_origins.list_origins, blocks)
    return {
        name: set(urls)
        for name, urls in credential_origin.permitted_origins(blocks, origins).items()
    }


def saved_origins() -> set[tuple[str, str, str]]:
    return {(row.block, row.document_id, row.origin) for row in rows(CredentialOriginRow)}


def test_nothing_is_permitted_that_nobody_gave(database: str) -> None:
    add_registry(registry(address=A, credential=ADMIN))
    assert permitted_origins(admin="id-1") == {"admin": set()}
    assert permitted_origins() == {}


def test_one_block_may_have_several_origins(database: str) -> None:
    add_registry(registry(name="a", address=A, credential=ADMIN), pair(A))
    add_registry(registry(name="b", address=B, credential=ADMIN), pair(B), pair(B))
    assert permitted_origins(admin="id-1", other="id-2") == {"admin": {A, B}, "other": set()}


def test_a_block_that_was_made_again_has_none(database: str) -> None:
    add_registry(registry(address=A, credential=ADMIN), pair(A))
    assert permitted_origins(admin="id-2") == {"admin": set()}
    assert permitted_origins(admin="id-1") == {"admin": {A}}


def test_integrated_once_more_gives_it_again(database: str) -> None:
    admin_registry = registry(address=A, credential=ADMIN)
    add_registry(admin_registry, pair(A))
    add_registry(admin_registry, pair(A, "id-2"))
    assert permitted_origins(admin="id-2") == {"admin": {A}}


def test_what_serves_no_registry_any_more_is_forgotten(database: str) -> None:
    first = registry(name="a", address=A, credential=ADMIN, token_service=TOKENS)
    add_registry(first, pair(A), pair(TOKENS))
    add_registry(registry(name="b", address=B, credential=ADMIN), pair(B))
    moved_registry = first.model_copy(
        update={"token_service": None, "address": "https://c.example.com"}
    )
    new_origins: Iterable[CredentialOrigin] = [pair(moved_registry.address)]
    run_in_transaction(
        save_registry,
        moved_registry,
        INTEGRATED,
        run_context(""),
        new_origins,
    )
    assert {origin for _, _, origin in saved_origins()} == {moved_registry.address, B}
    run_in_transaction(registries.delete_registry, "a", INTEGRATED, run_context(""))
    assert saved_origins() == {("admin", "id-1", B)}


def test_the_known_pairs_of_a_registry(database: str) -> None:
    admin_registry = registry(address=A, credential=ADMIN)
    add_registry(admin_registry, pair(A))
    add_registry(
        registry(name="b", address=B, credential=BlockRef(name="other")), pair(B, block="other")
    )
    blocks = credential_blocks(admin_registry)
    assert run_in_transaction(credential_origins.list_origins, blocks) == (pair(A),)
