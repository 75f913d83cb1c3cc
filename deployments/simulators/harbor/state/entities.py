"""Data model of a simulated Harbor. Tests can read and change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class User:
    """A local account."""

    id: int
    name: str
    password: str
    created: datetime
    updated: datetime
    email: str = ""
    realname: str = ""
    comment: str = ""
    sysadmin: bool = False


@dataclass(slots=True)
class Member:
    """A user's role in one project: `policies.PROJECT_ADMIN` or `policies.DEVELOPER`."""

    id: int
    user_id: int
    role: int


@dataclass(slots=True)
class Quota:
    """Storage limit and usage of a project, in bytes; -1 means unlimited."""

    id: int
    project_id: int
    created: datetime
    updated: datetime
    hard: int = -1
    used: int = 0


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest, and the digests of the blobs that it names."""

    digest: str
    media_type: str
    manifest: bytes
    blobs: frozenset[str]


@dataclass(slots=True)
class Repository:
    """A repository; `name` includes the project."""

    id: int
    name: str
    project_id: int
    created: datetime
    updated: datetime
    pull_count: int = 0
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, reference: str) -> Artifact | None:
        """Return the artifact with this digest or tag."""
        return self.artifacts.get(self.tags.get(reference, reference))


@dataclass(slots=True)
class Project:
    """A project. `metadata` holds strings only; a missing `public` means private."""

    id: int
    name: str
    owner_id: int
    owner_name: str
    created: datetime
    updated: datetime
    allowlist_id: int
    metadata: dict[str, str] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, int] = field(default_factory=dict)
    quota: Quota | None = None
    registry_id: int | None = None
    seeded_storage: int = 0
    json_cache: tuple[object, bytes, bytes] | None = field(default=None, repr=False)

    @property
    def public(self) -> bool:
        """Whether the project is public."""
        return self.metadata.get("public") == "true"

    @public.setter
    def public(self, value: bool) -> None:
        self.metadata["public"] = "true" if value else "false"

    def role_of(self, user_id: int) -> int | None:
        """Return the role of a user; None if not a member."""
        for member in self.members:
            if member.user_id == user_id:
                return member.role
        return None


@dataclass(frozen=True, slots=True)
class Permission:
    """Rights of a robot in one namespace. `project_id` None means `*` or the system."""

    kind: str
    namespace: str
    project_id: int | None
    access: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Robot:
    """A robot account. `stored` is its name without the prefix: `ws-1` or `demo+p1`."""

    id: int
    stored: str
    level: str
    secret: str
    permissions: tuple[Permission, ...]
    created: datetime
    updated: datetime
    project_id: int = 0
    description: str = ""
    duration: int = -1
    expires_at: int = -1
    disable: bool = False
    creator_ref: int = 1
    creator_type: str = "local"
