"""Rename reasons: conditions, results of changes and pull secrets hold them as text."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAMES = {
    "AlreadySo": "Unchanged",
    "Asked": "Requested",
    "Unwanted": "Orphaned",
    "Due": "Missing",
    "NothingDue": "NotDesired",
    "EditedByHand": "Modified",
}
TABLES = ("cluster", "condition", "outcome", "delivery")


def upgrade() -> None:
    for before, after in NAMES.items():
        _rename(before, after)


def downgrade() -> None:
    for before, after in NAMES.items():
        _rename(after, before)


def _rename(before: str, after: str) -> None:
    for name in TABLES:
        table = sa.table(name, sa.column("reason", sa.String()))
        op.execute(table.update().where(table.c.reason == before).values(reason=after))
