"""The one place that knows which kinds of registry there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from models.core.errors import CredentialsMissing
from models.registries.registry import Kind, Registry
from tasks.http.limits import ClientLimits
from tasks.registries.docker import DockerRegistryClient
from tasks.registries.harbor import HarborClient, LockoutPolicy
from tasks.registries.http import RegistryHttpClient
from tasks.registries.protocol import Credential, RegistryClient


@asynccontextmanager
async def connect_registry(
    registry: Registry,
    credential: Credential | None,
    client_limits: ClientLimits,
    *,
    credential_refused: bool = False,
    lockout_policy: LockoutPolicy | None = None,
    observer: Credential | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open one client for one registry and one run.

    Args:
        registry: whom to connect to.
        credential: what to prove ourselves with.
        client_limits: how much at once, how long.
        credential_refused: whether the credential was refused at the last look.
        lockout_policy: how a Harbor's 401 is doubted.
        observer: what to read a Harbor's lists with instead, at less cost to it.
        transport: replaces the network, for simulators in the same process.

    Raises:
        CredentialsMissing: a Harbor without a credential.
    """
    if registry.kind is Kind.DOCKER:
        async with RegistryHttpClient(registry, client_limits, transport=transport) as http:
            yield DockerRegistryClient(http, registry, credential)
        return
    if credential is None:
        message = "a Harbor needs credentials: choose a registry-credentials block"
        raise CredentialsMissing(registry.name, "-", registry.address, message)
    auth = httpx.BasicAuth(credential.username, credential.password.get_secret_value())
    async with RegistryHttpClient(registry, client_limits, auth, transport) as http:
        yield HarborClient(
            http,
            credential.username,
            credential_refused=credential_refused,
            lockout_policy=lockout_policy,
            observer=observer,
        )
