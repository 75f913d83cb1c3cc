"""Repositories of a registry, with the manifests that their tags refer to."""

import re
from collections.abc import Iterable, Iterator, Mapping

from models.core.base import FrozenModel
from models.core.names import ROOT_SPACE

_TAG_PATTERN = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
"""https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests"""

_DIGEST_LENGTH = 32
_UNKNOWN = bytes(_DIGEST_LENGTH)

Tags = Mapping[str, bytes | None]
"""Digest of the manifest by tag; None before it was read."""


class Repository(FrozenModel):
    """One repository.

    Attributes:
        name: its full name.
        tags: its tags; None before they were listed.
        invalid_tag_count: listed tags whose name cannot be used.
    """

    name: str
    tags: Tags | None = None
    invalid_tag_count: int = 0

    @property
    def space(self) -> str:
        """The space that it belongs to: the first path segment."""
        return self.name.partition("/")[0] if "/" in self.name else ROOT_SPACE

    def with_listed_tags(self, listed: Iterable[str]) -> "Repository":
        """Return it with the tags of a complete list; the digests of known tags stay."""
        known, names = self.tags or {}, sorted(set(listed))
        valid_names = [name for name in names if _TAG_PATTERN.fullmatch(name)]
        return Repository(
            name=self.name,
            tags={name: known.get(name) for name in valid_names},
            invalid_tag_count=len(names) - len(valid_names),
        )

    def with_digests(self, digests: Tags) -> "Repository":
        """Return it with digests that were read; a tag without one does not exist any more."""
        tags = {**(self.tags or {}), **digests}
        present = {tag: digest for tag, digest in tags.items() if digests.get(tag, True)}
        return self.model_copy(update={"tags": present})

    @property
    def packed_tags(self) -> bytes | None:
        """The stored form of its tags: each name after its length, and 32 bytes of digest."""
        if self.tags is None:
            return None
        return b"".join(
            bytes((len(tag),)) + tag.encode("ascii") + (digest or _UNKNOWN)
            for tag, digest in self.tags.items()
        )

    @classmethod
    def from_packed(
        cls, name: str, packed_tags: bytes | None, invalid_tag_count: int
    ) -> "Repository":
        """Return a repository from its stored form, see `packed_tags`."""
        tags = None if packed_tags is None else dict(_unpack_tags(packed_tags))
        return cls(name=name, tags=tags, invalid_tag_count=invalid_tag_count)


def _unpack_tags(content: bytes) -> Iterator[tuple[str, bytes | None]]:
    position = 0
    while position < len(content):
        digest_at = position + 1 + content[position]
        digest = content[digest_at : digest_at + _DIGEST_LENGTH]
        tag = content[position + 1 : digest_at].decode("ascii")
        yield tag, None if digest == _UNKNOWN else digest
        position = digest_at + _DIGEST_LENGTH
