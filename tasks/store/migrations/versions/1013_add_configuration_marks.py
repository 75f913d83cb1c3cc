"""Add who owns what by a configuration file."""

import sqlalchemy as sa
from alembic import op

revision = "1013"
down_revision = "1010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "configuration_mark",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("registry_name", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("workspace", sa.String(length=63), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "registry_name", "name", "workspace"),
    )


def downgrade() -> None:
    op.drop_table("configuration_mark")
