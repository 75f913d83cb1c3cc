"""The document that describes registries, spaces, clusters, workspaces and bindings.

The JSON Schema in docs/configuration.schema.json is made from these models.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from models.access.binding import Workspace
from models.clusters.cluster import Cluster
from models.clusters.service_account_choice import (
    DEFAULT_ACCOUNTS,
    MAX_CHOICE_LENGTH,
    normalize_choice,
)
from models.configuration.credential_name import CertificateName, CredentialName
from models.core.base import FrozenModel
from models.core.names import (
    MAX_NAME_LENGTH,
    ClusterName,
    RegistryName,
    WorkspaceName,
    is_namespace_name,
)
from models.registries.address import AddressText, ImageHost
from models.registries.registry import (
    CAPABILITIES,
    MAX_PULL_ADDRESSES,
    SYSTEM_CA,
    Capabilities,
    DriftPolicy,
    Registry,
    Tls,
)
from models.registries.space import Visibility

EXTENSION_PREFIX = "x-"
"""Top-level keys with this prefix are ignored: they are a place for anchors."""

_CREDENTIALS = ("credential", "pull_credential", "proxy_credential")
_SPACE_PATTERN = re.compile(r"/|[a-z0-9][a-z0-9._-]*")
_SPACE_PATTERNS_PATTERN = re.compile(r"/|[a-z0-9*?][a-z0-9._*?-]*")


def _check_type(kind: str) -> str:
    if kind not in CAPABILITIES:
        raise ValueError(f"unknown type of registry; known types: {', '.join(CAPABILITIES)}")
    return kind


def _check_space_name(name: str) -> str:
    if len(name) <= MAX_NAME_LENGTH and _SPACE_PATTERN.fullmatch(name):
        return name
    raise ValueError("not a valid name of a space: use lower-case letters, digits, '.', '_', '-'")


def _check_space_pattern(pattern: str) -> str:
    if len(pattern) <= MAX_NAME_LENGTH and _SPACE_PATTERNS_PATTERN.fullmatch(pattern):
        return pattern
    raise ValueError("not a name of a space, nor a pattern with * and ?")


def _check_namespace(text: str) -> str:
    cluster, slash, namespace = text.partition("/")
    if slash and is_namespace_name(cluster) and is_namespace_name(namespace):
        return text
    raise ValueError("invalid namespace: expected cluster/namespace, e.g. prod-eu/shop")


SpaceName = Annotated[
    str,
    AfterValidator(_check_space_name),
    Field(json_schema_extra={"pattern": f"^(?:{_SPACE_PATTERN.pattern})$", "maxLength": 255}),
]
SpacePattern = Annotated[
    str,
    AfterValidator(_check_space_pattern),
    Field(
        json_schema_extra={"pattern": f"^(?:{_SPACE_PATTERNS_PATTERN.pattern})$", "maxLength": 255}
    ),
]
ListedNamespace = Annotated[
    str,
    AfterValidator(_check_namespace),
    Field(json_schema_extra={"pattern": "^[a-z0-9-]+/[a-z0-9-]+$"}),
]
Description = Annotated[str, Field(max_length=1000)]


class RegistryEntry(FrozenModel):
    """A registry, without its name.

    Attributes:
        type: kind of the registry; it cannot be changed.
        address: scheme, host and, if not the default, port.
        credential: name of the credential that the registry is managed with.
        pull_credential: name of the credential of its pull-only user, for pull secrets.
        allow_push: whether the pull-only user may be one that can push.
        tls: how to verify the certificate.
        client_certificate: name of the certificate that the registry requires of its clients.
        token_service: another origin that may receive the credential.
        proxy: address of the HTTP proxy that leads to the registry.
        proxy_credential: name of the credential for the proxy.
        pull_addresses: other hosts in image references, such as a mirror.
        drift_policy: `enforce` restores what was changed by hand, `report` only reports it; for
            the registry, its spaces and its bindings.
        count_storage: whether to count its storage, if it does not report it.
        public_opens_all: accepts that all namespaces can pull from all spaces while one is public,
            because they receive the pull-only user.
    """

    model_config = ConfigDict(title="Registry")

    type: Annotated[
        str, AfterValidator(_check_type), Field(json_schema_extra={"enum": [*CAPABILITIES]})
    ]
    address: AddressText
    credential: CredentialName | None = None
    pull_credential: CredentialName | None = None
    allow_push: bool = False
    tls: Tls = SYSTEM_CA
    client_certificate: CertificateName | None = None
    token_service: AddressText | None = None
    proxy: AddressText | None = None
    proxy_credential: CredentialName | None = None
    pull_addresses: Annotated[tuple[ImageHost, ...], Field(max_length=MAX_PULL_ADDRESSES)] = ()
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE
    description: Description = ""
    count_storage: bool = True
    public_opens_all: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        capabilities = self.capabilities
        if capabilities.requires_credential and self.credential is None:
            raise ValueError(f"{capabilities.label} needs a credential")
        if self.token_service and not capabilities.uses_token_service:
            raise ValueError(f"{capabilities.label} has no token service on another host")
        if self.pull_credential is not None and capabilities.has_robot_accounts:
            raise ValueError(f"{capabilities.label} has robot accounts: remove pull_credential")
        if self.pull_credential is not None and self.pull_credential == self.credential:
            raise ValueError("pull_credential must be another credential than credential")
        if self.proxy_credential is not None and self.proxy is None:
            raise ValueError("proxy_credential needs a proxy, e.g. http://proxy.example.com:3128")
        return self

    @property
    def capabilities(self) -> Capabilities:
        """What the registry can do."""
        return CAPABILITIES[self.type]

    def to_registry(self, name: str) -> Registry:
        """Return the configuration of the registry with this name."""
        values: dict[str, Any] = {key: getattr(self, key) for key in RegistryEntry.model_fields}
        values |= {"name": name, "kind": values.pop("type")}
        for key in (*_CREDENTIALS, "client_certificate"):
            values[key] = values[key].to_reference() if values[key] is not None else None
        del values["public_opens_all"]
        return Registry.model_validate(values)

    @classmethod
    def from_registry(cls, registry: Registry) -> "RegistryEntry":
        """Return the entry of a registry that was integrated by a person."""
        values: dict[str, Any] = {key: getattr(registry, key, None) for key in cls.model_fields}
        values |= {"type": registry.kind, "public_opens_all": False}
        for key in _CREDENTIALS:
            values[key] = CredentialName.from_reference(values[key])
        if (certificate := registry.client_certificate) is not None:
            values["client_certificate"] = CertificateName.model_construct(block=certificate.name)
        return cls.model_construct(**values)  # a record may be older than a rule


class ClusterEntry(FrozenModel):
    """A Kubernetes cluster, without its name.

    Attributes:
        credential: name of the credential with its kubeconfig; without it, the cluster that the
            service runs in.
        link_service_accounts: whether to add the pull secret to ServiceAccounts.
    """

    model_config = ConfigDict(title="Cluster")

    credential: CredentialName | None = None
    link_service_accounts: bool = True
    description: Description = ""

    def to_cluster(self, name: str) -> Cluster:
        """Return the configuration of the cluster with this name."""
        return Cluster(
            name=name,
            credential=self.credential.to_reference() if self.credential else None,
            links_accounts=self.link_service_accounts,
            description=self.description,
        )

    @classmethod
    def from_cluster(cls, cluster: Cluster) -> "ClusterEntry":
        """Return the entry of a registered cluster."""
        return cls.model_construct(
            credential=CredentialName.from_reference(cluster.credential),
            link_service_accounts=cluster.links_accounts,
            description=cluster.description,
        )


class WorkspaceEntry(FrozenModel):
    """A workspace, without its name.

    Attributes:
        namespaces: namespaces without a workspace label, as cluster/namespace.
        service_accounts: which ServiceAccounts get the pull secret: `default`, `all`, or a label
            selector.
        clusters: the clusters that its namespaces may be in; all if empty.
    """

    model_config = ConfigDict(title="Workspace")

    description: Description = ""
    namespaces: Annotated[frozenset[ListedNamespace], Field(max_length=5000)] = frozenset()
    service_accounts: Annotated[
        str, AfterValidator(normalize_choice), Field(min_length=1, max_length=MAX_CHOICE_LENGTH)
    ] = DEFAULT_ACCOUNTS
    clusters: Annotated[frozenset[ClusterName], Field(max_length=200)] = frozenset()

    @model_validator(mode="after")
    def _check(self) -> Self:
        outside = sorted(
            name for name in self.namespaces if name.partition("/")[0] not in self.clusters
        )
        if self.clusters and outside:
            raise ValueError(
                f"namespace {outside[0]} is listed, but the workspace is restricted to clusters: "
                f"{', '.join(sorted(self.clusters))}"
            )
        return self

    @property
    def listed(self) -> frozenset[tuple[str, str]]:
        """Cluster and name of each listed namespace."""
        pairs = (name.partition("/") for name in self.namespaces)
        return frozenset((cluster, namespace) for cluster, _, namespace in pairs)

    @property
    def cluster_names(self) -> frozenset[str]:
        """The clusters that it names."""
        return self.clusters | {cluster for cluster, _ in self.listed}

    def to_workspace(self, name: str) -> Workspace:
        """Return the workspace with this name; its list of namespaces is separate."""
        return Workspace(
            name=name,
            description=self.description,
            service_accounts=self.service_accounts,
            clusters=tuple(sorted(self.clusters)),
        )

    @classmethod
    def from_workspace(
        cls, workspace: Workspace, listed: frozenset[tuple[str, str]]
    ) -> "WorkspaceEntry":
        """Return the entry of a workspace on record and its listed namespaces."""
        return cls.model_construct(
            description=workspace.description,
            namespaces=frozenset(f"{cluster}/{namespace}" for cluster, namespace in listed),
            service_accounts=workspace.service_accounts,
            clusters=frozenset(workspace.clusters),
        )


class BindingEntry(FrozenModel):
    """Pull access of workspaces to spaces of one registry.

    Attributes:
        spaces: names, or patterns with * and ?; a pattern selects the spaces that exist when the
            document is applied.
    """

    model_config = ConfigDict(title="Binding")

    registry: RegistryName
    spaces: Annotated[tuple[SpacePattern, ...], Field(min_length=1, max_length=5000)]
    workspaces: Annotated[tuple[WorkspaceName, ...], Field(min_length=1, max_length=1000)]


class Document(FrozenModel):
    """A document, or one file of a folder of documents.

    Attributes:
        registries: registries by name.
        spaces: the visibility of spaces, by registry and name of the space.
        clusters: Kubernetes clusters by name.
        workspaces: workspaces by name.
        bindings: who can pull what.
    """

    model_config = ConfigDict(title="Configuration of the registry integration")

    registries: Mapping[RegistryName, RegistryEntry] = {}
    spaces: Mapping[RegistryName, Mapping[SpaceName, Visibility]] = {}
    clusters: Mapping[ClusterName, ClusterEntry] = {}
    workspaces: Mapping[WorkspaceName, WorkspaceEntry] = {}
    bindings: Annotated[tuple[BindingEntry, ...], Field(max_length=10_000)] = ()
