"""Credentials: kept in Prefect blocks, read when used, never copied and never a parameter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from pydantic import ConfigDict, Field, SecretStr

from models.errors import CredentialsMissing, InputRefused
from models.registry import BlockRef, Registry
from tasks.registries.protocol import Credential

_BLOCK_TYPE = "registry-credentials"
_PAGE_SIZE = 200


class RegistryCredentials(Block):
    """User name and password of a container registry.

    Prefect keeps the password encrypted and shows it to nobody; a flow is given a reference only.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str] = "Registry credentials"
    _block_type_slug: ClassVar[str] = _BLOCK_TYPE
    _description: ClassVar[str] = "User name and password of a Harbor or a Docker Registry."

    username: str = Field(
        title="User name",
        description="Harbor: a system administrator, or a system robot with its full name.",
        min_length=1,
        max_length=255,
    )
    password: SecretStr = Field(title="Password", description="Stored encrypted.")


def reference_to(credentials: RegistryCredentials | None) -> BlockRef | None:
    """Return the reference by which a saved block is found again.

    Raises:
        InputRefused: the credentials came inline, so they stand in the clear in the parameters of
            the flow run; they are not used.
    """
    if credentials is None:
        return None
    name = credentials._block_document_name
    if credentials._block_document_id is None or name is None:
        raise InputRefused(
            "the credentials were given inline, so they are now readable in this run's "
            "parameters: change that password. Then save it as a block of type "
            f"'{_BLOCK_TYPE}' and pass a reference: "
            f'{{"credentials": {{"$ref": {{"block_document_slug": "{_BLOCK_TYPE}/<name>"}}}}}}'
        )
    return BlockRef(name=name)


def pick(registry: Registry, found: Mapping[str, Credential]) -> Credential | None:
    """Choose a registry's credential among those that were read.

    Raises:
        CredentialsMissing: the block it names is gone.
    """
    if registry.credential is None:
        return None
    name = registry.credential.name
    if name not in found:
        said = (
            f"the block {_BLOCK_TYPE}/{name} does not exist; save it again, or run update-registry "
            "with another one"
        )
        raise CredentialsMissing(registry.name, "-", registry.address, said)
    return found[name]


async def credentials_of(registries: Iterable[Registry]) -> dict[str, Credential]:
    """Read the credentials of registries by block name: one request for one, pages for many."""
    names = {one.credential.name for one in registries if one.credential is not None}
    if not names:
        return {}
    async with get_client() as client:
        if len(names) > 1:
            documents = await _all_documents(client)
        else:
            documents = [one for name in names if (one := await _document(client, name))]
    return {
        document.name: Credential(
            username=document.data["username"], password=SecretStr(document.data["password"])
        )
        for document in documents
        if document.name in names
    }


async def _document(client: PrefectClient, name: str) -> BlockDocument | None:
    try:
        return await client.read_block_document_by_name(name, _BLOCK_TYPE)
    except ObjectNotFound:
        return None


async def _all_documents(client: PrefectClient) -> list[BlockDocument]:
    found: dict[str, BlockDocument] = {}
    while True:
        page = await client.read_block_documents_by_type(
            _BLOCK_TYPE, offset=len(found), limit=_PAGE_SIZE
        )
        fresh = {document.name: document for document in page if document.name}
        if not fresh.keys() - found.keys():
            return list(found.values())
        found.update(fresh)
