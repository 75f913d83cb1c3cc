"""Open a registry for one run, with its credential and the bounds in force."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from models.core.settings import settings
from models.registries.credential_origin import CredentialOrigin
from models.registries.registry import Registry
from tasks.http.limits import Bounds
from tasks.registries.factory import connect
from tasks.registries.protocol import Credential, RegistryClient, SavedCredential
from tasks.secrets.credentials import credentials_of, pick


@asynccontextmanager
async def opened(
    registry: Registry,
    *,
    refused: bool = False,
    credentials: Mapping[str, SavedCredential] | None = None,
    given: Iterable[CredentialOrigin] = (),
    observer: Credential | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open one client for one registry and one run.

    Args:
        registry: whom to open.
        refused: whether its credential was refused at the last look.
        credentials: credentials that were read before, by block name; None reads them now.
        given: what a person permits just now, see `credentials_of`.
        observer: a robot account of ours to read lists with.

    Raises:
        CredentialsMissing: the credential it names cannot be read.
        CredentialNotForOrigin: nobody gave it for this registry's address.
    """
    if credentials is None:
        credentials = await credentials_of([registry], given)
    bounds = Bounds.of_registry(settings())
    credential = pick(registry, credentials)
    async with connect(registry, credential, bounds, refused=refused, observer=observer) as client:
        yield client
