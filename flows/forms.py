"""The parameters that several flows share, as a person sees them in a form."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.address import parse_address
from models.errors import InputRefused
from models.names import RegistryName
from models.registry import DriftPolicy, Tls

AddressField = Annotated[
    str,
    Field(
        title="Address",
        description="Scheme, host and, if unusual, port. No path, no credentials.",
        examples=["https://harbor.example.com"],
        pattern=r"^[^@]*$",  # so that a password in it is refused before it is stored
        max_length=300,
    ),
]

TokenServiceField = Annotated[
    str | None,
    Field(
        title="Token service",
        description="Only if a Docker Registry gets its tokens from another host: the address of "
        "that host, which then receives the credentials.",
        examples=["https://auth.example.com"],
        pattern=r"^[^@]*$",
        max_length=300,
    ),
]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class HarborForm(_Form):
    """A Harbor, 2.9 or newer."""

    model_config = ConfigDict(title="Harbor")

    type: Literal["harbor"] = Field(default="harbor", title="Type")
    address: AddressField


class DockerForm(_Form):
    """A Docker Registry, or any registry of the OCI distribution specification."""

    model_config = ConfigDict(title="Docker Registry")

    type: Literal["docker"] = Field(default="docker", title="Type")
    address: AddressField
    token_service: TokenServiceField = None


RegistryForm = Annotated[
    HarborForm | DockerForm,
    Field(title="Registry", discriminator="type", description="Which kind it is, and where."),
]

NameField = Annotated[
    RegistryName,
    Field(title="Name", description="What the registry is called here; it cannot be changed."),
]
TlsField = Annotated[Tls, Field(title="TLS", description="How its certificate is verified.")]
DescriptionField = Annotated[str, Field(title="Description", max_length=1000)]
DriftPolicyField = Annotated[
    DriftPolicy,
    Field(
        title="Drift policy",
        description="When a visibility set here is changed in the registry: set it right "
        "(enforce), or only say so (report).",
    ),
]
SpaceNames = Annotated[
    list[str],
    Field(
        title="Spaces",
        description="Harbor projects, or first path segments of a Docker Registry.",
        examples=[["team-a"]],
        min_length=1,
        max_length=5000,
    ),
]


def canonical(address: str) -> str:
    """Return an address in its canonical spelling.

    Raises:
        InputRefused: it is none; the message says what to write instead.
    """
    try:
        return parse_address(address).origin
    except ValueError as error:
        raise InputRefused(f"Address: {error}") from None
