"""Read for which addresses credentials are declared, without using them."""

from collections.abc import Collection

from prefect.client.schemas.objects import BlockDocument

from models.configuration.credential_check import DeclaredCredential
from models.registries.credential_origin import permitted_origins
from models.registries.registry import BlockRef, EnvironmentRef, FileRef, NamedCredentialRef
from tasks.configuration.credential_sources import declare_sources
from tasks.secrets.blocks import BlockIncomplete, read_block_documents, read_origins
from tasks.secrets.credentials import REGISTRY_BLOCK_TYPE, parse_credential
from tasks.store.registries import credential_origins
from tasks.store.session import in_transaction


async def read_declared_credentials(
    references: Collection[NamedCredentialRef],
) -> dict[str, DeclaredCredential]:
    """Return what is declared about credentials, by reference key; missing blocks are omitted.

    A block may be sent to the origins in its own list, and to those that a person chose it for in
    a form.
    """
    declared = declare_sources(
        ref for ref in references if isinstance(ref, EnvironmentRef | FileRef)
    )
    names = {ref.name for ref in references if isinstance(ref, BlockRef)}
    documents = await read_block_documents(REGISTRY_BLOCK_TYPE, names)
    ids = {document.name: str(document.id) for document in documents if document.name}
    records = await in_transaction(credential_origins.list_origins, ids)
    approved = permitted_origins(ids, records)
    for document in documents:
        if document.name:
            declared[document.name] = _declare(document, approved[document.name])
    return declared


def _declare(document: BlockDocument, approved: frozenset[str]) -> DeclaredCredential:
    error = parse_credential(document).error
    try:
        origins = read_origins(document)
    except BlockIncomplete as invalid:
        origins, error = frozenset(), error or str(invalid)
    return DeclaredCredential(
        origins=origins | approved,
        # Prefect does not validate the fields of a saved block.
        for_pull=document.data.get("for_pull") is True,
        allow_push=document.data.get("allow_push") is True,
        allow_weak_tls=document.data.get("allow_weak_tls") is True,
        error=error,
    )
