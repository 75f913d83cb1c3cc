"""Network addresses that discovered Harbors may have.

The address of a managed Harbor comes from a cluster object that a tenant may have written. It must
not make this service connect to endpoints that only this machine or its cloud may access.
"""

import ipaddress
from collections.abc import Iterable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK_NETWORKS = "127.0.0.0/8,::1/128"
"""The networks that the demo on one machine allows."""

_CLOUD_METADATA_ADDRESSES = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google and most others
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # Google over IPv6
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's host agent
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # Linux connects 0.0.0.0 to the local machine


def parse_networks(text: str) -> tuple[Network, ...]:
    """Parse a comma-separated list of networks.

    Raises:
        ValueError: an item is not a network in CIDR notation.
    """
    return tuple(
        ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()
    )


def forbidden_reason(address: str, allowed: Iterable[Network] = ()) -> str:
    """Return why this service must not connect to an IP address; empty if it may.

    An IPv4 address that is embedded in an IPv6 address is treated as the IPv4 address.

    Args:
        address: the address in the form that the resolver returns.
        allowed: networks that are always allowed.
    """
    try:
        ip = _unwrap_address(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return "no IP address"
    if any(ip in network for network in allowed):
        return ""
    return _address_kind(ip)


def _unwrap_address(ip: IpAddress) -> IpAddress:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    within = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
    if within is None and (ip in _NAT64 or (int(ip) >> 32 == 0 and int(ip) > 1)):
        within = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return within or ip


def _address_kind(ip: IpAddress) -> str:
    kinds = {
        "the metadata service of a cloud": ip in _CLOUD_METADATA_ADDRESSES,
        "loopback": ip.is_loopback,
        "link-local": ip.is_link_local,
        "unspecified": ip.is_unspecified or ip in _THIS_NETWORK,
        "multicast": ip.is_multicast,
        "reserved": isinstance(ip, ipaddress.IPv4Address) and ip.is_reserved,
    }
    return next((kind for kind, applies in kinds.items() if applies), "")
