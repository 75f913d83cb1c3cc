"""Add client certificates and proxies of registries, and the attempts of pull-only users."""

import sqlalchemy as sa
from alembic import op

revision = "1008"
down_revision = "1007"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as batch:
        batch.add_column(sa.Column("client_certificate", sa.JSON(), nullable=True))
        batch.add_column(sa.Column("proxy", sa.String(), nullable=True))
        batch.add_column(sa.Column("proxy_credential", sa.JSON(), nullable=True))
        batch.add_column(
            sa.Column("pull_user_refused", sa.String(), nullable=False, server_default="")
        )
        batch.add_column(
            sa.Column("pull_user_failures", sa.Integer(), nullable=False, server_default="0")
        )
        batch.add_column(sa.Column("pull_user_tried_at", _TIME, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as batch:
        for column in (
            "pull_user_tried_at",
            "pull_user_failures",
            "pull_user_refused",
            "proxy_credential",
            "proxy",
            "client_certificate",
        ):
            batch.drop_column(column)
