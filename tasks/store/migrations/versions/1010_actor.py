"""Record who started the run of an audit entry; forget the pages that the console replaced."""

import sqlalchemy as sa
from alembic import op

revision = "1010"
down_revision = "1008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("audit", recreate="never") as batch:
        batch.add_column(sa.Column("actor", sa.String(), nullable=False, server_default=""))
    op.execute("DELETE FROM publication WHERE key NOT IN ('overview', 'discovery')")


def downgrade() -> None:
    with op.batch_alter_table("audit", recreate="never") as batch:
        batch.drop_column("actor")
