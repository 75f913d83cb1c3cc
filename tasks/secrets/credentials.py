"""Registry credentials in Prefect blocks: read when used, never copied, never a flow parameter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, TypeVar

from prefect.blocks.core import Block
from prefect.client.schemas.objects import BlockDocument
from pydantic import ConfigDict, Field, SecretStr

from models.core.errors import CredentialError
from models.core.reasons import Reason
from models.registries.credential_origin import (
    CredentialOrigin,
    permitted_origins,
    registry_origins,
)
from models.registries.registry import (
    BlockRef,
    CertificateRef,
    CredentialRef,
    EnvironmentRef,
    FileRef,
    Registry,
    SecretRef,
)
from tasks.configuration.credential_sources import read_sources
from tasks.discovery.password_origins import read_permitted_passwords
from tasks.http.connection.client_certificate import ClientCertificate
from tasks.http.connection.proxy import Proxy
from tasks.registries.protocol import Credential, SavedCredential, unusable_credential
from tasks.secrets.blocks import (
    ORIGINS_TITLE,
    BlockIncomplete,
    BlockUnreadable,
    block_reference,
    field_error,
    read_block_documents,
    read_origins,
    read_text_field,
)
from tasks.secrets.client_certificates import ClientCertificateBlock, read_certificates
from tasks.store.registries import credential_origins
from tasks.store.session import in_transaction

_ContentT = TypeVar("_ContentT", Credential, ClientCertificate)
DocumentIds = dict[str, str]
"""Ids of block documents, by key of the reference to the block."""

REGISTRY_BLOCK_TYPE = "registry-credentials"


class RegistryCredentials(Block):
    """User name and password of a container registry.

    Prefect stores the password encrypted and never displays it; flows receive only a reference.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name: ClassVar[str] = "Registry credentials"
    _block_type_slug: ClassVar[str] = REGISTRY_BLOCK_TYPE
    _description: ClassVar[str] = "User name and password of a Harbor or a Docker Registry."

    username: str = Field(
        title="User name",
        description="Harbor: a system administrator, or the full name of a system robot account.",
        min_length=1,
        max_length=255,
    )
    password: SecretStr = Field(title="Password", description="Stored encrypted.")
    origins: list[str] = Field(
        default=[],
        title=ORIGINS_TITLE,
        description="The addresses that a configuration file may send these credentials to. Not "
        "needed for registries that are integrated with a form.",
        max_length=1000,
    )
    for_pull: bool = Field(
        default=False,
        title="For pull secrets",
        description="Whether a configuration file may use these credentials as pull_credential: "
        "they are then copied into namespaces, whose owners can read them.",
    )
    allow_push: bool = Field(
        default=False,
        title="Allow push",
        description="Whether a configuration file may do so, although this user can push.",
    )
    allow_weak_tls: bool = Field(
        default=False,
        title="Allow weaker TLS",
        description="Whether a configuration file may send these credentials without verifying "
        "the certificate, or trust another CA than before.",
    )


def registry_block_reference(
    credentials: RegistryCredentials | None, parameter: str = "credentials"
) -> BlockRef | None:
    """Return the reference to a saved block; None if no block is given.

    Args:
        credentials: value of the flow parameter.
        parameter: name of the flow parameter, for the message.

    Raises:
        InvalidRequest: the credentials were passed inline, so they are stored in plain text in the
            parameters of the flow run; they are not used.
    """
    if credentials is None:
        return None
    revoke = "change that password"
    return block_reference(credentials, REGISTRY_BLOCK_TYPE, parameter=parameter, revoke=revoke)


def block_document_ids(
    *blocks: RegistryCredentials | ClientCertificateBlock | str | None,
) -> DocumentIds:
    """Return the document ids of saved blocks, by key of the reference; text is no block."""
    return {
        _reference_key(block, block._block_document_name): str(block._block_document_id)
        for block in blocks
        if isinstance(block, Block) and block._block_document_name
    }


def _reference_key(block: Block, name: str) -> str:
    is_certificate = isinstance(block, ClientCertificateBlock)
    return (CertificateRef(name=name) if is_certificate else BlockRef(name=name)).ref_key


def pick_credential(
    registry: Registry, credentials: Mapping[str, SavedCredential]
) -> Credential | None:
    """Return the credential of a registry; None if it has none.

    Args:
        registry: the registry.
        credentials: credentials by reference key, see `read_credentials`.

    Raises:
        CredentialError: the block, or the Secret of a managed Harbor, does not exist or has a
            missing field (reason CredentialsMissing); the block is not approved for the
            registry's address or token service (CredentialNotForOrigin); the Secret may not be read
            (CredentialsForbidden); or either could not be read (CredentialsUnproved, transient).
    """
    origins = tuple(registry_origins(registry))
    return _pick(Credential, registry, registry.credential, credentials, origins)


def pick_client_certificate(
    registry: Registry, credentials: Mapping[str, SavedCredential]
) -> ClientCertificate | None:
    """Return the client certificate of a registry; None if it has none.

    Raises:
        CredentialError: see `pick_credential`; or the certificate has expired, or its key is
            another's (reason ClientCertificateInvalid).
    """
    origins = tuple(registry_origins(registry))
    return _pick(ClientCertificate, registry, registry.client_certificate, credentials, origins)


