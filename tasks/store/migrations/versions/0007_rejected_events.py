"""Note which events Prefect rejected, so that they hold up no other."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("audit", schema=None, recreate="never") as batch_op:
        batch_op.add_column(
            sa.Column("rejected", sa.Text(), server_default=sa.text("''"), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("audit", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("rejected")
