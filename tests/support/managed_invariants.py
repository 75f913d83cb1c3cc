"""What must be true of a platform with a managed Harbor: after each run, and once it is calm."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.discovery.managed_harbor import AdoptionState
from models.registries.condition import Health
from models.registries.registry import Registry, SecretRef
from models.registries.robots import RobotAccount
from tasks.store.access import bindings, managed_harbors
from tasks.store.registries import registries, robots
from tasks.store.session import run_in_transaction
from tests.support.invariants import (
    Pull,
    actual_pulls,
    check_bindings,
    check_robot_permissions,
    check_robots,
    check_secrets,
    desired_pulls,
    desired_spaces,
)
from tests.support.random_events import project_identity, to_milliseconds
from tests.support.random_managed import (
    PASSWORD,
    SPOTS,
    TENANT_PASSWORD,
    ManagedPlatform,
    Spot,
)

RobotKey = tuple[int, datetime | None]
"""The id of a robot account, and when it was created as Harbor shows it."""


@dataclass(frozen=True)
class StateBefore:
    """A platform before a run.

    Attributes:
        pulls: what namespaces can pull.
        robots: robot accounts on record whose workspaces shall pull something, by id and time.
        has_evidence: whether any robot account on record is inside.
        links: which object each registry is linked to, and its uid.
        states: the states of objects on record.
        login_count: how many requests were sent to Harbors.
    """

    pulls: set[Pull]
    robots: set[RobotKey]
    has_evidence: bool
    registries: dict[str, Registry]
    links: dict[str, tuple[Spot, str]]
    states: dict[Spot, AdoptionState]
    login_count: int


def observe_before(platform: ManagedPlatform) -> StateBefore:
    """Write down how it is before a run."""
    for spot, harbor_object in platform.objects.items():
        if platform.trusts(spot) or (_host(harbor_object.url), spot) in platform.named_hosts:
            platform.named_hosts.add((_host(harbor_object.url), spot))
            platform.password_origins.add((_host(harbor_object.url), harbor_object.password))
    accounts, inside = _accounts(platform), _robots(platform)
    spaces = desired_spaces(platform)
    return StateBefore(
        pulls=actual_pulls(platform),
        robots={_key(account) for account in accounts if spaces.get(account.workspace)} & inside,
        has_evidence=any(_key(account) in inside for account in accounts),
        registries=_registries(),
        links=_links(platform),
        states=_states(platform),
        login_count=len(platform.logins),
    )


def check_run(platform: ManagedPlatform, before: StateBefore) -> None:
    """Check what a run did, whatever went wrong in it."""
    _check_held(platform)
    desired, pulls = desired_pulls(platform), actual_pulls(platform)
    assert before.pulls & desired <= pulls, "taken away"
    assert pulls - before.pulls <= desired, "granted"
    assert before.robots <= _robots(platform)
    _check_registries(platform, before)
    _check_hidden(platform, before)
    _check_logins(platform, before)


def _check_held(platform: ManagedPlatform) -> None:
    """No binding is lost, and one is held only if what it was made for is not inside.

    What is held stays so until a person decides, even if the former Harbor comes back.
    """
    all_bindings = run_in_transaction(bindings.list_bindings)
    keys = {(binding.space, binding.workspace) for binding in all_bindings}
    assert keys == platform.bindings.keys()
    assert {binding.registry for binding in all_bindings} <= {platform.registry}
    for binding in all_bindings:
        key = binding.space, binding.workspace
        identity = platform.bindings[key]
        if binding.is_held and identity is not None:
            project = platform.harbor.projects.get(binding.space)
            is_other = project is not None and project_identity(project) != identity
            assert is_other or platform.project_harbors[identity] is not platform.harbor, binding
            platform.bindings[key] = None


def _check_registries(platform: ManagedPlatform, before: StateBefore) -> None:
    """Nothing is changed by an object that nobody trusts, and no address without a person."""
    for name, registry in _registries().items():
        former = before.registries.get(name)
        assert former is None or former.address == registry.address
        if former is None or former.credential != registry.credential:
            assert isinstance(registry.credential, SecretRef)
            namespace = registry.credential.cluster, registry.credential.namespace
            assert namespace in platform.trusted_namespaces
    for name, (spot, uid) in _links(platform).items():
        if name not in before.registries:
            _check_adoption(platform, spot, before)
        elif before.links.get(name) != (spot, uid):
            _check_link(platform, spot)


def _check_hidden(platform: ManagedPlatform, before: StateBefore) -> None:
    """What a source does not show is not missing."""
    states = _states(platform)
    for spot, state in before.states.items():
        if platform.hides(spot):
            assert spot in states
            assert states[spot] is state or states[spot] is not AdoptionState.MISSING


def _check_link(platform: ManagedPlatform, spot: Spot) -> None:
    """An object took over: it is trusted, its own Secret opens the Harbor, and that was compared.

    What is in force is in force for that Harbor; else it had to be held.
    """
    assert platform.trusts(spot)
    assert platform.objects[spot].password == PASSWORD
    for binding in run_in_transaction(bindings.list_bindings):
        identity = platform.bindings[binding.space, binding.workspace]
        harbor = platform.project_harbors[identity] if identity else None
        assert binding.is_held or harbor is platform.harbor, binding


def _check_adoption(platform: ManagedPlatform, spot: Spot, before: StateBefore) -> None:
    """A Harbor on record is not adopted once more under its other address, if it can be told."""
    harbor_object = platform.objects[spot]
    assert platform.trusts(spot)
    if harbor_object.url == platform.twin_url:
        assert platform.has_faults or harbor_object.password != PASSWORD or not before.has_evidence


def _check_logins(platform: ManagedPlatform, before: StateBefore) -> None:
    """No password is sent anywhere but to where a trusted object named it."""
    secrets = {robot.secret for harbor in platform.databases for robot in harbor.robots.values()}
    hosts = {_host(registry.address) for registry in _registries().values()}
    for login in platform.logins[before.login_count :]:
        assert login.password != TENANT_PASSWORD
        if login.username == "admin":
            assert (login.host, login.password) in platform.password_origins
        if login.host == _host(platform.elsewhere_url):
            assert login.host in hosts, login
            assert login.username == "admin" or login.password not in secrets


def check_reconciled(platform: ManagedPlatform) -> None:
    """Check what holds as soon as the Harbor was reconciled, whatever becomes of the clusters."""
    check_robot_permissions(platform)
    assert actual_pulls(platform) <= desired_pulls(platform)


def check_settled(platform: ManagedPlatform) -> None:
    """Check that the Harbor is adopted, and that exactly those can pull who shall."""
    name = platform.registry
    records = platform.records()
    links = {spot: record for spot, record in records.items() if record.registry == name}
    assert [record.state for record in links.values()] == [AdoptionState.ADOPTED], links
    assert all(spot in SPOTS and platform.serves(spot) for spot in links)
    assert AdoptionState.UNCONFIRMED not in {record.state for record in records.values()}
    summary = run_in_transaction(registries.get_registry, name).health_summary
    assert summary.health is Health.HEALTHY, summary
    assert actual_pulls(platform) == desired_pulls(platform)
    check_robot_permissions(platform)
    check_robots(platform)
    check_bindings(platform)
    accounts = {_key(account) for account in _accounts(platform) if account.workspace}
    own_robots = {(robot.id, to_milliseconds(robot.created)) for robot in platform.own_robots()}
    is_evidence = not own_robots and not accounts & _robots(platform)
    assert accounts == own_robots or is_evidence
    # In another Harbor, our robot accounts stay on record as evidence. Who is bound to a space that
    # is missing there keeps a login that is none in it, until a person decides about the others.
    spaces = platform.harbor.projects
    bound_to_missing = {workspace for space, workspace in platform.bindings if space not in spaces}
    check_secrets(platform, bound_to_missing if is_evidence else ())


def snapshot(platform: ManagedPlatform) -> tuple[Any, ...]:
    """Return all that a run could change, and how many requests wanted to change something."""
    return (
        run_in_transaction(managed_harbors.list_harbor_records),
        _registries(),
        run_in_transaction(bindings.list_bindings),
        run_in_transaction(robots.list_robots),
        platform.writes(),
    )


def _registries() -> dict[str, Registry]:
    records = run_in_transaction(registries.list_registries)
    return {record.registry.name: record.registry for record in records}


def _links(platform: ManagedPlatform) -> dict[str, tuple[Spot, str]]:
    records = platform.records().items()
    return {record.registry: (spot, record.uid) for spot, record in records if record.registry}


def _states(platform: ManagedPlatform) -> dict[Spot, AdoptionState]:
    return {spot: record.state for spot, record in platform.records().items()}


def _accounts(platform: ManagedPlatform) -> tuple[RobotAccount, ...]:
    return run_in_transaction(robots.list_robots, platform.registry)


def _key(account: RobotAccount) -> RobotKey:
    return account.robot_id, account.created_at


def _robots(platform: ManagedPlatform) -> set[RobotKey]:
    return {(robot.id, to_milliseconds(robot.created)) for robot in platform.harbor.robots.values()}


def _host(url: str) -> str:
    return url.partition("://")[2]
