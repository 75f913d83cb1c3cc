"""Where a saved credential may be sent: to the origins that a person gave it for."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from models.registries.registry import BlockRef, Registry

_PARAMETERS = {"credential": "credentials", "pull_credential": "pull_credentials"}
"""What a registry's references to blocks are called in a form."""


class CredentialOrigin(FrozenModel):
    """An origin that a person gave a saved credential for.

    Attributes:
        block: the block's name.
        document_id: which block of that name; one that is deleted and made again is another. Empty
            means the one that is there at its first use.
        origin: scheme, host and port.
    """

    block: str
    document_id: str
    origin: str

    def covers(self, block: str, document_id: str) -> bool:
        """Whether it is said of this block."""
        return self.block == block and self.document_id in ("", document_id)


def credential_blocks(registry: Registry) -> Iterator[str]:
    """Yield the blocks whose credentials a registry, or what it names as its own, receives."""
    for reference in (registry.credential, registry.pull_credential):
        if isinstance(reference, BlockRef):
            yield reference.name


def registry_origins(registry: Registry) -> Iterator[str]:
    """Yield the origins that receive a registry's credentials."""
    yield registry.address
    if registry.token_service is not None:
        yield registry.token_service


def new_credential_origins(
    registry: Registry, document_ids: Mapping[str, str]
) -> tuple[CredentialOrigin, ...]:
    """Return what a person permits by giving a registry these blocks.

    Args:
        document_ids: of the blocks that were given, by name.
    """
    return tuple(
        CredentialOrigin(block=block, document_id=document_ids[block], origin=origin)
        for block in credential_blocks(registry)
        if block in document_ids
        for origin in registry_origins(registry)
    )


def token_service_origins(
    origins: Iterable[CredentialOrigin], before: Registry, after: Registry
) -> tuple[CredentialOrigin, ...]:
    """Return what a person permits by naming a token service: those that the address may have."""
    if after.token_service in (None, before.token_service):
        return ()
    blocks = set(credential_blocks(after))
    return tuple(
        origin.model_copy(update={"origin": after.token_service})
        for origin in origins
        if origin.block in blocks and origin.origin == before.address == after.address
    )


def check_moved_credentials(before: Registry, after: Registry, fields: Collection[str]) -> None:
    """Make sure that a registry that moves is given its credentials again.

    Args:
        fields: the fields of the registry that the person filled in.

    Raises:
        InputRefused: it moves to another origin without them; nothing was sent there.
    """
    if after.address == before.address:
        return
    lacking = [
        parameter
        for field, parameter in _PARAMETERS.items()
        if getattr(after, field) is not None and field not in fields
    ]
    if lacking:
        raise InvalidRequest(
            f"{after.address} is another origin than {before.address}, for which the credentials "
            f"of {after.name!r} were given: choose {' and '.join(lacking)} in the same call, with "
            "the same block if it is meant for both"
        )
