"""Tables of workspaces, clusters, bindings, robot accounts, pull secrets and managed Harbors."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Text, text
from sqlmodel import Field, SQLModel

from models.tables.types import UtcDateTime

_EMPTY_DEFAULT = {"server_default": text("''")}
"""Server default for columns that were added to existing rows."""


class InstallationRow(SQLModel, table=True):
    """The identity of this installation of the service: one row.

    `canary` is a known text, encrypted with the current key. Decrypting it detects a wrong key
    before anything is encrypted with that key.
    """

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True)
    name: str
    canary: str = Field(default="", sa_type=Text)


class ClusterRow(SQLModel, table=True):
    """A Kubernetes cluster with its last observed status."""

    __tablename__ = "cluster"

    name: str = Field(primary_key=True, max_length=63)
    credential: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    links_accounts: bool = True
    description: str = Field(default="", sa_type=Text)
    uid: str = Field(default="", sa_column_kwargs=_EMPTY_DEFAULT)
    reachable: bool | None = None
    reason: str
    message: str = Field(default="", sa_type=Text)
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    missing_rights: list[str] | None = Field(default=None, sa_type=JSON)
    rights_checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WorkspaceRow(SQLModel, table=True):
    """A workspace."""

    __tablename__ = "workspace"

    name: str = Field(primary_key=True, max_length=63)
    source: str
    description: str = Field(default="", sa_type=Text)
    service_accounts: str = Field(
        default="default", sa_type=Text, sa_column_kwargs={"server_default": text("'default'")}
    )
    clusters: list[str] | None = Field(default=None, sa_type=JSON)


class ListedNamespaceRow(SQLModel, table=True):
    """A namespace that is listed for a workspace; uid "" until it is observed."""

    __tablename__ = "listed_namespace"

    cluster_name: str = Field(primary_key=True, foreign_key="cluster.name", ondelete="CASCADE")
    namespace: str = Field(primary_key=True, max_length=63)
    workspace: str = Field(primary_key=True, foreign_key="workspace.name", ondelete="CASCADE")
    uid: str = Field(default="", sa_column_kwargs=_EMPTY_DEFAULT)


class NamespaceRow(SQLModel, table=True):
    """A namespace as last observed, with its workspace."""

    __tablename__ = "namespace"

    cluster_name: str = Field(primary_key=True, foreign_key="cluster.name", ondelete="CASCADE")
    name: str = Field(primary_key=True, max_length=63)
    uid: str
    workspace: str | None = Field(default=None, index=True)
    source: str | None = None
    problem: str | None = None
    message: str = Field(default="", sa_type=Text)
    problem_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    terminating: bool = False


class BindingRow(SQLModel, table=True):
    """The desired access of a workspace to a space."""

    __tablename__ = "binding"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    space: str = Field(primary_key=True, max_length=255)
    workspace: str = Field(
        primary_key=True, foreign_key="workspace.name", ondelete="CASCADE", index=True
    )
    bound_at: datetime = Field(sa_type=UtcDateTime)
    effective_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    held_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    held_reason: str = Field(default="", sa_type=Text, sa_column_kwargs=_EMPTY_DEFAULT)


class RobotAccountRow(SQLModel, table=True):
    """A robot account of this installation; `sealed` is its encrypted secret.

    The observer has the workspace "". `created_at` is the creation time in Harbor: together with
    `robot_id` it identifies the Harbor instance. `proved_at` is the update time in Harbor at which
    the secret was last proved.
    """

    __tablename__ = "robot_grant"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    robot_id: int = Field(primary_key=True, sa_type=BigInteger)
    workspace: str = Field(index=True)
    login: str
    spaces: list[str] = Field(sa_type=JSON)
    made_at: datetime = Field(sa_type=UtcDateTime)
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    proved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rolled_out_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sealed: str = Field(sa_type=Text)


class DepartureRow(SQLModel, table=True):
    """When namespaces left a workspace, and when its robot account was rotated for that reason."""

    __tablename__ = "departure"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    workspace: str = Field(primary_key=True, max_length=63)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rotated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PullSecretRow(SQLModel, table=True):
    """The last status of a namespace's pull secret; `logins` contain no passwords."""

    __tablename__ = "delivery"

    cluster_name: str = Field(primary_key=True, foreign_key="cluster.name", ondelete="CASCADE")
    namespace: str = Field(primary_key=True, max_length=63)
    status: str
    fingerprint: str = ""
    logins: list[dict[str, Any]] = Field(sa_type=JSON)
    reason: str
    message: str = Field(default="", sa_type=Text)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    links: list[str] = Field(sa_type=JSON, nullable=True)
    repairs: list[dict[str, Any]] = Field(sa_type=JSON, nullable=True)


class ManagedHarborRow(SQLModel, table=True):
    """A managed Harbor with its adoption state; an excluded Harbor has a row but no registry."""

    __tablename__ = "managed_harbor"

    cluster_name: str = Field(primary_key=True, max_length=63)
    namespace: str = Field(primary_key=True, max_length=63)
    name: str = Field(primary_key=True, max_length=253)
    kind: str = Field(primary_key=True)
    uid: str
    standing: str
    registry_name: str = Field(default="", index=True)
    message: str = Field(default="", sa_type=Text)
    missing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    refusals: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    refused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class TrustedObjectRow(SQLModel, table=True):
    """An object that a user trusts as a managed Harbor; uid "" until the object is observed."""

    __tablename__ = "trusted_object"

    cluster_name: str = Field(primary_key=True, max_length=63)
    namespace: str = Field(primary_key=True, max_length=63)
    name: str = Field(primary_key=True, max_length=253)
    uid: str = Field(primary_key=True)
    kind: str = ""
    trusted_at: datetime = Field(sa_type=UtcDateTime)
