"""Deployments of `prefect.yaml`, and the block types that flows use.

`prefect block register -m deployments.definitions` registers the block types.
"""

from pathlib import Path
from typing import Any

import yaml
from prefect.blocks.core import Block

from deployments.environment import PROJECT_DIR
from tasks.secrets.client_certificates import ClientCertificateBlock
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.secrets.credentials import RegistryCredentials

BLOCK_TYPES: tuple[type[Block], ...] = (
    RegistryCredentials,
    ClusterCredentials,
    ClientCertificateBlock,
)


def load_definitions(path: Path = PROJECT_DIR / "prefect.yaml") -> list[dict[str, Any]]:
    """Return the deployments listed in `prefect.yaml`."""
    deployments: list[dict[str, Any]] = yaml.safe_load(path.read_text())["deployments"]
    return deployments
