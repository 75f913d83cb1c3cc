"""Add held bindings, and when Harbor says that robot accounts and projects were created."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("binding", schema=None) as batch_op:
        batch_op.add_column(sa.Column("held_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(
            sa.Column("held_reason", sa.Text(), server_default=sa.text("''"), nullable=False)
        )
    for table in ("robot_grant", "space"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    for table in ("space", "robot_grant"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("created_at")
    with op.batch_alter_table("binding", schema=None) as batch_op:
        batch_op.drop_column("held_reason")
        batch_op.drop_column("held_since")
