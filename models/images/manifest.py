"""Manifests of images: which blobs of the registry they refer to.

Image: https://github.com/opencontainers/image-spec/blob/main/manifest.md
Index: https://github.com/opencontainers/image-spec/blob/main/image-index.md
Docker: https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

import re
import struct
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.core.base import FrozenModel

IMAGE_TYPES = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
)
INDEX_TYPES = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
MAX_BLOB_BYTES = 2**43
"""Largest size that is believed: 8 TiB. Object stores accept less for one object."""

MAX_MANIFEST_BYTES = 4 * 2**20
"""Registries accept manifests up to this size, see
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests"""

MAX_REFERENCES = 1_000
"""Blobs or manifests that one manifest may refer to; Docker allows 127 layers."""

_MAX_VALUES = 100_000
_DIGEST_PATTERN = re.compile(r"sha256:([0-9a-f]{64})")
_FOREIGN_PATTERN = re.compile(r"\.(foreign|nondistributable)\.")
_HEAD, _REFERENCE, _DIGEST_LENGTH = struct.Struct(">QH"), struct.Struct(">32sQ"), 32


class Manifest(FrozenModel):
    """What one manifest refers to; digests are SHA-256, without a prefix.

    Attributes:
        size: bytes of the manifest itself.
        children: manifests that an index refers to.
        blobs: digest and bytes of configs and layers that the registry stores.
    """

    size: int
    children: tuple[bytes, ...] = ()
    blobs: tuple[tuple[bytes, int], ...] = ()

    @property
    def packed(self) -> bytes:
        """Its stored form: 40 bytes for each blob, 32 for each child."""
        head = _HEAD.pack(self.size, len(self.children))
        return b"".join((head, *self.children, *(_REFERENCE.pack(*blob) for blob in self.blobs)))

    @classmethod
    def from_packed(cls, content: bytes) -> "Manifest":
        """Return a manifest from its stored form, see `packed`."""
        size, child_count = _HEAD.unpack_from(content)
        blobs_at = _HEAD.size + child_count * _DIGEST_LENGTH
        starts = range(_HEAD.size, blobs_at, _DIGEST_LENGTH)
        return cls(
            size=size,
            children=tuple(content[start : start + _DIGEST_LENGTH] for start in starts),
            blobs=tuple(_REFERENCE.iter_unpack(content[blobs_at:])),
        )


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Descriptor(_Part):
    mediaType: str = ""  # noqa: N815 - name of the specification
    digest: Annotated[str, Field(pattern=f"^{_DIGEST_PATTERN.pattern}$")]
    size: Annotated[int, Field(strict=True, ge=0, le=MAX_BLOB_BYTES)]
    urls: list[object] | None = None

    @property
    def is_foreign(self) -> bool:
        return bool(self.urls) or _FOREIGN_PATTERN.search(self.mediaType) is not None

    @property
    def is_manifest(self) -> bool:
        return not self.mediaType or self.mediaType in IMAGE_TYPES + INDEX_TYPES

    @property
    def key(self) -> bytes:
        return bytes.fromhex(self.digest[len("sha256:") :])


_Descriptors = Annotated[list[_Descriptor], Field(fail_fast=True, max_length=MAX_REFERENCES)]


class _Document(_Part):
    schemaVersion: Literal[2]  # noqa: N815 - name of the specification
    config: _Descriptor | None = None
    layers: _Descriptors | None = None
    manifests: _Descriptors | None = None


def parse_manifest(body: bytes) -> Manifest | None:
    """Return what a manifest refers to, decided by its content alone.

    Foreign layers are left out: the registry does not store them. An entry of an index that is no
    manifest is a blob: the build cache of BuildKit is such an index.

    Args:
        body: the manifest, byte by byte as the registry stores it.

    Returns:
        None if it cannot be used: not an image or index of schema 2, an image and an index at once,
        sizes out of bounds, too many references, one digest with two sizes, or a digest other than
        SHA-256.
    """
    if len(body) > MAX_MANIFEST_BYTES or body.count(b",") + body.count(b"[") > _MAX_VALUES:
        return None
    try:
        document = _Document.model_validate_json(body)
    except ValidationError:
        return None
    match document:
        case _Document(config=_Descriptor() as config, layers=list() as layers, manifests=None):
            stored = [layer for layer in layers if not layer.is_foreign]
            return _build(len(body), (), [config, *stored])
        case _Document(config=None, layers=None, manifests=list() as entries):
            children = tuple(entry.key for entry in entries if entry.is_manifest)
            return _build(len(body), children, [e for e in entries if not e.is_manifest])
    return None


def _build(size: int, children: tuple[bytes, ...], blobs: Iterable[_Descriptor]) -> Manifest | None:
    sizes: dict[bytes, int] = {}
    for blob in blobs:
        if sizes.setdefault(blob.key, blob.size) != blob.size:
            return None
    return Manifest(size=size, children=children, blobs=tuple(sizes.items()))


def parse_digest(text: str) -> bytes | None:
    """Return a digest without its prefix; None if it is not SHA-256."""
    match = _DIGEST_PATTERN.fullmatch(text)
    return bytes.fromhex(match[1]) if match else None


def format_digest(digest: bytes) -> str:
    """Return a digest with its prefix."""
    return f"sha256:{digest.hex()}"
