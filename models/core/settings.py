"""Settings from environment variables. Each setting has a default for a single machine."""

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

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


def _check_http_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#()<>|]+(/[^\s?#()<>|]*)?", text):
        raise ValueError(f"invalid URL {text!r}: expected http://host or https://host/path")
    return text.rstrip("/")


class Settings(BaseSettings):
    """Settings, read from `REGISTRY_INTEGRATION_*` variables.

    Attributes:
        data_dir: default data directory of SQLite and Prefect.
        database_url: SQLAlchemy URL; empty means SQLite in `data_dir`. The form for PostgreSQL is
            `postgresql+psycopg://user@host/database`.
        look_interval_seconds: time between two observations of a healthy registry.
        recheck_seconds: time until a failure that is not confirmed is observed again; 0 waits for
            the next interval.
        storage_interval_seconds: time between two storage readings (17 ms per space in Harbor).
        storage_requests_per_minute: requests that count the storage of one registry which does not
            report it.
        missing_grace_hours: how long the record of a space missing in its registry is kept.
        change_limit_share, change_limit_floor: see `models.core.limits.ChangeLimits`.
        requests_at_once: parallel requests to one registry; more than 4 slow Harbor down.
        registries_at_once: registries observed in parallel in one process.
        connect_seconds, read_seconds: time-outs of one request.
        use_environment_proxies: whether registries without a proxy of their own are reached through
            the proxies of HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.
        operation_seconds: time-out of one complete observation of a registry or cluster, and of all
            changes that one run makes there.
        lease_seconds: how long the lease of a killed run blocks other runs.
        workspace_labels: comma-separated keys of namespace labels that contain the workspace name.
        label_grace_minutes: how long a namespace stays in its workspace after its label was changed
            to a value that is not a workspace name.
        secret_keys: comma-separated Fernet keys for the secrets of robot accounts; the first
            encrypts, all decrypt. Empty means the keys in `secret_key_file`.
        secret_key_file: one key per line, newest first; `make serve` creates it on first start.
        log_format: format of log records on standard error, see `deployments.logs`.
        console_url: address of the console for links in artifacts.
        console_secret_key: the key that the console signs with, the same for all consoles and
            workers. Empty means the key in `console_key_file`.
        console_key_file: the file with that key; the console creates it on first start.
        rotation_days: age at which secrets of robot accounts are rotated; 0 disables rotation.
        superseded_minutes: how long a superseded robot account is kept after its successor's secret
            was rolled out to all namespaces. If a namespace that left the workspace may have a copy
            of the secret, it is also the longest time that the robot account is kept.
        audit_days: age at which audit entries and change results are deleted; 0 keeps them.
        helm_selector: label selector for Deployments of Harbor charts, where Helm is a source.
        managed_namespaces: comma-separated patterns `cluster/namespace` of namespaces whose managed
            Harbors are trusted, in addition to namespaces with the label.
        adoptions_at_once: managed Harbors that one run adopts in one cluster.
        managed_grace_hours: how long the record of a missing managed Harbor is kept.
        managed_wait_seconds: how long integrate-managed-harbor waits until a Harbor is ready.
        clusters_at_once: clusters observed in parallel in one process.
        cluster_requests_at_once: parallel requests to one cluster.
        warm_max_runs: flow runs that one fork server starts before it is replaced; 0 starts each
            flow run in a new process.
        credentials_dir: folder of the files with credentials that configuration documents can name.
        configuration_dir: folder of the configuration files that apply-configuration can read.
        allowed_networks: comma-separated networks in CIDR notation that discovered addresses may
            be in even if they are loopback, link-local or the metadata service of a cloud.
    """

    model_config = SettingsConfigDict(env_prefix="REGISTRY_INTEGRATION_", frozen=True)

    data_dir: Path = Field(default_factory=_user_data_dir)
    database_url: str = ""
    look_interval_seconds: float = Field(default=60, ge=5)
    recheck_seconds: float = Field(default=15, ge=0, le=30)
    storage_interval_seconds: float = Field(default=600, ge=10)
    storage_requests_per_minute: int = Field(default=300, ge=2)
    missing_grace_hours: float = Field(default=72, ge=0)
    change_limit_share: float = Field(default=0.3, ge=0, le=1)
    change_limit_floor: int = Field(default=10, ge=1)
    requests_at_once: int = Field(default=4, ge=1, le=32)
    registries_at_once: int = Field(default=16, ge=1, le=200)
    connect_seconds: float = Field(default=5, gt=0)
    read_seconds: float = Field(default=30, gt=0)
    use_environment_proxies: bool = False
    operation_seconds: float = Field(default=300, gt=0)
    lease_seconds: float = Field(default=30, ge=1)
    workspace_labels: str = WORKSPACE_LABEL
    label_grace_minutes: float = Field(default=60, ge=0)
    secret_keys: SecretStr = SecretStr("")
    secret_key_file: Path | None = None
    log_format: Literal["text", "json"] = "text"
    console_url: Annotated[str, AfterValidator(_check_http_url)] = "http://127.0.0.1:4201"
    console_secret_key: SecretStr = SecretStr("")
    console_key_file: Path | None = None
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
    warm_max_runs: int = Field(default=500, ge=0)
    credentials_dir: Path | None = None
    configuration_dir: Path | None = None
    allowed_networks: Annotated[str, AfterValidator(_check_networks)] = ""

    @property
    def database(self) -> str:
        """The effective SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'state.db'}"

    @property
    def workspace_label_keys(self) -> tuple[str, ...]:
        """The keys of namespace labels that contain the workspace name."""
        return tuple(key.strip() for key in self.workspace_labels.split(",") if key.strip())

    @property
    def trusted_namespace_patterns(self) -> tuple[str, ...]:
        """Patterns of the namespaces whose managed Harbors are trusted."""
        return parse_patterns(self.managed_namespaces)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that discovered addresses may always be in."""
        return parse_networks(self.allowed_networks)

    @property
    def key_file(self) -> Path:
        """The file with the Fernet keys, used if `secret_keys` is empty."""
        return self.secret_key_file or self.data_dir / "secret.keys"

    @property
    def console_key_path(self) -> Path:
        """The file with the console's key, used if `console_secret_key` is empty."""
        return self.console_key_file or self.data_dir / "console.key"

    @property
    def managed_grace(self) -> timedelta:
        """How long the record of a missing managed Harbor is kept."""
        return timedelta(hours=self.managed_grace_hours)

    @property
    def rotation_age(self) -> timedelta | None:
        """The age at which secrets of robot accounts are rotated; None disables rotation."""
        return timedelta(days=self.rotation_days) if self.rotation_days else None

    @property
    def label_grace(self) -> timedelta:
        """How long a namespace with an invalid workspace label stays in its workspace."""
        return timedelta(minutes=self.label_grace_minutes)

    @property
    def superseded_retention(self) -> timedelta:
        """How long superseded robot accounts are kept after roll-out."""
        return timedelta(minutes=self.superseded_minutes)

    @property
    def audit_retention(self) -> timedelta | None:
        """The age at which audit entries and change results are deleted; None keeps them."""
        return timedelta(days=self.audit_days) if self.audit_days else None

    @property
    def change_limits(self) -> ChangeLimits:
        """The configured safety limits."""
        return ChangeLimits(max_share=self.change_limit_share, min_count=self.change_limit_floor)

    @property
    def poll_policy(self) -> PollPolicy:
        """The configured poll policy."""
        return PollPolicy(
            interval=timedelta(seconds=self.look_interval_seconds),
            recheck=timedelta(seconds=self.recheck_seconds),
        )

    @property
    def storage_interval(self) -> timedelta:
        """The time between two storage readings of one registry."""
        return timedelta(seconds=self.storage_interval_seconds)

    @property
    def missing_grace(self) -> timedelta:
        """How long the record of a missing space is kept."""
        return timedelta(hours=self.missing_grace_hours)


@cache
def get_settings() -> Settings:
    """Return the settings of this process; the environment is read once."""
    return Settings()
