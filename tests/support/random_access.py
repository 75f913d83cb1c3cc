"""Random records about access: bindings in force and pending, for each reason."""

import random
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from flows.operations import bindings as binding_operations
from flows.operations import memberships
from models.access.binding import Binding, Workspace
from models.clusters.cluster import ClusterStatus
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus, RegistryLogin
from models.core.reasons import Reason
from models.overview.build_views import build_bound_spaces
from models.overview.views import AccessFacts, BoundSpace
from models.registries.condition import ConditionStatus
from models.registries.registry import BlockRef, Kind, Registry
from models.registries.robots import RobotAccount
from models.tables import ChangeResultRow, NamespaceRow, PullSecretRow
from tasks.store.access import bindings, clusters
from tasks.store.registries import registries, robots, runs, spaces
from tasks.store.upsert import upsert
from tests.support.access_builders import (
    binding,
    cluster,
    login,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import NOW, condition, registry, run_context, space

WORKSPACES = [f"team-{letter}" for letter in "abcde"]
REGISTRIES = ["harbor-eu", "harbor-us", "docker-shared", "docker-open"]
_SPACES = [f"space-{number}" for number in range(8)]
_RUN = run_context("run-1")
_CLUSTERS = ["eu", "us"]


def registry_specs() -> list[Registry]:
    """Return the registries of the records: with robot accounts, a pull-only user, and neither."""
    shared = registry(Kind.DOCKER, name="docker-shared", address="http://shared.test")
    return [
        registry(name="harbor-eu", address="http://harbor-eu.test"),
        registry(name="harbor-us", address="http://harbor-us.test"),
        shared.model_copy(update={"pull_credential": BlockRef(name="puller")}),
        registry(Kind.DOCKER, name="docker-open", address="http://open.test"),
    ]


def save_random_access(session: Session, seed: int) -> None:
    """Save random spaces, bindings, robot accounts, namespaces and pull secrets."""
    chance = random.Random(seed)
    for name in REGISTRIES:
        saved_spaces = [space(item) for item in _SPACES if chance.random() < 0.8]
        spaces.save_spaces(session, name, saved_spaces)
        status = chance.choice([ConditionStatus.TRUE, ConditionStatus.FALSE])
        registries.save_conditions(session, name, [condition(status=status)])
    for name in WORKSPACES:
        memberships.add_or_update_workspace(session, Workspace(name=name), (), _RUN)
    for name in _CLUSTERS:
        reachable = chance.random() < 0.7
        state = ClusterStatus(reachable=reachable, reason=Reason.CONNECTED, since=NOW)
        memberships.add_or_update_cluster(session, cluster(name), state, _RUN)
    _save_bindings(session, chance)
    accounts = _save_robots(session, chance)
    _save_namespaces(session, chance, accounts)


def _save_bindings(session: Session, chance: random.Random) -> None:
    candidates = [
        binding(name, workspace, registry_name)
        for registry_name in REGISTRIES
        for name in _SPACES
        for workspace in WORKSPACES
        if chance.random() < 0.5
    ]
    binding_operations.bind(session, candidates, _RUN)
    for registry_name in REGISTRIES:
        held = {name: f"{name} was recreated" for name in _SPACES if chance.random() < 0.15}
        binding_operations.hold(session, registry_name, held, _RUN)
    for item in candidates:
        if chance.random() < 0.6:
            seconds = timedelta(seconds=chance.randrange(-1, 90) + chance.choice([0, 0.25]))
            bindings.save_effective(session, [item], NOW + seconds)


def _save_robots(session: Session, chance: random.Random) -> list[RobotAccount]:
    accounts = []
    for number, name in enumerate(("harbor-eu", "harbor-us")):
        for index, workspace in enumerate(WORKSPACES):
            for generation in range(chance.choice([0, 1, 1, 1, 2])):
                granted = [item for item in _SPACES if chance.random() < 0.8]
                account = robot_account(
                    100 * number + 10 * index + generation,
                    *granted,
                    workspace=workspace,
                    registry=name,
                    made_at=NOW + timedelta(hours=generation),
                )
                robots.save_robot(session, account, "sealed")
                accounts.append(account)
            if chance.random() < 0.3:
                _save_failure(session, name, workspace)
    return accounts


def _save_failure(session: Session, registry_name: str, workspace: str) -> None:
    row = {
        "registry_name": registry_name,
        "subject": workspace,
        "kind": "make-grant",
        "at": NOW,
        "done": False,
        "reason": "forbidden",
        "message": "no right to create robot accounts",
    }
    upsert(session, ChangeResultRow, [row])


def _save_namespaces(session: Session, chance: random.Random, accounts: list[RobotAccount]) -> None:
    for name in _CLUSTERS:
        for number in range(8):
            member = namespace(
                f"ns-{number}",
                chance.choice([*WORKSPACES, None]),
                cluster=name,
                terminating=chance.random() < 0.15,
            )
            _save(session, NamespaceRow, member)
            if member.workspace and chance.random() < 0.9:
                _save(session, PullSecretRow, _random_secret(chance, member, accounts))


def _random_secret(
    chance: random.Random, member: Namespace, accounts: list[RobotAccount]
) -> PullSecretStatus:
    logins = [
        login(account.registry, account.robot_id)
        for account in accounts
        if account.workspace == member.workspace and chance.random() < 0.9
    ]
    if chance.random() < 0.8:
        logins.append(RegistryLogin(registry="docker-shared", host="shared.test", account="pull"))
    status = PullSecretState.DELIVERED if chance.random() < 0.9 else PullSecretState.PENDING
    return pull_secret_status(
        member.name, status, Reason.DELIVERED, cluster=member.cluster, logins=tuple(logins)
    )


def _save(session: Session, table: Any, value: Namespace | PullSecretStatus) -> None:
    row = value.model_dump(mode="json" if isinstance(value, PullSecretStatus) else "python")
    row["cluster_name"] = row.pop("cluster")
    if isinstance(value, PullSecretStatus):
        row["delivered_at"] = value.delivered_at
    upsert(session, table, [row])


def load_all_bound_spaces(session: Session) -> tuple[BoundSpace, ...]:
    """Return all bindings with their reasons, decided from all records at once."""
    records: tuple[Binding, ...] = bindings.list_bindings(session)
    facts = AccessFacts(
        at=NOW,
        registries=registries.list_registries(session),
        bindings=records,
        spaces={
            (name, item.name): item
            for name in REGISTRIES
            for item in spaces.list_spaces(session, name)
        },
        robots=robots.list_robots(session),
        namespaces=clusters.list_namespaces(session),
        pull_secrets=clusters.list_pull_secrets(session),
        cluster_statuses=clusters.list_statuses(session),
        robot_failures=runs.list_robot_failures(session),
    )
    return build_bound_spaces(facts)
