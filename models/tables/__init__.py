"""The database tables: the only classes with `table=True`.

SQLModel does not validate table classes. Validate a value as a model before it becomes a row;
`tasks/store` converts rows back to models.
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
    ConfigurationMarkRow,
    CounterRow,
    CredentialOriginRow,
    LeaseRow,
    MeasurementRow,
    PublicationRow,
    RegistryRow,
    SpaceRow,
)
from models.tables.storage import ManifestRow, RepositoryRow, SweepRow
from models.tables.types import UtcDateTime

__all__ = [
    "AuditRow",
    "BindingRow",
    "ChangeResultRow",
    "ClusterRow",
    "ConditionRow",
    "ConfigurationMarkRow",
    "CounterRow",
    "CredentialOriginRow",
    "DepartureRow",
    "InstallationRow",
    "LeaseRow",
    "ListedNamespaceRow",
    "ManagedHarborRow",
    "ManifestRow",
    "MeasurementRow",
    "NamespaceRow",
    "PublicationRow",
    "PullSecretRow",
    "RegistryRow",
    "RepositoryRow",
    "RobotAccountRow",
    "SpaceRow",
    "SweepRow",
    "TrustedObjectRow",
    "UtcDateTime",
    "WorkspaceRow",
]
