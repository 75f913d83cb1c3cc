"""Open a registry for one run, with its credential and the bounds in force."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from models.core.settings import get_settings
from models.registries.credential_origin import CredentialOrigin
from models.registries.registry import Registry
from tasks.http.limits import ClientLimits
from tasks.registries.factory import connect_registry
from tasks.registries.protocol import Credential, RegistryClient, SavedCredential
from tasks.secrets.credentials import pick_credential, read_credentials


@asynccontextmanager
async def open_registry(
    registry: Registry,
    *,
    credential_refused: bool = False,
    credentials: Mapping[str, SavedCredential] | None = None,
    approved_origins: Iterable[CredentialOrigin] = (),
    observer: Credential | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open one client for one registry and one run.

    Args:
        registry: whom to open.
        credential_refused: whether its credential was refused at the last look.
        credentials: credentials that were read before, by block name; None reads them now.
        approved_origins: what a person permits just now, see `read_credentials`.
        observer: a robot account of ours to read lists with.

    Raises:
        CredentialsMissing: the credential it names cannot be read.
        CredentialNotForOrigin: nobody gave it for this registry's address.
    """
    if credentials is None:
        credentials = await read_credentials([registry], approved_origins)
    client_limits = ClientLimits.for_registry(get_settings())
    credential = pick_credential(registry, credentials)
    async with connect_registry(
        registry,
        credential,
        client_limits,
        credential_refused=credential_refused,
        observer=observer,
    ) as client:
        yield client
