"""Tables of registries whose storage is counted; compact, since there are many tags."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from models.tables.types import UtcDateTime

_COMPACT = {"sqlite_with_rowid": False}
"""SQLite keeps the rows in the index of the primary key."""


class SweepRow(SQLModel, table=True):
    """How far the sweep of one registry is, see `SweepProgress`."""

    __tablename__ = "storage_sweep"

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    stage: str
    repository: str = ""
    tag: str = ""
    invalid_name_count: int = 0
    slice_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    published_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class RepositoryRow(SQLModel, table=True):
    """One repository of one registry; `tags` is None before they were listed, see `pack_tags`."""

    __tablename__ = "repository"
    __table_args__ = _COMPACT

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    name: str = Field(primary_key=True)
    tags: bytes | None = None
    invalid_tag_count: int = 0


class ManifestRow(SQLModel, table=True):
    """What one manifest refers to, see `pack_manifest`; None if it cannot be used.

    A digest has the same content for ever, so a row is never changed.
    """

    __tablename__ = "manifest"
    __table_args__ = _COMPACT

    registry_name: str = Field(primary_key=True, foreign_key="registry.name", ondelete="CASCADE")
    digest: bytes = Field(primary_key=True)
    content: bytes | None = None
