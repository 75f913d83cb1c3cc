"""What is true of a world: who can pull what with what it is handed, and who shall (decision 7)."""

import copy
from dataclasses import asdict
from typing import Any

from deployments.simulators.harbor import Robot
from deployments.simulators.harbor.identity import find_robot
from deployments.simulators.harbor.rights import allowed
from deployments.simulators.harbor.web.request import ANONYMOUS, Caller
from models.clusters.cluster import INSTALLATION, MANAGED_BY, SECRET_NAME
from models.registries.robots import mark_in
from tasks.store.access import bindings
from tasks.store.registries import robots
from tasks.store.session import transact
from tests.support.random_events import World
from tests.support.random_platform import HARBOR, WORKSPACES

Pull = tuple[str, str, str]
"""(cluster, namespace, space)."""


def handed(world: World, cluster: str, namespace: str) -> dict[str, Any] | None:
    """Return the pull secret that pods of a namespace are handed, or name themselves."""
    k = world.clusters[cluster]
    linked = SECRET_NAME in k.image_pull_secrets(namespace) or not world.links[cluster]
    return k.secret(namespace) if linked else None


def settled(world: World) -> set[tuple[str, str]]:
    """The namespaces of which it can be said who shall pull what.

    Not those that are being deleted, nor those where somebody made our Secret his own: he may
    hold on to what is in it.
    """
    return {
        (cluster, namespace)
        for cluster, namespace in world.labels.keys() - world.ending
        if ours(world, cluster, namespace)
        or not (world.clusters[cluster].secret(namespace) or {}).get("auths")
    }


def can(world: World) -> set[Pull]:
    """Who can pull what, by Harbor's own rules and with what each namespace is handed."""
    return {
        (cluster, namespace, project.name)
        for cluster, namespace in settled(world)
        for project in world.harbor.projects.values()
        if allowed(_caller(world, cluster, namespace), project, "repository", "pull")
    }


def _caller(world: World, cluster: str, namespace: str) -> Caller:
    secret = handed(world, cluster, namespace) or {}
    login = secret.get("auths", {}).get(world.url.partition("//")[2])
    robot = find_robot(world.harbor, login["username"]) if login else None
    if robot is None or robot.disable or robot.secret != login["password"]:
        return ANONYMOUS
    return Caller(login["username"], robot=robot)


def shall(world: World) -> set[Pull]:
    """Who shall pull what: all what is public, the bound workspaces' namespaces what is private."""
    return {
        (cluster, namespace, project.name)
        for cluster, namespace in settled(world)
        for project in world.harbor.projects.values()
        if shall_be_public(world, project.name)
        or (
            bound_to(world, project.name, belongs(world, cluster, namespace))
            and ours(world, cluster, namespace)
        )
    }


def bound_to(world: World, space: str, workspace: str | None) -> bool:
    """Whether a binding is in force: a space made again under the old name inherits none."""
    key, project = (space, workspace or ""), world.harbor.projects.get(space)
    return project is not None and key in world.bound and world.bound[key] == project.id


def shall_be_public(world: World, space: str) -> bool:
    """As it was set here, unless it was set public and is another space now; else as it is."""
    project = world.harbor.projects[space]
    public, meant = world.wishes.get(space, (project.public, None))
    if space in world.wishes and public and meant != project.id:
        return project.public
    return public


def belongs(world: World, cluster: str, namespace: str) -> str | None:
    """Return the one workspace that labels and lists name."""
    told = set(world.labels[cluster, namespace].values())
    told |= {name for name in WORKSPACES if (cluster, namespace) in world.listed[name]}
    return told.pop() if len(told) == 1 else None


def ours(world: World, cluster: str, namespace: str) -> bool:
    """Whether there is no foreign Secret of our name."""
    found = world.clusters[cluster].raw_secret(namespace)
    if found is None:
        return True
    labels = found["metadata"].get("labels", {})
    return labels.get(INSTALLATION) == world.us and MANAGED_BY in labels


def foreign(world: World) -> dict[str, Any]:
    """Return all that is not ours to touch."""
    found: dict[str, Any] = {
        f"robot {robot.stored}": asdict(copy.deepcopy(robot)) for robot in world.others()
    }
    for cluster, namespace in world.labels:
        k, place = world.clusters[cluster], f"{cluster}/{namespace}"
        linked = k.image_pull_secrets(namespace)
        found[f"links in {place}"] = [one for one in linked if one != SECRET_NAME]
        if not ours(world, cluster, namespace):
            found[f"secret in {place}"] = k.raw_secret(namespace)
    return found


def _due(world: World) -> dict[str, set[str]]:
    """Return the spaces that each workspace shall pull and that are there."""
    return {
        name: {space for space in world.harbor.projects if bound_to(world, space, name)}
        for name in WORKSPACES
    }


def check_narrow(world: World) -> None:
    """Check that no robot account of ours may pull what is not bound, wherever its secret is."""
    there = {project.id: project.name for project in world.harbor.projects.values()}
    for robot in world.ours():
        held = {there.get(one.project_id or 0, one.namespace) for one in robot.permissions}
        live = {name for name in held if name in world.harbor.projects or name == "*"}
        assert robot.disable or live <= _due(world)[_workspace(robot)], robot


def check_least(world: World) -> None:
    """Check that nobody holds more than is due: robot accounts, Secrets, records."""
    due = _due(world)
    made = {_workspace(robot): _held(robot) for robot in world.ours()}
    pull = (("repository", "pull"),)
    assert made == {name: dict.fromkeys(spaces, pull) for name, spaces in due.items() if spaces}
    assert len(world.ours()) == len(made)
    recorded = [one for one in transact(robots.grants, HARBOR) if one.workspace]
    assert {one.robot_id for one in recorded} == {one.id for one in world.ours()}
    known = transact(bindings.bindings, registry=HARBOR)
    assert {(one.space, one.workspace) for one in known} == world.bound.keys()
    for one in known:
        if one.space in world.harbor.projects:
            assert one.is_held is not bound_to(world, one.space, one.workspace), one
    for cluster, namespace in world.labels.keys() - world.ending:
        if ours(world, cluster, namespace):
            holds = world.clusters[cluster].raw_secret(namespace) is not None
            whom = belongs(world, cluster, namespace)
            assert holds == bool(whom and due[whom]), (cluster, namespace)


def check_copies_end(world: World) -> None:
    """Check that nobody who left a workspace can still use what he copied there."""
    for whose, (cluster, namespace), username, password in world.copied:
        there = (cluster, namespace) in world.labels
        if not there or belongs(world, cluster, namespace) != whose:
            robot = find_robot(world.harbor, username)
            assert robot is None or robot.secret != password, (whose, cluster, namespace)


def _workspace(robot: Robot) -> str:
    mark = mark_in(robot.description)
    assert mark is not None
    return mark.workspace


def _held(robot: Robot) -> dict[str, tuple[tuple[str, str], ...]]:
    assert not robot.disable
    assert robot.expires_at == -1
    return {one.namespace: one.access for one in robot.permissions}
