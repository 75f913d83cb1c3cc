"""Prefect blocks that hold credentials: how they are referred to, and how they are read."""

from collections.abc import Collection
from contextlib import suppress
from uuid import uuid4

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from models.core.errors import InvalidRequest
from models.registries.registry import BlockRef

_PAGE_SIZE = 200
_MAX_FIELD_LENGTH = 1_000_000


def block_reference(block: Block, slug: str, *, parameter: str, revoke: str) -> BlockRef:
    """Return the reference by which a saved block is found again.

    Args:
        block: what a flow was given.
        slug: the type of block it is to be.
        parameter: the flow's parameter it came by.
        revoke: what to do about a secret that lies in the clear now.

    Raises:
        InputRefused: the credentials came inline, so they stand in the clear in the parameters of
            the flow run; they are not used.
    """
    name = block._block_document_name
    if block._block_document_id is None or name is None:
        raise InvalidRequest(
            f"the credentials were given inline, so they are now readable in this run's "
            f"parameters: {revoke}. Then save it as a block of type '{slug}' and pass a "
            f'reference: {{"{parameter}": {{"$ref": {{"block_document_slug": "{slug}/<name>"}}}}}}'
        )
    return BlockRef(name=name)


class BlockIncomplete(Exception):
    """A saved block lacks what is needed; the text names the field and says what to do."""


class BlockUnreadable(BlockIncomplete):
    """Prefect could not read a saved block just now; that says nothing about what is in it."""


class UnreadableDocument(BlockDocument):
    """A saved block that Prefect could not read."""


def field_error(document: BlockDocument, error: str) -> BlockIncomplete:
    """Return the error for a field of a saved block; it shows nothing of what is in it."""
    slug = document.block_type.slug if document.block_type else "block"
    return BlockIncomplete(
        f"the block {slug}/{document.name} {error}: open it under Blocks in the Prefect UI, fill "
        "the field in and save"
    )


def read_text_field(document: BlockDocument, field: str, title: str) -> str:
    """Return a text out of a saved block.

    Args:
        field: the field's name.
        title: what it is called in the form.

    Raises:
        BlockIncomplete: the field is missing or empty, or is no text that can be sent.
        BlockUnreadable: none of its fields could be read.
    """
    if isinstance(document, UnreadableDocument):
        raise BlockUnreadable(
            f"Prefect cannot read the block {document.name} now; if that lasts, it was saved with "
            "another encryption key (PREFECT_SERVER_ENCRYPTION_KEY): save it again"
        )
    value = document.data.get(field)
    if value is None or value == "":
        raise field_error(document, f"has no '{title}'")
    if not isinstance(value, str) or len(value) > _MAX_FIELD_LENGTH or not _is_unicode(value):
        raise field_error(document, f"has no usable text in '{title}'")
    return value


def _is_unicode(text: str) -> bool:
    """Whether a text can be encoded; JSON can carry halves of a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def read_block_documents(slug: str, names: Collection[str]) -> list[BlockDocument]:
    """Read the saved blocks of a type by name: one request for one, pages for many.

    Names that are not there are left out. A block that Prefect cannot decrypt fails the page that
    it is on; then they are read one by one, and that one is an `UnreadableDocument`.
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


async def _read_all_documents(client: PrefectClient, slug: str) -> list[BlockDocument]:
    documents: dict[str, BlockDocument] = {}
    while True:
        page = await client.read_block_documents_by_type(
            slug, offset=len(documents), limit=_PAGE_SIZE
        )
        new_documents = {document.name: document for document in page if document.name}
        if not new_documents.keys() - documents.keys():
            return list(documents.values())
        documents.update(new_documents)
