"""The figures of the metrics page, in a fixed number of queries."""

from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from models.clusters.pull_secret import PullSecretState
from models.core.limits import PollPolicy
from models.core.reasons import Reason
from models.overview.cluster_list import ClusterItem
from models.overview.lists import MAX_ROWS_PER_PAGE, ListQuery
from models.overview.metrics import BindingCounts, MetricsSnapshot, PullSecretGroup
from models.overview.overview import Overview
from models.tables import BindingRow, PullSecretRow, RobotAccountRow, SpaceRow
from tasks.store.counters import list_counters
from tasks.store.lists.clusters import list_cluster_items
from tasks.store.lists.pending import is_pending, load_pending_rule
from tasks.store.registries.statistics import list_registry_statistics

_FULL_SHARE = 0.9


def load_metrics(
    session: Session, policy: PollPolicy, rotation: timedelta | None, now: datetime
) -> MetricsSnapshot:
    """Return the figures of all registries and clusters.

    Args:
        policy: decides which observations are outdated.
        rotation: age at which robot account secrets are rotated; None if they are not.
        now: the current time.
    """
    registries = tuple(item.as_of(policy, now) for item in list_registry_statistics(session))
    return MetricsSnapshot(
        overview=Overview(at=now, registries=registries),
        bindings=_count_bindings(session),
        clusters=_list_clusters(session),
        pull_secrets=_count_pull_secrets(session),
        full_spaces=_count_full_spaces(session),
        oldest_robot_secrets=_oldest_robot_secrets(session),
        rotation=rotation,
        counters=list_counters(session),
    )


def _list_clusters(session: Session) -> tuple[ClusterItem, ...]:
    items: list[ClusterItem] = []
    while True:
        page = list_cluster_items(session, ListQuery(offset=len(items), limit=MAX_ROWS_PER_PAGE))
        items += page.items
        if not page.items or len(items) >= page.total:
            return tuple(items)


def _count_full_spaces(session: Session) -> dict[str, int]:
    used, limit = col(SpaceRow.storage_used), col(SpaceRow.storage_limit)
    query = (
        select(col(SpaceRow.registry_name), func.count())
        .where(col(SpaceRow.missing_since).is_(None), limit > 0, used >= _FULL_SHARE * limit)
        .group_by(col(SpaceRow.registry_name))
    )
    return {name: count for name, count in session.connection().execute(query)}


def _count_bindings(session: Session) -> dict[str, BindingCounts]:
    held = col(BindingRow.held_since).is_not(None)
    pending = is_pending(session, load_pending_rule(session)) & ~held
    query = select(
        col(BindingRow.registry_name),
        func.count(),
        func.sum(case((pending, 1), else_=0)),
        func.sum(case((held, 1), else_=0)),
    ).group_by(col(BindingRow.registry_name))
    rows = session.connection().execute(query)
    return {name: BindingCounts(total, waiting, kept) for name, total, waiting, kept in rows}


def _count_pull_secrets(session: Session) -> dict[PullSecretGroup, int]:
    columns = col(PullSecretRow.cluster_name), col(PullSecretRow.status), col(PullSecretRow.reason)
    rows = session.connection().execute(select(*columns, func.count()).group_by(*columns))
    return {
        PullSecretGroup(cluster, PullSecretState(state), Reason(reason)): count
        for cluster, state, reason, count in rows
    }


def _oldest_robot_secrets(session: Session) -> dict[str, datetime]:
    query = (
        select(col(RobotAccountRow.registry_name), func.min(col(RobotAccountRow.made_at)))
        .where(col(RobotAccountRow.workspace) != "")
        .group_by(col(RobotAccountRow.registry_name))
    )
    return {name: made_at for name, made_at in session.connection().execute(query)}
