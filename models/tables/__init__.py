"""The tables: the only classes with `table=True`.

Such classes do not validate: values are checked as models before they come here, and every row
knows how to become a value again.
"""

from models.tables.access import (
    BindingRow,
    ClusterRow,
    DepartureRow,
    InstallationRow,
    ListedNamespaceRow,
    ManagedHarborRow,
    NamespaceRow,
    PullSecretRow,
    RobotAccountRow,
    TrustedObjectRow,
    WorkspaceRow,
)
from models.tables.registries import (
    AuditRow,
    ChangeResultRow,
    ConditionRow,
    CredentialOriginRow,
    LeaseRow,
    MeasurementRow,
    PublicationRow,
    RegistryRow,
    SpaceRow,
)
from models.tables.types import UtcDateTime

__all__ = [
    "AuditRow",
    "BindingRow",
    "ChangeResultRow",
    "ClusterRow",
    "ConditionRow",
    "CredentialOriginRow",
    "DepartureRow",
    "InstallationRow",
    "LeaseRow",
    "ListedNamespaceRow",
    "ManagedHarborRow",
    "MeasurementRow",
    "NamespaceRow",
    "PublicationRow",
    "PullSecretRow",
    "RegistryRow",
    "RobotAccountRow",
    "SpaceRow",
    "TrustedObjectRow",
    "UtcDateTime",
    "WorkspaceRow",
]
