"""The deployments of `prefect.yaml`, for serving them on one machine: one definition, not two.

And the types of block that flows are given: `prefect block register -m deployments.definitions`.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from prefect.blocks.core import Block
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.deployments.runner import RunnerDeployment
from prefect.events.schemas.deployment_triggers import DeploymentTriggerTypes
from prefect.schedules import Interval, Schedule
from pydantic import TypeAdapter

from deployments.environment import HOME
from tasks.credentials import RegistryCredentials
from tasks.kubernetes.credentials import ClusterCredentials

BLOCKS: tuple[type[Block], ...] = (RegistryCredentials, ClusterCredentials)
_TRIGGERS: TypeAdapter[list[DeploymentTriggerTypes]] = TypeAdapter(list[DeploymentTriggerTypes])


def definitions(path: Path = HOME / "prefect.yaml") -> list[dict[str, Any]]:
    """Return the deployments that `prefect.yaml` lists."""
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text())["deployments"]
    return found


def served(definition: dict[str, Any]) -> RunnerDeployment:
    """Turn one definition into a deployment that this process serves."""
    limit = definition.get("concurrency_limit")
    return RunnerDeployment.from_entrypoint(
        entrypoint=definition["entrypoint"],
        name=definition["name"],
        description=definition.get("description"),
        tags=definition.get("tags"),
        schedules=[_schedule(one) for one in definition.get("schedules", [])] or None,
        triggers=[*_TRIGGERS.validate_python(definition.get("triggers", []))] or None,
        concurrency_limit=ConcurrencyLimitConfig(**limit) if limit else None,
        enforce_parameter_schema=definition.get("enforce_parameter_schema", True),
    )


def _schedule(one: dict[str, Any]) -> Schedule:
    return Interval(
        timedelta(seconds=one["interval"]),
        slug=one.get("slug"),
        active=one.get("active", True),
        parameters=one.get("parameters") or {},
    )
