"""HTTP proxies between this service and a server."""

import ipaddress
import logging
import re
import ssl
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpcore
from pydantic import SecretStr

from models.core.errors import RemoteError, Unreachable
from models.core.reasons import Reason
from models.registries.address import Address, parse_address

_STATUS_PATTERN = re.compile(r"\d{3}(?= |\Z)")
_NO_PASSWORD = SecretStr("")
AUTHENTICATION_REQUIRED = 407

PROXY_TLS_ADVICE = {
    Reason.UNKNOWN_AUTHORITY: (
        "add the CA certificate of the proxy to the registry's 'Own certificate authority'; if it "
        "is trusted already, the proxy does not send its intermediate certificates: configure the "
        "full chain there"
    ),
    Reason.SELF_SIGNED: (
        "add the certificate of the proxy to the registry's 'Own certificate authority'"
    ),
    Reason.WRONG_HOST_NAME: "name the proxy by a host name that its certificate is issued for",
    Reason.CERTIFICATE_EXPIRED: "renew the certificate of the proxy",
    Reason.TLS_UNTRUSTED: "install a valid certificate on the proxy",
}
"""What to do about a proxy's certificate that is not trusted, by reason."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the user to log in to it.

    Attributes:
        origin: scheme, host and port.
        username, password: of its user; empty without one.
        from_environment: whether a variable of the environment names it.
    """

    origin: str
    username: str = ""
    password: SecretStr = _NO_PASSWORD
    from_environment: bool = False

    def connection(self, tls_context: ssl.SSLContext | None) -> httpcore.Proxy:
        """Return how to connect to it.

        Args:
            tls_context: TLS context for an https proxy; it must show it no client certificate.
        """
        auth = (
            (self.username.encode(), self.password.get_secret_value().encode())
            if self.username
            else None
        )
        context = tls_context if self.origin.startswith("https") else None
        return httpcore.Proxy(self.origin, auth=auth, ssl_context=context)

    def refusal(self, target: str, method: str, url: str, status: int) -> RemoteError:
        """Return the error for a status with which it refused to reach the server.

        Args:
            target, method, url: see `RemoteError`.
            status: HTTP status; 0 if it could not be read.
        """
        reason, advice = self._explain(status)
        message = f"the proxy {self.origin} answered {status or 'with an error'}: {advice}"
        return RemoteError(target, method, url, message, reason)

    def failure(self, error: RemoteError) -> RemoteError:
        """Return the error for a connection to the proxy itself that failed.

        Args:
            error: the error, as if the proxy were the server.
        """
        return Unreachable(
            error.target,
            error.method,
            error.url,
            f"the proxy {self.origin} cannot be used: {error.message}",
            Reason.PROXY_UNREACHABLE,
        )

    def _explain(self, status: int) -> tuple[Reason, str]:
        if status == AUTHENTICATION_REQUIRED:
            action = "correct" if self.username else "add"
            place = (
                "in the environment variable that names the proxy"
                if self.from_environment
                else "in the block of 'Proxy credentials' of the registry"
            )
            advice = f"{action} its user name and password {place}"
            return Reason.PROXY_AUTHENTICATION_REQUIRED, advice
        if 400 <= status < 500:
            advice = "it does not let this machine reach the address: change its rules"
            return Reason.PROXY_REFUSED, advice
        return Reason.UNREACHABLE, "it cannot reach the address: check it from the proxy's host"


def status_of(error: httpcore.ProxyError) -> int:
    """Return the status of a proxy that refused to connect; 0 if there is none."""
    match = _STATUS_PATTERN.match(str(error))
    return int(match[0]) if match else 0


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, which no proxy can reach."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def environment_proxy(address: Address) -> Proxy | None:
    """Return the proxy that the environment names for an address; None for none.

    `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` as Python's urllib reads them; a value
    that is no http or https URL counts as none, with a warning.
    """
    proxies = getproxies_environment()
    variable = address.scheme if proxies.get(address.scheme) else "all"
    url = proxies.get(variable) or ""
    if not url or is_loopback(address.host):
        return None
    if any(proxy_bypass(host) for host in (address.host, *address.image_hosts)):
        return None
    try:
        return _parse_variable(url)
    except ValueError:
        warn_of(variable.upper())
        return None


def _parse_variable(url: str) -> Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    origin = parse_address(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}").origin
    password = SecretStr(unquote(parts.password or ""))
    return Proxy(origin, unquote(parts.username or ""), password, from_environment=True)


@cache
def warn_of(variable: str) -> None:
    """Log once that a variable is ignored; without its value, which can contain a password."""
    _log.warning(
        "The environment variable %s_PROXY is ignored: it is not of the form http(s)://host[:port]",
        variable,
    )
