"""Add proofs of the logins that namespaces receive."""

import sqlalchemy as sa
from alembic import op

revision = "1004"
down_revision = "1003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as registry:
        registry.add_column(
            sa.Column("allow_push", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        registry.add_column(
            sa.Column("pull_user_proof", sa.String(), nullable=False, server_default="")
        )
    with op.batch_alter_table("robot_grant", recreate="never") as robot_grant:
        robot_grant.add_column(sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("robot_grant", recreate="never") as robot_grant:
        robot_grant.drop_column("proved_at")
    with op.batch_alter_table("registry", recreate="never") as registry:
        registry.drop_column("pull_user_proof")
        registry.drop_column("allow_push")
