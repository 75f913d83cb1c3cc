"""What people, other hands and chance do to a platform; nothing of it where it makes no sense."""

from dataclasses import replace
from datetime import timedelta

from deployments.simulators.harbor import Permission, Robot
from deployments.simulators.harbor.identity import find_robot
from models.access.binding import Binding, Workspace
from models.access.requests import desired
from models.clusters.cluster import SECRET_NAME
from models.core.labels import WORKSPACE_LABEL
from models.registries.robots import Mark, mark_in
from models.registries.space import Visibility
from tasks import clock
from tasks.store.access import bindings, workspaces
from tasks.store.registries import spaces
from tasks.store.session import transact
from tests.support.random_platform import HARBOR, WORKSPACES, Ground, Platform

SECOND_LABEL = "example.com/team"
"""Another label that may name a workspace; both must agree."""

_PULL = (("repository", "pull"),)
_LONG = timedelta(days=30)


class World(Platform):
    """A platform, and what was asked of this service there.

    Attributes:
        bound: by (space, workspace), which project was meant.
        wishes: of spaces: whether public, and which project was meant.
        listed: (cluster, namespace) by workspace.
        labels: of each namespace there is, by (cluster, namespace).
        ending: namespaces that are being deleted.
        copied: what namespaces held when they left a workspace: whose, where, user and password.
    """

    def __init__(self, on: Ground, *, by_robot: bool, links: bool) -> None:
        super().__init__(on, by_robot=by_robot, links=links)
        self.bound: dict[tuple[str, str], int | None] = {}
        self.wishes: dict[str, tuple[bool, int | None]] = {}
        self.listed: dict[str, set[tuple[str, str]]] = {name: set() for name in WORKSPACES}
        self.labels: dict[tuple[str, str], dict[str, str]] = {}
        self.ending: set[tuple[str, str]] = set()
        self.copied: list[tuple[str, tuple[str, str], str, str]] = []

    # Spaces.

    def make_space(self, name: str, public: bool) -> None:
        if name not in self.harbor.projects:
            self.harbor.add_project(name, public=public)
            self.harbor.add_image(f"{name}/app", "v1")

    def drop_space(self, name: str) -> None:
        if name in self.harbor.projects:
            self.harbor.delete_project(name)

    def make_again(self, name: str) -> None:
        """Somebody deletes a space and makes another one of that name, before anybody looks."""
        if name in self.harbor.projects:
            self.drop_space(name)
            self.make_space(name, public=False)

    def flip(self, name: str) -> None:
        """Somebody changes the visibility in Harbor's console."""
        project = self.harbor.projects.get(name)
        if project is not None:
            project.public = not project.public

    def wish(self, name: str, public: bool) -> None:
        """Somebody sets the visibility here; the next reconcile carries it out."""
        known = {one.name: one for one in transact(spaces.spaces, HARBOR)}
        if name in known and known[name].missing_since is None:
            self.wishes[name] = public, known[name].remote_id
            wanted = Visibility.PUBLIC if public else Visibility.PRIVATE
            transact(spaces.remember, HARBOR, desired(HARBOR, [known[name]], [name], wanted))

    def bind(self, name: str, workspace: str) -> None:
        known = {one.name: one for one in transact(spaces.spaces, HARBOR)}
        if name in known:
            self.bound[name, workspace] = known[name].remote_id
            transact(bindings.bind, [_binding(name, workspace)], at=clock.now(), flow_run="")

    def unbind(self, name: str, workspace: str) -> None:
        self.bound.pop((name, workspace), None)
        gone = [_binding(name, workspace)]
        transact(bindings.unbind, gone, "asked", at=clock.now(), flow_run="")

    # Robot accounts, by hand in Harbor's console.

    def _robot(self, number: int) -> Robot | None:
        found = self.ours()
        return found[number % len(found)] if found else None

    def delete_robot(self, number: int) -> None:
        robot = self._robot(number)
        if robot is not None:
            del self.harbor.robots[robot.id]

    def disable_robot(self, number: int) -> None:
        robot = self._robot(number)
        if robot is not None:
            robot.disable = True

    def end_robot(self, number: int) -> None:
        robot = self._robot(number)
        if robot is not None:
            robot.duration = 30
            robot.expires_at = int((clock.now() + _LONG).timestamp())

    def widen_robot(self, number: int, name: str) -> None:
        """Give it a space more, `*` for all; or the right to push where it may pull already."""
        robot, project = self._robot(number), self.harbor.projects.get(name)
        if robot is None or (project is None and name != "*"):
            return
        held = {one.namespace: one for one in robot.permissions}
        if name in held:
            held[name] = replace(held[name], access=(*_PULL, ("repository", "push")))
        else:
            held[name] = Permission("project", name, project.id if project else None, _PULL)
        robot.permissions = tuple(held.values())

    def narrow_robot(self, number: int) -> None:
        robot = self._robot(number)
        if robot is not None and len(robot.permissions) > 1:
            robot.permissions = robot.permissions[1:]

    def remark_robot(self, number: int) -> None:
        """Somebody writes another workspace into the description."""
        robot = self._robot(number)
        mark = mark_in(robot.description) if robot else None
        if robot is not None and mark is not None:
            other = WORKSPACES[mark.workspace == WORKSPACES[0]]
            robot.description = Mark(installation=self.us, registry=HARBOR, workspace=other).text

    def rename_all(self) -> None:
        """Somebody changes Harbor's `robot_name_prefix`."""
        prefix = self.harbor.settings.robot_name_prefix
        self.harbor.settings.robot_name_prefix = "bot_" if prefix == "robot$" else "robot$"

    # Namespaces.

    def add_namespace(self, cluster: str, name: str, workspace: str | None) -> None:
        if (cluster, name) not in self.labels:
            self.labels[cluster, name] = _labels(workspace, None)
            self.clusters[cluster].add_namespace(name, self.labels[cluster, name])

    def label(self, cluster: str, name: str, workspace: str | None, second: str | None) -> None:
        if (cluster, name) in self.labels:
            self._copy(cluster, name)
            self.labels[cluster, name] = _labels(workspace, second)
            told = {WORKSPACE_LABEL: workspace, SECOND_LABEL: second}
            self.clusters[cluster].label(name, told)

    def list_by_hand(self, workspace: str, cluster: str, name: str) -> None:
        """Give it to a workspace; once more takes it back."""
        self._copy(cluster, name)
        self.listed[workspace] ^= {(cluster, name)}
        told, listed = Workspace(name=workspace), self.listed[workspace]
        transact(workspaces.create, told, listed, at=clock.now(), flow_run="")

    def drop_namespace(self, cluster: str, name: str) -> None:
        if (cluster, name) in self.labels:
            self._copy(cluster, name)
            del self.labels[cluster, name]
            self.ending.discard((cluster, name))
            self.clusters[cluster].delete_namespace(name)

    def terminate(self, cluster: str, name: str) -> None:
        if (cluster, name) in self.labels:
            self.ending.add((cluster, name))
            self.clusters[cluster].terminate(name)

    def _copy(self, cluster: str, name: str) -> None:
        """Its people copy what it holds, before it perhaps leaves its workspace."""
        if (cluster, name) not in self.labels:
            return
        held = (self.clusters[cluster].secret(name) or {}).get("auths", {})
        for login in held.values():
            robot = find_robot(self.harbor, login["username"])
            mark = mark_in(robot.description) if robot else None
            if mark is not None and mark.installation == self.us:
                whose = mark.workspace
                self.copied.append((whose, (cluster, name), login["username"], login["password"]))

    # Pull secrets, by hand with kubectl.

    def delete_secret(self, cluster: str, name: str) -> None:
        if self.clusters[cluster].raw_secret(name) is not None:
            self.clusters[cluster].delete_secret(name)

    def edit_secret(self, cluster: str, name: str) -> None:
        if self.clusters[cluster].raw_secret(name) is not None:
            self.clusters[cluster].edit_secret(name, {"auths": {}})

    def foreign_secret(self, cluster: str, name: str) -> None:
        """Somebody's own Secret of our name, where none is."""
        there = self.clusters[cluster].raw_secret(name) is not None
        if not there and (cluster, name) in self.labels.keys() - self.ending:
            self.clusters[cluster].foreign_secret(name)

    def own_secret(self, cluster: str, name: str) -> None:
        """Somebody takes our mark off, and so makes the Secret his own."""
        if self.clusters[cluster].raw_secret(name) is not None:
            self.clusters[cluster].relabel_secret(name, {})

    def unlink(self, cluster: str, name: str) -> None:
        """Somebody lets the ServiceAccount hand out another Secret instead of ours."""
        if (cluster, name) in self.labels:
            self.clusters[cluster].set_image_pull_secrets(name, "other")

    def link_other(self, cluster: str, name: str) -> None:
        if (cluster, name) in self.labels:
            held = self.clusters[cluster].image_pull_secrets(name)
            ours = [one for one in held if one == SECRET_NAME]
            self.clusters[cluster].set_image_pull_secrets(name, "other", *ours)


def _binding(space: str, workspace: str) -> Binding:
    return Binding(registry=HARBOR, space=space, workspace=workspace, bound_at=clock.now())


def _labels(workspace: str | None, second: str | None) -> dict[str, str]:
    told = {WORKSPACE_LABEL: workspace, SECOND_LABEL: second}
    return {key: value for key, value in told.items() if value}
