"""Observe a registry: health, spaces and robot accounts."""

import asyncio

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.core.availability import Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.health import (
    checks_from_error,
    explain_bad_password,
    explain_unknown_ca,
    reachable_checks,
)
from models.registries.observation import Snapshot
from models.registries.registry import Registry
from tasks import clock
from tasks.http.retry import should_retry_task
from tasks.registries.protocol import RegistryReader


@task(
    name="observe",
    task_run_name="observe {registry.name}",
    retries=1,
    retry_delay_seconds=2,
    retry_condition_fn=should_retry_task,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def observe(
    registry: Registry, reader: RegistryReader, installation: str = "", known_lists: str = ""
) -> Snapshot:
    """Observe the registry once.

    Args:
        registry: the registry.
        reader: client to read with.
        installation: installation whose robot accounts to list; empty lists none.
        known_lists: see `RegistryReader.observe`.

    Raises:
        RemoteError: the state of the registry could not be read; Prefect retries the task if
            the error is transient.
    """
    seconds = get_settings().operation_seconds
    try:
        async with asyncio.timeout(seconds):
            snapshot = await reader.observe(installation, known_lists)
    except TimeoutError:
        message = f"the observation took longer than {seconds:g} s"
        raise RemoteError(
            registry.name, "GET", registry.address, message, Reason.TIMED_OUT
        ) from None
    checks = explain_bad_password(registry, (*reachable_checks(registry), *snapshot.checks))
    return snapshot.model_copy(update={"checks": checks})


def unreachable_registry_snapshot(registry: Registry, error: RemoteError) -> Snapshot:
    """Return a snapshot for a failed observation; its sections are unavailable."""
    return Snapshot(
        registry=registry.name,
        observed_at=clock.now(),
        checks=explain_unknown_ca(registry, checks_from_error(error)),
        spaces=Unavailable(reason=error.reason, message=str(error)),
    )
