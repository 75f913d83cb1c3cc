"""What people, other hands and chance do to a platform; nothing of it where it makes no sense."""

from dataclasses import replace
from datetime import datetime, timedelta

from deployments.simulators.harbor import Permission, Project, Robot
from deployments.simulators.harbor.state.robot_secrets import generate_secret
from flows.operations import bindings as binding_operations
from flows.operations import memberships
from flows.runs import new_run_context
from models.access.binding import Binding, Workspace
from models.access.requests import with_visibility
from models.clusters.cluster import PULL_SECRET_NAME
from models.core.labels import WORKSPACE_LABEL
from models.registries.robots import OwnershipMark, parse_mark, robot_prefix
from models.registries.space import Visibility
from tasks import clock
from tasks.store.access import workspaces
from tasks.store.registries import spaces
from tasks.store.session import run_in_transaction
from tests.support.random_platform import WORKSPACES, RandomPlatform, SharedServers

SECOND_LABEL = "example.com/team"
"""Another label that may name a workspace; both must agree."""

ProjectIdentity = tuple[int | None, datetime | None]
"""The id and the creation time of a project, as Harbor shows them."""

_PULL = (("repository", "pull"),)
_REFUSAL_SECONDS = 1.3
"""Longer than an answer that could be the fault of a database or of a lock."""

_ROBOT_LIFETIME = timedelta(days=30)


