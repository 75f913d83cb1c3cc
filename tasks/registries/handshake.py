"""Connection checks of a registry: DNS, TCP and TLS, step by step."""

import asyncio
import socket
import ssl
from functools import partial

from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.health import first_failure, tls_check
from models.registries.registry import Registry
from tasks.http import tls
from tasks.http.connection.client_certificate import ClientCertificate
from tasks.http.connection.network import BlockedAddressError, open_streams
from tasks.registries.server import TLS_ADVICE, registry_address_guard, registry_tls_context


async def check_connection(
    registry: Registry, seconds: float, certificate: ClientCertificate | None = None
) -> tuple[CheckResult, ...]:
    """Check DNS, TCP and TLS; stop at the first failed step.

    Args:
        registry: the registry, which is connected to directly.
        seconds: timeout of each step.
        certificate: client certificate to show to it; None for none.

    Returns:
        One check result per completed step.
    """
    checks = [_reachable_check("Address valid", Reason.CONNECTED, registry.address)]
    handshake_check = partial(_handshake_check, certificate=certificate)
    for name, step in (("DNS", _resolve_check), ("TCP", _connect_check), ("TLS", handshake_check)):
        try:
            async with asyncio.timeout(seconds):
                checks.append(await step(registry))
        except TimeoutError:
            checks.append(_timeout_check(name, seconds))
        except BlockedAddressError as error:
            checks.append(_forbidden_address_check(error))
        if first_failure(checks):
            break
    return tuple(checks)


async def _resolve_check(registry: Registry) -> CheckResult:
    address = registry.parsed_address
    guard = registry_address_guard(registry)
    try:
        if guard is not None:
            await guard.resolve(address.host, address.port)
        entries = await asyncio.get_running_loop().getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM
        )
    except socket.gaierror:
        advice = "check the spelling and the DNS configuration of this machine"
        message = f"{address.host} cannot be resolved"
        return _reachable_check("DNS", Reason.UNKNOWN_HOST, message, advice)
    addresses = sorted({str(entry[4][0]) for entry in entries})
    return _reachable_check(
        "DNS", Reason.CONNECTED, f"{address.host} resolves to {', '.join(addresses[:4])}"
    )


async def _connect_check(registry: Registry) -> CheckResult:
    address = registry.parsed_address
    try:
        _, writer = await open_streams(address, registry_address_guard(registry))
    except ConnectionRefusedError:
        message = f"connection refused: no server listens on port {address.port}"
        return _reachable_check(
            "TCP",
            Reason.CONNECTION_REFUSED,
            message,
            "check the port, and that the registry is running",
        )
    except OSError as error:
        cause = error.strerror or type(error).__name__
        message = f"cannot connect to port {address.port} ({cause})"
        return _reachable_check("TCP", Reason.UNREACHABLE, message, "check firewalls and routes")
    writer.close()
    return _reachable_check("TCP", Reason.CONNECTED, f"port {address.port} is open")


async def _handshake_check(
    registry: Registry, certificate: ClientCertificate | None = None
) -> CheckResult:
    if registry.parsed_address.scheme == "http":
        return tls_check(registry)
    try:
        context = registry_tls_context(registry, certificate)
        _, writer = await open_streams(
            registry.parsed_address, registry_address_guard(registry), context
        )
    except tls.CONNECTION_CLOSED:
        detail = "the connection was closed during the TLS handshake"
        return _reachable_check(
            "TLS", Reason.UNREACHABLE, detail, "check that this is an https address"
        )
    except ssl.SSLError as error:
        reason, detail = tls.describe_tls_error(
            error, TLS_ADVICE, shows_certificate=certificate is not None
        )
        message, _, advice = detail.partition(": ")
        return _untrusted_check(reason, message, advice)
    except OSError as error:
        detail = f"the TLS handshake was aborted ({error.strerror or type(error).__name__})"
        return _reachable_check(
            "TLS", Reason.UNREACHABLE, detail, "check that this is an https address"
        )
    writer.close()
    return tls_check(registry)


def _forbidden_address_check(error: BlockedAddressError) -> CheckResult:
    check = _reachable_check("DNS", Reason.ADDRESS_FORBIDDEN, error.message, error.advice)
    return check.model_copy(update={"confirmed": True})


def _timeout_check(step: str, seconds: float) -> CheckResult:
    message = f"no response within {seconds:g} s"
    return _reachable_check(step, Reason.TIMED_OUT, message, "check firewalls and routes")


def _reachable_check(step: str, reason: Reason, message: str, advice: str = "") -> CheckResult:
    return CheckResult(
        type=ConditionType.REACHABLE,
        status=ConditionStatus.FALSE if advice else ConditionStatus.TRUE,
        reason=reason,
        message=message,
        advice=advice,
        confirmed=not advice,
        step=step,
    )


def _untrusted_check(reason: Reason, message: str, advice: str) -> CheckResult:
    return CheckResult(
        type=ConditionType.TLS_TRUSTED,
        status=ConditionStatus.FALSE,
        reason=reason,
        message=message,
        advice=advice,
        step="TLS",
    )
