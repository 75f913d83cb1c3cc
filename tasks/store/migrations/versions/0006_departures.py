"""Add departures of namespaces, and since when superseded robot accounts and looks are outdated."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "departure",
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.Column("workspace", sa.String(63), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("registry_name", "workspace"),
    )
    with op.batch_alter_table("robot_grant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rolled_out_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("registry", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("registry", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("doubted_at")
    with op.batch_alter_table("robot_grant", schema=None) as batch_op:
        batch_op.drop_column("rolled_out_at")
    op.drop_table("departure")