def pick_proxy(registry: Registry, credentials: Mapping[str, SavedCredential]) -> Proxy | None:
    """Return the proxy of a registry, with its credential; None if it has none.

    Raises:
        CredentialError: see `pick_credential`.
    """
    if registry.proxy is None:
        return None
    reference = registry.proxy_credential
    user = _pick(Credential, registry, reference, credentials, (registry.proxy,))
    return Proxy(registry.proxy, user.username, user.password) if user else Proxy(registry.proxy)


def _pick(
    content: type[_ContentT],
    registry: Registry,
    ref: CredentialRef | CertificateRef | None,
    credentials: Mapping[str, SavedCredential],
    origins: tuple[str, ...],
) -> _ContentT | None:
    if ref is None:
        return None
    saved = credentials.get(ref.ref_key)
    credential = saved.credential if saved else None
    if saved is not None and isinstance(credential, content):
        if credential.error:
            raise CredentialError(
                registry.name, "-", registry.address, credential.error, credential.error_reason
            )
        _check_origin(registry, ref, saved.origins, origins)
        return credential
    message = (
        f"the block {_block_label(ref)} does not exist: save it again, and run update-registry "
        "with it or with another one"
    )
    raise CredentialError(registry.name, "-", registry.address, message)


def _block_label(ref: CredentialRef | CertificateRef) -> str:
    return ref.ref_key if isinstance(ref, CertificateRef) else f"{REGISTRY_BLOCK_TYPE}/{ref.name}"


def _check_origin(
    registry: Registry,
    ref: CredentialRef | CertificateRef,
    allowed_origins: frozenset[str],
    origins: tuple[str, ...],
) -> None:
    for origin in origins:
        if origin not in allowed_origins:
            raise CredentialError(
                registry.name,
                "-",
                registry.address,
                _not_for_origin(registry, ref, origin),
                Reason.CREDENTIAL_NOT_FOR_ORIGIN,
            )


def _not_for_origin(registry: Registry, ref: CredentialRef | CertificateRef, origin: str) -> str:
    if isinstance(ref, SecretRef):
        return (
            f"the password in the {ref} has changed and was not sent to {origin}: no object in a "
            "trusted namespace has this address and that Secret now. discover-managed-harbors "
            f"follows a new address; if {origin} is correct, run update-registry for "
            f"{registry.name!r} with credentials"
        )
    if isinstance(ref, EnvironmentRef | FileRef):
        return (
            f"the {ref} is not declared for {origin} and was not sent there: if that address is "
            "correct, add it to the origins of the credential"
        )
    return (
        f"the block {_block_label(ref)}, as it is now, is not approved for {origin} "
        f"and was not sent there: if that address is correct, run update-registry for "
        f"{registry.name!r} and choose it again; for a configuration file, add it to "
        f"'{ORIGINS_TITLE}' of the block"
    )


async def read_credentials(
    registries: Iterable[Registry],
    origins: Iterable[CredentialOrigin] | None = None,
) -> dict[str, SavedCredential]:
    """Read all that connections to registries need, by reference key.

    These are the credentials of registries, of their pull-only users and of their proxies, and
    client certificates.

    Blocks take one request for one block and pages for many; Secrets of managed Harbors take one
    request each, and a changed one the lists of its cluster, see `read_permitted_passwords`;
    environment variables and files are local. Missing blocks are omitted; an incomplete block and
    an unreadable Secret, variable or file are returned with their error.

    Args:
        registries: the registries.
        origins: origins that their blocks may be sent to; None reads those on record now.
    """
    registries = tuple(registries)
    refs = {ref for registry in registries for ref in registry.credential_refs}
    names = {ref.name for ref in refs if isinstance(ref, BlockRef)}
    documents = {
        document.name: document
        for document in await read_block_documents(REGISTRY_BLOCK_TYPE, names)
        if document.name
    }
    certificates = await read_certificates({ref for ref in refs if isinstance(ref, CertificateRef)})
    contents: dict[str, tuple[BlockDocument, Credential | ClientCertificate]] = {
        name: (document, parse_credential(document)) for name, document in documents.items()
    }
    contents.update(certificates)
    if origins is None and contents:
        origins = await in_transaction(credential_origins.list_origins, contents)
    document_ids = {key: str(document.id) for key, (document, _) in contents.items()}
    permitted = permitted_origins(document_ids, origins or ())
    credentials = {
        key: SavedCredential(content, permitted[key] | _declared_origins(document))
        for key, (document, content) in contents.items()
    }
    credentials |= read_sources(ref for ref in refs if isinstance(ref, EnvironmentRef | FileRef))
    return credentials | await read_permitted_passwords(registries)


def _declared_origins(document: BlockDocument) -> frozenset[str]:
    try:
        return read_origins(document)
    except BlockIncomplete:  # a plan of a configuration says so
        return frozenset()


def parse_credential(document: BlockDocument) -> Credential:
    """Return the credential of a saved block; if a field is invalid, an empty one with an error."""
    try:  # Prefect does not validate the fields of a saved block
        username = read_text_field(document, "username", "User name")
        password = read_text_field(document, "password", "Password")
        if ":" in username or not username.isprintable():
            message = "has a colon or a control character in 'User name', which is not allowed"
            raise field_error(document, message)
    except BlockIncomplete as error:
        is_unreadable = isinstance(error, BlockUnreadable)
        reason = Reason.CREDENTIALS_UNPROVED if is_unreadable else Reason.CREDENTIALS_MISSING
        return unusable_credential(str(error), reason)
    return Credential(username, SecretStr(password))
