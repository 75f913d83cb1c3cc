"""Read for which addresses credentials are declared, without using them."""

from collections.abc import Collection

from prefect.client.schemas.objects import BlockDocument

from models.configuration.credential_check import DeclaredCredential
from models.registries.credential_origin import permitted_origins
from models.registries.registry import (
    BlockRef,
    CertificateRef,
    EnvironmentRef,
    FileRef,
    NamedCredentialRef,
)
from tasks.configuration.credential_sources import declare_sources
from tasks.secrets.blocks import BlockIncomplete, read_block_documents, read_origins
from tasks.secrets.client_certificates import read_certificates
from tasks.secrets.credentials import REGISTRY_BLOCK_TYPE, parse_credential
from tasks.store.registries import credential_origins
from tasks.store.session import in_transaction


async def read_declared_credentials(
    references: Collection[NamedCredentialRef | CertificateRef],
) -> dict[str, DeclaredCredential]:
    """Return what is declared about credentials, by reference key; missing blocks are omitted.

    A block may be sent to the origins in its own list, and to those that a person chose it for in
    a form.
    """
    names = {ref.name for ref in references if isinstance(ref, BlockRef)}
    documents = await read_block_documents(REGISTRY_BLOCK_TYPE, names)
    blocks = {document.name: document for document in documents if document.name}
    declared = {name: _declare(document) for name, document in blocks.items()}
    certificates = await read_certificates(
        {ref for ref in references if isinstance(ref, CertificateRef)}
    )
    for key, (document, certificate) in certificates.items():
        blocks[key], declared[key] = document, _declare_certificate(document, certificate.error)
    ids = {key: str(document.id) for key, document in blocks.items()}
    records = await in_transaction(credential_origins.list_origins, ids)
    return {
        key: declared[key].model_copy(update={"origins": declared[key].origins | chosen})
        for key, chosen in permitted_origins(ids, records).items()
    } | declare_sources(ref for ref in references if isinstance(ref, EnvironmentRef | FileRef))


def _declare(document: BlockDocument) -> DeclaredCredential:
    origins, error = _declared_origins(document)
    return DeclaredCredential(
        origins=origins,
        # Prefect does not validate the fields of a saved block.
        for_pull=document.data.get("for_pull") is True,
        allow_push=document.data.get("allow_push") is True,
        allow_weak_tls=document.data.get("allow_weak_tls") is True,
        error=parse_credential(document).error or error,
    )


def _declare_certificate(document: BlockDocument, error: str) -> DeclaredCredential:
    origins, origin_error = _declared_origins(document)
    # Its key is never sent, whoever answers: weaker TLS needs no permission.
    return DeclaredCredential(origins=origins, allow_weak_tls=True, error=error or origin_error)


def _declared_origins(document: BlockDocument) -> tuple[frozenset[str], str]:
    try:
        return read_origins(document), ""
    except BlockIncomplete as error:
        return frozenset(), str(error)
