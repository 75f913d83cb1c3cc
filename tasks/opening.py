"""Open a registry for one run, with its credential and the bounds in force."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from models.registry import Registry
from models.settings import settings
from tasks.bounds import Bounds
from tasks.credentials import credentials_of, pick
from tasks.registries.factory import connect
from tasks.registries.protocol import Credential, RegistryClient


@asynccontextmanager
async def opened(
    registry: Registry,
    *,
    refused: bool = False,
    credentials: Mapping[str, Credential] | None = None,
    observer: Credential | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open one client for one registry and one run.

    Args:
        registry: whom to open.
        refused: whether its credential was refused at the last look.
        credentials: credentials that were read before, by block name; None reads them now.
        observer: a robot account of ours to read lists with.

    Raises:
        CredentialsMissing: the credential it names cannot be read.
    """
    if credentials is None:
        credentials = await credentials_of([registry])
    bounds = Bounds.of_registry(settings())
    credential = pick(registry, credentials)
    async with connect(registry, credential, bounds, refused=refused, observer=observer) as client:
        yield client
