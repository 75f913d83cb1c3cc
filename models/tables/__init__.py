"""The tables: the only classes with `table=True`.

Such classes do not validate: values are checked as models before they come here, and every row
knows how to become a value again.
"""

from models.tables.access import (
    BindingRow,
    ClusterRow,
    DeliveryRow,
    DepartureRow,
    GrantRow,
    InstallationRow,
    ListedRow,
    ManagedRow,
    NamespaceRow,
    TrustedObjectRow,
    WorkspaceRow,
)
from models.tables.registries import (
    AuditRow,
    ConditionRow,
    CredentialOriginRow,
    LeaseRow,
    MeasurementRow,
    OutcomeRow,
    PublicationRow,
    RegistryRow,
    SpaceRow,
)
from models.tables.types import UtcDateTime

__all__ = [
    "AuditRow",
    "BindingRow",
    "ClusterRow",
    "ConditionRow",
    "CredentialOriginRow",
    "DeliveryRow",
    "DepartureRow",
    "GrantRow",
    "InstallationRow",
    "LeaseRow",
    "ListedRow",
    "ManagedRow",
    "MeasurementRow",
    "NamespaceRow",
    "OutcomeRow",
    "PublicationRow",
    "RegistryRow",
    "SpaceRow",
    "TrustedObjectRow",
    "UtcDateTime",
    "WorkspaceRow",
]
