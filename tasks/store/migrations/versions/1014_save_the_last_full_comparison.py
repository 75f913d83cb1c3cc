"""Save what the last full comparison of a registry was based on."""

import sqlalchemy as sa
from alembic import op

revision = "1014"
down_revision = "1013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as table:
        table.add_column(sa.Column("baseline", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as table:
        table.drop_column("baseline")
