"""Repositories, manifests and the progress of a sweep, on both databases."""

from datetime import timedelta

import pytest

from models.images.manifest import Manifest
from models.images.repository import Repository
from models.images.sweep import Stage, SweepProgress
from models.registries.registry import Kind
from models.tables import ManifestRow, RepositoryRow, SweepRow
from tasks.store.registries import images
from tasks.store.registries.registries import get_registry
from tasks.store.session import run_in_transaction
from tests.support.builders import NOW, registry
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

NAME = "prod"
KEYS = tuple(number.to_bytes(32) for number in range(1, 4))


@pytest.fixture(autouse=True)
def integrated(database: str) -> None:
    integrate(registry(Kind.DOCKER))


def _repositories(start: str = "", limit: int = 10, *, inclusive: bool = False) -> list[Repository]:
    return list(
        run_in_transaction(images.list_repositories, NAME, start, limit=limit, inclusive=inclusive)
    )


def test_a_complete_list_adds_and_deletes_and_keeps_tags() -> None:
    run_in_transaction(images.update_names, NAME, {"a/x", "b", "c"})
    tagged = Repository(name="b", tags={"v1": KEYS[0], "v2": None}, invalid_tag_count=2)
    run_in_transaction(images.save_repositories, NAME, [tagged])
    run_in_transaction(images.update_names, NAME, {"b", "c", "d"})
    assert _repositories() == [tagged, Repository(name="c"), Repository(name="d")]
    assert _repositories("b", 1) == [Repository(name="c")]
    assert _repositories("b", 1, inclusive=True) == [tagged]


def test_more_names_than_one_statement_takes() -> None:
    names = {f"team/{number:04}" for number in range(1_200)}
    run_in_transaction(images.update_names, NAME, names)
    assert len(rows(RepositoryRow)) == 1_200
    run_in_transaction(images.update_names, NAME, {"team/0007"})
    assert [row.name for row in rows(RepositoryRow)] == ["team/0007"]


def test_manifests() -> None:
    manifest = Manifest(size=7, children=(KEYS[1],), blobs=((KEYS[2], 2**42),))
    run_in_transaction(images.save_manifests, NAME, {KEYS[0]: manifest, KEYS[1]: None})
    stored = run_in_transaction(images.get_manifests, NAME, KEYS)
    assert stored == {KEYS[0]: manifest, KEYS[1]: None}
    assert run_in_transaction(images.sum_content, NAME) == len(manifest.packed)
    assert run_in_transaction(images.list_digests, NAME, KEYS[0], 5) == [KEYS[1]]
    run_in_transaction(images.delete_manifests, NAME, {KEYS[0]})
    assert run_in_transaction(images.list_digests, NAME, b"", 5) == [KEYS[1]]
    assert run_in_transaction(images.sum_content, NAME) == 0


def test_progress() -> None:
    assert run_in_transaction(images.get_progress, NAME) == SweepProgress()
    progress = SweepProgress(
        stage=Stage.RESOLVE, repository="a", tag="v1", invalid_name_count=3, slice_at=NOW
    )
    due_at = NOW + timedelta(minutes=1)
    assert run_in_transaction(images.save_progress, NAME, progress, due_at)
    assert run_in_transaction(images.get_progress, NAME) == progress
    assert run_in_transaction(get_registry, NAME).storage_due_at == due_at
    assert not run_in_transaction(images.save_progress, "gone", progress, due_at)


def test_a_sweep_that_cannot_begin_says_why() -> None:
    run_in_transaction(images.postpone, NAME, NOW, "no catalog")
    record = run_in_transaction(get_registry, NAME)
    assert (record.storage_due_at, record.storage_note) == (NOW, "no catalog")


def test_everything_that_was_counted_is_deleted() -> None:
    run_in_transaction(images.save_progress, NAME, SweepProgress(), NOW)
    run_in_transaction(images.update_names, NAME, {"a"})
    run_in_transaction(images.save_manifests, NAME, {KEYS[0]: None})
    run_in_transaction(images.delete_count, NAME)
    assert [rows(kind) for kind in (SweepRow, RepositoryRow, ManifestRow)] == [[], [], []]
    assert run_in_transaction(get_registry, NAME).storage_due_at is None


def test_repositories_with_very_many_tags_come_in_small_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "_MAX_TAG_BYTES", 100)
    names = [f"team/{number}" for number in range(6)]
    tags = {f"v{number}": KEYS[0] for number in range(3)}  # 105 bytes
    run_in_transaction(images.update_names, NAME, names)
    large = [Repository(name=name, tags=tags) for name in names[:3]]
    run_in_transaction(images.save_repositories, NAME, large)
    groups, start = [], ""
    while group := _repositories(start):
        groups.append([repository.name for repository in group])
        start = group[-1].name
    assert groups == [names[:2], names[2:4], names[4:]]
