"""Count the storage of a registry: each distinct blob once, of all tags whose blobs are known."""

from collections.abc import Iterable, Mapping

from models.core.availability import Complete
from models.images.manifest import Manifest
from models.images.repository import Repository
from models.registries.observation import Coverage, SpaceStorage, StorageReading

MAX_DEPTH = 4
"""Levels of manifests below a tag: an index of indexes of images has three."""

_MAX_TREE_SIZE = 1_000
"""Manifests below a tag."""

_MAX_TOTAL = 2**60
"""Larger totals are not believed: 1 EiB."""

Manifests = Mapping[bytes, Manifest | None]
"""Manifests by digest; None for one that cannot be used."""


def missing_manifests(roots: Iterable[bytes], manifests: Manifests) -> frozenset[bytes]:
    """Return the digests below tags that are not among the manifests yet."""
    missing: set[bytes] = set()
    level, seen = set(roots), set[bytes]()
    for _ in range(MAX_DEPTH):
        missing |= {digest for digest in level if digest not in manifests}
        seen |= level
        level = {
            child
            for digest in level
            if (manifest := manifests.get(digest)) is not None
            for child in manifest.children
        } - seen
    return frozenset(missing)


def collect_blobs(root: bytes, manifests: Manifests) -> dict[bytes, int] | None:
    """Return the bytes of each blob that a tag refers to: manifests, configs and layers.

    Args:
        root: digest of the tag's manifest.
        manifests: all manifests that are known.

    Returns:
        None if they are not all known: a manifest is missing or cannot be used, the tree is too
        deep or too large, or two manifests disagree about a size.
    """
    sizes: dict[bytes, int] = {}
    level, depth, seen = [root], 0, {root}
    while level:
        depth += 1
        if depth > MAX_DEPTH or len(seen) > _MAX_TREE_SIZE:
            return None
        children: dict[bytes, None] = {}
        for digest in level:
            manifest = manifests.get(digest)
            if manifest is None:
                return None
            for blob, size in ((digest, manifest.size), *manifest.blobs):
                if sizes.setdefault(blob, size) != size:
                    return None
            children.update(dict.fromkeys(manifest.children))
        level = [child for child in children if child not in seen]
        seen.update(level)
    return sizes


class _SpaceCount:
    """Sums of one space."""

    def __init__(self) -> None:
        self.blobs: set[bytes] = set()
        self.is_counted: dict[bytes, bool] = {}
        self.used = self.counted = self.total = 0

    @property
    def coverage(self) -> Coverage:
        return Coverage(counted=self.counted, total=self.total)


class StorageCount:
    """Adds up the blobs of tags: each distinct blob once per registry and once per space.

    A tag whose blobs are not all known adds nothing but itself, to the coverage. So does one that
    gives a blob another size than a tag before it.

    Args:
        invalid_name_count: repositories whose name cannot be used; each counts as one tag.
    """

    def __init__(self, invalid_name_count: int = 0) -> None:
        self._sizes: dict[bytes, int] = {}
        self._spaces: dict[str, _SpaceCount] = {}
        self._invalid_name_count = invalid_name_count

    def add_repository(self, repository: Repository, manifests: Manifests) -> None:
        """Add a repository; one whose tags are not known counts as one tag that is not counted."""
        space = self._spaces.setdefault(repository.space, _SpaceCount())
        space.total += repository.invalid_tag_count + (repository.tags is None)
        unknown = set[bytes]()  # of this repository only: a registry may have any number of them
        for digest in (repository.tags or {}).values():
            space.total += 1
            if digest is None or digest in unknown:
                continue
            if digest not in space.is_counted:  # many tags may refer to one manifest
                blobs = collect_blobs(digest, manifests)
                if blobs is None:
                    unknown.add(digest)
                    continue
                space.is_counted[digest] = self._add_blobs(space, blobs)
            space.counted += space.is_counted[digest]

    def _add_blobs(self, space: _SpaceCount, blobs: Mapping[bytes, int]) -> bool:
        if any(self._sizes.get(digest, size) != size for digest, size in blobs.items()):
            return False
        for digest, size in blobs.items():
            if digest not in space.blobs:
                # One object for both collections: a registry has some 100,000 digests.
                self._sizes.setdefault(digest, size)
                space.blobs.add(digest)
                space.used += size
        return True

    def reading(self) -> StorageReading:
        """Return the figures; unknown where nothing was counted though there are tags."""
        coverage = Coverage(
            counted=sum(space.counted for space in self._spaces.values()),
            total=sum(space.total for space in self._spaces.values()) + self._invalid_name_count,
        )
        total = sum(self._sizes.values())
        is_plausible = sum(space.used for space in self._spaces.values()) <= _MAX_TOTAL
        items = tuple(
            SpaceStorage(
                name=name,
                used=space.used if is_plausible and space.coverage.has_figure else None,
                limit=None,
                coverage=space.coverage,
            )
            for name, space in self._spaces.items()
        )
        return StorageReading(
            total=total if is_plausible and coverage.has_figure else None,
            coverage=coverage,
            spaces=Complete[SpaceStorage](items=items),
        )
