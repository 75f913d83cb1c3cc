"""Create the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=False),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("flow_run", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=True),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_registry_name"), ["registry_name"], unique=False)
        batch_op.create_index(
            "ix_audit_unannounced",
            ["id"],
            unique=False,
            sqlite_where=sa.text("event IS NOT NULL AND announced_at IS NULL"),
            postgresql_where=sa.text("event IS NOT NULL AND announced_at IS NULL"),
        )

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
    op.create_table(
        "registry",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("credential", sa.JSON(), nullable=True),
        sa.Column("tls", sa.JSON(), nullable=False),
        sa.Column("token_service", sa.String(), nullable=True),
        sa.Column("drift_policy", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("integrated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_seconds", sa.Float(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("spaces_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storage_read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storage_used", sa.BigInteger(), nullable=True),
        sa.Column("storage_note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("address"),
    )
    op.create_table(
        "condition",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("contrary", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "type"),
    )
    op.create_table(
        "measurement",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spaces", sa.Integer(), nullable=False),
        sa.Column("repositories", sa.Integer(), nullable=False),
        sa.Column("storage_used", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "at"),
    )
    op.create_table(
        "outcome",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "subject", "kind"),
    )
    op.create_table(
        "space",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("remote_id", sa.BigInteger(), nullable=True),
        sa.Column("desired", sa.String(), nullable=True),
        sa.Column("observed", sa.String(), nullable=True),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("repositories", sa.Integer(), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("storage_used", sa.BigInteger(), nullable=True),
        sa.Column("storage_limit", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "name"),
    )


def downgrade() -> None:
    op.drop_table("space")
    op.drop_table("outcome")
    op.drop_table("measurement")
    op.drop_table("condition")
    op.drop_table("registry")
    op.drop_table("publication")
    op.drop_table("lease")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_audit_unannounced",
            sqlite_where=sa.text("event IS NOT NULL AND announced_at IS NULL"),
            postgresql_where=sa.text("event IS NOT NULL AND announced_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_audit_registry_name"))
        batch_op.drop_index(batch_op.f("ix_audit_at"))

    op.drop_table("audit")
