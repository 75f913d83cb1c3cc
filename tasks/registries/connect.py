"""Open a registry client for one run, with its credential and the client limits."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from models.core.settings import get_settings
from models.registries.credential_origin import CredentialOrigin
from models.registries.registry import Kind, Registry, RegistryOrigin
from tasks.http.connection.proxy import environment_proxy
from tasks.http.limits import ClientLimits
from tasks.registries.docker import open_docker_registry
from tasks.registries.harbor import open_harbor
from tasks.registries.protocol import (
    ClientOpener,
    ClientOptions,
    Credential,
    RegistryClient,
    SavedCredential,
)
from tasks.secrets.credentials import (
    pick_client_certificate,
    pick_credential,
    pick_proxy,
    read_credentials,
)

CLIENT_OPENERS: dict[str, ClientOpener] = {
    Kind.HARBOR: open_harbor,
    Kind.DOCKER: open_docker_registry,
}
"""The function that opens a client, for each kind."""


def create_registry_client(
    registry: Registry, options: ClientOptions
) -> AbstractAsyncContextManager[RegistryClient]:
    """Open one client for one registry and one run; see `ClientOpener`."""
    return CLIENT_OPENERS[registry.kind](registry, options)


@asynccontextmanager
async def open_registry(
    registry: Registry,
    *,
    credential_refused: bool = False,
    credentials: Mapping[str, SavedCredential] | None = None,
    observer_credential: Credential | None = None,
    origins: Iterable[CredentialOrigin] | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open one client for one registry and one run.

    Args:
        registry: the registry.
        credential_refused: whether the last observation found the credential refused.
        credentials: credentials by reference key; None reads them now.
        observer_credential: credential of the observer robot account, to read lists with.
        origins: origins that the credential may be sent to, see `read_credentials`.

    Raises:
        CredentialError: the credential, the client certificate or the credential of the proxy
            cannot be used; see `pick_credential` and `pick_client_certificate`.
    """
    if credentials is None:
        credentials = await read_credentials([registry], origins)
    options = ClientOptions(
        credential=pick_credential(registry, credentials),
        client_certificate=pick_client_certificate(registry, credentials),
        proxy=pick_proxy(registry, credentials),
        uses_environment_proxies=_uses_environment_proxies(registry),
        limits=ClientLimits.for_registry(get_settings()),
        credential_refused=credential_refused,
        observer_credential=observer_credential,
    )
    async with create_registry_client(registry, options) as client:
        yield client


def is_proxied(registry: Registry) -> bool:
    """Return whether a registry is connected to through a proxy."""
    if registry.proxy is not None or not _uses_environment_proxies(registry):
        return registry.proxy is not None
    return environment_proxy(registry.parsed_address) is not None


def _uses_environment_proxies(registry: Registry) -> bool:
    # The addresses of managed registries are checked at each connection, see `AddressGuard`.
    is_managed = registry.origin is RegistryOrigin.MANAGED
    return not is_managed and get_settings().use_environment_proxies
