"""Select bindings that are not in force, without reading all of them.

`models.access.rollout` decides for each workspace and registry what is missing for all bindings
between them. What differs between these bindings is decided by the database: whether one is held,
and whether the robot account can pull its space.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true, tuple_
from sqlmodel import Session, col

from models.access.rollout import Rollout
from models.access.rotation import current_robots
from models.core.base import FrozenModel
from models.registries.robots import RobotAccount
from models.tables import BindingRow, RobotAccountRow
from tasks.store.access import clusters
from tasks.store.registries import registries

_PAIR = tuple_(col(BindingRow.registry_name), col(BindingRow.workspace))
_Pair = tuple[str, str]


class PendingRule(FrozenModel):
    """What decides whether bindings are in force.

    Attributes:
        incomplete: pairs (registry, workspace) of which no binding is in force.
        robots: pairs (registry, workspace) of which a binding is in force if the robot account with
            this id can pull the space.
    """

    incomplete: frozenset[_Pair] = frozenset()
    robots: Mapping[_Pair, int] = {}


def load_pending_rule(
    session: Session, registry: str | None = None, workspaces: Collection[str] | None = None
) -> PendingRule:
    """Return the rule for the bindings of a registry, or of all, and of workspaces, or of all."""
    pairs = _list_pairs(session, registry, workspaces)
    if not pairs:
        return PendingRule()
    specs = {
        record.registry.name: record.registry
        for record in registries.list_registries(session, {name for name, _ in pairs})
    }
    robot_accounts = current_robots(_list_robots(session, registry, workspaces))
    rollout = Rollout(
        specs,
        robot_accounts.values(),
        clusters.list_namespaces(session, workspaces=workspaces),
        clusters.list_pull_secrets(session, workspaces=workspaces),
    )
    incomplete = frozenset(pair for pair in pairs if rollout.find_shared_gap(*pair))
    return PendingRule(
        incomplete=incomplete,
        robots={
            pair: robot_accounts[pair].robot_id
            for pair in pairs - incomplete
            if specs[pair[0]].capabilities.has_robot_accounts
        },
    )


def is_pending(session: Session, rule: PendingRule) -> ColumnElement[bool]:
    """Return the condition that a binding is not in force."""
    conditions: list[ColumnElement[bool]] = [col(BindingRow.held_since).is_not(None)]
    if rule.incomplete:
        conditions.append(_PAIR.in_(sorted(rule.incomplete)))
    if rule.robots:
        key = tuple_(col(BindingRow.registry_name), col(BindingRow.workspace), BindingRow.space)
        granted = _granted_spaces(session, rule.robots)
        conditions.append(and_(_PAIR.in_(sorted(rule.robots)), key.not_in(granted)))
    return or_(*conditions)


def _list_pairs(
    session: Session, registry: str | None, workspaces: Collection[str] | None
) -> set[_Pair]:
    query = select(col(BindingRow.registry_name), col(BindingRow.workspace)).distinct()
    if registry is not None:
        query = query.where(col(BindingRow.registry_name) == registry)
    if workspaces is not None:
        query = query.where(col(BindingRow.workspace).in_(workspaces))
    return {(name, workspace) for name, workspace in session.connection().execute(query)}


def _list_robots(
    session: Session, registry: str | None, workspaces: Collection[str] | None
) -> Iterable[RobotAccount]:
    # Without their spaces: they can be thousands, and the database compares them.
    query = select(
        col(RobotAccountRow.registry_name),
        col(RobotAccountRow.workspace),
        col(RobotAccountRow.robot_id),
        col(RobotAccountRow.login),
        col(RobotAccountRow.made_at),
    )
    if registry is not None:
        query = query.where(col(RobotAccountRow.registry_name) == registry)
    if workspaces is not None:
        query = query.where(col(RobotAccountRow.workspace).in_(workspaces))
    for name, workspace, robot_id, login, made_at in session.connection().execute(query):
        yield RobotAccount(
            registry=name,
            workspace=workspace,
            robot_id=robot_id,
            login=login,
            secret_created_at=made_at,
        )


def _granted_spaces(session: Session, robots: Mapping[_Pair, int]) -> Select[*tuple[Any, ...]]:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    elements = func.json_each if is_sqlite else func.json_array_elements_text
    space = elements(col(RobotAccountRow.spaces)).table_valued("value")
    robot_key = tuple_(col(RobotAccountRow.registry_name), col(RobotAccountRow.robot_id))
    ids = sorted((registry, robot_id) for (registry, _), robot_id in robots.items())
    return (
        select(col(RobotAccountRow.registry_name), col(RobotAccountRow.workspace), space.c.value)
        .select_from(RobotAccountRow)
        .join(space, true())
        .where(robot_key.in_(ids))
    )
