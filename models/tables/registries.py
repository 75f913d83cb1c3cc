"""Tables of registries, their spaces and conditions, the audit, leases and published pages."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Text, false, text, true
from sqlmodel import Field, SQLModel

from models.tables.types import UtcDateTime


class RegistryRow(SQLModel, table=True):
    """A registry with the results of its last observation.

    `looked_at` is the last attempt, `spaces_read_at` the last complete list of spaces,
    `storage_read_at` the last storage reading. `storage_used` is the total that the registry
    reports or that was counted (bytes, shared layers counted once); None is unknown. Where it is
    counted, `storage_counted` of `storage_tags` tags are in it, and the sweep goes on at
    `storage_due_at`; None: when the next reading is due. `pull_user_proof` is the keyed fingerprint
    of the pull-only user that the registry last accepted; `pull_user_refused` that of the one it
    refused `pull_user_failures` times in a row, last at `pull_user_tried_at`. At `doubted_at` a run
    that had lost its lease may have changed the registry, so older observations are stale.
    `baseline` is the last full comparison (`models.registries.runs.baseline`).
    """

    __tablename__ = "registry"

    name: str = Field(primary_key=True, max_length=63)
    kind: str
    address: str = Field(unique=True)
    origin: str
    credential: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    pull_credential: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    allow_push: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    pull_user_proof: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    pull_user_refused: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    pull_user_failures: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    pull_user_tried_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tls: dict[str, Any] = Field(sa_type=JSON)
    client_certificate: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    token_service: str | None = None
    proxy: str | None = None
    proxy_credential: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    pull_addresses: list[str] | None = Field(default=None, sa_type=JSON)
    drift_policy: str
    description: str = Field(default="", sa_type=Text)
    integrated_at: datetime = Field(sa_type=UtcDateTime)
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    look_seconds: float = 0.0
    failures: int = 0
    doubted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    spaces_read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    baseline: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    storage_read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    storage_used: int | None = Field(default=None, sa_type=BigInteger)
    storage_note: str = ""
    count_storage: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    storage_counted: int | None = None
    storage_tags: int | None = None
    storage_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CredentialOriginRow(SQLModel, table=True):
    """An origin that a block may be sent to."""

    __tablename__ = "credential_origin"

    block: str = Field(primary_key=True)
    document_id: str = Field(primary_key=True)
    origin: str = Field(primary_key=True)


class ConditionRow(SQLModel, table=True):
    """One condition of one registry."""

    __tablename__ = "condition"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    type: str = Field(primary_key=True)
    status: str
    reason: str
    message: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)
    contrary: int = 0


class SpaceRow(SQLModel, table=True):
    """One space of one registry; `storage_limit` -1 is unlimited, None is unknown.

    `storage_counted` and `storage_tags` are as in `RegistryRow`.
    """

    __tablename__ = "space"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    name: str = Field(primary_key=True, max_length=255)
    remote_id: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    desired: str | None = None
    observed: str | None = None
    declared: bool = False
    repositories: int | None = None
    missing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    storage_used: int | None = Field(default=None, sa_type=BigInteger)
    storage_limit: int | None = Field(default=None, sa_type=BigInteger)
    storage_counted: int | None = None
    storage_tags: int | None = None


class ChangeResultRow(SQLModel, table=True):
    """The result of the last attempt at a change; one row per subject and kind of change."""

    __tablename__ = "outcome"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    subject: str = Field(primary_key=True, max_length=255)
    kind: str = Field(primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    done: bool
    reason: str
    message: str = Field(default="", sa_type=Text)


_EVENT_PENDING = text("event IS NOT NULL AND announced_at IS NULL")
_EMPTY_DEFAULT = {"server_default": text("''")}
"""Server default for columns that were added to existing rows."""


class AuditRow(SQLModel, table=True):
    """An audit entry: immutable, and kept after its registry or cluster is removed.

    `actor` is who started the run (`models.core.runs.actor`); older versions left it empty.
    A row with an `event` is sent as a Prefect event after it is stored, and `announced_at` is the
    time of sending. If a run is killed in between, the next run sends the event. An event that
    Prefect rejects is not sent again; `rejected` contains the error.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index(
            "ix_audit_unannounced",
            "id",
            sqlite_where=_EVENT_PENDING,
            postgresql_where=_EVENT_PENDING,
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    registry_name: str = Field(index=True)
    cluster_name: str = Field(default="", index=True, sa_column_kwargs=_EMPTY_DEFAULT)
    workspace: str = Field(default="", index=True, sa_column_kwargs=_EMPTY_DEFAULT)
    subject: str
    what: str
    before: str = ""
    after: str = ""
    why: str = Field(default="", sa_type=Text)
    flow_run: str = ""
    actor: str = Field(default="", sa_column_kwargs=_EMPTY_DEFAULT)
    event: str | None = None
    announced_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rejected: str = Field(default="", sa_type=Text, sa_column_kwargs=_EMPTY_DEFAULT)


class MeasurementRow(SQLModel, table=True):
    """The figures of one registry at one time, for trends."""

    __tablename__ = "measurement"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    at: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    spaces: int
    repositories: int
    storage_used: int | None = Field(default=None, sa_type=BigInteger)


class LeaseRow(SQLModel, table=True):
    """A lease: the run that holds a registry or cluster, and when the lease expires.

    Attributes:
        holder: lease id of the run.
        flow_run: id of its flow run; empty outside of a flow run.
    """

    __tablename__ = "lease"

    key: str = Field(primary_key=True)
    holder: str
    flow_run: str = Field(default="", sa_column_kwargs=_EMPTY_DEFAULT)
    expires_at: datetime = Field(sa_type=UtcDateTime)


class PublicationRow(SQLModel, table=True):
    """The digest of the last artifact published under a key, to publish only changed artifacts."""

    __tablename__ = "publication"

    key: str = Field(primary_key=True)
    digest: str
    at: datetime = Field(sa_type=UtcDateTime)


class CounterRow(SQLModel, table=True):
    """A sum that runs add to, see `CounterKey`; it is never deleted."""

    __tablename__ = "counter"

    name: str = Field(primary_key=True)
    label: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    value: float


class ConfigurationMarkRow(SQLModel, table=True):
    """Which configuration file owns a thing; also of things that are not on record any more.

    A former listing has the cluster, the namespace, the workspace and, as digest, the uid.
    A roll-out that a run began and did not end has the registry, and the run's file or folder.
    `registry_name` is empty for what belongs to no registry, `workspace` for all but bindings.
    """

    __tablename__ = "configuration_mark"

    kind: str = Field(primary_key=True)
    registry_name: str = Field(primary_key=True, max_length=63)
    name: str = Field(primary_key=True, max_length=255)
    workspace: str = Field(primary_key=True, max_length=63)
    file: str
    line: int
    digest: str
