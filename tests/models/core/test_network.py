"""Addresses that a discovered name must not resolve to."""

import pytest
from pydantic import ValidationError

from models.core.network import LOOPBACK_NETWORKS, forbidden_reason, parse_networks
from models.core.settings import Settings


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("::ffff:169.254.9.9", "link-local"),
        ("169.254.169.254", "the metadata service of a cloud"),
        ("::ffff:169.254.169.254", "the metadata service of a cloud"),
        ("64:ff9b::a9fe:a9fe", "the metadata service of a cloud"),
        ("fd00:ec2::254", "the metadata service of a cloud"),
        ("100.100.100.200", "the metadata service of a cloud"),
        ("168.63.129.16", "the metadata service of a cloud"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("::ffff:0.0.0.0", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("240.0.0.1", "reserved"),
        ("harbor.example.com", "no IP address"),
        ("", "no IP address"),
        ("10.0.0.1", ""),
        ("172.16.0.1", ""),
        ("192.168.1.1", ""),
        ("100.64.0.1", ""),
        ("93.184.216.34", ""),
        ("fd00::1", ""),
        ("2001:db8::1", ""),
        ("::ffff:10.0.0.1", ""),
    ],
)
def test_what_is_forbidden(address: str, kind: str) -> None:
    assert forbidden_reason(address) == kind


@pytest.mark.parametrize(
    ("address", "allowed", "kind"),
    [
        ("127.0.0.1", LOOPBACK_NETWORKS, ""),
        ("::1", LOOPBACK_NETWORKS, ""),
        ("::ffff:127.0.0.1", LOOPBACK_NETWORKS, ""),
        ("169.254.169.254", LOOPBACK_NETWORKS, "the metadata service of a cloud"),
        ("127.0.0.1", "127.0.0.2/32", "loopback"),
        ("169.254.7.7", "169.254.7.0/24", ""),
        ("fe80::1", " fe80::/10 , ", ""),
        ("10.0.0.1", LOOPBACK_NETWORKS, ""),
    ],
)
def test_a_setting_allows_more(address: str, allowed: str, kind: str) -> None:
    assert forbidden_reason(address, parse_networks(allowed)) == kind


def test_the_setting_is_checked() -> None:
    assert Settings(allowed_networks="").networks == ()
    assert len(Settings(allowed_networks=LOOPBACK_NETWORKS).networks) == 2
    with pytest.raises(ValidationError):
        Settings(allowed_networks="loopback")
