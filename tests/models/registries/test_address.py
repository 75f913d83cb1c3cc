"""Valid and invalid addresses, and their canonical form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from models.core.base import FrozenModel
from models.registries.address import AddressText, parse_address, parse_image_host


class _Form(FrozenModel):
    address: AddressText


@pytest.mark.parametrize(
    ("typed", "origin", "netloc"),
    [
        ("https://harbor.example.com", "https://harbor.example.com", "harbor.example.com"),
        ("  https://harbor.example.com/ ", "https://harbor.example.com", "harbor.example.com"),
        ("https://harbor.example.com.:443", "https://harbor.example.com", "harbor.example.com"),
        ("HTTPS://Harbor.Example.COM", "https://harbor.example.com", "harbor.example.com"),
        ("https://h:443", "https://h", "h"),
        ("http://h:80/", "http://h", "h"),
        ("http://h:443", "http://h:443", "h:443"),
        ("https://h:", "https://h", "h"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", "127.0.0.1:5000"),
        ("https://[2001:DB8:0::1]", "https://[2001:db8::1]", "[2001:db8::1]"),
        ("https://[::1]:8443/", "https://[::1]:8443", "[::1]:8443"),
        ("http://h:65535", "http://h:65535", "h:65535"),
        ("http://my_registry:5000", "http://my_registry:5000", "my_registry:5000"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_put_right(typed: str, origin: str, netloc: str) -> None:
    address = parse_address(typed)
    assert (address.origin, address.netloc, str(address)) == (origin, netloc, origin)
    assert parse_address(origin) == address


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("https://h", ("h", "h:443")),
        ("http://h", ("h", "h:80")),
        ("http://h:443", ("h:443",)),
        ("https://h:5000", ("h:5000",)),
        ("https://[::1]", ("[::1]", "[::1]:443")),
    ],
)
def test_a_default_port_may_be_written_in_image_references(
    address: str, hosts: tuple[str, ...]
) -> None:
    assert parse_address(address).image_hosts == hosts


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("Mirror.Example.com", "mirror.example.com"),
        (" mirror:5000 ", "mirror:5000"),
        ("mirror:443", "mirror"),
        ("https://mirror.example.com/", "mirror.example.com"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_a_host_of_image_references(typed: str, host: str) -> None:
    assert parse_image_host(typed) == parse_image_host(host) == host


@pytest.mark.parametrize("typed", ["", "mirror/team", "user@mirror", "mir ror", "https://"])
def test_no_host_of_image_references(typed: str) -> None:
    with pytest.raises(ValueError, match="the address"):
        parse_image_host(typed)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "no scheme"),
        ("harbor.example.com", "no scheme: write https://harbor.example.com"),
        ("harbor:5000", "no scheme: write https://harbor:5000"),
        ("//harbor", "no scheme: write https://harbor"),
        ("ftp://harbor", "scheme 'ftp' is not supported"),
        ("file:///etc/passwd", "scheme 'file' is not supported"),
        ("https://harbor/c/projects", r"has a path \(/c/projects\): write https://harbor"),
        ("https://harbor//", "has a path"),
        ("https://harbor?x=1", "query or fragment: write https://harbor"),
        ("https://harbor/#/projects", "query or fragment: write https://harbor"),
        ("https://har bor", "a space"),
        ("https://harbor\n.example", "a line break"),
        ("https://harbor\\x", "a backslash"),
        ("https://har\x00bor", "a space"),
        ("https://", "no host"),
        ("https://:443", "no host"),
        ("https://h:0", "port 0"),
        ("https://[::1]:0", "port 0"),
        ("https://h:99999", "port must be a number from 1 to 65535"),
        ("https://h:-1", "port must be a number"),
        ("https://h:http", "port must be a number"),
        ("https://a:b:c", "IPv6 address must be in brackets"),
        ("https://[::1", "IPv6 address must be in brackets"),
        ("https://2001:db8::1", "IPv6 address must be in brackets"),
        ("https://[v1.x:y]", "not a valid IPv6 address"),
        ("https://bücher.example", "not ASCII: write its punycode"),
        ("https://a..b", "not a valid host name"),
        ("https://-a", "not a valid host name"),
        ("https://.", "not a valid host name"),
        ("https://..", "not a valid host name"),
        (f"https://{'a' * 64}", "not a valid host name"),
        (f"https://{'a.' * 127}b", "not a valid host name"),
    ],
)
def test_refused_with_what_to_write(typed: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(typed)


LEAKS = [
    "https://admin:hunter2@harbor",
    "https://hunter2@harbor",
    "ftp://admin:hunter2@harbor",
    "admin:hunter2@harbor",
    "https:/admin:hunter2@harbor",
    "//admin:hunter2@harbor",
    "https://admin:hunter2@harbor:99999",
    "https://admin:12/hunter2@harbor",
    "https://admin:12#hunter2@harbor",
    "https://admin:12?hunter2@harbor",
    "https://admin:hunter2/x@harbor",
    "https://admin:hunter2 x@harbor",
    "https://admin:hunter2\\x@harbor",
    "https://[hunter2@harbor",
]


@pytest.mark.parametrize("typed", LEAKS)
def test_credentials_in_an_address_are_never_repeated(typed: str) -> None:
    with pytest.raises(ValueError, match="contains a user name or password") as excinfo:
        parse_address(typed)
    assert "hunter2" not in str(excinfo.value)
    assert excinfo.value.__context__ is None
    with pytest.raises(ValidationError, match="contains a user name or password") as form_excinfo:
        _Form(address=typed)
    assert "hunter2" not in str(form_excinfo.value)
    assert "hunter2" not in repr(form_excinfo.value)


@pytest.mark.parametrize("typed", LEAKS)
def test_a_form_that_hides_nothing_gets_no_more_than_the_message(typed: str) -> None:
    """Errors in flow parameters show `loc` and `msg`, so these must not contain the input."""
    with pytest.raises(ValidationError) as excinfo:
        TypeAdapter(AddressText).validate_python(typed)
    assert "hunter2" not in str(excinfo.value.errors(include_input=False, include_context=True))


def test_a_form_keeps_the_canonical_spelling() -> None:
    class Plain(BaseModel):
        address: AddressText

    assert Plain(address="HTTPS://Harbor:443/").address == "https://harbor"
    with pytest.raises(ValidationError, match="not a valid host name"):
        Plain(address=f"https://{'a.' * 130}b")
    with pytest.raises(ValidationError, match="at most 300 characters"):
        Plain(address=f"https://{'a.' * 200}b")
    with pytest.raises(ValueError, match="longer than 300 characters"):
        parse_address(f"https://{'a.' * 200}b")


@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://", "https://["]))
def test_any_text_is_read_canonically_or_refused(text: str, scheme: str) -> None:
    try:
        address = parse_address(scheme + text)
    except ValueError:
        return
    assert parse_address(address.origin) == address
    assert 1 <= address.port <= 65535
    assert address.host


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "1.2.3.256", "1.2.3.4.5"]
)
def test_an_ip_address_has_one_spelling(host: str) -> None:
    with pytest.raises(ValueError, match="four decimal numbers"):
        parse_address(f"http://{host}:5000")
    assert parse_address("http://192.0.2.1:5000").host == "192.0.2.1"
