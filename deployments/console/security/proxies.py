"""What a trusted proxy says about a request; from any other address it is ignored."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from models.core.network import Network

_MAX_USER_LENGTH = 200


def is_trusted(address: str, networks: Sequence[Network]) -> bool:
    """Return whether an address belongs to a trusted proxy."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)


def peer_address(connection: HTTPConnection) -> str:
    """Return the address that the connection comes from; empty for a Unix socket."""
    return connection.client.host if connection.client else ""


def client_address(connection: HTTPConnection, networks: Sequence[Network]) -> str:
    """Return the address of the client: the last one that no trusted proxy has.

    A hop that is no address ends the search: what stands before it cannot be believed.
    """
    address = peer_address(connection)
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
    for hop in reversed([part.strip() for part in forwarded if part.strip()]):
        host = _host_of(hop)
        if not is_trusted(address, networks) or not host:
            break
        address = host
    return address


def _host_of(hop: str) -> str:
    """Return the address of a hop, which some proxies write with a port; empty if it has none."""
    bracketed = hop.startswith("[")
    host = hop[1:].partition("]")[0] if bracketed else hop
    if not bracketed and hop.count(":") == 1:
        host = hop.partition(":")[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def host_name(connection: HTTPConnection) -> str:
    """Return the host name that the browser asked for, in lower case, without the port."""
    try:
        return urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def is_https(connection: HTTPConnection, networks: Sequence[Network]) -> bool:
    """Return whether the browser used https, to this process or to a trusted proxy."""
    if connection.url.scheme == "https":
        return True
    forwarded = connection.headers.get("x-forwarded-proto", "").strip().lower()
    return forwarded == "https" and is_trusted(peer_address(connection), networks)


def proxy_user(connection: HTTPConnection, header: str, networks: Sequence[Network]) -> str:
    """Return the user that a trusted proxy names; empty if none does.

    A header that occurs twice names nobody: a proxy that adds its own to the client's would be
    believed in the client's words.
    """
    if not header or not is_trusted(peer_address(connection), networks):
        return ""
    values = connection.headers.getlist(header)
    name = _decode(values[0]).strip() if len(values) == 1 else ""
    return name if name.isprintable() and len(name) <= _MAX_USER_LENGTH else ""


def _decode(value: str) -> str:
    """Return a header as the proxy meant it: most send UTF-8; ASGI servers read Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
