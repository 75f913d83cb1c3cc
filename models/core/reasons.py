"""The CamelCase reasons of conditions, change results and events."""

from enum import StrEnum


class Reason(StrEnum):
    """A machine-readable reason: one word that scripts can match on."""

    # connection
    CONNECTED = "Connected"
    ADDRESS_INVALID = "AddressInvalid"
    ADDRESS_FORBIDDEN = "AddressForbidden"
    UNKNOWN_HOST = "UnknownHost"
    CONNECTION_REFUSED = "ConnectionRefused"
    UNREACHABLE = "Unreachable"
    TIMED_OUT = "TimedOut"
    THROTTLED = "Throttled"
    SERVER_BROKEN = "ServerBroken"
    REDIRECTED = "Redirected"
    # TLS
    CERTIFICATE_TRUSTED = "CertificateTrusted"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    SELF_SIGNED = "SelfSigned"
    UNKNOWN_AUTHORITY = "UnknownAuthority"
    WRONG_HOST_NAME = "WrongHostName"
    TLS_UNTRUSTED = "TlsUntrusted"
    VERIFICATION_OFF = "VerificationOff"
    TLS_MISSING = "TlsMissing"
    TLS_VERSION_OUTDATED = "TlsVersionOutdated"
    CLIENT_CERTIFICATE_REQUIRED = "ClientCertificateRequired"
    PLAIN_HTTP = "PlainHttp"
    # kind and version
    SUPPORTED = "Supported"
    WRONG_KIND = "WrongKind"
    NOT_A_REGISTRY = "NotARegistry"
    VERSION_TOO_OLD = "VersionTooOld"
    VERSION_UNKNOWN = "VersionUnknown"
    # credentials and rights
    CREDENTIALS_ACCEPTED = "CredentialsAccepted"
    NO_AUTHENTICATION = "NoAuthentication"
    UNAUTHORIZED = "Unauthorized"
    BAD_CREDENTIALS = "BadCredentials"
    CREDENTIALS_MISSING = "CredentialsMissing"
    CREDENTIALS_FORBIDDEN = "CredentialsForbidden"
    CREDENTIAL_NOT_FOR_ORIGIN = "CredentialNotForOrigin"
    ADMIN_PASSWORD_DRIFTED = "AdminPasswordDrifted"  # noqa: S105 - a reason, no secret
    CREDENTIALS_UNPROVED = "CredentialsUnproved"
    FOREIGN_TOKEN_REALM = "ForeignTokenRealm"  # noqa: S105 - a reason, no secret
    TOKEN_SERVICE_UNREACHABLE = "TokenServiceUnreachable"  # noqa: S105 - a reason, no secret
    TOKEN_REJECTED = "TokenRejected"  # noqa: S105 - a reason, no secret
    PULL_ONLY = "PullOnly"
    PUSH_GRANTED = "PushGranted"
    PULL_USER_NOT_SEPARATE = "PullUserNotSeparate"
    RIGHTS_NOT_REPORTED = "RightsNotReported"
    ADMINISTRATOR = "Administrator"
    NOT_ADMINISTRATOR = "NotAdministrator"
    FORBIDDEN = "Forbidden"
    # state of the server
    WRITABLE = "Writable"
    READ_ONLY = "ReadOnly"
    ALL_COMPONENTS_UP = "AllComponentsUp"
    COMPONENTS_DOWN = "ComponentsDown"
    SIDE_COMPONENTS_DOWN = "SideComponentsDown"
    NOT_PROBED = "NotProbed"
    # observation and reconciliation
    SYNCED = "Synced"
    NEVER_SYNCED = "NeverSynced"
    CATALOG_READ = "CatalogRead"
    CATALOG_FORBIDDEN = "CatalogForbidden"
    CATALOG_DISABLED = "CatalogDisabled"
    PAGES_SHIFTED = "PagesShifted"
    LIST_NOT_PROVED = "ListNotProved"
    LIST_TOO_LARGE = "ListTooLarge"
    CHANGES_FAILED = "ChangesFailed"
    PLAN_REFUSED = "PlanRefused"
    # change results
    DONE = "Done"
    UNCHANGED = "Unchanged"
    NOT_FOUND = "NotFound"
    CONFLICT = "Conflict"
    REJECTED = "Rejected"
    UNFORESEEN = "Unforeseen"
    # planned changes
    REQUESTED = "Requested"
    VISIBILITY_DRIFTED = "VisibilityDrifted"
    BINDINGS_CHANGED = "BindingsChanged"
    SPACES_MISSING = "SpacesMissing"
    SPACE_RECREATED = "SpaceRecreated"
    ROBOT_MISSING = "RobotMissing"
    ROBOT_EDITED = "RobotEdited"
    ROBOT_DISABLED = "RobotDisabled"
    SECRET_LOST = "SecretLost"  # noqa: S105 - a reason, no secret
    ORPHANED = "Orphaned"
    ROTATED = "Rotated"
    SUPERSEDED = "Superseded"
    NAMESPACE_LEFT = "NamespaceLeft"
    # pull secrets and namespaces
    DELIVERED = "Delivered"
    MISSING = "Missing"
    NOT_DESIRED = "NotDesired"
    CONTENT_CHANGED = "ContentChanged"
    MODIFIED = "Modified"
    FOREIGN_SECRET = "ForeignSecret"  # noqa: S105 - a reason, no secret
    OTHER_INSTALLATION = "OtherInstallation"
    CONTESTED = "Contested"
    ADMISSION_DENIED = "AdmissionDenied"
    QUOTA_EXCEEDED = "QuotaExceeded"
    NAMESPACE_TERMINATING = "NamespaceTerminating"
    SECRET_TOO_LARGE = "SecretTooLarge"  # noqa: S105 - a reason, no secret
    NO_SERVICE_ACCOUNT = "NoServiceAccount"
    NOT_LINKED = "NotLinked"
    WORKSPACE_CONFLICT = "WorkspaceConflict"
    WORKSPACE_NAME_INVALID = "WorkspaceNameInvalid"
