"""The simulated Harbor: its state, and methods to change it without HTTP."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from deployments.simulators.harbor import robot_secrets
from deployments.simulators.harbor.collections import ProjectCollection, RobotCollection
from deployments.simulators.harbor.distribution import content
from deployments.simulators.harbor.log import HarborRequestLog
from deployments.simulators.harbor.settings import HarborSettings
from deployments.simulators.harbor.state import (
    Artifact,
    HarborAuditEntry,
    Member,
    Permission,
    Project,
    Quota,
    RemoteRegistry,
    Repository,
    Robot,
    Upload,
    User,
)

if TYPE_CHECKING:
    from deployments.simulators.harbor.web.asgi import HarborApp


def current_time() -> datetime:
    """Return the current time; the default clock."""
    return datetime.now(UTC)


def _parse_pairs(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((text.partition(":")[0], text.partition(":")[2]) for text in texts)


class SimulatedHarbor:
    """A Harbor core in memory. `app` serves it; tests can change all other state."""

    def __init__(
        self,
        admin_password: str = "Harbor12345",  # noqa: S107 - default password of Harbor
        version: str = "v2.16.0-c50c7ddd",
        external_url: str = "http://harbor.test",
        *,
        auth_mode: str = "db_auth",
        read_only: bool = False,
        project_creation_restriction: str = "everyone",
        quota_per_project_enable: bool = True,
        robot_name_prefix: str = "robot$",
        password_seconds: float = 0.0,
        lockout_seconds: float = 1.5,
        quota_row_seconds: float = 0.0,
        database_up: bool = True,
        unhealthy: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = current_time,
    ) -> None:
        self.version = version
        self.external_url = external_url.rstrip("/")
        self.settings = HarborSettings(
            auth_mode=auth_mode,
            read_only=read_only,
            project_creation_restriction=project_creation_restriction,
            quota_per_project_enable=quota_per_project_enable,
            robot_name_prefix=robot_name_prefix,
        )
        # Delays of a real one: hash a local user's password, a wrong password, and a quota row.
        self.password_seconds = password_seconds
        self.lockout_seconds = lockout_seconds
        self.quota_row_seconds = quota_row_seconds
        self.database_up = database_up
        self.unhealthy_components: dict[str, str] = dict(unhealthy or {})
        self.clock = clock
        self.projects = ProjectCollection()
        self.robots = RobotCollection()
        self.quotas: dict[int, Quota] = {}
        self.users: dict[int, User] = {}
        self.registries: dict[int, RemoteRegistry] = {}
        self.blobs: dict[str, bytes] = {}
        self.uploads: dict[str, Upload] = {}
        self.audit: list[HarborAuditEntry] = []
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
    def log(self) -> HarborRequestLog:
        """The request log; the same list as `requests`."""
        return self.requests

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.lstrip("v").split(".")[:2]
        return int(major), int(minor)

    @cached_property
    def app(self) -> HarborApp:
        """The ASGI application."""
        # Late import: the modules of the app import this module.
        from deployments.simulators.harbor.web.asgi import HarborApp  # noqa: PLC0415

        return HarborApp(self)

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
        registry_id: int | None = None,
    ) -> Project:
        """Create a project without validation; fast enough for ten thousand."""
        user = self.find_user(owner)
        if user is None:
            raise KeyError(f"no user {owner!r} in this Harbor")
        now = self.clock()
        project = Project(
            self.next_id("project"), name, user.id, user.name, now, now, self.next_id("allowlist"),
            metadata={"public": "true" if public else "false", **(metadata or {})},
            members=[Member(self.next_id("member"), user.id, 1)],
            registry_id=registry_id, seeded_storage=storage_used,
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

    def add_image(
        self, repository: str, tag: str, layers: Iterable[bytes] = (b"layer",)
    ) -> Artifact:
        """Push an image as a client does: layers, config and manifest, within the quota."""
        project = self.projects[repository.split("/", 1)[0]]
        config = json.dumps({"architecture": "amd64", "os": "linux"}).encode()
        parts = list(layers)
        for data in (*parts, config):
            content.store_blob(self, project, data)
        manifest = content.image_manifest(config, parts)
        return content.store_manifest(
            self, project, repository, tag, manifest, content.MANIFEST_MEDIA_TYPE
        )

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

    def record(
        self, user: str, operation: str, kind: str, resource: str, *,
        success: bool = True, project_id: int | None = None, text: str | None = None,
    ) -> None:  # fmt: skip
        """Append an entry to the audit log."""
        if self.settings.skip_audit_log_database:
            return
        entry = HarborAuditEntry(
            self.next_id("audit"), self.clock(), operation,
            text or f"{operation} {kind}: {resource}", success, resource, kind, user, project_id,
        )  # fmt: skip
        self.audit.append(entry)
