"""Origins that a person permitted saved credentials to be sent to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlmodel import Session, col, select

from models.registries.credential_origin import CredentialOrigin, credential_blocks
from models.registries.registry import Registry
from models.tables import CredentialOriginRow, RegistryRow
from tasks.store.upsert import upsert


def save(session: Session, approved_origins: Iterable[CredentialOrigin]) -> None:
    """Save permitted origins in addition to the existing ones."""
    upsert(
        session,
        CredentialOriginRow,
        [approved_origin.model_dump() for approved_origin in set(approved_origins)],
    )


def permitted_origins(session: Session, blocks: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return the origins that each of these blocks may be sent to, by name of the block.

    Args:
        session: the transaction.
        blocks: document id of each block, by name.
    """
    origins: dict[str, set[str]] = defaultdict(set)
    query = select(CredentialOriginRow).where(col(CredentialOriginRow.block).in_(blocks))
    for row in session.exec(query).all():
        if not row.document_id:  # saved before ids were recorded: pin it to the current block
            session.delete(row)
            save(session, [_to_origin(row).model_copy(update={"document_id": blocks[row.block]})])
        if _to_origin(row).covers(row.block, blocks[row.block]):
            origins[row.block].add(row.origin)
    return {block: frozenset(origins[block]) for block in blocks}


def list_origins(session: Session, registry: Registry) -> tuple[CredentialOrigin, ...]:
    """Return the permitted origins of a registry's credential blocks."""
    blocks = set(credential_blocks(registry))
    query = select(CredentialOriginRow).where(col(CredentialOriginRow.block).in_(blocks))
    return tuple(_to_origin(row) for row in session.exec(query))


def delete_unused(session: Session) -> None:
    """Delete permitted origins that no registry uses."""
    needed = {
        (reference["name"], origin)
        for row in session.exec(select(RegistryRow))
        for reference in (row.credential, row.pull_credential)
        if reference is not None and reference["source"] == "block"
        for origin in (row.address, row.token_service)
    }
    for row in session.exec(select(CredentialOriginRow)).all():
        if (row.block, row.origin) not in needed:
            session.delete(row)


def _to_origin(row: CredentialOriginRow) -> CredentialOrigin:
    return CredentialOrigin.model_validate(row.model_dump())
