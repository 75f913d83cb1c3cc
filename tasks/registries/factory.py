"""Create the client for a kind of registry; the only module that depends on all kinds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from models.core.errors import CredentialError
from models.registries.registry import Kind, Registry
from tasks.http.client import HttpClient
from tasks.http.limits import ClientLimits
from tasks.registries.docker import DockerRegistryClient
from tasks.registries.harbor import HarborClient, LockoutPolicy
from tasks.registries.protocol import Credential, RegistryClient
from tasks.registries.server import registry_server


@asynccontextmanager
async def create_registry_client(
    registry: Registry,
    credential: Credential | None,
    client_limits: ClientLimits,
    *,
    credential_refused: bool = False,
    lockout_policy: LockoutPolicy | None = None,
    observer_credential: Credential | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open one client for one registry and one run.

    Args:
        registry: the registry.
        credential: credential to authenticate with; optional for a Docker Registry.
        client_limits: concurrency, size and time limits.
        credential_refused: whether the last observation found the credential refused.
        lockout_policy: when to accept a 401 of Harbor as a wrong password.
        observer_credential: robot account that reads Harbor's lists at a lower cost.
        transport: replaces the network, for simulators in the same process.

    Raises:
        CredentialError: a Harbor has no credential.
    """
    server = registry_server(registry)
    if registry.kind is Kind.DOCKER:
        async with HttpClient(server, client_limits, transport=transport) as http:
            yield DockerRegistryClient(http, registry, credential)
        return
    if credential is None:
        message = "Harbor requires credentials: choose a registry-credentials block"
        raise CredentialError(registry.name, "-", registry.address, message)
    auth = httpx.BasicAuth(credential.username, credential.password.get_secret_value())
    async with HttpClient(server, client_limits, auth, transport) as http:
        yield HarborClient(
            http,
            credential.username,
            credential_refused=credential_refused,
            lockout_policy=lockout_policy,
            observer=observer_credential,
        )
