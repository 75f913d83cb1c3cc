"""What a registry is to this service."""

import ssl
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from models.core.base import FrozenModel
from models.registries.address import Address, AddressText, parse_address


class Kind(StrEnum):
    """The protocol a registry speaks."""

    HARBOR = "harbor"
    DOCKER = "docker"

    @property
    def label(self) -> str:
        """The name people know it by."""
        return {"harbor": "Harbor", "docker": "Docker Registry"}[self.value]


class RegistryOrigin(StrEnum):
    """Who brought the registry here: a person (external) or discovery (managed)."""

    EXTERNAL = "external"
    MANAGED = "managed"


class Privacy(StrEnum):
    """Whether the registry itself keeps a private space private."""

    ENFORCED = "enforced"
    ADVISORY = "advisory"


class DriftPolicy(StrEnum):
    """What reconcile does when a visibility that was set here differs from the registry's."""

    ENFORCE = "enforce"
    REPORT = "report"


class SystemCA(FrozenModel):
    """Verify against the authorities that this machine trusts."""

    model_config = ConfigDict(title="Verify (recommended)")

    mode: Literal["verify"] = Field(default="verify", title="Mode")


_PEM_BEGIN, _PEM_END = (f"-----{word} CERTIFICATE-----" for word in ("BEGIN", "END"))
_MAX_BUNDLE_LENGTH = 200_000
"""Characters of PEM text: some 100 certificates."""


def _split_certificates(text: str) -> Iterator[str]:
    """Yield each certificate from its first line to its last; a search that never goes back."""
    begin = text.find(_PEM_BEGIN)
    while begin >= 0:
        end = text.find(_PEM_END, begin + len(_PEM_BEGIN))
        if end < 0:
            return
        yield text[begin : end + len(_PEM_END)]
        begin = text.find(_PEM_BEGIN, end + len(_PEM_END))


def _check_pem(text: str) -> str:
    if len(text) > _MAX_BUNDLE_LENGTH:
        raise ValueError(f"longer than {_MAX_BUNDLE_LENGTH:,} characters: keep what is needed here")
    if "PRIVATE KEY" in text:
        raise ValueError("this is a private key: paste only the authority's certificate")
    certificates = list(_split_certificates(text))
    if not certificates:
        raise ValueError("no certificate found: paste PEM text with BEGIN and END CERTIFICATE")
    bundle = "".join(
        f"{line.strip()}\n" for certificate in certificates for line in certificate.splitlines()
    )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=bundle)
    except (ssl.SSLError, ValueError, TypeError):
        raise ValueError("the certificate cannot be read: paste all of it, unchanged") from None
    return bundle


class CustomCA(FrozenModel):
    """Verify against the given authorities as well."""

    model_config = ConfigDict(title="Own certificate authority")

    mode: Literal["ca"] = Field(default="ca", title="Mode")
    bundle: Annotated[
        str,
        AfterValidator(_check_pem),
        Field(
            title="CA bundle (PEM)",
            description="One or more certificates of authorities, as PEM text.",
            max_length=_MAX_BUNDLE_LENGTH,
            json_schema_extra={"format": "textarea"},
        ),
    ]


class SkipVerify(FrozenModel):
    """Trust any certificate: whoever sits in between can read the password."""

    model_config = ConfigDict(title="Do not verify (unsafe)")

    mode: Literal["insecure"] = Field(default="insecure", title="Mode")


SYSTEM_CA = SystemCA()

Tls = Annotated[SystemCA | CustomCA | SkipVerify, Field(discriminator="mode")]


class BlockRef(FrozenModel):
    """A credential that lives in a Prefect block of type `registry-credentials`."""

    source: Literal["block"] = "block"
    name: str

    @property
    def ref_key(self) -> str:
        """What tells it from other references."""
        return self.name


class SecretRef(FrozenModel):
    """A credential that lives in a Secret of a cluster, where a managed Harbor has it."""

    source: Literal["secret"] = "secret"
    cluster: str
    namespace: str
    name: str
    key: str
    username: str = "admin"

    @property
    def ref_key(self) -> str:
        """What tells it from other references; a block's name holds no slash."""
        return f"{self.cluster}/{self.namespace}/{self.name}/{self.key}"


CredentialRef = Annotated[BlockRef | SecretRef, Field(discriminator="source")]


class Registry(FrozenModel):
    """A registry as it was integrated: everything but its secrets.

    Attributes:
        address: canonical origin, e.g. `https://harbor.example.com`.
        credential: where the credential is kept; None for a Docker Registry without auth.
        pull_credential: the pull-only credential of a Docker Registry that namespaces receive.
        token_service: another origin that may receive the credential (Docker token auth).
        drift_policy: what reconcile does about drifted visibility.
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
        """Harbor refuses pulls from private projects; a Docker Registry knows no such thing."""
        return Privacy.ENFORCED if self.kind is Kind.HARBOR else Privacy.ADVISORY
