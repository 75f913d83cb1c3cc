"""Prefect blocks with credentials: references and reading."""

from collections.abc import Collection
from contextlib import suppress
from uuid import uuid4

import httpx
from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import TypeAdapter, ValidationError

from models.core.errors import InvalidRequest
from models.registries.address import AddressText
from models.registries.registry import BlockRef

ORIGINS_TITLE = "Addresses for configuration files"

_PAGE_SIZE = 200
_MAX_FIELD_LENGTH = 1_000_000
_ORIGINS_ADAPTER = TypeAdapter(frozenset[AddressText])


def block_reference(block: Block, slug: str, *, parameter: str, revoke: str) -> BlockRef:
    """Return the reference to a saved block.

    Args:
        block: value of the flow parameter.
        slug: slug of the block type.
        parameter: name of the flow parameter, for the message.
        revoke: advice for an exposed secret, as an imperative.

    Raises:
        InvalidRequest: the credentials were passed inline, so they are stored in plain text in the
            parameters of the flow run; they are not used.
    """
    name = block._block_document_name
    if block._block_document_id is None or name is None:
        raise InvalidRequest(
            f"the credentials were passed inline, so they are readable in the parameters of this "
            f"run: {revoke}. Then save them as a block of type '{slug}' and pass a reference: "
            f'{{"{parameter}": {{"$ref": {{"block_document_slug": "{slug}/<name>"}}}}}}'
        )
    return BlockRef(name=name)


class BlockIncomplete(Exception):
    """A saved block has a missing or invalid field; the message names the field and the fix."""


class BlockUnreadable(BlockIncomplete):
    """Prefect could not read a saved block; its content may still be valid."""


class UnreadableDocument(BlockDocument):
    """A saved block that Prefect could not read."""


def field_error(document: BlockDocument, error: str) -> BlockIncomplete:
    """Return the error for a field of a saved block; the message contains no field values."""
    slug = document.block_type.slug if document.block_type else "block"
    return BlockIncomplete(
        f"the block {slug}/{document.name} {error}: open it under Blocks in the Prefect UI, fill "
        "in the field and save"
    )


def read_text_field(document: BlockDocument, field: str, title: str) -> str:
    """Return the text of one field of a saved block.

    Args:
        field: name of the field.
        title: title of the field in the form, for messages.

    Raises:
        BlockIncomplete: the field is missing, empty, too long or not valid text.
        BlockUnreadable: Prefect could not read the block.
    """
    if isinstance(document, UnreadableDocument):
        raise BlockUnreadable(
            f"Prefect cannot read the block {document.name}; if this persists, the block was saved "
            "with another encryption key (PREFECT_SERVER_ENCRYPTION_KEY): save it again"
        )
    value = document.data.get(field)
    if value is None or value == "":
        raise field_error(document, f"has no '{title}'")
    if not isinstance(value, str) or len(value) > _MAX_FIELD_LENGTH or not _is_unicode(value):
        raise field_error(document, f"has no usable text in '{title}'")
    return value


def read_origins(document: BlockDocument) -> frozenset[str]:
    """Return the origins that a block itself declares: its content may be sent there.

    They are read at each use, so an origin that is removed from the block is revoked at once.

    Raises:
        BlockIncomplete: one of them is no address.
    """
    try:
        return _ORIGINS_ADAPTER.validate_python(document.data.get("origins") or [])
    except ValidationError:
        raise field_error(document, f"has an invalid address in '{ORIGINS_TITLE}'") from None


def _is_unicode(text: str) -> bool:
    # JSON can contain unpaired surrogates, which cannot be encoded as UTF-8.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def read_block_documents(slug: str, names: Collection[str]) -> list[BlockDocument]:
    """Read the saved blocks of a type by name: one request for one name, pages for many.

    Missing blocks are omitted. A block that Prefect cannot decrypt makes its whole page fail; the
    blocks are then read one by one, and that block is returned as an `UnreadableDocument`.

    Args:
        slug: slug of the block type.
    """
    if not names:
        return []
    async with get_client() as client:
        if len(names) > 1:
            with suppress(PrefectHTTPStatusError):
                return [
                    document
                    for document in await _read_all_documents(client, slug)
                    if document.name in names
                ]
        return [
            document for name in names if (document := await _read_document(client, slug, name))
        ]


async def _read_document(client: PrefectClient, slug: str, name: str) -> BlockDocument | None:
    try:
        return await client.read_block_document_by_name(name, slug)
    except ObjectNotFound:
        return None
    except PrefectHTTPStatusError as error:
        if not error.response.is_server_error:
            raise
        placeholder_id = uuid4()
        return UnreadableDocument(
            name=name,
            data={},
            block_schema_id=placeholder_id,
            block_type_id=placeholder_id,
            is_anonymous=False,
        )


async def list_block_documents(client: PrefectClient, slug: str) -> list[BlockDocument]:
    """Return all saved blocks of a type, without their secrets; none if the type is unknown."""
    try:
        return await _read_all_documents(client, slug, include_secrets=False)
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        return []  # the block type is not registered yet


async def _read_all_documents(
    client: PrefectClient, slug: str, *, include_secrets: bool = True
) -> list[BlockDocument]:
    documents: dict[str, BlockDocument] = {}
    while True:
        page = await client.read_block_documents_by_type(
            slug, offset=len(documents), limit=_PAGE_SIZE, include_secrets=include_secrets
        )
        new_documents = {document.name: document for document in page if document.name}
        if not new_documents.keys() - documents.keys():
            return list(documents.values())
        documents.update(new_documents)
