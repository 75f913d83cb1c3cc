"""The parameters that several flows share, as a person sees them in a form."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from flows.forms.schema import (
    KEEP,
    NONE,
    NOTHING_CHOSEN,
    OptionalText,
    UnionTabs,
    block_picker,
    form_field,
    none_if,
)
from models.core.errors import InvalidRequest
from models.core.names import ClusterName, RegistryName, WorkspaceName
from models.registries.address import parse_address
from models.registries.registry import DriftPolicy, Tls
from models.registries.space import Visibility
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.secrets.credentials import RegistryCredentials

_NO_USERINFO_PATTERN = r"^[^@]*$"  # so that a password in an address is refused before it is stored
_ADDRESS_HELP = "Scheme, host and, if unusual, port. No path, no user name, no password. "

AddressField = Annotated[
    str,
    Field(examples=["https://harbor.example.com"], pattern=_NO_USERINFO_PATTERN, max_length=300),
    form_field("Address", f"{_ADDRESS_HELP}Example: https://harbor.example.com"),
]
NewAddressField = Annotated[
    str | None,
    Field(examples=["https://harbor.example.com"], pattern=_NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field("Address", f"{_ADDRESS_HELP}Leave it empty to keep the present one.", default=""),
]
_REALM_HELP = (
    "Only if a Docker Registry gets its tokens from another host: the address of that host, which "
    "then receives the credentials. "
)
TokenServiceField = Annotated[
    str | None,
    Field(examples=["https://auth.example.com"], pattern=_NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field("Token service", f"{_REALM_HELP}Example: https://auth.example.com", default=""),
]
NewTokenServiceField = Annotated[
    str | None,
    Field(examples=["https://auth.example.com"], pattern=_NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field(
        "Token service",
        f"{_REALM_HELP}Leave it empty to keep the present one; {NONE} takes it away.",
        default="",
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
    Field(discriminator="type"),
    UnionTabs(),
    form_field("Registry", "Which kind it is, and where."),
]

_NAME_HELP = "Lower-case letters, digits and inner hyphens."
NameField = Annotated[
    RegistryName,
    form_field("Name", f"What the registry is called here; it cannot be changed. {_NAME_HELP}"),
]
ExistingRegistryField = Annotated[
    RegistryName, form_field("Registry", "The name it was integrated under. Example: harbor-prod")
]

_BLOCK = "registry-credentials"
CredentialsField = Annotated[
    RegistryCredentials | None,
    block_picker(_BLOCK, "Saved credentials", "None"),
    form_field(
        "Credentials",
        "A saved registry-credentials block; 'Add' makes one. Harbor needs a system administrator. "
        "None is for a Docker Registry without auth.",
        default=NOTHING_CHOSEN,
    ),
]
NewCredentialsField = Annotated[
    RegistryCredentials | None,
    none_if(KEEP),
    block_picker(_BLOCK, "Other credentials", KEEP.capitalize(), KEEP),
    form_field(
        "Credentials",
        "For a changed password edit the block; nothing is to be done here.",
        default=KEEP,
    ),
]

_TLS_HELP = "How the registry's certificate is verified."
TlsField = Annotated[Tls, UnionTabs(), form_field("TLS", _TLS_HELP)]
NewTlsField = Annotated[Tls | None, UnionTabs(), form_field("TLS", _TLS_HELP)]

DescriptionField = Annotated[
    str,
    Field(max_length=1000),
    form_field("Description", "Whose it is and what for, in your words."),
]
NewDescriptionField = Annotated[
    Annotated[str, Field(title="New text", max_length=1000)] | None,
    UnionTabs(),
    form_field("Description"),
]

_DRIFT_POLICY_HELP = (
    "When a visibility set here is changed in the registry: set it right (enforce), or only say so "
    "(report)."
)
_POLICIES = [policy.value for policy in DriftPolicy]
DriftPolicyField = Annotated[DriftPolicy, form_field("Drift policy", _DRIFT_POLICY_HELP)]
NewDriftPolicyField = Annotated[
    DriftPolicy | None,
    none_if(KEEP),
    WithJsonSchema({"type": "string", "enum": [KEEP, *_POLICIES]}),
    form_field("Drift policy", _DRIFT_POLICY_HELP, default=KEEP),
]

VisibilityField = Annotated[
    Visibility,
    form_field(
        "Visibility",
        "Public: every namespace of the platform may pull. Private: only those of bound "
        "workspaces.",
    ),
]
SpaceNamesField = Annotated[
    list[str],
    Field(examples=[["team-a"]], min_length=1, max_length=5000),
    form_field(
        "Spaces",
        "Harbor projects, or first path segments of a Docker Registry. For many at once choose "
        '"Use JSON Input" in the menu on the right and paste ["team-a", "team-b"].',
    ),
]


def canonicalize_address(address: str) -> str:
    """Return an address in its canonical spelling.

    Raises:
        InputRefused: it is none; the message says what to write instead.
    """
    try:
        return parse_address(address).origin
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


ExistingClusterField = Annotated[
    ClusterName, form_field("Cluster", "The name it was registered under. Example: prod-eu")
]
NewClusterField = Annotated[
    ClusterName,
    form_field(
        "Name",
        f"What the cluster is called here; it cannot be changed. {_NAME_HELP} Example: prod-eu",
    ),
]
_CLUSTER_BLOCK = "cluster-credentials"
ClusterCredentialsField = Annotated[
    ClusterCredentials | None,
    block_picker(_CLUSTER_BLOCK, "Saved kubeconfig", "The cluster this service runs in"),
    form_field(
        "Credentials",
        "A saved cluster-credentials block with a kubeconfig; 'Add' makes one. The rights it needs "
        "are in deployments/kubernetes/rbac.yaml.",
        default=NOTHING_CHOSEN,
    ),
]
WorkspaceField = Annotated[
    WorkspaceName,
    form_field("Workspace", "Lower-case letters, digits and single inner hyphens. Example: team-a"),
]
ExistingWorkspaceField = Annotated[
    WorkspaceName, form_field("Workspace", "A workspace that is there. Example: team-a")
]
WorkspaceNamesField = Annotated[
    list[WorkspaceName],
    Field(examples=[["team-a"]], min_length=1, max_length=1000),
    form_field("Workspaces", "One or many, by name. Example: team-a"),
]
_SPACE_PATTERN = r"^[a-z0-9/._*?-]+$"  # what spaces are made of, and the two wildcards
SpacePatternsField = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": _SPACE_PATTERN, "maxLength": 255})]],
    Field(examples=[["team-a", "shop-*"]], min_length=1, max_length=5000),
    form_field(
        "Spaces",
        "Names, or patterns with * and ?; a pattern means those that are there now. Examples: "
        "team-a, shop-*",
    ),
]
HeldSpacePatternsField = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": _SPACE_PATTERN, "maxLength": 255})]],
    Field(examples=[["shop-*"]], max_length=5000),
    form_field("Spaces", "Names, or patterns with * and ?. Empty: all. Example: shop-*"),
]
HeldWorkspaceNamesField = Annotated[
    list[WorkspaceName],
    Field(examples=[["team-a"]], max_length=1000),
    form_field("Workspaces", "By name. Empty: all. Example: team-a"),
]
NamespacesField = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": r"^[a-z0-9-]+/[a-z0-9-]+$"})]],
    Field(examples=[["prod-eu/shop"]], max_length=5000),
    form_field(
        "Namespaces",
        "Each as cluster/namespace, for clusters whose namespaces carry no workspace label. They "
        "replace those listed before. Example: prod-eu/shop",
    ),
]
DryRunField = Annotated[bool, form_field("Dry run", "Show what would change, and change nothing.")]
PullCredentialsField = Annotated[
    RegistryCredentials | None,
    none_if(NONE),
    block_picker(_BLOCK, "Saved pull-only credentials", "No pull-only user", NONE),
    form_field(
        "Pull credentials",
        "Docker Registry only: a user that may only pull, which entitled namespaces receive. The "
        "credentials above never leave this service.",
        default=NONE,
    ),
]
NewPullCredentialsField = Annotated[
    RegistryCredentials | Literal["none"] | None,
    none_if(KEEP),
    block_picker(
        _BLOCK,
        "Other pull-only credentials",
        KEEP.capitalize(),
        KEEP,
        **{NONE: "No pull-only user"},
    ),
    form_field(
        "Pull credentials",
        "Docker Registry only: the pull-only user that namespaces receive.",
        default=KEEP,
    ),
]
