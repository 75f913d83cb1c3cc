"""Each distinct blob counts once per registry and once per space, and only what is known."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.availability import Complete
from models.images.count import (
    MAX_DEPTH,
    Manifests,
    StorageCount,
    collect_blobs,
    missing_manifests,
)
from models.images.manifest import MAX_BLOB_BYTES, Manifest
from models.images.repository import Repository
from models.registries.observation import Coverage, SpaceStorage, StorageReading
from tests.models.images.test_manifest import blobs, key

A, B, LIST = key(100), key(101), key(102)
IMAGES: Manifests = {
    A: Manifest(size=1, blobs=blobs((1, 10), (2, 200))),
    B: Manifest(size=2, blobs=blobs((1, 10), (3, 3000))),
    LIST: Manifest(size=5, children=(A, B)),
}


def count(
    *repositories: Repository, manifests: Manifests = IMAGES, invalid: int = 0
) -> StorageReading:
    result = StorageCount(invalid)
    for repository in repositories:
        result.add_repository(repository, manifests)
    return result.reading()


def used_by_space(reading: StorageReading) -> dict[str, int | None]:
    assert isinstance(reading.spaces, Complete)
    return {space.name: space.used for space in reading.spaces.items}


def repository(name: str = "team/app", invalid: int = 0, **tags: bytes | None) -> Repository:
    return Repository(name=name, tags=tags, invalid_tag_count=invalid)


ALL = 1 + 2 + 5 + 10 + 200 + 3000


@pytest.mark.parametrize(
    ("repositories", "total", "spaces", "coverage"),
    [
        ([], 0, {}, (0, 0)),
        ([repository(v1=A)], 211, {"team": 211}, (1, 1)),
        ([repository(v1=A, latest=A)], 211, {"team": 211}, (2, 2)),
        ([repository(v1=A, v2=B)], ALL - 5, {"team": ALL - 5}, (2, 2)),
        ([repository(v1=A, all=LIST)], ALL, {"team": ALL}, (2, 2)),
        ([repository(v1=A), repository("team/b", v1=A)], 211, {"team": 211}, (2, 2)),
        # shared between spaces: once in each, once in the registry
        (
            [repository(v1=A), repository("b/x", v1=B), repository("root", v1=A)],
            ALL - 5,
            {"team": 211, "b": 3012, "/": 211},
            (3, 3),
        ),
        ([repository()], 0, {"team": 0}, (0, 0)),
        # unknown is not zero
        ([Repository(name="team/app")], None, {"team": None}, (0, 1)),
        ([repository(v1=None)], None, {"team": None}, (0, 1)),
        ([repository(v1=key(999))], None, {"team": None}, (0, 1)),
        ([repository(v1=A, v2=None, v3=key(999))], 211, {"team": 211}, (1, 3)),
        ([repository(v1=A, invalid=2)], 211, {"team": 211}, (1, 3)),
        ([repository(v1=A), Repository(name="b/x")], 211, {"team": 211, "b": None}, (1, 2)),
    ],
)
def test_sums(
    repositories: list[Repository],
    total: int | None,
    spaces: dict[str, int | None],
    coverage: tuple[int, int],
) -> None:
    reading = count(*repositories)
    counted, tags = coverage
    assert (reading.total, reading.coverage) == (total, Coverage(counted=counted, total=tags))
    assert used_by_space(reading) == spaces


def test_a_space_has_its_own_coverage_and_no_limit() -> None:
    reading = count(repository(v1=A), repository("b/x", v1=A, v2=None), invalid=1)
    assert isinstance(reading.spaces, Complete)
    assert reading.coverage == Coverage(counted=2, total=4)
    assert reading.spaces.items[1] == SpaceStorage(
        name="b", used=211, limit=None, coverage=Coverage(counted=1, total=2)
    )


def chain(length: int) -> dict[bytes, Manifest | None]:
    """An index of an index … of an image."""
    manifests: dict[bytes, Manifest | None] = {
        key(n): Manifest(size=1, children=(key(n + 1),)) for n in range(1, length)
    }
    return {**manifests, key(length): Manifest(size=1)}


@pytest.mark.parametrize(
    ("manifests", "expected"),
    [
        ({}, None),
        ({key(1): None}, None),
        (chain(1), 1),
        (chain(MAX_DEPTH), MAX_DEPTH),
        (chain(MAX_DEPTH + 1), None),
        ({**chain(3), key(3): None}, None),
        ({key(1): Manifest(size=1, children=(key(2),))}, None),
        # cycles end; no digest could be its own, but a stored one may be corrupt
        ({key(1): Manifest(size=1, children=(key(1),))}, 1),
        (
            {
                key(1): Manifest(size=1, children=(key(2),)),
                key(2): Manifest(size=1, children=(key(1),)),
            },
            2,
        ),
        # two manifests that disagree about the size of a blob
        (
            {
                key(1): Manifest(size=1, children=(key(2),), blobs=blobs((9, 5))),
                key(2): Manifest(size=1, blobs=blobs((9, 6))),
            },
            None,
        ),
        # too many manifests
        (
            {
                key(1): Manifest(size=1, children=tuple(map(key, range(2, 1003)))),
                **{key(n): Manifest(size=1) for n in range(2, 1003)},
            },
            None,
        ),
    ],
)
def test_trees(manifests: Manifests, expected: int | None) -> None:
    collected = collect_blobs(key(1), manifests)
    assert (sum(collected.values()) if collected is not None else None) == expected


def test_missing_manifests_are_found_level_by_level() -> None:
    assert missing_manifests([LIST, A], {}) == {LIST, A}
    assert missing_manifests([LIST], {LIST: IMAGES[LIST]}) == {A, B}
    assert missing_manifests([LIST], {LIST: IMAGES[LIST], A: None}) == {B}
    assert missing_manifests([LIST], IMAGES) == frozenset()
    deep = chain(MAX_DEPTH + 1)
    del deep[key(MAX_DEPTH + 1)]
    assert missing_manifests([key(1)], deep) == frozenset()  # too deep: not requested


def test_a_tag_that_contradicts_another_is_not_counted() -> None:
    other = Manifest(size=1, blobs=blobs((2, 7)))
    reading = count(repository(a=A, b=key(5)), manifests={**IMAGES, key(5): other})
    assert (reading.total, reading.coverage) == (211, Coverage(counted=1, total=2))


def test_sizes_beyond_belief_are_unknown() -> None:
    manifests = {
        key(n): Manifest(
            size=1, blobs=blobs(*((n * 1000 + m, MAX_BLOB_BYTES) for m in range(1000)))
        )
        for n in range(1, 140)
    }
    tags = {f"v{n}": key(n) for n in range(1, 140)}
    reading = count(Repository(name="team/app", tags=tags), manifests=manifests)
    assert (reading.total, used_by_space(reading)) == (None, {"team": None})


@pytest.mark.parametrize(
    ("counted", "total", "percent", "is_complete", "has_figure"),
    [
        (0, 0, 100, True, True),
        (1, 1, 100, True, True),
        (99_999, 100_000, 99, False, True),
        (1, 1000, 0, False, True),
        (0, 5, 0, False, False),
    ],
)
def test_coverage(
    counted: int, total: int, percent: int, is_complete: bool, has_figure: bool
) -> None:
    coverage = Coverage(counted=counted, total=total)
    assert (coverage.percent, coverage.is_complete) == (percent, is_complete)
    assert coverage.has_figure is has_figure


_IMAGE = st.frozensets(st.integers(0, 12), max_size=6)
_WORLD = st.dictionaries(
    st.sampled_from(["a/x", "a/y", "b/x", "root"]),
    st.dictionaries(st.sampled_from(["v1", "v2", "latest"]), st.integers(0, 9), max_size=3),
)


def _size(number: int) -> int:
    return int(7 ** (number % 5)) + number


@given(
    st.lists(_IMAGE, min_size=5, max_size=5),
    st.lists(st.frozensets(st.integers(0, 4), max_size=4), min_size=5, max_size=5),
    _WORLD,
)
def test_the_sum_is_that_of_the_distinct_blobs(
    images: list[frozenset[int]],
    indexes: list[frozenset[int]],
    world: Mapping[str, Mapping[str, int]],
) -> None:
    """Manifests 0 to 4 are images of blobs, 5 to 9 are indexes of images."""
    manifests: dict[bytes, Manifest | None] = {}
    for number, layers in enumerate(images):
        references = blobs(*((layer, _size(layer)) for layer in layers))
        manifests[key(100 + number)] = Manifest(size=1000 + number, blobs=references)
    for number, members in enumerate(indexes):
        children = tuple(key(100 + member) for member in members)
        manifests[key(105 + number)] = Manifest(size=2000 + number, children=children)

    def stored(number: int) -> dict[object, int]:
        if number < 5:
            layers: dict[object, int] = {layer: _size(layer) for layer in images[number]}
            return {f"m{number}": 1000 + number, **layers}
        members = [stored(member) for member in indexes[number - 5]]
        return {f"m{number}": 1995 + number} | {k: v for m in members for k, v in m.items()}

    expected: dict[str, dict[object, int]] = {}
    for name, tags in world.items():
        space = expected.setdefault(name.partition("/")[0] if "/" in name else "/", {})
        for number in tags.values():
            space.update(stored(number))
    reading = count(
        *(
            Repository(name=name, tags={tag: key(100 + n) for tag, n in tags.items()})
            for name, tags in world.items()
        ),
        manifests=manifests,
    )
    distinct = {blob: size for space in expected.values() for blob, size in space.items()}
    assert reading.total == sum(distinct.values())
    assert used_by_space(reading) == {n: sum(s.values()) for n, s in expected.items()}
    assert reading.coverage is not None and reading.coverage.is_complete
