"""The configuration of a registry, and what registries of its kind can do."""

import re
import ssl
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from models.core.base import FrozenModel
from models.registries.address import Address, AddressText, ImageHost, parse_address
from models.registries.space import SpaceNameRule

MAX_PULL_ADDRESSES = 10
"""Each is one more entry in every pull secret, whose size is limited."""


class Kind(StrEnum):
    """The kinds of registries that this service is shipped with."""

    HARBOR = "harbor"
    DOCKER = "docker"


class Capabilities(FrozenModel):
    """What registries of one kind can do; code outside of a kind's own folder decides by these.

    Attributes:
        label: the display name.
        description: which products the kind is for, in the form.
        requires_credential: whether it is managed with the credential of a system administrator;
            if not, it may be open to all.
        uses_token_service: whether another host may issue its tokens, and receive the credential.
        stores_spaces: whether it has spaces with a visibility, which this service creates and sets;
            if not, spaces are path prefixes, and only this service records their visibility.
        serves_public_spaces: whether anyone can pull from public spaces without a login.
        has_robot_accounts: whether it has accounts that can pull only some spaces: each bound
            workspace gets one. If not, all namespaces share the registry's pull-only user.
        space_names: the valid names of spaces.
        reports_storage: whether its API tells the storage usage; if not, it is counted from the
            manifests of all tags.
    """

    label: str
    description: str
    requires_credential: bool
    uses_token_service: bool
    stores_spaces: bool
    serves_public_spaces: bool
    has_robot_accounts: bool
    space_names: SpaceNameRule
    reports_storage: bool = True

    @model_validator(mode="after")
    def _check_access(self) -> Self:
        if self.has_robot_accounts and not self.serves_public_spaces:
            raise ValueError("namespaces without a robot account could not pull from public spaces")
        if self.serves_public_spaces and not self.stores_spaces:
            raise ValueError("a registry can only serve public spaces if it stores the visibility")
        return self

    @property
    def enforces_privacy(self) -> bool:
        """Whether it rejects pulls from private spaces; a shared user can pull everything."""
        return self.has_robot_accounts


CAPABILITIES: dict[str, Capabilities] = {
    Kind.HARBOR: Capabilities(
        label="Harbor",
        description="Harbor 2.9 or newer.",
        requires_credential=True,
        uses_token_service=False,
        stores_spaces=True,
        serves_public_spaces=True,
        has_robot_accounts=True,
        space_names=SpaceNameRule(
            noun="Harbor project",
            pattern=re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*"),
            advice="use 1 to 255 lower-case letters and digits, separated by single '.', '_' or "
            "'-'",
            image_form="project/image",
        ),
    ),
    Kind.DOCKER: Capabilities(
        label="Docker Registry",
        description="A Docker Registry, or any registry that implements the OCI distribution "
        "specification.",
        requires_credential=False,
        uses_token_service=True,
        stores_spaces=False,
        serves_public_spaces=False,
        has_robot_accounts=False,
        space_names=SpaceNameRule(
            noun="space of a Docker Registry",
            # https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
            pattern=re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"),
            advice="use one path segment of lower-case letters and digits, separated by '.', '_', "
            "'__' or hyphens, or '/' for repositories without a prefix",
            has_root=True,
        ),
        reports_storage=False,
    ),
}
"""The capabilities of each kind. A kind exists if it has an entry: its value is `Registry.kind`."""

MANAGED_KIND = Kind.HARBOR
"""The kind of the registries that discovery integrates: all its sources run Harbors."""


def _check_kind(kind: str) -> str:
    if kind not in CAPABILITIES:
        raise ValueError(f"unknown kind of registry; known kinds: {', '.join(CAPABILITIES)}")
    return kind


class RegistryOrigin(StrEnum):
    """How the registry was integrated: by a user (external) or by discovery (managed)."""

    EXTERNAL = "external"
    MANAGED = "managed"


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


CREDENTIAL_VARIABLE_PATTERN = r"^REGISTRY_CREDENTIAL_[A-Z0-9_]+$"
CREDENTIAL_FILE_PATTERN = r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$"


class BlockRef(FrozenModel):
    """A reference to a Prefect block of type `registry-credentials`."""

    source: Literal["block"] = "block"
    name: str

    @property
    def ref_key(self) -> str:
        """A key that is unique among all references."""
        return self.name

    def __str__(self) -> str:
        return f"block {self.name}"


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

    def __str__(self) -> str:
        return f"Secret {self.namespace}/{self.name} in cluster {self.cluster}"


class EnvironmentRef(FrozenModel):
    """A reference to a credential in an environment variable of the worker.

    The prefix keeps documents from naming other variables, which may be secrets of the service.
    """

    source: Literal["environment"] = "environment"
    name: Annotated[str, Field(pattern=CREDENTIAL_VARIABLE_PATTERN, max_length=255)]

    @property
    def ref_key(self) -> str:
        """A key that is unique among all references; block names contain no colon."""
        return f"environment:{self.name}"

    def __str__(self) -> str:
        return f"environment variable {self.name}"


