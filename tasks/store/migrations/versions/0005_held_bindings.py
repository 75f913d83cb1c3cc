"""Add held bindings, and when Harbor says that a robot account was created."""

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
    with op.batch_alter_table("robot_grant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("created_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("robot_grant", schema=None) as batch_op:
        batch_op.drop_column("created_at")
    with op.batch_alter_table("binding", schema=None) as batch_op:
        batch_op.drop_column("held_reason")
        batch_op.drop_column("held_since")