class TrackedPlatform(RandomPlatform):
    """A platform, and what was asked of this service there.

    Attributes:
        bindings: by (space, workspace), which project was meant; None if none that is there.
        desired_visibility: of spaces: whether public, and which project was meant.
        assignments: (cluster, namespace) by workspace.
        labels: of each namespace there is, by (cluster, namespace).
        terminating: namespaces that are being deleted.
        copied_logins: what namespaces held when they left a workspace: whose, where, user and
            password.
    """

    def __init__(self, servers: SharedServers, *, by_robot: bool, links: bool) -> None:
        super().__init__(servers, by_robot=by_robot, links=links)
        self.bindings: dict[tuple[str, str], ProjectIdentity | None] = {}
        self.desired_visibility: dict[str, tuple[bool, int | None]] = {}
        self.assignments: dict[str, set[tuple[str, str]]] = {name: set() for name in WORKSPACES}
        self.labels: dict[tuple[str, str], dict[str, str]] = {}
        self.terminating: set[tuple[str, str]] = set()
        self.copied_logins: list[tuple[str, tuple[str, str], str, str]] = []

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
        spaces_by_name = {
            space.name: space for space in run_in_transaction(spaces.list_spaces, self.registry)
        }
        if name in spaces_by_name and spaces_by_name[name].missing_since is None:
            self.desired_visibility[name] = public, spaces_by_name[name].remote_id
            visibility = Visibility.PUBLIC if public else Visibility.PRIVATE
            run_in_transaction(
                spaces.save_spaces,
                self.registry,
                with_visibility(self.registry, [spaces_by_name[name]], [name], visibility),
            )

    def bind(self, name: str, workspace: str) -> None:
        spaces_by_name = {
            space.name: space for space in run_in_transaction(spaces.list_spaces, self.registry)
        }
        if name in spaces_by_name:
            space = spaces_by_name[name]
            self.bindings[name, workspace] = space.remote_id, space.created_at
            run_in_transaction(
                binding_operations.bind, [self._binding(name, workspace)], new_run_context()
            )

    def unbind(self, name: str, workspace: str) -> None:
        self.bindings.pop((name, workspace), None)
        old_bindings = [self._binding(name, workspace)]
        run_in_transaction(binding_operations.unbind, old_bindings, "asked", new_run_context())

    def _binding(self, space: str, workspace: str) -> Binding:
        now = clock.now()
        return Binding(registry=self.registry, space=space, workspace=workspace, bound_at=now)

    # Robot accounts, by hand in Harbor's console.

    def _robot(self, number: int) -> Robot | None:
        robots = self.own_robots()
        return robots[number % len(robots)] if robots else None

    def _edit_robot(self, number: int) -> Robot | None:
        """Return a robot account that somebody edits, which moves its time of update."""
        robot = self._robot(number)
        if robot is not None:
            robot.updated = self.harbor.clock()
        return robot

    def refresh_secret(self, number: int) -> None:
        """Somebody refreshes a secret; from now on, Harbor takes its time to refuse a login."""
        robot = self._edit_robot(number)
        if robot is not None:
            robot.secret = generate_secret()
            self.harbor.lockout_seconds = _REFUSAL_SECONDS

    def delete_robot(self, number: int) -> None:
        robot = self._robot(number)
        if robot is not None:
            del self.harbor.robots[robot.id]

    def disable_robot(self, number: int) -> None:
        robot = self._edit_robot(number)
        if robot is not None:
            robot.disable = True

    def end_robot(self, number: int) -> None:
        robot = self._edit_robot(number)
        if robot is not None:
            robot.duration = 30
            robot.expires_at = int((clock.now() + _ROBOT_LIFETIME).timestamp())

    def widen_robot(self, number: int, name: str) -> None:
        """Give it a space more, `*` for all; or the right to push where it may pull already."""
        robot, project = self._edit_robot(number), self.harbor.projects.get(name)
        if robot is None or (project is None and name != "*"):
            return
        permissions = {permission.namespace: permission for permission in robot.permissions}
        if name in permissions:
            permissions[name] = replace(permissions[name], access=(*_PULL, ("repository", "push")))
        else:
            permissions[name] = Permission("project", name, project.id if project else None, _PULL)
        robot.permissions = tuple(permissions.values())

    def narrow_robot(self, number: int) -> None:
        robot = self._edit_robot(number)
        if robot is not None and len(robot.permissions) > 1:
            robot.permissions = robot.permissions[1:]

    def remark_robot(self, number: int) -> None:
        """Somebody writes another workspace into the description."""
        robot = self._edit_robot(number)
        mark = parse_mark(robot.description) if robot else None
        if robot is not None and mark is not None:
            other_workspace = WORKSPACES[mark.workspace == WORKSPACES[0]]
            robot.description = OwnershipMark(
                installation=self.installation, registry=self.registry, workspace=other_workspace
            ).text

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
            labels = {WORKSPACE_LABEL: workspace, SECOND_LABEL: second}
            self.clusters[cluster].set_labels(name, labels)

    async def misspell(self, cluster: str, name: str) -> None:
        """Somebody makes a typing error in a label, and corrects it after a sync."""
        if (cluster, name) in self.labels:
            labels = self.labels[cluster, name]
            self.clusters[cluster].set_labels(name, {key: "No_Name" for key in labels})
            await self.sync()
            self.clusters[cluster].set_labels(name, dict(labels))

    def list_by_hand(self, workspace: str, cluster: str, name: str) -> None:
        """Give it to a workspace; once more takes it back."""
        self._copy(cluster, name)
        self.assignments[workspace] ^= {(cluster, name)}
        record, namespaces = Workspace(name=workspace), self.assignments[workspace]
        run_in_transaction(
            memberships.add_or_update_workspace, record, namespaces, new_run_context()
        )

    def is_listed_object(self, workspace: str, cluster: str, name: str) -> bool:
        """Whether a listed namespace is the one that was meant, not one made again since."""
        rules = run_in_transaction(workspaces.get_membership_rules, cluster)
        uid = rules.listed[name][workspace]
        return uid in ("", self.clusters[cluster].namespace_uid(name))

    def drop_namespace(self, cluster: str, name: str) -> None:
        if (cluster, name) in self.labels:
            self._copy(cluster, name)
            del self.labels[cluster, name]
            self.terminating.discard((cluster, name))
            self.clusters[cluster].delete_namespace(name)

    def terminate(self, cluster: str, name: str) -> None:
        if (cluster, name) in self.labels:
            self.terminating.add((cluster, name))
            self.clusters[cluster].terminate_namespace(name)

    def _copy(self, cluster: str, name: str) -> None:
        """Its people copy what it holds, before it perhaps leaves its workspace."""
        if (cluster, name) not in self.labels:
            return
        logins = (self.clusters[cluster].secret(name) or {}).get("auths", {})
        for login in logins.values():
            # Somebody may have changed the mark of the robot account, but not its name.
            _, _, name_end = login["username"].partition(f"{robot_prefix(self.installation)}-")
            if name_end:
                owner = name_end.partition(".")[0]
                self.copied_logins.append(
                    (owner, (cluster, name), login["username"], login["password"])
                )

    # Pull secrets, by hand with kubectl.

    def delete_secret(self, cluster: str, name: str) -> None:
        if self.clusters[cluster].raw_secret(name) is not None:
            self.clusters[cluster].delete_secret(name)

    def edit_secret(self, cluster: str, name: str) -> None:
        if self.clusters[cluster].raw_secret(name) is not None:
            self.clusters[cluster].edit_secret(name, {"auths": {}})

    def foreign_secret(self, cluster: str, name: str) -> None:
        """Somebody's own Secret of our name, where none is."""
        exists = self.clusters[cluster].raw_secret(name) is not None
        if not exists and (cluster, name) in self.labels.keys() - self.terminating:
            self.clusters[cluster].add_foreign_secret(name)

    def own_secret(self, cluster: str, name: str) -> None:
        """Somebody takes our mark off: it is ours as long as it holds our login."""
        if self.clusters[cluster].raw_secret(name) is not None:
            self.clusters[cluster].relabel_secret(name, {})

    def unlink(self, cluster: str, name: str) -> None:
        """Somebody lets the ServiceAccount hand out another Secret instead of ours."""
        if (cluster, name) in self.labels:
            self.clusters[cluster].set_image_pull_secrets(name, "other")

    async def contest(self, cluster: str, name: str) -> None:
        """Somebody undoes each repair of a ServiceAccount."""
        for _ in range(4):
            self.unlink(cluster, name)
            await self.sync()

    def link_other(self, cluster: str, name: str) -> None:
        if (cluster, name) in self.labels:
            secret_names = self.clusters[cluster].image_pull_secrets(name)
            own_names = [
                secret_name for secret_name in secret_names if secret_name == PULL_SECRET_NAME
            ]
            self.clusters[cluster].set_image_pull_secrets(name, "other", *own_names)


def _labels(workspace: str | None, second: str | None) -> dict[str, str]:
    labels = {WORKSPACE_LABEL: workspace, SECOND_LABEL: second}
    return {key: value for key, value in labels.items() if value}


def project_identity(project: Project) -> ProjectIdentity:
    """Tell a project from all others, also from those of another Harbor."""
    return project.id, to_milliseconds(project.created)


def to_milliseconds(moment: datetime) -> datetime:
    """Return a moment as Harbor shows it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
