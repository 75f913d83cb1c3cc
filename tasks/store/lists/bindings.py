"""Lists of bindings, with the reason for each that is not in force."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, not_, select, tuple_
from sqlalchemy.orm import Mapped
from sqlmodel import Session, SQLModel, col

from models.access.binding import Binding
from models.overview.build_views import build_bound_spaces
from models.overview.items import BindingTotals
from models.overview.lists import BindingQuery, ListPage
from models.overview.views import AccessFacts, BoundSpace
from models.registries.space import Space
from models.tables import BindingRow, SpaceRow
from tasks.store.access import bindings, clusters
from tasks.store.lists.pending import PendingRule, is_pending, load_pending_rule
from tasks.store.lists.search import contains, read_page
from tasks.store.registries import registries, robots, runs

_SPACES = SQLModel.metadata.tables["space"]
_SPACE_COLUMNS = [_SPACES.c[name].label(name) for name in Space.model_fields]
_HELD_SINCE = col(BindingRow.held_since)


def list_bindings(session: Session, query: BindingQuery, now: datetime) -> ListPage[BoundSpace]:
    """Return a page of bindings, each with the reason why it is not in force."""
    pending = is_pending(session, _load_rule(session, query))
    statement = (
        bindings.select_bindings()
        .where(*_conditions(query, pending))
        .order_by(None)
        .order_by(
            case((pending, 0), else_=1),
            col(BindingRow.registry_name),
            col(BindingRow.space),
            col(BindingRow.workspace),
        )
    )
    rows, total = read_page(session, statement, query)
    page = tuple(Binding(**row._asdict()) for row in rows)
    return ListPage[BoundSpace](
        items=build_bound_spaces(load_access_facts(session, page, now)),
        total=total,
        offset=query.offset,
        limit=query.limit,
    )


def load_binding_totals(session: Session, query: BindingQuery) -> BindingTotals:
    """Return the figures of all bindings of a registry, a space or a workspace."""
    return _load_totals(session, query, _load_rule(session, query))


def load_access_facts(session: Session, page: tuple[Binding, ...], now: datetime) -> AccessFacts:
    """Return the records that decide whether these bindings are in force.

    Args:
        session: the transaction.
        page: bindings of one page.
        now: time of the page.
    """
    if not page:
        return AccessFacts(at=now)
    names = {binding.registry for binding in page}
    workspaces = {binding.workspace for binding in page}
    robot_accounts = robots.list_robots(session, workspaces=workspaces)
    return AccessFacts(
        at=now,
        bindings=page,
        registries=registries.list_registries(session, names),
        spaces=_list_spaces(session, page),
        robots=tuple(robot for robot in robot_accounts if robot.registry in names),
        namespaces=clusters.list_namespaces(session, workspaces=workspaces),
        pull_secrets=clusters.list_pull_secrets(session, workspaces=workspaces, registries=names),
        cluster_statuses=clusters.list_statuses(session),
        robot_failures=runs.list_robot_failures(session, names),
    )


def _load_rule(session: Session, query: BindingQuery) -> PendingRule:
    if query.is_held:
        return PendingRule()  # none of them is in force
    if query.workspace is not None:
        return load_pending_rule(session, query.registry, (query.workspace,))
    if query.registry is not None and query.space is not None:
        bound = select(col(BindingRow.workspace)).where(
            col(BindingRow.registry_name) == query.registry, col(BindingRow.space) == query.space
        )
        workspaces = set(session.connection().execute(bound).scalars())
        return load_pending_rule(session, query.registry, workspaces)
    return load_pending_rule(session, query.registry)


def _conditions(query: BindingQuery, pending: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    searched: list[Mapped[str]] = []
    for column, name in (
        (col(BindingRow.registry_name), query.registry),
        (col(BindingRow.space), query.space),
        (col(BindingRow.workspace), query.workspace),
    ):
        if name is None:
            searched.append(column)
        else:
            conditions.append(column == name)
    if query.search and searched:
        conditions.append(contains(query.search, *searched))
    if query.is_pending is not None:
        conditions.append(pending if query.is_pending else not_(pending))
    if query.is_held is not None:
        conditions.append(_HELD_SINCE.is_not(None) if query.is_held else _HELD_SINCE.is_(None))
    return conditions


def _list_spaces(session: Session, page: Iterable[Binding]) -> dict[tuple[str, str], Space]:
    keys = sorted({(binding.registry, binding.space) for binding in page})
    key = tuple_(col(SpaceRow.registry_name), col(SpaceRow.name))
    rows = session.connection().execute(
        select(_SPACES.c.registry_name, *_SPACE_COLUMNS).where(key.in_(keys))
    )
    spaces: dict[tuple[str, str], Space] = {}
    for row in rows:
        fields = row._asdict()
        registry = fields.pop("registry_name")
        spaces[registry, fields["name"]] = Space(**fields)
    return spaces


def _load_totals(session: Session, query: BindingQuery, rule: PendingRule) -> BindingTotals:
    pending, is_in_use = is_pending(session, rule), _HELD_SINCE.is_(None)
    conditions = _conditions(query, pending)
    statement = select(
        _count_where(is_in_use).label("binding_count"),
        _count_where(is_in_use & pending).label("pending_count"),
        _count_where(~is_in_use).label("held_count"),
        _count_where(is_in_use & col(BindingRow.effective_at).is_not(None)).label("effective"),
    ).where(*conditions)
    row = session.connection().execute(statement).one()
    median, longest = load_rollout_seconds(session, conditions, row.effective or 0)
    return BindingTotals(
        binding_count=row.binding_count or 0,
        pending_count=row.pending_count or 0,
        held_count=row.held_count or 0,
        effective_count=row.effective or 0,
        median_seconds=median,
        max_seconds=longest,
    )


def load_rollout_seconds(
    session: Session, conditions: Sequence[ColumnElement[bool]], count: int
) -> tuple[float | None, float | None]:
    """Return the median and the maximum of the seconds from binding to roll-out.

    Args:
        session: the transaction.
        conditions: which bindings; held ones do not count.
        count: number of these bindings that were rolled out.
    """
    if not count:
        return None, None
    seconds = _rollout_seconds(session).label("seconds")
    effective = select(seconds).where(
        *conditions, _HELD_SINCE.is_(None), col(BindingRow.effective_at).is_not(None)
    )
    ordered = effective.order_by("seconds")
    middle = ordered.offset((count - 1) // 2).limit(2 - count % 2)
    longest = select(func.max(effective.subquery().c.seconds))
    values = [max(float(row[0]), 0) for row in session.connection().execute(middle)]
    maximum = session.connection().execute(longest).scalar_one()
    return sum(values) / len(values), max(float(maximum), 0)


def _count_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _rollout_seconds(session: Session) -> ColumnElement[Any]:
    """Return the seconds from binding to roll-out; NULL before the roll-out."""
    start, end = col(BindingRow.bound_at), col(BindingRow.effective_at)
    if session.get_bind().dialect.name == "sqlite":
        return (func.julianday(end) - func.julianday(start)) * 86_400
    return func.extract("epoch", end - start)
