"""Identify clusters by the uid of their namespace kube-system."""

import sqlalchemy as sa
from alembic import op

revision = "1002"
down_revision = "1004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("cluster", recreate="never") as batch:
        batch.add_column(sa.Column("uid", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("cluster", recreate="never") as batch:
        batch.drop_column("uid")
