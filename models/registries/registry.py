"""The configuration of a registry."""

import ssl
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from models.core.base import FrozenModel
from models.registries.address import Address, AddressText, parse_address


class Kind(StrEnum):
    """The type of a registry."""

    HARBOR = "harbor"
    DOCKER = "docker"

    @property
    def label(self) -> str:
        """The display name."""
        return {"harbor": "Harbor", "docker": "Docker Registry"}[self.value]


class RegistryOrigin(StrEnum):
    """How the registry was integrated: by a user (external) or by discovery (managed)."""

    EXTERNAL = "external"
    MANAGED = "managed"


class Privacy(StrEnum):
    """Whether the registry itself enforces the privacy of spaces."""

    ENFORCED = "enforced"
    ADVISORY = "advisory"


class DriftPolicy(StrEnum):
    """How reconcile handles a visibility in the registry that differs from the desired one."""

    ENFORCE = "enforce"
    REPORT = "report"


class SystemCA(FrozenModel):
    """Verify the certificate with the system's trusted CAs."""

    model_config = ConfigDict(title="Verify (recommended)")

    mode: Literal["verify"] = Field(default="verify", title="Mode")


_PEM_BEGIN, _PEM_END = (f"-----{word} CERTIFICATE-----" for word in ("BEGIN", "END"))
_MAX_BUNDLE_LENGTH = 200_000
"""Maximum length of PEM text in characters: about 100 certificates."""


def _split_certificates(text: str) -> Iterator[str]:
    # str.find in a single pass: a regular expression could backtrack on hostile input.
    begin = text.find(_PEM_BEGIN)
    while begin >= 0:
        end = text.find(_PEM_END, begin + len(_PEM_BEGIN))
        if end < 0:
            return
        yield text[begin : end + len(_PEM_END)]
        begin = text.find(_PEM_BEGIN, end + len(_PEM_END))


def _check_pem(text: str) -> str:
    if len(text) > _MAX_BUNDLE_LENGTH:
        raise ValueError(
            f"longer than {_MAX_BUNDLE_LENGTH:,} characters: paste only the required certificates"
        )
    if "PRIVATE KEY" in text:
        raise ValueError("contains a private key: paste only the CA certificate")
    certificates = list(_split_certificates(text))
    if not certificates:
        raise ValueError("no certificate found: paste PEM text with BEGIN and END CERTIFICATE")
    bundle = "".join(
        f"{line.strip()}\n" for certificate in certificates for line in certificate.splitlines()
    )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=bundle)
    except (ssl.SSLError, ValueError, TypeError):
        raise ValueError("invalid certificate: paste the complete, unchanged PEM text") from None
    return bundle


class CustomCA(FrozenModel):
    """Verify the certificate with the given CAs in addition to the system's."""

    model_config = ConfigDict(title="Own certificate authority")

    mode: Literal["ca"] = Field(default="ca", title="Mode")
    bundle: Annotated[
        str,
        AfterValidator(_check_pem),
        Field(
            title="CA bundle (PEM)",
            description="One or more CA certificates in PEM format.",
            max_length=_MAX_BUNDLE_LENGTH,
            json_schema_extra={"format": "textarea"},
        ),
    ]


class SkipVerify(FrozenModel):
    """Accept any certificate; a man in the middle can read the password."""

    model_config = ConfigDict(title="Do not verify (unsafe)")

    mode: Literal["insecure"] = Field(default="insecure", title="Mode")


SYSTEM_CA = SystemCA()

Tls = Annotated[SystemCA | CustomCA | SkipVerify, Field(discriminator="mode")]


class BlockRef(FrozenModel):
    """A reference to a Prefect block of type `registry-credentials`."""

    source: Literal["block"] = "block"
    name: str

    @property
    def ref_key(self) -> str:
        """A key that is unique among all references."""
        return self.name


class SecretRef(FrozenModel):
    """A reference to the Secret of a managed Harbor in its cluster."""

    source: Literal["secret"] = "secret"
    cluster: str
    namespace: str
    name: str
    key: str
    username: str = "admin"

    @property
    def ref_key(self) -> str:
        """A key that is unique among all references; block names contain no slash."""
        return f"{self.cluster}/{self.namespace}/{self.name}/{self.key}"


CredentialRef = Annotated[BlockRef | SecretRef, Field(discriminator="source")]


class Registry(FrozenModel):
    """The configuration of a registry, without its secrets.

    Attributes:
        address: canonical origin, e.g. `https://harbor.example.com`.
        origin: whether a user or discovery integrated it.
        credential: reference to the credential; None for a Docker Registry without auth.
        pull_credential: pull-only credential of a Docker Registry for pull secrets.
        token_service: another origin that may receive the credential (Docker token auth).
        drift_policy: how reconcile handles visibility drift.
    """

    name: str
    kind: Kind
    address: AddressText
    origin: RegistryOrigin = RegistryOrigin.EXTERNAL
    credential: CredentialRef | None = None
    pull_credential: BlockRef | None = None
    tls: Tls = SYSTEM_CA
    token_service: AddressText | None = None
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE
    description: str = ""

    @property
    def parsed_address(self) -> Address:
        """The parsed address."""
        return parse_address(self.address)

    @property
    def privacy(self) -> Privacy:
        """Enforced by Harbor, advisory in a Docker Registry, which has no private spaces."""
        return Privacy.ENFORCED if self.kind is Kind.HARBOR else Privacy.ADVISORY
