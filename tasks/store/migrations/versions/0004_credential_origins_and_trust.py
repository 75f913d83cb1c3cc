"""Add the origins that credentials were given for, and the objects that persons trust."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pairs = op.create_table(
        "credential_origin",
        sa.Column("block", sa.String(), nullable=False),
        sa.Column("document_id", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("block", "document_id", "origin"),
    )
    op.create_table(
        "trusted_object",
        sa.Column("cluster_name", sa.String(63), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("trusted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("cluster_name", "namespace", "name", "uid"),
    )
    given = sorted(set(_given()))
    rows = [{"block": block, "document_id": "", "origin": origin} for block, origin in given]
    op.bulk_insert(pairs, rows)


def _given() -> Iterator[tuple[str, str]]:
    """Yield what persons gave their blocks for; discovery may have moved what was managed.

    Which block of that name it was, is in Prefect: it is pinned at the first use.
    """
    registry = sa.table(
        "registry",
        sa.column("origin", sa.String()),
        sa.column("address", sa.String()),
        sa.column("token_service", sa.String()),
        sa.column("credential", sa.JSON()),
        sa.column("pull_credential", sa.JSON()),
    )
    found = op.get_bind().execute(sa.select(registry).where(registry.c.origin == "external"))
    for row in found.mappings():
        references = [one for one in (row["credential"], row["pull_credential"]) if one]
        for block in (one["name"] for one in references if one["source"] == "block"):
            for origin in (row["address"], row["token_service"]):
                if origin:
                    yield block, origin


def downgrade() -> None:
    op.drop_table("trusted_object")
    op.drop_table("credential_origin")
