"""Invariants of the platform: the actual pulls of each namespace, and the pulls it is entitled to.

A namespace may pull public spaces, and the private spaces that its workspace is bound to.
"""

import copy
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from deployments.simulators.harbor import Robot
from deployments.simulators.harbor.identity import find_robot
from deployments.simulators.harbor.rights import is_allowed
from deployments.simulators.harbor.web.request import ANONYMOUS, Caller
from models.clusters.cluster import INSTALLATION_LABEL, MANAGED_BY_LABEL, PULL_SECRET_NAME
from models.registries.robots import parse_mark, robot_prefix
from tasks.store.access import bindings
from tasks.store.registries import robots
from tasks.store.session import run_in_transaction
from tests.support.random_events import TrackedPlatform, project_identity
from tests.support.random_platform import WORKSPACES

Pull = tuple[str, str, str]
"""(cluster, namespace, space)."""


def effective_secret(
    platform: TrackedPlatform, cluster: str, namespace: str
) -> dict[str, Any] | None:
    """Return the pull secret that pods of a namespace are handed, or name themselves."""
    emulated_cluster = platform.clusters[cluster]
    is_linked = (
        PULL_SECRET_NAME in emulated_cluster.image_pull_secrets(namespace)
        or not platform.links[cluster]
    )
    return emulated_cluster.secret(namespace) if is_linked else None


def decidable_namespaces(platform: TrackedPlatform) -> set[tuple[str, str]]:
    """The namespaces of which it can be said who shall pull what.

    Not those that are being deleted, nor those where somebody made our Secret his own: he may
    hold on to what is in it.
    """
    return {
        (cluster, namespace)
        for cluster, namespace in platform.labels.keys() - platform.terminating
        if has_no_foreign_secret(platform, cluster, namespace)
        or not (platform.clusters[cluster].secret(namespace) or {}).get("auths")
    }


def actual_pulls(platform: TrackedPlatform) -> set[Pull]:
    """Who can pull what, by Harbor's own rules and with what each namespace is handed."""
    return {
        (cluster, namespace, project.name)
        for cluster, namespace in decidable_namespaces(platform)
        for project in platform.harbor.projects.values()
        if is_allowed(_caller(platform, cluster, namespace), project, "repository", "pull")
    }


def _caller(platform: TrackedPlatform, cluster: str, namespace: str) -> Caller:
    secret = effective_secret(platform, cluster, namespace) or {}
    login = secret.get("auths", {}).get(platform.url.partition("//")[2])
    robot = find_robot(platform.harbor, login["username"]) if login else None
    if robot is None or robot.disable or robot.secret != login["password"]:
        return ANONYMOUS
    return Caller(login["username"], robot=robot)


def desired_pulls(platform: TrackedPlatform) -> set[Pull]:
    """Who shall pull what: all what is public, the bound workspaces' namespaces what is private."""
    return {
        (cluster, namespace, project.name)
        for cluster, namespace in decidable_namespaces(platform)
        for project in platform.harbor.projects.values()
        if should_be_public(platform, project.name)
        or (
            is_bound(platform, project.name, workspace_of(platform, cluster, namespace))
            and has_no_foreign_secret(platform, cluster, namespace)
        )
    }


def is_bound(platform: TrackedPlatform, space: str, workspace: str | None) -> bool:
    """Whether a binding is in force: a space made again under the old name inherits none."""
    key, project = (space, workspace or ""), platform.harbor.projects.get(space)
    return project is not None and platform.bindings.get(key) == project_identity(project)


def should_be_public(platform: TrackedPlatform, space: str) -> bool:
    """As it was set here, unless it was set public and is another space now; else as it is."""
    project = platform.harbor.projects[space]
    public, project_id = platform.desired_visibility.get(space, (project.public, None))
    if space in platform.desired_visibility and public and project_id != project.id:
        return project.public
    return public


def workspace_of(platform: TrackedPlatform, cluster: str, namespace: str) -> str | None:
    """Return the one workspace that labels and lists name."""
    workspaces = set(platform.labels[cluster, namespace].values())
    workspaces |= {
        name
        for name in WORKSPACES
        if (cluster, namespace) in platform.assignments[name]
        and platform.is_listed_object(name, cluster, namespace)
    }
    return workspaces.pop() if len(workspaces) == 1 else None


def has_no_foreign_secret(platform: TrackedPlatform, cluster: str, namespace: str) -> bool:
    """Whether there is no foreign Secret of our name."""
    secret = platform.clusters[cluster].raw_secret(namespace)
    if secret is None:
        return True
    labels = secret["metadata"].get("labels", {})
    return labels.get(INSTALLATION_LABEL) == platform.installation and MANAGED_BY_LABEL in labels


def has_own_logins(platform: TrackedPlatform, cluster: str, namespace: str) -> bool:
    """Whether the Secret holds a login of ours: without its labels it may be taken back."""
    logins = (platform.clusters[cluster].secret(namespace) or {}).get("auths", {}).values()
    return any(robot_prefix(platform.installation) in login["username"] for login in logins)


