"""A simulated Docker Registry (OCI distribution), faithful to docker-registry 2.8.2.

It answers what this service and a node that pulls ask: `/v2/`, the catalog, tags, manifests,
tokens.

    registry = SimulatedDockerRegistry(auth=BasicAuth({"user": "pw"}))
    registry.add_repository("team/app", tags=("v1",))
    with run_server(registry.app) as url: ...
"""

from deployments.simulators.docker_registry.auth import BasicAuth, NoAuth, TokenAuth, TokenScope
from deployments.simulators.docker_registry.images import (
    StoredManifest,
    build_image,
    build_index,
)
from deployments.simulators.docker_registry.service import (
    FOREIGN_ORIGIN,
    DockerRequestRecord,
    SimulatedDockerRegistry,
)

__all__ = [
    "FOREIGN_ORIGIN",
    "BasicAuth",
    "DockerRequestRecord",
    "NoAuth",
    "SimulatedDockerRegistry",
    "StoredManifest",
    "TokenAuth",
    "TokenScope",
    "build_image",
    "build_index",
]
