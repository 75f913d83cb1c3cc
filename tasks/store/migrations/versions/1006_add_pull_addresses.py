"""Add other hosts under which a registry is pulled from."""

import sqlalchemy as sa
from alembic import op

revision = "1006"
down_revision = "1005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as registry:
        registry.add_column(sa.Column("pull_addresses", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as registry:
        registry.drop_column("pull_addresses")
