"""Origins that a person permitted saved credentials to be sent to."""

from collections.abc import Iterable

from sqlmodel import Session, col, select

from models.registries.credential_origin import CredentialOrigin, block_origins
from models.registries.registry import Registry
from models.tables import CredentialOriginRow
from tasks.store.upsert import upsert


def save(session: Session, approved_origins: Iterable[CredentialOrigin]) -> None:
    """Save permitted origins in addition to the existing ones."""
    upsert(
        session,
        CredentialOriginRow,
        [approved_origin.model_dump() for approved_origin in set(approved_origins)],
    )


def replace_documents(session: Session, origins: Iterable[CredentialOrigin]) -> None:
    """Save permitted origins, and delete those of earlier documents of the same blocks."""
    origins = tuple(origins)
    document_ids = {origin.block: origin.document_id for origin in origins}
    query = select(CredentialOriginRow).where(col(CredentialOriginRow.block).in_(document_ids))
    for row in session.exec(query).all():
        if row.document_id != document_ids[row.block]:
            session.delete(row)
    save(session, origins)


def list_origins(session: Session, blocks: Iterable[str]) -> tuple[CredentialOrigin, ...]:
    """Return the permitted origins of the blocks with these keys."""
    query = select(CredentialOriginRow).where(col(CredentialOriginRow.block).in_(set(blocks)))
    return tuple(CredentialOrigin.model_validate(row.model_dump()) for row in session.exec(query))


def delete_unused(session: Session, registries: Iterable[Registry]) -> None:
    """Delete permitted origins that no registry uses.

    Args:
        registries: all registries.
    """
    needed = {use for registry in registries for use in block_origins(registry)}
    for row in session.exec(select(CredentialOriginRow)).all():
        if (row.block, row.origin) not in needed:
            session.delete(row)
