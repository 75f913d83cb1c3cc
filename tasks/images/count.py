"""Add up what the sweep of a registry has read, and save the figures."""

import asyncio
from datetime import datetime

from sqlmodel import Session

from models.images.count import StorageCount, missing_manifests
from models.images.manifest import Manifest
from models.images.repository import Repository
from models.images.sweep import Stage, SweepProgress
from models.registries.observation import StorageReading
from tasks import clock
from tasks.store.registries import images, statistics
from tasks.store.session import in_transaction

_BATCH_SIZE = 100
"""Repositories of one transaction: a longer one would block others on SQLite."""

_DIGEST_PAGE_SIZE = 10_000


async def publish_count(registry: str, progress: SweepProgress, due_at: datetime | None) -> None:
    """Save the figures of a registry; after a complete sweep, delete manifests without a tag.

    Args:
        registry: name of the registry.
        progress: how far its sweep is.
        due_at: when the sweep goes on.
    """
    count, used_digests = StorageCount(progress.invalid_name_count), set[bytes]()
    name = ""
    while batch := await in_transaction(_load_batch, registry, name):
        await asyncio.to_thread(_add_batch, count, batch)  # it may take seconds
        for repository, manifests in batch:
            used_digests.update(manifests)
            name = repository.name
    published = progress.model_copy(update={"published_at": clock.now()})
    await in_transaction(_save_count, registry, published, due_at, count.reading())
    if progress.stage is Stage.DONE:
        await _delete_unused_manifests(registry, used_digests)


def _add_batch(
    count: StorageCount, batch: list[tuple[Repository, dict[bytes, Manifest | None]]]
) -> None:
    for repository, manifests in batch:
        count.add_repository(repository, manifests)


def _load_batch(
    session: Session, registry: str, start: str
) -> list[tuple[Repository, dict[bytes, Manifest | None]]]:
    repositories = images.list_repositories(session, registry, start, limit=_BATCH_SIZE)
    roots = {d for repository in repositories for d in (repository.tags or {}).values() if d}
    manifests: dict[bytes, Manifest | None] = {}
    while stored := images.get_manifests(session, registry, missing_manifests(roots, manifests)):
        manifests.update(stored)
    return [(repository, manifests) for repository in repositories]


def _save_count(
    session: Session,
    registry: str,
    progress: SweepProgress,
    due_at: datetime | None,
    reading: StorageReading,
) -> None:
    if images.save_progress(session, registry, progress, due_at):
        statistics.save_storage(session, registry, reading, clock.now())


async def _delete_unused_manifests(registry: str, used_digests: set[bytes]) -> None:
    digest = b""
    while page := await in_transaction(images.list_digests, registry, digest, _DIGEST_PAGE_SIZE):
        if unused := set(page) - used_digests:
            await in_transaction(images.delete_manifests, registry, unused)
        digest = page[-1]
