"""The first steps towards a registry, one by one: its name, its port, its certificate."""

import asyncio
import socket
import ssl

from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status, Verdict
from models.registries.health import failed, tls_verdict
from models.registries.registry import Registry
from tasks.http import tls
from tasks.http.network import AddressForbidden, guard_of, open_streams


async def knock(registry: Registry, seconds: float) -> tuple[Verdict, ...]:
    """Resolve, connect and shake hands; stop at the first step that fails.

    Args:
        registry: whom to knock at.
        seconds: time-out of each step.
    """
    verdicts = [_verdict("Address valid", Reason.CONNECTED, registry.address)]
    for step in (_dns, _tcp, _tls):
        try:
            async with asyncio.timeout(seconds):
                verdicts.append(await step(registry))
        except TimeoutError:
            verdicts.append(_timed_out(step.__name__, seconds))
        except AddressForbidden as error:
            verdicts.append(_forbidden(error))
        if failed(verdicts):
            break
    return tuple(verdicts)


async def _dns(registry: Registry) -> Verdict:
    where = registry.where
    guard = guard_of(registry)
    try:
        if guard is not None:
            await guard.addresses(where.host, where.port)
        found = await asyncio.get_running_loop().getaddrinfo(
            where.host, where.port, type=socket.SOCK_STREAM
        )
    except socket.gaierror:
        advice = "check the spelling, or this machine's DNS"
        return _verdict("DNS", Reason.UNKNOWN_HOST, f"{where.host} is not known", advice)
    addresses = sorted({str(entry[4][0]) for entry in found})
    return _verdict("DNS", Reason.CONNECTED, f"{where.host} is {', '.join(addresses[:4])}")


async def _tcp(registry: Registry) -> Verdict:
    where = registry.where
    try:
        _, writer = await open_streams(where, guard_of(registry))
    except ConnectionRefusedError:
        said = f"nothing listens on port {where.port}"
        return _verdict("TCP", Reason.CONNECTION_REFUSED, said, "check the port; is it running?")
    except OSError as error:
        said = f"no connection to port {where.port} ({error.strerror or type(error).__name__})"
        return _verdict("TCP", Reason.UNREACHABLE, said, "check firewalls and routes")
    writer.close()
    return _verdict("TCP", Reason.CONNECTED, f"port {where.port} is open")


async def _tls(registry: Registry) -> Verdict:
    if registry.where.scheme == "http":
        return tls_verdict(registry)
    try:
        context = tls.context_for(registry.tls)
        _, writer = await open_streams(registry.where, guard_of(registry), context)
    except tls.CUT:
        said = "the connection was closed during the handshake"
        return _verdict("TLS", Reason.UNREACHABLE, said, "is this an https address?")
    except ssl.SSLError as error:
        reason, said = tls.refusal(error)
        message, _, advice = said.partition(": ")
        return _distrust(reason, message, advice)
    except OSError as error:
        said = f"the handshake was cut off ({error.strerror or type(error).__name__})"
        return _verdict("TLS", Reason.UNREACHABLE, said, "is this an https address?")
    writer.close()
    return tls_verdict(registry)


def _forbidden(error: AddressForbidden) -> Verdict:
    verdict = _verdict("DNS", Reason.ADDRESS_FORBIDDEN, error.message, error.advice)
    return verdict.model_copy(update={"proved": True})


def _timed_out(step: str, seconds: float) -> Verdict:
    said = f"no answer within {seconds:g} s"
    return _verdict(step.strip("_").upper(), Reason.TIMED_OUT, said, "check firewalls and routes")


def _verdict(step: str, reason: Reason, message: str, advice: str = "") -> Verdict:
    return Verdict(
        type=ConditionType.REACHABLE,
        status=Status.FALSE if advice else Status.TRUE,
        reason=reason,
        message=message,
        advice=advice,
        proved=not advice,
        step=step,
    )


def _distrust(reason: Reason, message: str, advice: str) -> Verdict:
    return Verdict(
        type=ConditionType.TLS_TRUSTED,
        status=Status.FALSE,
        reason=reason,
        message=message,
        advice=advice,
        step="TLS",
    )
