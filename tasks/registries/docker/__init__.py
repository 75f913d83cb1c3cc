"""Docker Registry, or any registry of the OCI distribution specification."""

from tasks.registries.docker.client import DockerRegistry

__all__ = ["DockerRegistry"]
