"""Docker Registry, and other registries of the OCI distribution specification."""

from tasks.registries.docker.client import DockerRegistryClient, open_docker_registry

__all__ = ["DockerRegistryClient", "open_docker_registry"]
