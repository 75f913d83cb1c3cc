"""The origins that a saved credential may be sent to, as allowed by a user."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from models.registries.registry import Registry, RegistryOrigin, SecretRef

_PARAMETERS = {
    "credential": "credentials",
    "pull_credential": "pull_credentials",
    "client_certificate": "client_certificate",
}
"""Fields of a registry that refer to blocks, with their names in the form."""


class CredentialOrigin(FrozenModel):
    """An origin that a saved credential may be sent to.

    Attributes:
        block: key of the reference to the block, or to the Secret of a managed Harbor.
        document_id: id of the block document; a recreated block has another id. For a Secret the
            keyed fingerprint of the password in it.
        origin: scheme, host and port.
    """

    block: str
    document_id: str
    origin: str


def permitted_origins(
    document_ids: Mapping[str, str], origins: Iterable[CredentialOrigin]
) -> dict[str, frozenset[str]]:
    """Return the origins that each block may be sent to, by name of the block.

    Args:
        document_ids: document id of each block, by key of its reference.
        origins: the origins that a user allowed, for any blocks.
    """
    by_document: dict[tuple[str, str], set[str]] = defaultdict(set)
    for origin in origins:
        by_document[origin.block, origin.document_id].add(origin.origin)
    return {block: frozenset(by_document[block, id_]) for block, id_ in document_ids.items()}


def registry_origins(registry: Registry) -> Iterator[str]:
    """Yield the origins that receive the registry's credentials."""
    yield registry.address
    if registry.token_service is not None:
        yield registry.token_service


def block_origins(registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield each block, or Secret, of a registry with an origin that receives it.

    The credential of the proxy is for the proxy alone, which receives no other one.
    """
    blocks = list(registry.credential_blocks)
    if isinstance(registry.credential, SecretRef):
        blocks.append(registry.credential.ref_key)
    for block in blocks:
        for origin in registry_origins(registry):
            yield block, origin
    if registry.proxy is not None and registry.proxy_credential is not None:
        yield registry.proxy_credential.ref_key, registry.proxy


def new_credential_origins(
    registry: Registry, document_ids: Mapping[str, str]
) -> tuple[CredentialOrigin, ...]:
    """Return the origins that a user allows by selecting blocks for a registry.

    Args:
        document_ids: document ids of the selected blocks, by key of the reference.
    """
    return tuple(
        CredentialOrigin(block=block, document_id=document_ids[block], origin=origin)
        for block, origin in block_origins(registry)
        if block in document_ids
    )


def token_service_origins(
    origins: Iterable[CredentialOrigin], before: Registry, after: Registry
) -> tuple[CredentialOrigin, ...]:
    """Return the origins that a user allows by setting a token service.

    The token service may receive the blocks that are allowed for the registry's address.
    """
    if after.token_service in (None, before.token_service):
        return ()
    blocks = set(after.credential_blocks)
    return tuple(
        origin.model_copy(update={"origin": after.token_service})
        for origin in origins
        if origin.block in blocks and origin.origin == before.address == after.address
    )


def check_moved_credentials(before: Registry, after: Registry, fields: Collection[str]) -> None:
    """Check that a registry with a new address, or a new proxy, is given its credentials again.

    Args:
        before: the registry on record.
        after: the registry with the requested changes.
        fields: the fields of the registry that the user filled in.

    Raises:
        InvalidRequest: the origin changes and credentials are missing; nothing was sent there.
    """
    if after.proxy != before.proxy and after.proxy and after.proxy_credential:
        _check_proxy_credential(after, fields)
    if after.address == before.address:
        return
    lacking = [
        parameter
        for field, parameter in _PARAMETERS.items()
        if getattr(after, field) is not None and field not in fields
    ]
    if lacking:
        raise InvalidRequest(
            f"{after.address} is another origin than {before.address}, and the credentials of "
            f"{after.name!r} are allowed only for the latter: set {' and '.join(lacking)} in the "
            "same run; use the same block if it is valid for both"
        )


def _check_proxy_credential(after: Registry, fields: Collection[str]) -> None:
    if "proxy_credential" not in fields:
        raise InvalidRequest(
            f"{after.proxy} is another proxy, and the credentials of {after.name!r} for the former "
            "one are not sent to it: set proxy_credentials in the same run; use the same block if "
            "it is valid for both, or none"
        )


def check_proxy(registry: Registry) -> None:
    """Check that a registry can be reached through its proxy.

    Raises:
        InvalidRequest: there are credentials for a proxy, but no proxy; or the registry is a
            managed one.
    """
    if registry.proxy_credential is not None and registry.proxy is None:
        raise InvalidRequest(
            "credentials for a proxy are given, and no proxy: set proxy, for example "
            "http://proxy.example.com:3128"
        )
    if registry.proxy is not None and registry.origin is RegistryOrigin.MANAGED:
        raise InvalidRequest(
            f"{registry.name!r} is a managed registry: its discovered address is checked against "
            "REGISTRY_INTEGRATION_ALLOWED_NETWORKS at each connection, which a proxy would "
            "circumvent; leave proxy empty"
        )
