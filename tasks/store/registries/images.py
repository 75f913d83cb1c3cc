"""Repositories, tags and manifests of a registry whose storage is counted."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

from sqlalchemy import func, update
from sqlmodel import Session, col, delete, select

from models.images.manifest import Manifest
from models.images.repository import Repository
from models.images.sweep import SweepProgress
from models.tables import ManifestRow, RegistryRow, RepositoryRow, SpaceRow, SweepRow
from tasks.store.upsert import upsert

_MAX_TAG_BYTES = 4_000_000
"""Stored tags of the repositories that are loaded together: about 80,000 tags."""

_CHUNK = 500
"""Values of one IN list."""


def get_progress(session: Session, registry: str) -> SweepProgress:
    """Return how far the sweep of a registry is."""
    row = session.get(SweepRow, registry)
    return SweepProgress(**row.model_dump(exclude={"registry_name"})) if row else SweepProgress()


def save_progress(
    session: Session, registry: str, progress: SweepProgress, due_at: datetime | None
) -> bool:
    """Save how far a sweep is, and when it goes on.

    Call this before anything else is saved for the sweep: it locks the row of the registry.

    Returns:
        False if the registry was removed, or its count switched off: nothing may be saved for it.
    """
    row = session.get(RegistryRow, registry, with_for_update=True)
    if row is None or not row.count_storage:
        return False
    if row.storage_due_at != due_at:
        row.storage_due_at = due_at
        session.add(row)
    values = {**progress.model_dump(), "stage": progress.stage.value}
    upsert(session, SweepRow, [{"registry_name": registry, **values}])
    return True


def postpone(session: Session, registry: str, due_at: datetime, note: str) -> None:
    """Let the next sweep begin later, and save why there is none now."""
    row = session.get(RegistryRow, registry, with_for_update=True)
    if row is not None and row.count_storage:
        row.storage_due_at, row.storage_note = due_at, note
        session.add(row)


def update_names(session: Session, registry: str, names: Collection[str]) -> None:
    """Save the complete list of repositories: new ones are added, others deleted."""
    query = select(RepositoryRow.name).where(col(RepositoryRow.registry_name) == registry)
    recorded = set(session.exec(query))
    for chunk in _chunks(sorted(recorded.difference(names))):
        session.exec(
            delete(RepositoryRow).where(
                col(RepositoryRow.registry_name) == registry, col(RepositoryRow.name).in_(chunk)
            )
        )
    new_names = sorted(set(names).difference(recorded))
    save_repositories(session, registry, [Repository(name=name) for name in new_names])


def list_repositories(
    session: Session, registry: str, start: str = "", *, limit: int, inclusive: bool = False
) -> tuple[Repository, ...]:
    """Return repositories in the order of their names, at least two if there are two.

    Those with very many tags come in smaller groups, so that the memory is bounded.

    Args:
        registry: name of the registry.
        start: name to start after.
        limit: maximum number.
        inclusive: whether to start with `start` itself.
    """
    name, tags = col(RepositoryRow.name), col(RepositoryRow.tags)
    is_selected = (
        col(RepositoryRow.registry_name) == registry,
        name >= start if inclusive else name > start,
    )
    sizes = session.exec(
        select(RepositoryRow.name, func.length(tags))
        .where(*is_selected)
        .order_by(name)
        .limit(limit)
    ).all()
    total_sizes = accumulate(size or 0 for _, size in sizes)
    count = max(2, sum(total <= _MAX_TAG_BYTES for total in total_sizes))
    query = select(RepositoryRow).where(*is_selected).order_by(name).limit(min(count, limit))
    return tuple(
        Repository.from_packed(row.name, row.tags, row.invalid_tag_count)
        for row in session.exec(query)
    )


def save_repositories(session: Session, registry: str, repositories: Iterable[Repository]) -> None:
    """Save repositories with their tags."""
    rows = [
        {
            "registry_name": registry,
            "name": repository.name,
            "tags": repository.packed_tags,
            "invalid_tag_count": repository.invalid_tag_count,
        }
        for repository in repositories
    ]
    upsert(session, RepositoryRow, rows)


def get_manifests(
    session: Session, registry: str, digests: Iterable[bytes]
) -> dict[bytes, Manifest | None]:
    """Return the manifests on record of these digests; None for one that cannot be used."""
    manifests: dict[bytes, Manifest | None] = {}
    for chunk in _chunks(list(digests)):
        query = select(ManifestRow.digest, ManifestRow.content).where(
            col(ManifestRow.registry_name) == registry, col(ManifestRow.digest).in_(chunk)
        )
        for digest, content in session.exec(query):
            manifests[digest] = None if content is None else Manifest.from_packed(content)
    return manifests


def save_manifests(
    session: Session, registry: str, manifests: Mapping[bytes, Manifest | None]
) -> None:
    """Save manifests that were read for the first time."""
    rows = [
        {
            "registry_name": registry,
            "digest": digest,
            "content": None if manifest is None else manifest.packed,
        }
        for digest, manifest in manifests.items()
    ]
    upsert(session, ManifestRow, rows)


def list_digests(session: Session, registry: str, start: bytes, limit: int) -> Sequence[bytes]:
    """Return the digests of manifests on record after `start`, in order."""
    digest = col(ManifestRow.digest)
    query = (
        select(ManifestRow.digest)
        .where(col(ManifestRow.registry_name) == registry, digest > start)
        .order_by(digest)
        .limit(limit)
    )
    return session.exec(query).all()


def delete_manifests(session: Session, registry: str, digests: Collection[bytes]) -> None:
    """Delete manifests that no tag refers to any more."""
    for chunk in _chunks(sorted(digests)):
        session.exec(
            delete(ManifestRow).where(
                col(ManifestRow.registry_name) == registry, col(ManifestRow.digest).in_(chunk)
            )
        )


def sum_content(session: Session, registry: str) -> int:
    """Return the bytes that the manifests of a registry take in the database."""
    query = select(func.sum(func.length(ManifestRow.content))).where(
        col(ManifestRow.registry_name) == registry
    )
    return int(session.exec(query).one() or 0)


def delete_count(session: Session, registry: str) -> None:
    """Delete everything that was counted for a registry; its storage is unknown then."""
    for table in (SweepRow, RepositoryRow, ManifestRow):
        session.exec(delete(table).where(col(table.registry_name) == registry))
    values = {"storage_used": None, "storage_counted": None, "storage_tags": None}
    spaces = update(SpaceRow).where(col(SpaceRow.registry_name) == registry)
    session.exec(spaces.values(values))
    registries = update(RegistryRow).where(col(RegistryRow.name) == registry)
    session.exec(registries.values(**values, storage_due_at=None, storage_read_at=None))


def _chunks(values: Sequence[bytes] | Sequence[str]) -> Iterator[Sequence[bytes] | Sequence[str]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
