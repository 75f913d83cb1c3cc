"""Count refused passwords of managed Harbors, so that they are tried ever less often."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("managed_harbor", schema=None, recreate="never") as batch_op:
        batch_op.add_column(
            sa.Column("refusals", sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
        batch_op.add_column(sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("managed_harbor", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("refused_at")
        batch_op.drop_column("refusals")
