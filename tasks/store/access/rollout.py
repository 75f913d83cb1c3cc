"""Since when new secrets of robot accounts are everywhere."""

from datetime import datetime

from sqlmodel import Session

from models.access.rotation import served, superseding
from models.tables import GrantRow
from tasks.store.access import clusters
from tasks.store.registries import registries, robots


def note_rolled_out(session: Session, at: datetime) -> None:
    """Note which robot accounts that supersede another have reached every namespace by now."""
    known = robots.grants(session)
    pending = [one for one in superseding(known) if one.rolled_out_at is None]
    if not pending:
        return
    everywhere = served(known, clusters.namespaces(session), clusters.deliveries(session))
    for grant in sorted(pending, key=lambda one: (one.registry, one.robot_id)):
        if (grant.registry, grant.workspace) in everywhere:
            registries.locked(session, grant.registry)
            row = session.get_one(GrantRow, (grant.registry, grant.robot_id))
            row.rolled_out_at = at
            session.add(row)
