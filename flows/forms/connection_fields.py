"""Parameters about the way to a registry: client certificate and proxy."""

from typing import Annotated, Literal

from pydantic import Field

from flows.forms.fields import NO_USERINFO_PATTERN, REGISTRY_BLOCK_TYPE
from flows.forms.schema import KEEP, NONE, OptionalText, block_picker, form_field, none_if
from models.core.errors import InvalidRequest
from models.registries.address import parse_address
from tasks.secrets.client_certificates import ClientCertificateBlock
from tasks.secrets.credentials import RegistryCredentials

_CERTIFICATE_BLOCK_TYPE = "client-certificate"
_CERTIFICATE_HELP = (
    "Only for a registry that requires one (mutual TLS): a saved client-certificate block. It is "
    "shown to the registry and its token service. "
)
ClientCertificateField = Annotated[
    ClientCertificateBlock | None,
    none_if(NONE),
    block_picker(
        _CERTIFICATE_BLOCK_TYPE, "Saved client certificate", "No client certificate", NONE
    ),
    form_field("Client certificate", _CERTIFICATE_HELP, default=NONE),
]
NewClientCertificateField = Annotated[
    ClientCertificateBlock | Literal["none"] | None,
    none_if(KEEP),
    block_picker(
        _CERTIFICATE_BLOCK_TYPE,
        "Other client certificate",
        KEEP.capitalize(),
        KEEP,
        **{NONE: "No client certificate"},
    ),
    form_field("Client certificate", _CERTIFICATE_HELP, default=KEEP),
]
_PROXY_HELP = (
    "Only if the registry is reached through an HTTP proxy: its address with http:// or https://, "
    "without user name and password. "
)
ProxyField = Annotated[
    str | None,
    Field(examples=["http://proxy.example.com:3128"], pattern=NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field("Proxy", f"{_PROXY_HELP}Example: http://proxy.example.com:3128", default=""),
]
NewProxyField = Annotated[
    str | None,
    Field(examples=["http://proxy.example.com:3128"], pattern=NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field(
        "Proxy",
        f"{_PROXY_HELP}Leave empty to keep the current one; enter {NONE} to connect directly.",
        default="",
    ),
]
_PROXY_CREDENTIALS_HELP = (
    "A saved registry-credentials block with user name and password of the proxy, if it requires "
    "them. They are sent to the proxy only."
)
ProxyCredentialsField = Annotated[
    RegistryCredentials | None,
    none_if(NONE),
    block_picker(
        REGISTRY_BLOCK_TYPE, "Saved credentials of the proxy", "No credentials of the proxy", NONE
    ),
    form_field("Proxy credentials", _PROXY_CREDENTIALS_HELP, default=NONE),
]
NewProxyCredentialsField = Annotated[
    RegistryCredentials | Literal["none"] | None,
    none_if(KEEP),
    block_picker(
        REGISTRY_BLOCK_TYPE,
        "Other credentials of the proxy",
        KEEP.capitalize(),
        KEEP,
        **{NONE: "No credentials of the proxy"},
    ),
    form_field("Proxy credentials", _PROXY_CREDENTIALS_HELP, default=KEEP),
]


def parse_proxy(address: str | None) -> str | None:
    """Return the address of a proxy in its canonical spelling; None if none is given.

    Raises:
        InvalidRequest: the address is invalid; the message contains the expected form.
    """
    if not address:
        return None
    try:
        return parse_address(address).origin
    except ValueError as error:
        raise InvalidRequest(f"proxy: {error}") from None
