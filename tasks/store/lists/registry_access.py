"""The list of workspaces with access to one registry."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from models.access.binding import Binding
from models.overview.build_views import build_bound_spaces
from models.overview.items import BindingTotals, RegistryAccess
from models.overview.lists import ListPage, ListQuery
from models.overview.views import WorkspaceAccess
from models.registries.robots import RobotAccount
from models.tables import BindingRow, RobotAccountRow
from tasks.store.access import bindings
from tasks.store.lists.bindings import load_access_facts, load_rollout_seconds
from tasks.store.lists.pending import is_pending, load_pending_rule
from tasks.store.registries import robots


def load_registry_access(
    session: Session, registry: str, query: ListQuery, now: datetime
) -> RegistryAccess:
    """Return the figures of a registry's bindings, and a page of workspaces with access.

    All bindings are counted once, by workspace; held ones are only in the total of held ones.
    """
    rows = _count_by_workspace(session, registry)
    search = query.search.lower()
    matches = sorted(
        (row for row in rows if search in row.workspace and row.has_access),
        key=lambda row: (not row.pending_count, row.workspace),
    )
    shown = matches[query.offset : query.offset + query.limit]
    robot_accounts = robots.list_robots(session, registry, [row.workspace for row in shown])
    reasons = _load_reasons(session, registry, shown, now)
    return RegistryAccess(
        totals=_totals(session, registry, rows),
        workspaces=ListPage[WorkspaceAccess](
            items=tuple(
                WorkspaceAccess(
                    workspace=row.workspace,
                    space_count=row.space_count,
                    robots=tuple(
                        account for account in robot_accounts if account.workspace == row.workspace
                    ),
                    pending_count=row.pending_count,
                    pending_reason=reasons.get(row.workspace, ""),
                )
                for row in shown
            ),
            total=len(matches),
            offset=query.offset,
            limit=query.limit,
        ),
    )


def get_observer(session: Session, registry: str) -> RobotAccount | None:
    """Return the robot account that this service observes a registry with; None without one."""
    return next(iter(robots.list_robots(session, registry, ("",))), None)


class _WorkspaceCounts(NamedTuple):
    workspace: str
    space_count: int = 0
    pending_count: int = 0
    pending_space: str | None = None
    held_count: int = 0
    effective_count: int = 0
    has_robot: bool = False

    @property
    def has_access(self) -> bool:
        return bool(self.space_count or self.has_robot)


def _count_by_workspace(session: Session, registry: str) -> list[_WorkspaceCounts]:
    pending = is_pending(session, load_pending_rule(session, registry))
    in_use = col(BindingRow.held_since).is_(None)
    pending_space = case((in_use & pending, col(BindingRow.space)))
    query = (
        select(
            col(BindingRow.workspace),
            func.sum(case((in_use, 1), else_=0)),
            func.count(pending_space),
            func.min(pending_space),
            func.sum(case((in_use, 0), else_=1)),
            func.sum(case((in_use & col(BindingRow.effective_at).is_not(None), 1), else_=0)),
        )
        .where(col(BindingRow.registry_name) == registry)
        .group_by(col(BindingRow.workspace))
    )
    with_robot = select(col(RobotAccountRow.workspace)).where(
        col(RobotAccountRow.registry_name) == registry, col(RobotAccountRow.workspace) != ""
    )
    connection = session.connection()
    names = set(connection.execute(with_robot).scalars())
    rows = {
        row[0]: _WorkspaceCounts._make((*row, row[0] in names)) for row in connection.execute(query)
    }
    return [
        *rows.values(),
        *(_WorkspaceCounts(name, has_robot=True) for name in names - rows.keys()),
    ]


def _totals(session: Session, registry: str, rows: Sequence[_WorkspaceCounts]) -> BindingTotals:
    effective_count = sum(row.effective_count for row in rows)
    of_registry = col(BindingRow.registry_name) == registry
    median, longest = load_rollout_seconds(session, [of_registry], effective_count)
    return BindingTotals(
        binding_count=sum(row.space_count for row in rows),
        pending_count=sum(row.pending_count for row in rows),
        held_count=sum(row.held_count for row in rows),
        effective_count=effective_count,
        median_seconds=median,
        max_seconds=longest,
    )


def _load_reasons(
    session: Session, registry: str, rows: Sequence[_WorkspaceCounts], now: datetime
) -> dict[str, str]:
    """Return the reason for the first binding of each workspace that is not in force."""
    first_spaces = {row.workspace: row.pending_space for row in rows if row.pending_space}
    query = bindings.select_bindings().where(
        col(BindingRow.registry_name) == registry,
        col(BindingRow.workspace).in_(first_spaces),
        col(BindingRow.space).in_(set(first_spaces.values())),
    )
    candidates: tuple[Binding, ...] = bindings.read_bindings(session, query)
    firsts = tuple(item for item in candidates if first_spaces[item.workspace] == item.space)
    facts = load_access_facts(session, firsts, now)
    return {item.binding.workspace: item.pending_reason for item in build_bound_spaces(facts)}
