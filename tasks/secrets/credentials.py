"""Credentials: kept in Prefect blocks, read when used, never copied and never a parameter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from pydantic import ConfigDict, Field, SecretStr

from models.core.errors import CredentialNotForOrigin, CredentialsMissing, CredentialsUnread
from models.registries.credential_origin import CredentialOrigin, origins_of
from models.registries.registry import BlockRef, CredentialRef, Registry, SecretRef
from tasks.discovery.admin_passwords import in_clusters
from tasks.registries.protocol import Credential, SavedCredential
from tasks.secrets.blocks import (
    BlockIncomplete,
    BlockUnreadable,
    documents_of,
    field_error,
    saved_reference,
    text_field,
)
from tasks.store.registries import credential_origins
from tasks.store.session import stored

_BLOCK_TYPE = "registry-credentials"


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


def reference_to(
    credentials: RegistryCredentials | None, parameter: str = "credentials"
) -> BlockRef | None:
    """Return the reference by which a saved block is found again.

    Raises:
        InputRefused: the credentials came inline, so they stand in the clear in the parameters of
            the flow run; they are not used.
    """
    if credentials is None:
        return None
    revoke = "change that password"
    return saved_reference(credentials, _BLOCK_TYPE, parameter=parameter, revoke=revoke)


def document_ids(*credentials: RegistryCredentials | None) -> dict[str, str]:
    """Return which saved blocks these are: their document ids, by name."""
    return {
        block._block_document_name: str(block._block_document_id)
        for block in credentials
        if block is not None and block._block_document_name
    }


def pick(registry: Registry, found: Mapping[str, SavedCredential]) -> Credential | None:
    """Choose a registry's credential among those that were read.

    Raises:
        CredentialsMissing: the block it names is gone, or lacks what is needed.
        CredentialNotForOrigin: nobody gave it for the registry's address and token service.
        CredentialsUnread: the block, or the Secret of a managed Harbor, could not be read just
            now.
    """
    ref = registry.credential
    if ref is None:
        return None
    if ref.id in found:
        _check_usable(registry, found[ref.id].credential)
        _check_origin(registry, ref, found[ref.id].origins)
        return found[ref.id].credential
    if isinstance(ref, SecretRef):
        said = (
            f"its password, key {ref.key} of Secret {ref.namespace}/{ref.name} in cluster "
            f"{ref.cluster}, cannot be read now"
        )
        raise CredentialsUnread(registry.name, "-", registry.address, said)
    said = (
        f"the block {_BLOCK_TYPE}/{ref.name} does not exist; save it again, and run "
        "update-registry with it or with another one"
    )
    raise CredentialsMissing(registry.name, "-", registry.address, said)


def _check_usable(registry: Registry, credential: Credential) -> None:
    if credential.error:
        kind = CredentialsUnread if credential.unread else CredentialsMissing
        raise kind(registry.name, "-", registry.address, credential.error)


def _check_origin(registry: Registry, ref: CredentialRef, permitted: frozenset[str] | None) -> None:
    """Make sure that a person gave a block for wherever it would be sent."""
    if permitted is None and isinstance(ref, SecretRef):
        return
    for origin in origins_of(registry):
        if origin not in (permitted or ()):
            said = (
                f"the block {_BLOCK_TYPE}/{ref.name}, as it is now, was not given for {origin}, so "
                f"it is not sent there; if that address is right, run update-registry for "
                f"{registry.name!r} and choose its credentials again"
            )
            raise CredentialNotForOrigin(registry.name, "-", registry.address, said)


async def credentials_of(
    registries: Iterable[Registry], given: Iterable[CredentialOrigin] = ()
) -> dict[str, SavedCredential]:
    """Read the credentials of registries, by what their references are told apart by.

    Blocks take one request for one, pages for many; Secrets of managed Harbors one each. What
    cannot be read is left out; a block that lacks something is there with its error.

    Args:
        given: what a person permits just now, besides what is on record.
    """
    refs = {one.credential for one in registries if one.credential is not None}
    names = {ref.name for ref in refs if isinstance(ref, BlockRef)}
    documents = {one.name: one for one in await documents_of(_BLOCK_TYPE, names) if one.name}
    origins = await _permitted({name: str(one.id) for name, one in documents.items()}, given)
    found = {
        name: SavedCredential(credential_in(document), origins[name])
        for name, document in documents.items()
    }
    secrets = await in_clusters(ref for ref in refs if isinstance(ref, SecretRef))
    return found | {id_: SavedCredential(one, None) for id_, one in secrets.items()}


async def _permitted(
    blocks: Mapping[str, str], given: Iterable[CredentialOrigin]
) -> dict[str, frozenset[str]]:
    if not blocks:
        return {}
    given = tuple(given)
    origins = await stored(credential_origins.permitted, blocks)
    return {
        block: origins[block] | {one.origin for one in given if one.covers(block, document_id)}
        for block, document_id in blocks.items()
    }


def credential_in(document: BlockDocument) -> Credential:
    """Read a saved block; Prefect checks nothing of what is in it, so this is done here."""
    try:
        username = text_field(document, "username", "User name")
        password = text_field(document, "password", "Password")
        if ":" in username or not username.isprintable():
            said = "has a colon or a control character in 'User name', which no registry takes"
            raise field_error(document, said)
    except BlockIncomplete as error:
        unread = isinstance(error, BlockUnreadable)
        return Credential("", SecretStr(""), error=str(error), unread=unread)
    return Credential(username, SecretStr(password))
