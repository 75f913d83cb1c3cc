"""Add managed Harbors."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "managed_harbor",
        sa.Column("cluster_name", sa.String(63), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("cluster_name", "namespace", "name", "kind"),
    )
    with op.batch_alter_table("managed_harbor", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_managed_harbor_registry_name"), ["registry_name"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("managed_harbor", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_managed_harbor_registry_name"))

    op.drop_table("managed_harbor")
