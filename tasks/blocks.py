"""Prefect blocks that hold credentials: how they are referred to, and how they are read."""

from collections.abc import Collection

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound

from models.errors import InputRefused
from models.registry import BlockRef

_PAGE_SIZE = 200


def saved_reference(block: Block, slug: str, *, parameter: str, revoke: str) -> BlockRef:
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
        raise InputRefused(
            f"the credentials were given inline, so they are now readable in this run's "
            f"parameters: {revoke}. Then save it as a block of type '{slug}' and pass a "
            f'reference: {{"{parameter}": {{"$ref": {{"block_document_slug": "{slug}/<name>"}}}}}}'
        )
    return BlockRef(name=name)


async def documents_of(slug: str, names: Collection[str]) -> list[BlockDocument]:
    """Read the saved blocks of a type by name: one request for one, pages for many.

    Names that are not there are left out.
    """
    if not names:
        return []
    async with get_client() as client:
        if len(names) > 1:
            return [one for one in await _all(client, slug) if one.name in names]
        return [one for name in names if (one := await _one(client, slug, name))]


async def _one(client: PrefectClient, slug: str, name: str) -> BlockDocument | None:
    try:
        return await client.read_block_document_by_name(name, slug)
    except ObjectNotFound:
        return None


async def _all(client: PrefectClient, slug: str) -> list[BlockDocument]:
    found: dict[str, BlockDocument] = {}
    while True:
        page = await client.read_block_documents_by_type(slug, offset=len(found), limit=_PAGE_SIZE)
        fresh = {document.name: document for document in page if document.name}
        if not fresh.keys() - found.keys():
            return list(found.values())
        found.update(fresh)
