"""Credentials: kept in Prefect blocks, read when used, never copied and never a parameter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr

from models.errors import CredentialsMissing, CredentialsUnread
from models.registry import BlockRef, Registry, SecretRef
from tasks.blocks import documents_of, saved_reference
from tasks.managed_secrets import in_clusters
from tasks.registries.protocol import Credential

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


def pick(registry: Registry, found: Mapping[str, Credential]) -> Credential | None:
    """Choose a registry's credential among those that were read.

    Raises:
        CredentialsMissing: the block it names is gone.
        CredentialsUnread: the Secret of a managed Harbor could not be read just now.
    """
    ref = registry.credential
    if ref is None:
        return None
    if ref.id in found:
        return found[ref.id]
    if isinstance(ref, SecretRef):
        said = (
            f"its password, key {ref.key} of Secret {ref.namespace}/{ref.name} in cluster "
            f"{ref.cluster}, cannot be read now"
        )
        raise CredentialsUnread(registry.name, "-", registry.address, said)
    said = (
        f"the block {_BLOCK_TYPE}/{ref.name} does not exist; save it again, or run update-registry "
        "with another one"
    )
    raise CredentialsMissing(registry.name, "-", registry.address, said)


async def credentials_of(registries: Iterable[Registry]) -> dict[str, Credential]:
    """Read the credentials of registries, by what their references are told apart by.

    Blocks take one request for one, pages for many; Secrets of managed Harbors one each. What
    cannot be read is left out.
    """
    refs = {one.credential for one in registries if one.credential is not None}
    names = {ref.name for ref in refs if isinstance(ref, BlockRef)}
    found = {
        document.name: Credential(
            username=document.data["username"], password=SecretStr(document.data["password"])
        )
        for document in await documents_of(_BLOCK_TYPE, names)
        if document.name
    }
    secrets = [ref for ref in refs if isinstance(ref, SecretRef)]
    return found | (await in_clusters(secrets) if secrets else {})
