"""Identify clusters and listed namespaces by uid; rights in clusters; clusters of workspaces."""

import sqlalchemy as sa
from alembic import op

revision = "1002"
down_revision = "1001"
branch_labels = None
depends_on = None

_PIN_OBSERVED = """
    UPDATE listed_namespace SET uid = COALESCE((
        SELECT namespace.uid FROM namespace
        WHERE namespace.cluster_name = listed_namespace.cluster_name
        AND namespace.name = listed_namespace.namespace
        AND NOT namespace.terminating
    ), '')
"""
"""A namespace that is on record is the one that is listed, not one that is created later."""


def upgrade() -> None:
    with op.batch_alter_table("cluster", recreate="never") as batch:
        batch.add_column(sa.Column("uid", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("missing_rights", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("rights_checked_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("listed_namespace", recreate="never") as batch:
        batch.add_column(sa.Column("uid", sa.String(), nullable=False, server_default=""))
    op.execute(_PIN_OBSERVED)
    with op.batch_alter_table("workspace", recreate="never") as batch:
        batch.add_column(sa.Column("clusters", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("workspace", recreate="never") as batch:
        batch.drop_column("clusters")
    with op.batch_alter_table("listed_namespace", recreate="never") as batch:
        batch.drop_column("uid")
    with op.batch_alter_table("cluster", recreate="never") as batch:
        batch.drop_column("rights_checked_at")
        batch.drop_column("missing_rights")
        batch.drop_column("uid")
