"""Parameters that several flows share, with their titles and help texts in the form."""

from collections.abc import Iterable
from functools import cache, reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    WithJsonSchema,
    create_model,
)
from pydantic_core import CoreSchema

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
from models.clusters.service_account_choice import DEFAULT_ACCOUNTS, MAX_CHOICE_LENGTH
from models.core.errors import InvalidRequest
from models.core.names import ClusterName, RegistryName, WorkspaceName
from models.registries.address import parse_address, parse_image_host
from models.registries.registry import (
    CAPABILITIES,
    MAX_PULL_ADDRESSES,
    Capabilities,
    DriftPolicy,
    Tls,
)
from models.registries.space import Visibility
from tasks.secrets.cluster_credentials import ClusterCredentials
from tasks.secrets.credentials import RegistryCredentials

# Prefect stores parameters: a password in an address must be rejected before that.
NO_USERINFO_PATTERN = r"^[^@]*$"
_ADDRESS_HELP = "Scheme, host and, if not the default, port; no path, user name or password. "

AddressField = Annotated[
    str,
    Field(examples=["https://harbor.example.com"], pattern=NO_USERINFO_PATTERN, max_length=300),
    form_field("Address", f"{_ADDRESS_HELP}Example: https://harbor.example.com"),
]
NewAddressField = Annotated[
    str | None,
    Field(examples=["https://harbor.example.com"], pattern=NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field("Address", f"{_ADDRESS_HELP}Leave empty to keep the current address.", default=""),
]
_REALM_HELP = (
    "Only for a Docker Registry whose token service is on another host: the address of that host. "
    "The credentials are sent to it. "
)
TokenServiceField = Annotated[
    str | None,
    Field(examples=["https://auth.example.com"], pattern=NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field("Token service", f"{_REALM_HELP}Example: https://auth.example.com", default=""),
]
NewTokenServiceField = Annotated[
    str | None,
    Field(examples=["https://auth.example.com"], pattern=NO_USERINFO_PATTERN, max_length=300),
    OptionalText(),
    form_field(
        "Token service",
        f"{_REALM_HELP}Leave empty to keep the current one; enter {NONE} to remove it.",
        default="",
    ),
]


_PULL_ADDRESSES_HELP = (
    "Other names in image references, such as a mirror: host or host:port. Namespaces "
    "get a login for each. "
)
PullAddressesField = Annotated[
    list[Annotated[str, Field(max_length=300)]],
    Field(max_length=MAX_PULL_ADDRESSES, examples=[["mirror.example.com"]]),
    form_field("Pull addresses", f"{_PULL_ADDRESSES_HELP}Example: mirror.example.com"),
]
NewPullAddressesField = Annotated[
    list[Annotated[str, Field(max_length=300)]] | None,
    Field(max_length=MAX_PULL_ADDRESSES, examples=[["mirror.example.com"]]),
    UnionTabs(),
    form_field(
        "Pull addresses",
        f"{_PULL_ADDRESSES_HELP}The list replaces the current one; an empty list removes it.",
    ),
]


class AddressForm(BaseModel):
    """The kind and address of a registry."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    type: str
    address: AddressField


class TokenServiceForm(AddressForm):
    """The same for a kind of registry that may use a token service on another host."""

    token_service: TokenServiceField = None


@cache
def _make_form(kind: str, capabilities: Capabilities) -> type[AddressForm]:
    fields: dict[str, Any] = {"type": (Literal[kind], Field(default=kind, title="Type"))}
    return create_model(
        f"{kind.title()}Form",
        __base__=TokenServiceForm if capabilities.uses_token_service else AddressForm,
        __cls_kwargs__={"title": capabilities.label},
        __doc__=capabilities.description,
        **fields,
    )


class _KindForms:
    """Validates the form of each kind of registry; `type` tells which one it is."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        forms: Any = reduce(
            or_, (_make_form(str(kind), CAPABILITIES[kind]) for kind in CAPABILITIES)
        )
        return handler.generate_schema(Annotated[forms, Field(discriminator="type")])


RegistryForm = Annotated[
    AddressForm,
    _KindForms(),
    UnionTabs(),
    form_field("Registry", "The kind of registry and its address."),
]

_NAME_HELP = "Lower-case letters, digits and inner hyphens."
NameField = Annotated[
    RegistryName,
    form_field("Name", f"Unique name of the registry; cannot be changed later. {_NAME_HELP}"),
]
ExistingRegistryField = Annotated[
    RegistryName, form_field("Registry", "Name of an integrated registry. Example: harbor-prod")
]

REGISTRY_BLOCK_TYPE = "registry-credentials"
CredentialsField = Annotated[
    RegistryCredentials | None,
    block_picker(REGISTRY_BLOCK_TYPE, "Saved credentials", "None"),
    form_field(
        "Credentials",
        "A saved registry-credentials block; 'Add' creates one. Harbor requires a system "
        "administrator. Select None for a Docker Registry without authentication.",
        default=NOTHING_CHOSEN,
    ),
]
NewCredentialsField = Annotated[
    RegistryCredentials | None,
    none_if(KEEP),
    block_picker(REGISTRY_BLOCK_TYPE, "Other credentials", KEEP.capitalize(), KEEP),
    form_field(
        "Credentials",
        "Only to use another block. If the password has changed, edit the block instead.",
        default=KEEP,
    ),
]

_TLS_HELP = "How to verify the registry's certificate."
TlsField = Annotated[Tls, UnionTabs(), form_field("TLS", _TLS_HELP)]
NewTlsField = Annotated[Tls | None, UnionTabs(), form_field("TLS", _TLS_HELP)]

DescriptionField = Annotated[
    str,
    Field(max_length=1000),
    form_field("Description", "Owner and purpose, as free text."),
]
NewDescriptionField = Annotated[
    Annotated[str, Field(title="New text", max_length=1000)] | None,
    UnionTabs(),
    form_field("Description"),
]

_DRIFT_POLICY_HELP = (
    "What to do if the visibility of a space is changed in the registry itself: restore it "
    "(enforce), or only report the drift (report)."
)
_POLICIES = [policy.value for policy in DriftPolicy]
DriftPolicyField = Annotated[DriftPolicy, form_field("Drift policy", _DRIFT_POLICY_HELP)]
NewDriftPolicyField = Annotated[
    DriftPolicy | None,
    none_if(KEEP),
    WithJsonSchema({"type": "string", "enum": [KEEP, *_POLICIES]}),
    form_field("Drift policy", _DRIFT_POLICY_HELP, default=KEEP),
]

_COUNT_STORAGE_HELP = (
    "Docker Registry only: it does not report its storage, so the service counts it from the "
    "manifests of all tags, at STORAGE_REQUESTS_PER_MINUTE."
)
CountStorageField = Annotated[bool, form_field("Count storage", _COUNT_STORAGE_HELP)]
NewCountStorageField = Annotated[
    bool | None,
    none_if(KEEP),
    WithJsonSchema({"type": "string", "enum": [KEEP, "yes", "no"]}),
    form_field("Count storage", _COUNT_STORAGE_HELP, default=KEEP),
]

VisibilityField = Annotated[
    Visibility,
    form_field(
        "Visibility",
        "Harbor: every namespace can pull from a public space, only those of bound workspaces from "
        "a private one. Docker Registry: while one space is public, every namespace can pull from "
        "all its spaces, private ones included.",
    ),
]
OpenedSpacesField = Annotated[
    int | None,
    Field(ge=0),
    form_field(
        "Private spaces to open",
        "Docker Registry only: how many private spaces this opens to every namespace, as a "
        "confirmation. Leave empty first: the run then fails with the number, if there are any.",
    ),
]
SpaceNamesField = Annotated[
    list[str],
    Field(examples=[["team-a"]], min_length=1, max_length=5000),
    form_field(
        "Spaces",
        "Harbor projects, or first path segments in a Docker Registry. To enter many at once, "
        'select "Use JSON Input" in the menu on the right and paste ["team-a", "team-b"].',
    ),
]


def canonicalize_address(address: str) -> str:
    """Return an address in its canonical spelling.

    Raises:
        InvalidRequest: the address is invalid; the message contains the expected form.
    """
    try:
        return parse_address(address).origin
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


def parse_pull_addresses(addresses: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return pull addresses in their canonical spelling, without repetitions; None if not given.

    Raises:
        InvalidRequest: one is invalid; the message contains the expected form.
    """
    if addresses is None:
        return None
    try:
        return tuple(dict.fromkeys(parse_image_host(address) for address in addresses))
    except ValueError as error:
        raise InvalidRequest(f"pull addresses: {error}") from None


ExistingClusterField = Annotated[
    ClusterName, form_field("Cluster", "Name of a registered cluster. Example: prod-eu")
]
NewClusterField = Annotated[
    ClusterName,
    form_field(
        "Name",
        f"Unique name of the cluster; cannot be changed later. {_NAME_HELP} Example: prod-eu",
    ),
]
_CLUSTER_BLOCK_TYPE = "cluster-credentials"
ClusterCredentialsField = Annotated[
    ClusterCredentials | None,
    block_picker(_CLUSTER_BLOCK_TYPE, "Saved kubeconfig", "The cluster this service runs in"),
    form_field(
        "Credentials",
        "A saved cluster-credentials block with a kubeconfig; 'Add' creates one. The required "
        "RBAC rules are in deployments/kubernetes/rbac.yaml.",
        default=NOTHING_CHOSEN,
    ),
]
WorkspaceField = Annotated[
    WorkspaceName,
    form_field("Workspace", "Lower-case letters, digits and single inner hyphens. Example: team-a"),
]
ExistingWorkspaceField = Annotated[
    WorkspaceName, form_field("Workspace", "Name of an existing workspace. Example: team-a")
]
WorkspaceNamesField = Annotated[
    list[WorkspaceName],
    Field(examples=[["team-a"]], min_length=1, max_length=1000),
    form_field("Workspaces", "Names of one or more workspaces. Example: team-a"),
]
_SPACE_PATTERN = r"^[a-z0-9/._*?-]+$"  # characters of space names, and two wildcards
SpacePatternsField = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": _SPACE_PATTERN, "maxLength": 255})]],
    Field(examples=[["team-a", "shop-*"]], min_length=1, max_length=5000),
    form_field(
        "Spaces",
        "Names, or patterns with * and ?. A pattern selects only spaces that exist now. Examples: "
        "team-a, shop-*",
    ),
]
HeldSpacePatternsField = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": _SPACE_PATTERN, "maxLength": 255})]],
    Field(examples=[["shop-*"]], max_length=5000),
    form_field("Spaces", "Names, or patterns with * and ?. Leave empty for all. Example: shop-*"),
]
HeldWorkspaceNamesField = Annotated[
    list[WorkspaceName],
    Field(examples=[["team-a"]], max_length=1000),
    form_field("Workspaces", "Names of workspaces. Leave empty for all. Example: team-a"),
]
NamespacesField = Annotated[
    list[Annotated[str, Field(json_schema_extra={"pattern": r"^[a-z0-9-]+/[a-z0-9-]+$"})]],
    Field(examples=[["prod-eu/shop"]], max_length=5000),
    form_field(
        "Namespaces",
        "Namespaces without a workspace label, as cluster/namespace. This list replaces the "
        "previous one, and means the namespaces that exist now. Example: prod-eu/shop",
    ),
]
WorkspaceClustersField = Annotated[
    list[ClusterName],
    Field(examples=[["prod-eu"]], max_length=200),
    form_field(
        "Clusters",
        "Only namespaces in these clusters can belong to the workspace, whatever their labels say. "
        "This list replaces the previous one. Leave empty for all. Example: prod-eu",
    ),
]
_ACCOUNTS_HELP = (
    "Which ServiceAccounts get the pull secret, so that their pods need not name it: default (only "
    "the one of that name), all, or a label selector. Other than default needs the permissions of "
    "rbac-service-accounts.yaml. Example: app.kubernetes.io/managed-by=Helm"
)
NewServiceAccountsField = Annotated[
    Annotated[str, Field(title="Choice", max_length=MAX_CHOICE_LENGTH)] | None,
    UnionTabs(),
    form_field("ServiceAccounts", _ACCOUNTS_HELP),
]
ServiceAccountsField = Annotated[
    str,
    Field(examples=[DEFAULT_ACCOUNTS], min_length=1, max_length=MAX_CHOICE_LENGTH),
    form_field("ServiceAccounts", _ACCOUNTS_HELP),
]
DryRunField = Annotated[bool, form_field("Dry run", "Show what would change; change nothing.")]
PullCredentialsField = Annotated[
    RegistryCredentials | None,
    none_if(NONE),
    block_picker(REGISTRY_BLOCK_TYPE, "Saved pull-only credentials", "No pull-only user", NONE),
    form_field(
        "Pull credentials",
        "Docker Registry only: a user that can only pull, and another one than above. Entitled "
        "namespaces receive these credentials; the credentials above are never distributed.",
        default=NONE,
    ),
]
_ALLOW_PUSH_HELP = (
    "Accept pull credentials with which the token service also lets a user push: every entitled "
    "namespace could then replace images."
)
AllowPushField = Annotated[bool, form_field("Allow push", _ALLOW_PUSH_HELP)]
NewAllowPushField = Annotated[
    bool | None,
    none_if(KEEP),
    WithJsonSchema({"type": "string", "enum": [KEEP, "yes", "no"]}),
    form_field("Allow push", _ALLOW_PUSH_HELP, default=KEEP),
]
NewPullCredentialsField = Annotated[
    RegistryCredentials | Literal["none"] | None,
    none_if(KEEP),
    block_picker(
        REGISTRY_BLOCK_TYPE,
        "Other pull-only credentials",
        KEEP.capitalize(),
        KEEP,
        **{NONE: "No pull-only user"},
    ),
    form_field(
        "Pull credentials",
        "Docker Registry only: the pull-only user whose credentials entitled namespaces receive.",
        default=KEEP,
    ),
]
