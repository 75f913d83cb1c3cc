"""Probe a registry step by step before it is saved."""

import asyncio
from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.condition import CheckResult, ConditionType
from models.registries.credential_origin import CredentialOrigin
from models.registries.health import checks_from_error, first_failure
from models.registries.registry import Registry
from tasks.access.pull_user import prove_pull_user
from tasks.registries.connect import is_proxied, open_registry
from tasks.registries.handshake import check_connection
from tasks.registries.protocol import SavedCredential
from tasks.secrets.credentials import pick_client_certificate, read_credentials


@task(name="probe", task_run_name="probe {registry.name}", cache_policy=NO_CACHE)
async def probe(
    registry: Registry, origins: Sequence[CredentialOrigin] | None = None
) -> tuple[CheckResult, ...]:
    """Check a registry, from its address to the rights of its credential.

    Stops at the first failed step.

    Args:
        registry: the desired registry; it need not be saved.
        origins: origins that the credential may be sent to, see `read_credentials`.

    Returns:
        One check result per step; errors of the registry are check results, too.
    """
    checks: tuple[CheckResult, ...] = ()
    credentials: dict[str, SavedCredential] | None = None
    try:
        async with asyncio.timeout(get_settings().operation_seconds):
            if registry.client_certificate is not None:
                credentials = await read_credentials([registry], origins)
            if not is_proxied(registry):  # only the proxy resolves the name and connects
                certificate = pick_client_certificate(registry, credentials or {})
                seconds = get_settings().connect_seconds
                checks = await check_connection(registry, seconds, certificate)
            if first_failure(checks):
                return checks
            credentials = credentials or await read_credentials([registry], origins)
            async with open_registry(registry, credentials=credentials) as client:
                checks = *checks, *await client.probe()
                if first_failure(checks):
                    return checks
                return *checks, *await prove_pull_user(registry, credentials, client)
    except TimeoutError:
        message = f"the probe took longer than {get_settings().operation_seconds:g} s"
        error = RemoteError(registry.name, "GET", registry.address, message, Reason.TIMED_OUT)
    except RemoteError as exception:
        error = exception
    return *checks, *(_with_step(check) for check in checks_from_error(error))


def _with_step(check: CheckResult) -> CheckResult:
    step = {
        ConditionType.REACHABLE: "Answers",
        ConditionType.TLS_TRUSTED: "TLS",
        ConditionType.AUTHENTICATED: "Credentials right",
    }.get(check.type, "Answers as a registry")
    advice = "check the registry, and any proxy in front of it, and try again"
    return check.model_copy(update={"step": step, "advice": check.advice or advice})
