"""Workspaces, clusters, bindings, grants and deliveries."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Text, text
from sqlmodel import Field, SQLModel

from models.tables.types import UtcDateTime

_EMPTY_DEFAULT = {"server_default": text("''")}
"""For rows that are older than their column."""


class InstallationRow(SQLModel, table=True):
    """Who we are among installations of this service: one row.

    `canary` is a known text, sealed with the key in force: a wrong key cannot open it, and is found
    out before anything is written with it.
    """

    __tablename__ = "installation"

    id: int = Field(default=1, primary_key=True)
    name: str
    canary: str = Field(default="", sa_type=Text)


class ClusterRow(SQLModel, table=True):
    """A Kubernetes cluster, and how it was last found."""

    __tablename__ = "cluster"

    name: str = Field(primary_key=True, max_length=63)
    credential: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    links_accounts: bool = True
    description: str = Field(default="", sa_type=Text)
    reachable: bool | None = None
    reason: str
    message: str = Field(default="", sa_type=Text)
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    looked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WorkspaceRow(SQLModel, table=True):
    """A workspace."""

    __tablename__ = "workspace"

    name: str = Field(primary_key=True, max_length=63)
    source: str
    description: str = Field(default="", sa_type=Text)


class ListedNamespaceRow(SQLModel, table=True):
    """A namespace that was given to a workspace by hand, whether it is there or not."""

    __tablename__ = "listed_namespace"

    cluster_name: str = Field(primary_key=True, foreign_key="cluster.name", ondelete="CASCADE")
    namespace: str = Field(primary_key=True, max_length=63)
    workspace: str = Field(primary_key=True, foreign_key="workspace.name", ondelete="CASCADE")


class NamespaceRow(SQLModel, table=True):
    """A namespace as it was last seen, and whom it belongs to."""

    __tablename__ = "namespace"

    cluster_name: str = Field(primary_key=True, foreign_key="cluster.name", ondelete="CASCADE")
    name: str = Field(primary_key=True, max_length=63)
    uid: str
    workspace: str | None = Field(default=None, index=True)
    source: str | None = None
    problem: str | None = None
    message: str = Field(default="", sa_type=Text)
    terminating: bool = False


class BindingRow(SQLModel, table=True):
    """The wish that a workspace may pull a space."""

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
    """A robot account of ours; `sealed` is its secret, encrypted. Workspace "" observes.

    `created_at` is what Harbor says of it: with its id it tells one Harbor from another.
    """

    __tablename__ = "robot_grant"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    robot_id: int = Field(primary_key=True, sa_type=BigInteger)
    workspace: str = Field(index=True)
    login: str
    spaces: list[str] = Field(sa_type=JSON)
    made_at: datetime = Field(sa_type=UtcDateTime)
    created_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rolled_out_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sealed: str = Field(sa_type=Text)


class DepartureRow(SQLModel, table=True):
    """That namespaces left a workspace, and when its robot account was replaced because of it."""

    __tablename__ = "departure"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    workspace: str = Field(primary_key=True, max_length=63)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    rotated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PullSecretRow(SQLModel, table=True):
    """How one namespace's pull secret was last found or left; `logins` name no password."""

    __tablename__ = "delivery"

    cluster_name: str = Field(primary_key=True, foreign_key="cluster.name", ondelete="CASCADE")
    namespace: str = Field(primary_key=True, max_length=63)
    status: str
    fingerprint: str = ""
    logins: list[dict[str, Any]] = Field(sa_type=JSON)
    reason: str
    message: str = Field(default="", sa_type=Text)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ManagedHarborRow(SQLModel, table=True):
    """A managed Harbor, and what this service makes of it. It outlives its registry: kept out."""

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
    """An object that a person trusts to stand for a Harbor; uid "" while it is still to appear."""

    __tablename__ = "trusted_object"

    cluster_name: str = Field(primary_key=True, max_length=63)
    namespace: str = Field(primary_key=True, max_length=63)
    name: str = Field(primary_key=True, max_length=253)
    uid: str = Field(primary_key=True)
    kind: str = ""
    trusted_at: datetime = Field(sa_type=UtcDateTime)
