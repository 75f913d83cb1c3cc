"""The only reader of the environment. Every setting has a default that works on one machine."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.core.labels import HELM_SELECTOR, WORKSPACE_LABEL
from models.core.limits import ChangeLimits, PollPolicy
from models.core.names import check_patterns, parse_patterns
from models.core.network import Network, parse_networks


def _user_data_dir() -> Path:
    return Path.home() / ".local" / "share" / "registry-integration"


def _check_networks(text: str) -> str:
    parse_networks(text)
    return text


class Settings(BaseSettings):
    """Settings, read from `REGISTRY_INTEGRATION_*` variables.

    Attributes:
        data_dir: where SQLite and Prefect keep their data when nothing else is configured.
        database_url: SQLAlchemy URL; empty means SQLite in `data_dir`. PostgreSQL is
            `postgresql+psycopg://user@host/database`.
        look_interval_seconds: how often a healthy registry is looked at.
        storage_interval_seconds: how often storage figures are read (Harbor pays 17 ms a space).
        missing_grace_hours: how long a space that is gone from its registry is remembered.
        change_limit_share, change_limit_floor: the brakes, see `models.core.limits.Limits`.
        requests_at_once: parallel requests to one registry; Harbor likes no more than 4.
        registries_at_once: registries looked at side by side in one process.
        connect_seconds, read_seconds: time-outs of one request.
        operation_seconds: time-out of one whole look at one registry or cluster, and of all changes
            that one run makes there.
        lease_seconds: how long a killed run keeps others from its registry.
        workspace_labels: namespace labels that may name a workspace, comma-separated.
        secret_keys: Fernet keys that robot accounts' secrets are encrypted with, comma-separated;
            the first encrypts, all decrypt. Empty means those in `secret_key_file`.
        secret_key_file: one key a line, newest first; `make serve` makes it on first start.
        rotation_days: age at which robot accounts' secrets are replaced; 0 never does.
        superseded_minutes: how long a superseded robot account is kept after the secret of the one
            in use was delivered everywhere; and the longest that one is kept whose secret somebody
            who left its workspace may hold.
        audit_days: age at which audit entries and results of changes are deleted; 0 never does.
        helm_selector: label selector of what a Harbor chart made, where Helm is a source.
        managed_namespaces: patterns `cluster/namespace`, comma-separated, of namespaces whose
            managed Harbors are trusted, besides those with the label.
        adoptions_at_once: managed Harbors that one run adopts in one cluster.
        managed_grace_hours: how long a managed Harbor that is gone is kept.
        managed_wait_seconds: how long integrate-managed-harbor waits for one that is not ready.
        clusters_at_once: clusters looked at side by side in one process.
        cluster_requests_at_once: parallel requests to one cluster.
        allowed_networks: networks in CIDR notation, comma-separated, that discovered addresses may
            lead to although they are loopback, link-local or a cloud's metadata service.
    """

    model_config = SettingsConfigDict(env_prefix="REGISTRY_INTEGRATION_", frozen=True)

    data_dir: Path = Field(default_factory=_user_data_dir)
    database_url: str = ""
    look_interval_seconds: float = Field(default=60, ge=5)
    storage_interval_seconds: float = Field(default=600, ge=10)
    missing_grace_hours: float = Field(default=72, ge=0)
    change_limit_share: float = Field(default=0.3, ge=0, le=1)
    change_limit_floor: int = Field(default=10, ge=1)
    requests_at_once: int = Field(default=4, ge=1, le=32)
    registries_at_once: int = Field(default=16, ge=1, le=200)
    connect_seconds: float = Field(default=5, gt=0)
    read_seconds: float = Field(default=30, gt=0)
    operation_seconds: float = Field(default=300, gt=0)
    lease_seconds: float = Field(default=30, ge=1)
    workspace_labels: str = WORKSPACE_LABEL
    secret_keys: SecretStr = SecretStr("")
    secret_key_file: Path | None = None
    rotation_days: float = Field(default=90, ge=0)
    superseded_minutes: float = Field(default=10, ge=0)
    audit_days: float = Field(default=400, ge=0)
    helm_selector: str = HELM_SELECTOR
    managed_namespaces: Annotated[str, AfterValidator(check_patterns)] = ""
    adoptions_at_once: int = Field(default=20, ge=1)
    managed_grace_hours: float = Field(default=72, ge=0)
    managed_wait_seconds: float = Field(default=300, ge=0)
    clusters_at_once: int = Field(default=16, ge=1, le=200)
    cluster_requests_at_once: int = Field(default=8, ge=1, le=64)
    allowed_networks: Annotated[str, AfterValidator(_check_networks)] = ""

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'state.db'}"

    @property
    def workspace_label_keys(self) -> tuple[str, ...]:
        """The namespace labels that may name a workspace."""
        return tuple(key.strip() for key in self.workspace_labels.split(",") if key.strip())

    @property
    def trusted_namespace_patterns(self) -> tuple[str, ...]:
        """The patterns of namespaces whose managed Harbors are trusted."""
        return parse_patterns(self.managed_namespaces)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that discovered addresses may lead to all the same."""
        return parse_networks(self.allowed_networks)

    @property
    def key_file(self) -> Path:
        """Where the keys are, if they are not set themselves."""
        return self.secret_key_file or self.data_dir / "secret.keys"

    @property
    def managed_grace(self) -> timedelta:
        """How long a managed Harbor that is gone is kept."""
        return timedelta(hours=self.managed_grace_hours)

    @property
    def rotation_age(self) -> timedelta | None:
        """The age at which robot accounts' secrets are replaced."""
        return timedelta(days=self.rotation_days) if self.rotation_days else None

    @property
    def superseded_retention(self) -> timedelta:
        """How long superseded robot accounts are kept."""
        return timedelta(minutes=self.superseded_minutes)

    @property
    def audit_retention(self) -> timedelta | None:
        """The age at which audit entries and results of changes are deleted."""
        return timedelta(days=self.audit_days) if self.audit_days else None

    @property
    def change_limits(self) -> ChangeLimits:
        """The brakes in force."""
        return ChangeLimits(max_share=self.change_limit_share, min_count=self.change_limit_floor)

    @property
    def poll_policy(self) -> PollPolicy:
        """The rhythm of looks in force."""
        return PollPolicy(interval=timedelta(seconds=self.look_interval_seconds))

    @property
    def storage_interval(self) -> timedelta:
        """Between two readings of one registry's storage."""
        return timedelta(seconds=self.storage_interval_seconds)

    @property
    def missing_grace(self) -> timedelta:
        """How long a missing space is remembered."""
        return timedelta(hours=self.missing_grace_hours)


@cache
def get_settings() -> Settings:
    """Return this process's settings, read once."""
    return Settings()
