"""Count the storage of registries that do not report it."""

import sqlalchemy as sa
from alembic import op

revision = "1007"
down_revision = "1006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def _registry_key() -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("registry_name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["registry_name"], ["registry.name"], ondelete="CASCADE"),
    )


def upgrade() -> None:
    with op.batch_alter_table("registry", recreate="never") as batch:
        batch.add_column(
            sa.Column("count_storage", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        batch.add_column(sa.Column("storage_counted", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("storage_tags", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("storage_due_at", _TIME, nullable=True))
    with op.batch_alter_table("space", recreate="never") as batch:
        batch.add_column(sa.Column("storage_counted", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("storage_tags", sa.Integer(), nullable=True))
    op.create_table(
        "storage_sweep",
        *_registry_key(),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("invalid_name_count", sa.Integer(), nullable=False),
        sa.Column("slice_at", _TIME, nullable=True),
        sa.Column("published_at", _TIME, nullable=True),
        sa.PrimaryKeyConstraint("registry_name"),
    )
    op.create_table(
        "repository",
        *_registry_key(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("tags", sa.LargeBinary(), nullable=True),
        sa.Column("invalid_tag_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("registry_name", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "manifest",
        *_registry_key(),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("registry_name", "digest"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("manifest", "repository", "storage_sweep"):
        op.drop_table(table)
    with op.batch_alter_table("space", recreate="never") as batch:
        batch.drop_column("storage_tags")
        batch.drop_column("storage_counted")
    with op.batch_alter_table("registry", recreate="never") as batch:
        for column in ("storage_due_at", "storage_tags", "storage_counted", "count_storage"):
            batch.drop_column(column)
