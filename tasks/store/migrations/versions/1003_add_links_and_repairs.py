"""Add links and repairs of pull secrets, the choice of ServiceAccounts, and invalid labels."""

import sqlalchemy as sa
from alembic import op

revision = "1003"
down_revision = "1002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("namespace", recreate="never") as batch:
        batch.add_column(sa.Column("problem_since", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("workspace", recreate="never") as batch:
        batch.add_column(
            sa.Column("service_accounts", sa.Text(), nullable=False, server_default="default")
        )
    with op.batch_alter_table("delivery", recreate="never") as batch:
        # Nullable, because Alembic cannot compare the default of a JSON column on PostgreSQL.
        batch.add_column(sa.Column("links", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("repairs", sa.JSON(), nullable=True))
    op.execute("UPDATE delivery SET links = '[]', repairs = '[]'")
    # Until now, delivered meant that the default ServiceAccount had the pull secret.
    op.execute(
        "UPDATE delivery SET links = '[\"default\"]' WHERE status = 'delivered' "
        "AND cluster_name IN (SELECT name FROM cluster WHERE links_accounts)"
    )


def downgrade() -> None:
    with op.batch_alter_table("delivery", recreate="never") as batch:
        batch.drop_column("repairs")
        batch.drop_column("links")
    with op.batch_alter_table("workspace", recreate="never") as batch:
        batch.drop_column("service_accounts")
    with op.batch_alter_table("namespace", recreate="never") as batch:
        batch.drop_column("problem_since")
