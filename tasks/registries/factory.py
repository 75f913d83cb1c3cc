"""The one place that knows which kinds of registry there are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from models.core.errors import CredentialsMissing
from models.registries.registry import Kind, Registry
from tasks.http.limits import Bounds
from tasks.registries.docker import DockerRegistry
from tasks.registries.harbor import Doubt, Harbor
from tasks.registries.http import HttpClient
from tasks.registries.protocol import Credential, RegistryClient


@asynccontextmanager
async def connect(
    registry: Registry,
    credential: Credential | None,
    bounds: Bounds,
    *,
    refused: bool = False,
    doubt: Doubt | None = None,
    observer: Credential | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[RegistryClient]:
    """Open one client for one registry and one run.

    Args:
        registry: whom to connect to.
        credential: what to prove ourselves with.
        bounds: how much at once, how long.
        refused: whether the credential was refused at the last look.
        doubt: how a Harbor's 401 is doubted.
        observer: what to read a Harbor's lists with instead, at less cost to it.
        transport: replaces the network, for simulators in the same process.

    Raises:
        CredentialsMissing: a Harbor without a credential.
    """
    if registry.kind is Kind.DOCKER:
        async with HttpClient(registry, bounds, transport=transport) as http:
            yield DockerRegistry(http, registry, credential)
        return
    if credential is None:
        said = "a Harbor needs credentials: choose a registry-credentials block"
        raise CredentialsMissing(registry.name, "-", registry.address, said)
    auth = httpx.BasicAuth(credential.username, credential.password.get_secret_value())
    async with HttpClient(registry, bounds, auth, transport) as http:
        yield Harbor(http, credential.username, refused=refused, doubt=doubt, observer=observer)
