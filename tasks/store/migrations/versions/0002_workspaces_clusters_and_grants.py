"""Add workspaces, clusters, bindings, grants and deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("canary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "workspace",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "binding",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("space", sa.String(255), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "space", "workspace"),
    )
    with op.batch_alter_table("binding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_binding_workspace"), ["workspace"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("cluster_name", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("logins", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["cluster_name"], ["cluster.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cluster_name", "namespace"),
    )
    op.create_table(
        "listed_namespace",
        sa.Column("cluster_name", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_name"], ["cluster.name"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace"], ["workspace.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cluster_name", "namespace", "workspace"),
    )
    op.create_table(
        "namespace",
        sa.Column("cluster_name", sa.String(), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("terminating", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["cluster_name"], ["cluster.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("cluster_name", "name"),
    )
    with op.batch_alter_table("namespace", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_namespace_workspace"), ["workspace"], unique=False)

    op.create_table(
        "robot_grant",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("robot_id", sa.BigInteger(), nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("spaces", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "robot_id"),
    )
    with op.batch_alter_table("robot_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_robot_grant_workspace"), ["workspace"], unique=False)

    with op.batch_alter_table("audit", schema=None, recreate="never") as batch_op:
        batch_op.add_column(
            sa.Column("cluster_name", sa.String(), nullable=False, server_default="")
        )
        batch_op.add_column(sa.Column("workspace", sa.String(), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_audit_cluster_name"), ["cluster_name"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_workspace"), ["workspace"], unique=False)

    # Never recreated: on SQLite dropping the old table would delete all that refers to it.
    with op.batch_alter_table("registry", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("pull_credential", sa.JSON(), nullable=True))


def downgrade() -> None:
    # Never recreated: on SQLite dropping the old table would delete all that refers to it.
    with op.batch_alter_table("registry", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("pull_credential")

    with op.batch_alter_table("audit", schema=None, recreate="never") as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_workspace"))
        batch_op.drop_index(batch_op.f("ix_audit_cluster_name"))
        batch_op.drop_column("workspace")
        batch_op.drop_column("cluster_name")

    with op.batch_alter_table("robot_grant", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_robot_grant_workspace"))

    op.drop_table("robot_grant")
    with op.batch_alter_table("namespace", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_namespace_workspace"))

    op.drop_table("namespace")
    op.drop_table("listed_namespace")
    op.drop_table("delivery")
    with op.batch_alter_table("binding", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_binding_workspace"))

    op.drop_table("binding")
    op.drop_table("workspace")
    op.drop_table("installation")
    op.drop_table("cluster")
