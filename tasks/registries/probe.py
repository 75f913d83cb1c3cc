"""Prove step by step that a registry can be integrated."""

import asyncio
from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.core.errors import RegistryError, TimedOut
from models.core.settings import settings
from models.registries.condition import ConditionType, Verdict
from models.registries.credential_origin import CredentialOrigin
from models.registries.health import failed, verdicts_from
from models.registries.registry import Registry
from tasks.registries.connect import opened
from tasks.registries.handshake import knock


@task(name="probe", task_run_name="probe {registry.name}", cache_policy=NO_CACHE)
async def probe(registry: Registry, given: Sequence[CredentialOrigin] = ()) -> tuple[Verdict, ...]:
    """Walk from the address to the rights of the credential; stop at the first failed step.

    Args:
        registry: as it is meant to be.
        given: what the person who asks for it permits, see `credentials_of`.
    """
    verdicts = await knock(registry, settings().connect_seconds)
    if failed(verdicts):
        return verdicts
    try:
        async with (
            asyncio.timeout(settings().operation_seconds),
            opened(registry, given=given) as client,
        ):
            return *verdicts, *await client.examine()
    except TimeoutError:
        said = f"the whole probe took longer than {settings().operation_seconds:g} s"
        error: RegistryError = TimedOut(registry.name, "GET", registry.address, said)
    except RegistryError as caught:
        error = caught
    return *verdicts, *(_as_step(verdict) for verdict in verdicts_from(error))


def _as_step(verdict: Verdict) -> Verdict:
    step = {
        ConditionType.REACHABLE: "Answers",
        ConditionType.TLS_TRUSTED: "TLS",
        ConditionType.AUTHENTICATED: "Credentials right",
    }.get(verdict.type, "Answers as a registry")
    advice = "look at the registry, or at the proxy before it, and try again"
    return verdict.model_copy(update={"step": step, "advice": verdict.advice or advice})
