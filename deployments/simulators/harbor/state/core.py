"""The state of a simulated Harbor, and methods to change it without HTTP."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from deployments.simulators.harbor.state import robot_secrets
from deployments.simulators.harbor.state.collections import ProjectCollection, RobotCollection
from deployments.simulators.harbor.state.entities import (
    Member,
    Permission,
    Project,
    Quota,
    Repository,
    Robot,
    User,
)
from deployments.simulators.harbor.state.log import HarborRequestLog
from deployments.simulators.harbor.state.policies import PROJECT_ADMIN
from deployments.simulators.harbor.state.settings import HarborSettings


def current_time() -> datetime:
    """Return the current time; the default clock."""
    return datetime.now(UTC)


def _parse_pairs(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((text.partition(":")[0], text.partition(":")[2]) for text in texts)


class HarborCore:
    """A Harbor core in memory. Tests can change all of its state."""

    def __init__(
        self,
        admin_password: str = "Harbor12345",  # noqa: S107 - default password of Harbor
        version: str = "v2.16.0-c50c7ddd",
        external_url: str = "http://harbor.test",
        *,
        read_only: bool = False,
        quota_per_project_enable: bool = True,
        password_seconds: float = 0.0,
        row_seconds: float = 0.0,
        lockout_seconds: float = 1.5,
        unhealthy: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = current_time,
    ) -> None:
        self.version = version
        self.external_url = external_url.rstrip("/")
        self.settings = HarborSettings(
            read_only=read_only, quota_per_project_enable=quota_per_project_enable
        )
        # Delays of a real one: to hash a local user's password, to read each project of a list from
        # its database, and after a wrong password.
        self.password_seconds = password_seconds
        self.row_seconds = row_seconds
        self.lockout_seconds = lockout_seconds
        self.database_up = True
        self.core_up = True
        self.unhealthy_components: dict[str, str] = dict(unhealthy or {})
        self.clock = clock
        self.projects = ProjectCollection()
        self.robots = RobotCollection()
        self.quotas: dict[int, Quota] = {}
        self.users: dict[int, User] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, str] = {}
        """Repositories by the id of an upload in progress."""
        self.requests = HarborRequestLog()
        self.locked_until: dict[str, float] = {}
        self.ids: Counter[str] = Counter()
        self.token_key = secrets.token_bytes(32)
        self._populate(admin_password)

    def _populate(self, admin_password: str) -> None:
        # A new installation has the user `admin` and the public project `library`.
        admin = self.add_user("admin", admin_password, sysadmin=True)
        admin.realname, admin.comment = "system admin", "admin user"
        # Harbor reserves user id 2 for the former anonymous account.
        self.next_id("user")
        self.add_project("library", public=True)

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.lstrip("v").split(".")[:2]
        return int(major), int(minor)

    def next_id(self, kind: str) -> int:
        """Return the next number of a database sequence; rolled-back inserts use one up too."""
        self.ids[kind] += 1
        return self.ids[kind]

    def add_user(self, name: str, password: str, sysadmin: bool = False, email: str = "") -> User:
        """Create a local user."""
        now = self.clock()
        user = User(self.next_id("user"), name, password, now, now, email, sysadmin=sysadmin)
        self.users[user.id] = user
        return user

    def find_user(self, name: str) -> User | None:
        """Return a user by login name or e-mail; names are case-sensitive."""
        return next((u for u in self.users.values() if name in (u.name, u.email or None)), None)

    def add_project(
        self,
        name: str,
        public: bool = False,
        repositories: Iterable[str] = (),
        storage_used: int = 0,
        storage_limit: int = -1,
        owner: str = "admin",
        metadata: Mapping[str, str] | None = None,
    ) -> Project:
        """Create a project without validation; fast enough for ten thousand."""
        user = self.find_user(owner)
        if user is None:
            raise KeyError(f"no user {owner!r} in this Harbor")
        now = self.clock()
        project = Project(
            self.next_id("project"), name, user.id, user.name, now, now, self.next_id("allowlist"),
            metadata={"public": "true" if public else "false", **(metadata or {})},
            members=[Member(self.next_id("member"), user.id, PROJECT_ADMIN)],
            seeded_storage=storage_used,
        )  # fmt: skip
        self.projects[name] = project
        if self.settings.quota_per_project_enable:
            self._add_quota(project, storage_limit, storage_used)
        for repository in repositories:
            self.repository(project, f"{name}/{repository}")
        return project

    def _add_quota(self, project: Project, hard: int, used: int) -> None:
        now = self.clock()
        project.quota = Quota(self.next_id("quota"), project.id, now, now, hard, used)
        self.quotas[project.quota.id] = project.quota

    def delete_project(self, name: str) -> None:
        """Delete a project as Harbor does, with its robots and quota, but without system robots."""
        project = self.projects.pop(name)
        if project.quota is not None:
            self.quotas.pop(project.quota.id, None)
        for robot in list(self.robots.values()):
            if robot.project_id == project.id:
                del self.robots[robot.id]

    def repository(self, project: Project, full_name: str) -> Repository:
        """Return the repository with this full name; create it if missing."""
        repository = project.repositories.get(full_name)
        if repository is None:
            now = self.clock()
            number = self.next_id("repository")
            repository = Repository(number, full_name, project.id, now, now)
            project.repositories[full_name] = repository
        return repository

    def add_robot(
        self,
        name: str,
        projects: Iterable[str] = (),
        access: Iterable[str] = ("repository:pull",),
        system: Iterable[str] = (),
        secret: str | None = None,
    ) -> Robot:
        """Create a system robot without validation: with the same access in each project (`*` for
        all), and with system rights such as `project:list`.
        """
        pairs, rights = _parse_pairs(access), _parse_pairs(system)
        permissions = tuple(
            Permission("project", p, None if p == "*" else self.projects[p].id, pairs)
            for p in projects
        )
        if rights:
            permissions += (Permission("system", "/", None, rights),)
        now, id = self.clock(), self.next_id("robot")
        robot = Robot(
            id, name, "system", secret or robot_secrets.generate_secret(), permissions, now, now
        )
        self.robots[id] = robot
        return robot

    def robot_login(self, robot: Robot) -> str:
        """Return the login name. The prefix is a setting: changing it renames all robots."""
        return self.settings.robot_name_prefix + robot.stored
