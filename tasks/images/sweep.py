"""Count the storage of a registry that does not report it, one slice of its sweep at a time.

What a slice has read is saved after every batch, together with the position, so the next slice
goes on there, also after a kill.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice, takewhile
from typing import NamedTuple

from sqlmodel import Session

from models.core.errors import RemoteError
from models.core.settings import get_settings
from models.images.count import missing_manifests
from models.images.manifest import Manifest, parse_manifest
from models.images.repository import Repository
from models.images.sweep import (
    MAX_STORED_BYTES,
    SLICE_SECONDS,
    Stage,
    SweepProgress,
    slice_requests,
    throttle_pause,
)
from tasks import clock
from tasks.images.budget import Answer, SliceBudget
from tasks.images.count import publish_count
from tasks.registries.protocol import ImageReader
from tasks.store.leases import lease
from tasks.store.registries import images
from tasks.store.session import in_transaction

_BATCH_SIZE = 100
"""Tags that are read before they are saved."""

_LIST_BATCH_SIZE = 20
"""Repositories whose tags are listed before they are saved: each may have 20,000."""

_REQUESTS_PER_TAG = 4
"""Most requests of a tag: its digest is refused, a token, its digest, and its manifest."""


async def sweep_slice(registry: str, reader: ImageReader, seconds: float = SLICE_SECONDS) -> None:
    """Do one slice of the sweep of a registry, and publish its figures if that is due.

    Args:
        registry: name of the registry.
        reader: reads its images.
        seconds: time in which requests begin.

    Raises:
        LeaseHeld: another run does a slice.
        RemoteError: the repositories could not be listed.
    """
    settings, now = get_settings(), clock.now()
    async with lease(f"storage/{registry}"):
        progress = await in_transaction(images.get_progress, registry)
        requests = slice_requests(progress, settings.storage_requests_per_minute, now)
        if not requests:
            return
        budget = SliceBudget(reader, requests, seconds, settings.requests_at_once)
        progress = progress.model_copy(update={"slice_at": now})
        sweep = _Sweep(registry, reader, budget, progress)
        await sweep.run()
        if sweep.progress.is_publication_due(settings.storage_interval, clock.now()):
            await publish_count(registry, sweep.progress, sweep.due_at)


class _Job(NamedTuple):
    """A tag to read."""

    repository: Repository
    tag: str


class _Sweep:
    """One slice of a sweep.

    Args:
        registry: name of the registry.
        reader: reads its images.
        budget: requests and time of this slice.
        progress: where to go on.
    """

    def __init__(
        self, registry: str, reader: ImageReader, budget: SliceBudget, progress: SweepProgress
    ) -> None:
        self._registry, self._reader, self._budget = registry, reader, budget
        self._stored_bytes = 0
        self.progress = progress

    @property
    def due_at(self) -> datetime | None:
        """When the sweep goes on; None if it has ended."""
        return None if self.progress.stage is Stage.DONE else clock.now() + self._budget.pause

    async def run(self) -> None:
        """Read until the sweep has ended or the slice is over."""
        if self.progress.stage is Stage.DONE:
            await self._start()
        self._stored_bytes = await in_transaction(images.sum_content, self._registry)
        while not self._budget.is_over and self.progress.stage is Stage.LIST:
            await self._list_batch()
        while not self._budget.is_over and self.progress.stage is Stage.RESOLVE:
            await self._resolve_batch()
        await self._save(self.progress)

    async def _start(self) -> None:
        try:
            listed = await self._reader.list_repositories()
        except RemoteError as error:
            pause = throttle_pause(error) or get_settings().storage_interval
            await in_transaction(
                images.postpone, self._registry, clock.now() + pause, error.message
            )
            raise
        progress = self.progress.moved(stage=Stage.LIST)
        progress = progress.model_copy(update={"invalid_name_count": listed.invalid_count})
        await self._save(progress, names=listed.names)

    async def _list_batch(self) -> None:
        position = self.progress.repository
        repositories = await in_transaction(
            images.list_repositories, self._registry, position, limit=_LIST_BATCH_SIZE
        )
        if not repositories:
            await self._save(self.progress.moved(stage=Stage.RESOLVE))
            return
        answers = await asyncio.gather(
            *(
                self._budget.run(partial(self._reader.list_tags, repository.name))
                for repository in repositories
            )
        )
        changed = []
        for repository, answer in zip(repositories, answers, strict=True):
            if answer is None:
                break
            position = repository.name
            if answer.value is not None:
                listed = repository.with_listed_tags(answer.value)
                changed += [listed] if listed != repository else []
        await self._save(self.progress.moved(position), changed)

    async def _resolve_batch(self) -> None:
        repositories = await in_transaction(
            images.list_repositories,
            self._registry,
            self.progress.repository,
            limit=_BATCH_SIZE,
            inclusive=True,
        )
        # A batch fits into the slice: what is read of a tag in vain would be read again.
        size = max(1, min(_BATCH_SIZE, self._budget.remaining // _REQUESTS_PER_TAG))
        all_jobs = (job for repository in repositories for job in self._jobs(repository))
        jobs = list(islice(all_jobs, size))
        if jobs:
            await self._resolve(jobs)
        elif repositories and repositories[-1].name != self.progress.repository:
            await self._save(self.progress.moved(repositories[-1].name))
        else:
            await self._save(self.progress.moved(stage=Stage.DONE))

    def _jobs(self, repository: Repository) -> Iterable[_Job]:
        start = self.progress.tag if repository.name == self.progress.repository else ""
        return (_Job(repository, tag) for tag in sorted(repository.tags or {}) if tag > start)

    async def _resolve(self, jobs: Sequence[_Job]) -> None:
        answers = await asyncio.gather(*(self._read_digest(job) for job in jobs))
        sources = {
            answer.value: job.repository.name
            for job, answer in zip(jobs, answers, strict=True)
            if answer is not None and answer.value is not None
        }
        known, failed = await self._known_manifests(sources), set[bytes]()
        new_manifests = await self._read_manifests(sources, known, failed)

        def is_finished(work: tuple[_Job, Answer[bytes | None] | None]) -> bool:
            answer = work[1]
            if answer is None or answer.value is None:
                return answer is not None
            return missing_manifests([answer.value], known) <= failed

        finished = list(takewhile(is_finished, zip(jobs, answers, strict=True)))
        progress = self.progress
        if finished:
            last_job = finished[-1][0]
            progress = progress.moved(last_job.repository.name, last_job.tag)
        await self._save(progress, _changed_repositories(jobs, answers), new_manifests)

    async def _read_digest(self, job: _Job) -> Answer[bytes | None] | None:
        return await self._budget.run(
            partial(self._reader.read_digest, job.repository.name, job.tag)
        )

    async def _known_manifests(self, digests: Iterable[bytes]) -> dict[bytes, Manifest | None]:
        return await in_transaction(images.get_manifests, self._registry, tuple(digests))

    async def _read_manifests(
        self,
        sources: dict[bytes, str],
        known: dict[bytes, Manifest | None],
        failed: set[bytes],
    ) -> dict[bytes, Manifest | None]:
        """Read the manifests below tags that are not known, level by level.

        Args:
            sources: repository to read each manifest from, by digest; children are added.
            known: the manifests that are known; those that are read are added.
            failed: receives the digests that could not be read.

        Returns:
            The manifests that were read.
        """
        roots, new_manifests = tuple(sources), dict[bytes, Manifest | None]()
        while missing := missing_manifests(roots, known) - failed:
            _add_children(sources, known)
            known.update(await self._known_manifests(missing))
            unread = sorted(missing.difference(known))
            answers = await asyncio.gather(
                *(self._read_manifest(sources[digest], digest) for digest in unread)
            )
            for digest, answer in zip(unread, answers, strict=True):
                if answer is None:
                    continue
                if answer.has_failed or answer.value is None:
                    failed.add(digest)
                else:
                    new_manifests[digest] = known[digest] = parse_manifest(answer.value)
            if None in answers:
                break
        return new_manifests

    async def _read_manifest(self, repository: str, digest: bytes) -> Answer[bytes] | None:
        if self._stored_bytes > MAX_STORED_BYTES:
            return Answer(has_failed=True)
        answer = await self._budget.run(partial(self._reader.read_manifest, repository, digest))
        self._stored_bytes += len(answer.value) // 2 if answer and answer.value else 0
        return answer

    async def _save(
        self,
        progress: SweepProgress,
        repositories: Sequence[Repository] = (),
        manifests: Mapping[bytes, Manifest | None] | None = None,
        *,
        names: frozenset[str] | None = None,
    ) -> None:
        self.progress = progress
        await in_transaction(
            _save_batch,
            self._registry,
            progress,
            self.due_at,
            repositories,
            manifests or {},
            names,
        )


def _add_children(sources: dict[bytes, str], known: Mapping[bytes, Manifest | None]) -> None:
    for digest, repository in tuple(sources.items()):
        manifest = known.get(digest)
        for child in manifest.children if manifest else ():
            sources.setdefault(child, repository)


def _changed_repositories(
    jobs: Sequence[_Job], answers: Sequence[Answer[bytes | None] | None]
) -> list[Repository]:
    """Return the repositories with a tag that does not exist, or refers to another manifest."""
    digests: dict[str, dict[str, bytes | None]] = {}
    repositories = {job.repository.name: job.repository for job in jobs}
    for job, answer in zip(jobs, answers, strict=True):
        if answer is not None and not answer.has_failed:
            digests.setdefault(job.repository.name, {})[job.tag] = answer.value
    updated = {name: repositories[name].with_digests(tags) for name, tags in digests.items()}
    return [repository for name, repository in updated.items() if repository != repositories[name]]


def _save_batch(
    session: Session,
    registry: str,
    progress: SweepProgress,
    due_at: datetime | None,
    repositories: Sequence[Repository],
    manifests: Mapping[bytes, Manifest | None],
    names: frozenset[str] | None,
) -> None:
    if not images.save_progress(session, registry, progress, due_at):
        return
    if names is not None:
        images.update_names(session, registry, names)
    images.save_repositories(session, registry, repositories)
    images.save_manifests(session, registry, manifests)
