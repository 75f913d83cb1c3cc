"""Client certificates in Prefect blocks: read when used, never copied, never a flow parameter."""

from collections.abc import Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from pydantic import ConfigDict, Field, SecretStr

from models.core.reasons import Reason
from models.registries.registry import CertificateRef
from tasks import clock
from tasks.http.connection.client_certificate import ClientCertificate, certificate_error
from tasks.secrets.blocks import (
    ORIGINS_TITLE,
    BlockIncomplete,
    BlockUnreadable,
    block_reference,
    read_block_documents,
    read_text_field,
)

CERTIFICATE_BLOCK_TYPE = "client-certificate"


class ClientCertificateBlock(Block):
    """A client certificate and its private key.

    Prefect stores the key encrypted and never displays it; flows receive only a reference.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str] = "Client certificate"
    _block_type_slug: ClassVar[str] = CERTIFICATE_BLOCK_TYPE
    _description: ClassVar[str] = "A certificate that a registry requires of its clients."

    certificate: str = Field(
        title="Certificate (PEM)",
        description="The certificate, followed by its intermediate certificates, if any.",
        json_schema_extra={"format": "textarea"},
    )
    key: SecretStr = Field(
        title="Private key (PEM)",
        description="The private key without a passphrase. Stored encrypted.",
        json_schema_extra={"format": "textarea"},
    )
    origins: list[str] = Field(
        default=[],
        title=ORIGINS_TITLE,
        description="The addresses that a configuration file may show this certificate to. Not "
        "needed for registries that are integrated with a form.",
        max_length=1000,
    )


def certificate_block_reference(block: ClientCertificateBlock | None) -> CertificateRef | None:
    """Return the reference to a saved block; None if no block is given.

    Raises:
        InvalidRequest: the certificate was passed inline, so its key is stored in plain text in the
            parameters of the flow run; it is not used.
    """
    if block is None:
        return None
    reference = block_reference(
        block, CERTIFICATE_BLOCK_TYPE, parameter="client_certificate", revoke="revoke it"
    )
    return CertificateRef(name=reference.name)


async def read_certificates(
    refs: set[CertificateRef],
) -> Mapping[str, tuple[BlockDocument, ClientCertificate]]:
    """Return document and content of blocks, by key of the reference; missing ones are omitted."""
    documents = await read_block_documents(CERTIFICATE_BLOCK_TYPE, {ref.name for ref in refs})
    return {
        CertificateRef(name=document.name).ref_key: (document, parse_certificate(document))
        for document in documents
        if document.name
    }


def parse_certificate(document: BlockDocument) -> ClientCertificate:
    """Return the client certificate of a saved block; if it cannot be used, one with an error."""
    try:  # Prefect does not validate the fields of a saved block
        certificate = read_text_field(document, "certificate", "Certificate (PEM)")
        key = SecretStr(read_text_field(document, "key", "Private key (PEM)"))
    except BlockIncomplete as error:
        is_unreadable = isinstance(error, BlockUnreadable)
        reason = Reason.CREDENTIALS_UNPROVED if is_unreadable else Reason.CREDENTIALS_MISSING
        return ClientCertificate("", SecretStr(""), str(error), reason)
    if message := certificate_error(certificate, key, clock.now()):
        error_text = f"the block {CERTIFICATE_BLOCK_TYPE}/{document.name} cannot be used: {message}"
        return ClientCertificate("", SecretStr(""), error_text)
    return ClientCertificate(certificate, key)
