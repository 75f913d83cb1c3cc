"""The client of each kind of registry; the only module that depends on all kinds."""

from contextlib import AbstractAsyncContextManager

from models.registries.registry import Kind, Registry
from tasks.registries.docker import open_docker_registry
from tasks.registries.harbor import open_harbor
from tasks.registries.protocol import ClientOpener, ClientOptions, RegistryClient

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
