"""The server of a registry: its TLS context, address guard and errors."""

import ssl
from contextlib import AbstractAsyncContextManager

import httpx

from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.address import parse_address
from models.registries.registry import CustomCA, Registry, RegistryOrigin, SkipVerify
from tasks.http.client import HttpClient, Server
from tasks.http.connection.client_certificate import ClientCertificate, load_client_certificate
from tasks.http.connection.network import AddressGuard
from tasks.http.shared import open_client
from tasks.http.tls import new_tls_context, tls_context
from tasks.registries.protocol import ClientOptions
from tasks.registries.wire import error_from_response

_MAX_FAILED_CONNECTIONS = 3
"""Consecutive failed connections that open the circuit."""

_ADD_CA_ADVICE = "add the CA certificate as 'Own certificate authority'"

TLS_ADVICE = {
    Reason.UNKNOWN_AUTHORITY: (
        f"{_ADD_CA_ADVICE}; if it is trusted already, the server does not send its intermediate "
        "certificates: configure the full chain there"
    ),
    Reason.SELF_SIGNED: f"{_ADD_CA_ADVICE} (here: the server certificate itself)",
    Reason.WRONG_HOST_NAME: (
        "use a host name that the certificate is issued for: one of its subject alternative names, "
        "the common name does not count"
    ),
    Reason.CERTIFICATE_EXPIRED: "renew the certificate of the registry",
    Reason.TLS_UNTRUSTED: "install a valid certificate on the registry",
}
"""What to do about a certificate that is not trusted, by reason."""


def registry_server(registry: Registry, options: ClientOptions | None = None) -> Server:
    """Return the server of a registry.

    Args:
        registry: the registry.
        options: its client certificate and proxy; None for none.
    """
    proxy = options.proxy if options else None
    uses_environment = options is not None and options.uses_environment_proxies
    certificate = options.client_certificate if options else None
    return Server(
        name=registry.name,
        target=registry.name,
        origin=registry.address,
        tls_context=registry_tls_context(registry, certificate),
        tls_advice=TLS_ADVICE,
        to_error=error_from_response,
        max_failed_connections=_MAX_FAILED_CONNECTIONS,
        is_registry=True,
        address_guard=registry_address_guard(registry),
        shows_certificate=certificate is not None,
        proxy=proxy,
        uses_environment_proxies=uses_environment,
        proxy_tls_context=(
            tls_context(_authority(registry)) if proxy or uses_environment else None
        ),
    )


def open_registry_client(
    registry: Registry, options: ClientOptions, auth: httpx.Auth | None = None
) -> AbstractAsyncContextManager[HttpClient]:
    """Open the HTTP client of a registry, or use the one that this run has open already.

    Args:
        registry: the registry.
        options: its credential and limits.
        auth: authentication with that credential; None to send it in other ways.
    """
    access = options.client_certificate, options.proxy, options.uses_environment_proxies
    key = (registry, options.credential, options.limits, *access)
    return open_client(
        key, lambda: HttpClient(registry_server(registry, options), options.limits, auth)
    )


def registry_tls_context(
    registry: Registry, certificate: ClientCertificate | None = None
) -> ssl.SSLContext:
    """Return the TLS context of a registry; contexts without a certificate are cached.

    Args:
        registry: the registry.
        certificate: client certificate to show to it; None for none.
    """
    authority, verified = _authority(registry), not isinstance(registry.tls, SkipVerify)
    if certificate is None:
        return tls_context(authority, verified=verified)
    context = new_tls_context(authority, verified=verified)
    load_client_certificate(context, certificate)
    return context


def _authority(registry: Registry) -> str:
    return registry.tls.bundle if isinstance(registry.tls, CustomCA) else ""


def registry_address_guard(registry: Registry) -> AddressGuard | None:
    """Return the address guard of a managed registry; None if a person entered the address."""
    if registry.origin is not RegistryOrigin.MANAGED:
        return None
    service = registry.token_service
    exempt_addresses = [parse_address(service)] if service else []
    return AddressGuard(
        allowed=get_settings().networks,
        trusted_endpoints=frozenset((address.host, address.port) for address in exempt_addresses),
    )
