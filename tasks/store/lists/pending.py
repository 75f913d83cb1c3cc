"""Select bindings that are not in force, without reading all of them.

`models.access.rollout` decides for each workspace and registry what is missing for all bindings
between them. What differs between these bindings is decided by the database: whether one is held,
and whether the robot account can pull its space.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, not_, or_, select, true
from sqlmodel import Session, col

from models.access.rollout import Rollout
from models.access.rotation import current_robots
from models.core.base import FrozenModel
from models.registries.robots import RobotAccount
from models.tables import BindingRow, RobotAccountRow
from tasks.store.access import clusters
from tasks.store.registries import registries

_Pair = tuple[str, str]
_PAIR = col(BindingRow.registry_name) + " " + col(BindingRow.workspace)
"""One text: SQLite searches a list of pairs from its start for each row.

Names of registries and workspaces contain no blank.
"""


class PendingRule(FrozenModel):
    """What decides whether bindings are in force.

    Attributes:
        incomplete: pairs (registry, workspace) of which no binding is in force, in registries
            without robot accounts.
        robot_registries: registries with robot accounts.
        robots: pairs (registry, workspace) in them of which a binding is in force if the robot
            account with this id can pull the space; of other pairs, none is.
    """

    incomplete: frozenset[_Pair] = frozenset()
    robot_registries: frozenset[str] = frozenset()
    robots: Mapping[_Pair, int] = {}


def load_pending_rule(
    session: Session, registry: str | None = None, workspaces: Collection[str] | None = None
) -> PendingRule:
    """Return the rule for the bindings of a registry, or of all, and of workspaces, or of all."""
    pairs = _list_pairs(session, registry, workspaces)
    if workspaces is None and registry is not None:
        workspaces = {workspace for _, workspace in pairs}
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
        clusters.list_pull_secrets(session, workspaces=workspaces, registries=specs),
    )
    robot_registries = frozenset(
        name for name, spec in specs.items() if spec.capabilities.has_robot_accounts
    )
    incomplete = frozenset(pair for pair in pairs if rollout.find_shared_gap(*pair))
    return PendingRule(
        incomplete=frozenset(pair for pair in incomplete if pair[0] not in robot_registries),
        robot_registries=robot_registries,
        robots={
            pair: robot_accounts[pair].robot_id
            for pair in pairs - incomplete
            if pair[0] in robot_registries
        },
    )


def is_pending(session: Session, rule: PendingRule) -> ColumnElement[bool]:
    """Return the condition that a binding is not in force."""
    conditions: list[ColumnElement[bool]] = [col(BindingRow.held_since).is_not(None)]
    if rule.incomplete:
        conditions.append(_PAIR.in_(_texts(rule.incomplete)))
    if rule.robot_registries:
        has_robots = col(BindingRow.registry_name).in_(sorted(rule.robot_registries))
        key = _PAIR + " " + col(BindingRow.space)
        is_granted = key.in_(_granted_spaces(session, rule.robots))
        conditions.append(and_(has_robots, not_(is_granted)) if rule.robots else has_robots)
    return or_(*conditions)


def _texts(pairs: Iterable[_Pair]) -> list[str]:
    return sorted(" ".join(pair) for pair in pairs)


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
    pair = col(RobotAccountRow.registry_name) + " " + col(RobotAccountRow.workspace)
    ids = {f"{registry} {robot_id}" for (registry, _), robot_id in robots.items()}
    id_text = col(RobotAccountRow.registry_name) + " " + cast(RobotAccountRow.robot_id, String)
    return (
        select(pair + " " + space.c.value)
        .select_from(RobotAccountRow)
        .join(space, true())
        .where(id_text.in_(sorted(ids)))
    )
