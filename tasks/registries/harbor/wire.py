"""API models of Harbor, without I/O.

Vendor: https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter

from models.registries.observation import SpaceStorage
from models.registries.space import ObservedSpace, Visibility
from tasks.http.api_model import list_adapter
from tasks.registries.wire import RegistryModel

_MAX_INT64 = 2**63 - 1
"""Maximum of a bigint column, in Harbor's database and in this service's."""

_NAME_PATTERN = r"^[^\s\x00-\x1f\x7f\ufffd]+$"
"""Loose; a name with replaced characters (U+FFFD) is invalid, since another may look the same."""


def _to_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is out of range") from None


UtcTime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""Harbor returns times in UTC, with millisecond precision."""


class SystemInfo(RegistryModel):
    """GET /systeminfo; since 2.13, anonymous callers do not get the version."""

    harbor_version: str | None = None
    read_only: bool | None = None
    auth_mode: str | None = None


class User(RegistryModel):
    """GET /users/current."""

    username: str
    sysadmin_flag: bool = False
    admin_role_in_auth: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether the user is a system administrator, by flag or by an LDAP or OIDC group."""
        return self.sysadmin_flag or self.admin_role_in_auth


class Component(RegistryModel):
    """One component of GET /health."""

    name: str
    status: str
    error: str = ""


class HealthResponse(RegistryModel):
    """GET /health; always answered 200, cached for up to 10 s."""

    status: str
    components: list[Component]

    @property
    def unhealthy(self) -> dict[str, str]:
        """Error messages of the components that are not healthy, by name."""
        return {
            component.name: component.error
            for component in self.components
            if component.status != "healthy"
        }


class Statistics(RegistryModel):
    """GET /statistics; only system administrators get the totals."""

    total_project_count: int
    total_storage_consumption: int = Field(default=0, ge=0, le=_MAX_INT64)


class Project(RegistryModel):
    """One item of GET /projects; metadata values are strings, and `public` may be missing."""

    project_id: int = Field(ge=1, le=_MAX_INT64)
    name: str = Field(max_length=255, pattern=_NAME_PATTERN)
    creation_time: UtcTime | None = None
    metadata: dict[str, str] | None = None
    repo_count: int = Field(default=0, ge=0, le=2**31 - 1)

    @property
    def visibility(self) -> Visibility:
        """Whether it is public; Harbor sets no `public` for some private projects."""
        public = (self.metadata or {}).get("public", "").lower() in {"true", "1"}
        return Visibility.PUBLIC if public else Visibility.PRIVATE

    def to_text(self) -> str:
        """Return what matters of the project, in a form that needs little memory and time."""
        created_at = self.creation_time.isoformat() if self.creation_time else ""
        values = f"{self.visibility.value} {self.repo_count} {created_at}"
        return f"{self.project_id} {self.name} {values}"


def to_observed_space(text: str) -> ObservedSpace:
    """Convert the text of a project, see `Project.to_text`."""
    project_id, name, visibility, repo_count, created_at = text.split(" ")
    return ObservedSpace(
        name=name,
        remote_id=int(project_id),
        created_at=datetime.fromisoformat(created_at) if created_at else None,
        visibility=Visibility(visibility),
        repositories=int(repo_count),
    )


class _Ref(RegistryModel):
    name: str | None = None


class _Storage(RegistryModel):
    storage: int = Field(ge=-1, le=_MAX_INT64)


class Quota(RegistryModel):
    """One item of GET /quotas; `ref` may be empty."""

    id: int
    ref: _Ref = _Ref()
    hard: _Storage
    used: _Storage

    def to_space_storage(self) -> SpaceStorage | None:
        """Convert to a `SpaceStorage`; None if `ref` has no project name."""
        if not self.ref.name:
            return None
        return SpaceStorage(name=self.ref.name, used=self.used.storage, limit=self.hard.storage)


class _Flag(RegistryModel):
    value: bool = False


class Configurations(RegistryModel):
    """GET /configurations: only the setting that enables project quotas."""

    quota_per_project_enable: _Flag = _Flag()


PROJECTS_ADAPTER = list_adapter(Project)
QUOTAS_ADAPTER = list_adapter(Quota)
SYSTEM_INFO_ADAPTER = TypeAdapter(SystemInfo)
USER_ADAPTER = TypeAdapter(User)
COMPONENTS_ADAPTER = TypeAdapter(HealthResponse)
STATISTICS_ADAPTER = TypeAdapter(Statistics)
CONFIGURATIONS_ADAPTER = TypeAdapter(Configurations)
