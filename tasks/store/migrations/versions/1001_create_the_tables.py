"""Create the tables."""

import sqlalchemy as sa
from alembic import op

revision = "1001"
down_revision = None
branch_labels = None
depends_on = None

_EVENT_PENDING = sa.text("event IS NOT NULL AND announced_at IS NULL")
_TABLES = (
    "installation",
    "registry",
    "credential_origin",
    "condition",
    "space",
    "outcome",
    "measurement",
    "cluster",
    "workspace",
    "listed_namespace",
    "namespace",
    "delivery",
    "binding",
    "robot_grant",
    "departure",
    "managed_harbor",
    "trusted_object",
    "audit",
    "lease",
    "publication",
)
"""All tables; those that refer to another one after it."""


def upgrade() -> None:
    _create_installation()
    _create_registry()
    _create_observations()
    _create_cluster_and_workspace()
    _create_namespaces()
    _create_access()
    _create_discovery()
    _create_audit()
    _create_coordination()


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("canary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def _create_registry() -> None:
    op.create_table(
        "registry",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("credential", sa.JSON(), nullable=True),
        sa.Column("pull_credential", sa.JSON(), nullable=True),
        sa.Column("tls", sa.JSON(), nullable=False),
        sa.Column("token_service", sa.String(), nullable=True),
        sa.Column("drift_policy", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("integrated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_seconds", sa.Float(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("spaces_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storage_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storage_used", sa.BigInteger(), nullable=True),
        sa.Column("storage_note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("address"),
    )
    op.create_table(
        "credential_origin",
        sa.Column("block", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("block", "document_id", "origin"),
    )


def _create_observations() -> None:
    op.create_table(
        "condition",
        *_of_registry(),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("contrary", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("registry_name", "type"),
    )
    op.create_table(
        "space",
        *_of_registry(),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("remote_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("desired", sa.String(), nullable=True),
        sa.Column("observed", sa.String(), nullable=True),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("repositories", sa.Integer(), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storage_used", sa.BigInteger(), nullable=True),
        sa.Column("storage_limit", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("registry_name", "name"),
    )
    op.create_table(
        "outcome",
        *_of_registry(),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("registry_name", "subject", "kind"),
    )
    op.create_table(
        "measurement",
        *_of_registry(),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spaces", sa.Integer(), nullable=False),
        sa.Column("repositories", sa.Integer(), nullable=False),
        sa.Column("storage_used", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("registry_name", "at"),
    )


def _create_cluster_and_workspace() -> None:
    op.create_table(
        "cluster",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("credential", sa.JSON(), nullable=True),
        sa.Column("links_accounts", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "workspace",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_namespaces() -> None:
    op.create_table(
        "listed_namespace",
        *_of_cluster(),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cluster_name", "namespace", "workspace"),
    )
    op.create_table(
        "namespace",
        *_of_cluster(),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=True, index=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("terminating", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("cluster_name", "name"),
    )
    op.create_table(
        "delivery",
        *_of_cluster(),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("logins", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("cluster_name", "namespace"),
    )


def _create_access() -> None:
    op.create_table(
        "binding",
        *_of_registry(),
        sa.Column("space", sa.String(255), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False, index=True),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_reason", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "space", "workspace"),
    )
    op.create_table(
        "robot_grant",
        *_of_registry(),
        sa.Column("robot_id", sa.BigInteger(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False, index=True),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("spaces", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rolled_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("registry_name", "robot_id"),
    )
    op.create_table(
        "departure",
        *_of_registry(),
        sa.Column("workspace", sa.String(63), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("registry_name", "workspace"),
    )


def _create_discovery() -> None:
    op.create_table(
        "managed_harbor",
        sa.Column("cluster_name", sa.String(63), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("registry_name", sa.String(), nullable=False, index=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusals", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("cluster_name", "namespace", "name", "kind"),
    )
    op.create_table(
        "trusted_object",
        sa.Column("cluster_name", sa.String(63), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("trusted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cluster_name", "namespace", "name", "uid"),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("registry_name", sa.String(), nullable=False, index=True),
        sa.Column("cluster_name", sa.String(), nullable=False, index=True, server_default=""),
        sa.Column("workspace", sa.String(), nullable=False, index=True, server_default=""),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("flow_run", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=True),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_audit_unannounced",
        "audit",
        ["id"],
        sqlite_where=_EVENT_PENDING,
        postgresql_where=_EVENT_PENDING,
    )


def _create_coordination() -> None:
    op.create_table(
        "lease",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "publication",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def _of_registry() -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
    )


def _of_cluster() -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("cluster_name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_name"], ["cluster.name"], ondelete="CASCADE"),
    )