class FileRef(FrozenModel):
    """A reference to a credential in a file below the CREDENTIALS_DIR of the worker."""

    source: Literal["file"] = "file"
    name: Annotated[str, Field(pattern=CREDENTIAL_FILE_PATTERN, max_length=255)]

    @property
    def ref_key(self) -> str:
        """A key that is unique among all references; block names contain no colon."""
        return f"file:{self.name}"

    def __str__(self) -> str:
        return f"file {self.name}"


NamedCredentialRef = Annotated[BlockRef | EnvironmentRef | FileRef, Field(discriminator="source")]
"""A credential that a person can name."""

CredentialRef = Annotated[
    BlockRef | EnvironmentRef | FileRef | SecretRef, Field(discriminator="source")
]


class CertificateRef(FrozenModel):
    """A reference to a Prefect block of type `client-certificate`."""

    source: Literal["certificate"] = "certificate"
    name: str

    @property
    def ref_key(self) -> str:
        """A key that is unique among all references; block names contain no slash."""
        return f"client-certificate/{self.name}"

    def __str__(self) -> str:
        return f"client certificate {self.name}"


class Registry(FrozenModel):
    """The configuration of a registry, without its secrets.

    Attributes:
        kind: a key of `CAPABILITIES`.
        address: canonical origin, e.g. `https://harbor.example.com`.
        origin: whether a user or discovery integrated it.
        credential: reference to the credential; None for a registry without authentication.
        pull_credential: credential of the pull-only user, for pull secrets; None if there is none,
            or if workspaces have robot accounts.
        allow_push: whether the pull-only user may be one that can push.
        client_certificate: certificate that the service shows to the registry and its token
            service; None for none.
        token_service: another origin that may receive the credential (Docker token auth).
        proxy: origin of the HTTP proxy for all requests to the registry; None connects directly.
        proxy_credential: credential for the proxy; None if it requires none.
        pull_addresses: other hosts in image references, such as a mirror. Pull secrets contain
            them; no credential of the registry is ever sent there by this service.
        drift_policy: how reconcile handles visibility drift.
        count_storage: whether to count its storage, if it does not report it.
    """

    name: str
    kind: Annotated[str, AfterValidator(_check_kind)]
    address: AddressText
    origin: RegistryOrigin = RegistryOrigin.EXTERNAL
    credential: CredentialRef | None = None
    pull_credential: NamedCredentialRef | None = None
    allow_push: bool = False
    tls: Tls = SYSTEM_CA
    client_certificate: CertificateRef | None = None
    token_service: AddressText | None = None
    proxy: AddressText | None = None
    proxy_credential: NamedCredentialRef | None = None
    pull_addresses: Annotated[tuple[ImageHost, ...], Field(max_length=MAX_PULL_ADDRESSES)] = ()
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE
    description: str = ""
    count_storage: bool = True

    @property
    def parsed_address(self) -> Address:
        """The parsed address."""
        return parse_address(self.address)

    @property
    def image_hosts(self) -> tuple[str, ...]:
        """All forms of its hosts in image references, that of the address first."""
        others = (parse_address(f"https://{host}") for host in self.pull_addresses)
        addresses = (self.parsed_address, *others)
        return tuple(dict.fromkeys(host for item in addresses for host in item.image_hosts))

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return CAPABILITIES[self.kind]

    @property
    def is_storage_counted(self) -> bool:
        """Whether its storage is counted by this service, from the manifests of all tags."""
        return self.count_storage and not self.capabilities.reports_storage

    @property
    def credential_refs(self) -> tuple[CredentialRef | CertificateRef, ...]:
        """References to everything secret that a connection to the registry needs."""
        pull_credential = self.pull_credential if self.has_pull_user else None
        refs = (self.credential, pull_credential, self.client_certificate, self.proxy_credential)
        return tuple(ref for ref in refs if ref is not None)

    @property
    def credential_blocks(self) -> tuple[str, ...]:
        """Keys of the blocks whose content is sent to the registry."""
        references = self.credential, self.pull_credential, self.client_certificate
        return tuple(
            ref.ref_key for ref in references if isinstance(ref, BlockRef | CertificateRef)
        )

    @property
    def permitted_blocks(self) -> tuple[str, ...]:
        """Keys of all blocks of the registry, with that of its proxy."""
        proxy_credential = self.proxy_credential
        return (*self.credential_blocks, *([proxy_credential.ref_key] if proxy_credential else []))

    @property
    def has_pull_user(self) -> bool:
        """Whether namespaces receive its pull-only user."""
        return self.pull_credential is not None and not self.capabilities.has_robot_accounts

    @property
    def shares_pull_user(self) -> bool:
        """Whether all namespaces receive its pull-only user while one of its spaces is public."""
        return self.has_pull_user and not self.capabilities.serves_public_spaces

    def as_pull_user(self) -> "Registry":
        """Return the registry with the pull-only user's credential in place of its own."""
        return self.model_copy(update={"credential": self.pull_credential})
