"""The address of a registry: scheme, host and port in canonical form."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

from models.core.base import FrozenModel

_DEFAULT_PORTS = {"https": 443, "http": 80}
_HOST_PATTERN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?"
)

_NUMBER_PATTERN = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""Last label of an IPv4 address: https://url.spec.whatwg.org/#ends-in-a-number-checker"""

_MAX_LENGTH = 300
"""Maximum length of an address in characters: a host name of 253, plus scheme and port."""


class Address(FrozenModel):
    """The parsed address of a registry.

    Attributes:
        scheme: `https` or `http`.
        host: lower-case host name or IP address, IPv6 without brackets.
        port: 1 to 65535; the default port of the scheme if the text contains none.
    """

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """Host and port as in an image reference, without the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def image_hosts(self) -> tuple[str, ...]:
        """The forms of host and port that image references use, the usual one first.

        Clients compare them as text: a login for `host` does not apply to `host:443`
        (https://github.com/docker/cli/issues/987).
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return tuple(dict.fromkeys((self.netloc, f"{host}:{self.port}")))

    @property
    def origin(self) -> str:
        """The canonical form, e.g. `https://harbor.example.com`."""
        return f"{self.scheme}://{self.netloc}"

    def __str__(self) -> str:
        return self.origin


def parse_address(text: str) -> Address:
    """Parse an address that a user entered.

    Upper case, a trailing slash, a default port and surrounding white space are normalized.

    Raises:
        ValueError: the text is not of the form `http(s)://host[:port]`. The message contains the
            expected form and never repeats credentials.
    """
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"the address is longer than {_MAX_LENGTH} characters")
    text = text.strip()
    if "@" in text:  # anywhere: a password with "/", "#" or "?" is not parsed as part of the netloc
        raise ValueError(
            "the address contains a user name or password: remove it, save the credentials in a "
            "registry-credentials block, and change the password, because it was entered in clear "
            "text"
        )
    if re.search(r"[\s\x00-\x1f\\]", text):
        raise ValueError("the address contains a space, a line break or a backslash: remove it")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(
            "the address is malformed: its port must be a number from 1 to 65535 and an IPv6 "
            "address must be in brackets, e.g. https://[2001:db8::1]:8443"
        ) from error
    _check_scheme(parts, text)
    _check_origin_only(parts)
    if port == 0:
        raise ValueError("the address has port 0: a registry's port is from 1 to 65535")
    host = _validate_host(parts.hostname or "")
    return Address(scheme=parts.scheme, host=host, port=port or _DEFAULT_PORTS[parts.scheme])


def _check_scheme(parts: SplitResult, text: str) -> None:
    if "://" not in text:
        raise ValueError(f"the address has no scheme: write https://{text.lstrip('/')}")
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(f"the scheme {parts.scheme!r} is not supported: use https:// (or http://)")


def _check_origin_only(parts: SplitResult) -> None:
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.query or parts.fragment:
        raise ValueError(f"the address has a query or fragment: write {bare}")
    if parts.path not in ("", "/"):
        raise ValueError(f"the address has a path ({parts.path[:60]}): write {bare}")


def _validate_host(host: str) -> str:
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host).compressed
        except ValueError:
            raise ValueError(f"the host {host[:80]!r} is not a valid IPv6 address") from None
    if not host:
        raise ValueError("the address has no host: write e.g. https://harbor.example.com")
    if not host.isascii():
        raise ValueError(f"the host {host!r} is not ASCII: write its punycode form (xn--…)")
    host = host.removesuffix(".")  # the DNS root, which does not change the meaning
    if _NUMBER_PATTERN.fullmatch(host.rpartition(".")[2]):
        return _validate_ipv4(host)
    if not _HOST_PATTERN.fullmatch(host):
        raise ValueError(f"the host {host[:80]!r} is not a valid host name or IP address")
    return host


def _validate_ipv4(host: str) -> str:
    # Only some programs parse 127.1 or 0x7f000001 as an IP address: accept four decimals only.
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise ValueError(
            f"the host {host[:80]!r} is not a valid host name or IP address: write an IP address "
            "as four decimal numbers, e.g. 192.0.2.1"
        ) from None


def parse_image_host(text: str) -> str:
    """Return the canonical `host[:port]` of a name that image references use.

    Args:
        text: `host[:port]`, also with a scheme.

    Raises:
        ValueError: the text has another form; the message contains the expected one.
    """
    address = text.strip()
    return parse_address(address if "://" in address else f"https://{address}").netloc


ImageHost = Annotated[str, Field(max_length=_MAX_LENGTH), AfterValidator(parse_image_host)]
"""A host in image references as text, validated and converted to its canonical form."""

AddressText = Annotated[
    str,
    Field(examples=["https://harbor.example.com"], max_length=_MAX_LENGTH),
    AfterValidator(lambda text: parse_address(text).origin),
]
"""An address as text, validated and converted to its canonical form."""
