"""Which addresses of the network may be connected to, where nobody typed the address.

A managed Harbor's address stands in an object that a tenant of a cluster may have written. It must
not lead this service to what only this machine, or this machine's cloud, may ask.
"""

import ipaddress
from collections.abc import Iterable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK_NETWORKS = "127.0.0.0/8,::1/128"
"""What a demo on one machine allows."""

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
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")  # Linux takes 0.0.0.0 for the machine itself


def parse_networks(text: str) -> tuple[Network, ...]:
    """Read networks as a setting names them, parted by commas.

    Raises:
        ValueError: one is no network in CIDR notation.
    """
    return tuple(
        ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()
    )


def forbidden_reason(address: str, allowed: Iterable[Network] = ()) -> str:
    """Return what is wrong with connecting to an IP address, in a word; empty if nothing is.

    An IPv4 address within an IPv6 one counts as the IPv4 address.

    Args:
        address: as the resolver returned it, so it has one spelling.
        allowed: networks that are allowed all the same.
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
