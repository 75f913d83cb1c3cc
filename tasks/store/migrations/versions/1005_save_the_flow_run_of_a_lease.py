"""Save the flow run that holds a lease, so that other runs can name it."""

import sqlalchemy as sa
from alembic import op

revision = "1005"
down_revision = "1004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("lease", recreate="never") as table:
        table.add_column(
            sa.Column("flow_run", sa.String(), server_default=sa.text("''"), nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("lease", recreate="never") as table:
        table.drop_column("flow_run")
