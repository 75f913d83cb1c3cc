"""The list of workspaces with access to one registry."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, func, literal, null, select, union_all
from sqlmodel import Session, col

from models.access.binding import Binding
from models.overview.build_views import build_bound_spaces
from models.overview.lists import ListPage, ListQuery
from models.overview.views import WorkspaceAccess
from models.registries.robots import RobotAccount
from models.tables import BindingRow, RobotAccountRow
from tasks.store.access import bindings
from tasks.store.lists.bindings import load_access_facts
from tasks.store.lists.pending import is_pending, load_pending_rule
from tasks.store.lists.search import contains, read_page
from tasks.store.registries import robots


def list_workspace_access(
    session: Session, registry: str, query: ListQuery, now: datetime
) -> ListPage[WorkspaceAccess]:
    """Return a page of the workspaces with bindings or robot accounts, those that wait first.

    Held bindings do not count.
    """
    rows, total = read_page(session, _select_workspaces(session, registry, query), query)
    names = [row.workspace for row in rows]
    robot_accounts = robots.list_robots(session, registry, names)
    reasons = _load_reasons(session, registry, rows, now)
    return ListPage[WorkspaceAccess](
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
            for row in rows
        ),
        total=total,
        offset=query.offset,
        limit=query.limit,
    )


def get_observer(session: Session, registry: str) -> RobotAccount | None:
    """Return the robot account that this service observes a registry with; None without one."""
    return next(iter(robots.list_robots(session, registry, ("",))), None)


def _select_workspaces(
    session: Session, registry: str, query: ListQuery
) -> Select[*tuple[Any, ...]]:
    pending = is_pending(session, load_pending_rule(session, registry))
    bound = select(
        col(BindingRow.workspace).label("workspace"),
        literal(1).label("is_bound"),
        case((pending, col(BindingRow.space))).label("pending_space"),
    ).where(col(BindingRow.registry_name) == registry, col(BindingRow.held_since).is_(None))
    with_robot = select(col(RobotAccountRow.workspace), literal(0), null()).where(
        col(RobotAccountRow.registry_name) == registry, col(RobotAccountRow.workspace) != ""
    )
    access = union_all(bound, with_robot).subquery()
    pending_count = func.count(access.c.pending_space)
    return (
        select(
            access.c.workspace,
            func.sum(access.c.is_bound).label("space_count"),
            pending_count.label("pending_count"),
            func.min(access.c.pending_space).label("pending_space"),
        )
        .where(contains(query.search, access.c.workspace))
        .group_by(access.c.workspace)
        .order_by(case((pending_count > 0, 0), else_=1), access.c.workspace)
    )


def _load_reasons(
    session: Session, registry: str, rows: list[Row[Any]], now: datetime
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
