"""Docker Registry, and other registries of the OCI distribution specification."""

from tasks.registries.docker.client import DockerRegistryClient

__all__ = ["DockerRegistryClient"]