def foreign_objects(platform: TrackedPlatform) -> dict[str, Any]:
    """Return all that is not ours to touch."""
    objects: dict[str, Any] = {
        f"robot {robot.stored}": asdict(copy.deepcopy(robot)) for robot in platform.other_robots()
    }
    for cluster, namespace in platform.labels:
        emulated_cluster, location = platform.clusters[cluster], f"{cluster}/{namespace}"
        secret_names = emulated_cluster.image_pull_secrets(namespace)
        objects[f"links in {location}"] = [
            secret_name for secret_name in secret_names if secret_name != PULL_SECRET_NAME
        ]
        is_foreign = not has_no_foreign_secret(platform, cluster, namespace)
        if is_foreign and not has_own_logins(platform, cluster, namespace):
            objects[f"secret in {location}"] = emulated_cluster.raw_secret(namespace)
    return objects


def desired_spaces(platform: TrackedPlatform) -> dict[str, set[str]]:
    """Return the spaces that each workspace shall pull and that are there."""
    return {
        name: {space for space in platform.harbor.projects if is_bound(platform, space, name)}
        for name in WORKSPACES
    }


def check_robot_permissions(platform: TrackedPlatform) -> None:
    """Check that no robot account of ours may pull what is not bound, wherever its secret is."""
    project_names = {project.id: project.name for project in platform.harbor.projects.values()}
    for robot in platform.own_robots():
        # The entry of a deleted project remains, and grants nothing in a new one of that name.
        space_names = {
            permission.namespace
            if permission.project_id is None
            else project_names.get(permission.project_id, "")
            for permission in robot.permissions
        }
        existing_names = {
            name for name in space_names if name in platform.harbor.projects or name == "*"
        }
        assert robot.disable or existing_names <= desired_spaces(platform)[_workspace(robot)], robot


def check_least_privilege(platform: TrackedPlatform) -> None:
    """Check that nobody holds more than is due: robot accounts, Secrets, records."""
    check_robots(platform)
    recorded_robots = [
        robot
        for robot in run_in_transaction(robots.list_robots, platform.registry)
        if robot.workspace
    ]
    assert {robot.robot_id for robot in recorded_robots} == {
        robot.id for robot in platform.own_robots()
    }
    check_bindings(platform)
    check_secrets(platform)


def check_robots(platform: TrackedPlatform) -> None:
    """Check that each workspace has one robot account, which may pull what is due and no more."""
    permissions = {
        _workspace(robot): _permissions(platform, robot) for robot in platform.own_robots()
    }
    pull = (("repository", "pull"),)
    assert permissions == {
        name: dict.fromkeys(spaces, pull)
        for name, spaces in desired_spaces(platform).items()
        if spaces
    }
    assert len(platform.own_robots()) == len(permissions)


def check_bindings(platform: TrackedPlatform) -> None:
    """Check that bindings are as they were asked for, and held if they are for another space."""
    recorded_bindings = run_in_transaction(bindings.list_bindings, registry=platform.registry)
    assert {
        (binding.space, binding.workspace) for binding in recorded_bindings
    } == platform.bindings.keys()
    for binding in recorded_bindings:
        if binding.space in platform.harbor.projects:
            assert binding.is_held is not is_bound(platform, binding.space, binding.workspace), (
                binding
            )


def check_secrets(platform: TrackedPlatform, undecided: Collection[str] = ()) -> None:
    """Check that those namespaces have our Secret whose workspace may pull anything.

    Args:
        platform: the platform.
        undecided: workspaces whose namespaces may keep a Secret that grants nothing.
    """
    spaces = desired_spaces(platform)
    for cluster, namespace in platform.labels.keys() - platform.terminating:
        if has_no_foreign_secret(platform, cluster, namespace):
            has_secret = platform.clusters[cluster].raw_secret(namespace) is not None
            workspace = workspace_of(platform, cluster, namespace)
            if workspace in undecided:
                continue
            assert has_secret == bool(workspace and spaces[workspace]), (cluster, namespace)


def check_copied_logins(platform: TrackedPlatform) -> None:
    """Check that nobody who left a workspace can still use what he copied there."""
    for owner, (cluster, namespace), username, password in platform.copied_logins:
        exists = (cluster, namespace) in platform.labels
        if not exists or workspace_of(platform, cluster, namespace) != owner:
            robot = find_robot(platform.harbor, username)
            assert robot is None or robot.secret != password, (owner, cluster, namespace)


def _workspace(robot: Robot) -> str:
    mark = parse_mark(robot.description)
    assert mark is not None
    return mark.workspace


def _permissions(platform: TrackedPlatform, robot: Robot) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return what a robot account may do by space; entries of deleted projects grant nothing."""
    assert not robot.disable
    assert robot.expires_at == -1
    project_ids = {None, *(project.id for project in platform.harbor.projects.values())}
    return {
        permission.namespace: permission.access
        for permission in robot.permissions
        if permission.project_id in project_ids
    }
