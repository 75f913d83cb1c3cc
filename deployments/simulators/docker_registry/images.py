"""Images of a simulated Docker Registry, and its unusual order of the catalog."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from deployments.simulators.docker_registry.responses import ErrorResponse

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"

DEFAULT_PAGE_SIZE = 100
"""Repositories per page if `n` is missing, negative or not a number."""

_INTEGER_PATTERN = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class CatalogPage:
    """A page of the catalog; `next_size` is the size of the next page, if there is one."""

    names: tuple[str, ...]
    next_size: int | None


@dataclass(frozen=True)
class StoredManifest:
    """A manifest with its media type."""

    content: bytes
    media_type: str = MANIFEST_TYPE


@dataclass
class Repository:
    """The content of a repository: digests by tag, and manifests by digest."""

    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, StoredManifest] = field(default_factory=dict)

    def add(self, tag: str, manifest: StoredManifest) -> str:
        """Add a manifest under a tag; without a tag if it is empty. Return its digest."""
        digest = content_digest(manifest.content)
        self.manifests[digest] = manifest
        if tag:
            self.tags[tag] = digest
        return digest

    def find(self, name: str, reference: str, request: Request) -> tuple[str, StoredManifest]:
        """Return a manifest by tag or digest, with its digest.

        Raises:
            ErrorResponse: there is none, or the request does not accept it.
        """
        is_digest = ":" in reference
        digest = reference if is_digest else self.tags.get(reference, "")
        if digest not in self.manifests:
            detail = {"Name": name, "Revision": reference} if is_digest else {"Tag": reference}
            raise ErrorResponse("MANIFEST_UNKNOWN", detail)
        manifest = self.manifests[digest]
        if not is_digest and manifest.media_type not in request.headers.get("accept", ""):
            # The real registry selects the image for linux/amd64, which these indexes do not have.
            if manifest.media_type == INDEX_TYPE:
                raise ErrorResponse("MANIFEST_UNKNOWN")
            # The real registry converts the manifest to schema 1, and fails like this unless the
            # image has a full config; `*/*` does not count.
            raise ErrorResponse("MANIFEST_INVALID", {})
        return digest, manifest


def content_digest(content: bytes) -> str:
    """Return the digest of a content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def catalog_page(names: Iterable[str], n: str, last: str, limit: int) -> CatalogPage:
    """Return one page of the catalog, with docker-registry's handling of `n` and `last`.

    It sorts by path component (`a/b` before `a-b`), ignores a value that is not a number, and
    since 2.8.2 rejects a size above the limit.
    """
    number = min(DEFAULT_PAGE_SIZE, limit)
    if _INTEGER_PATTERN.fullmatch(n):
        if int(n) > limit:
            raise ErrorResponse("PAGINATION_NUMBER_INVALID", {"n": int(n)})
        number = int(n) if int(n) >= 0 else number
    remainder = sorted((name for name in names if _sort_key(name) > _sort_key(last)), key=_sort_key)
    there_is_more = 0 < number < len(remainder)
    return CatalogPage(tuple(remainder[:number]), number if there_is_more else None)


def build_manifest(name: str, tag: str) -> bytes:
    """Return the manifest of a config and one layer, the same every time."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(_CONFIG_TYPE, b"{}"),
        "layers": [_descriptor(_LAYER_TYPE, f"layer of {name}:{tag}".encode())],
    }
    return json.dumps(manifest).encode()


def build_image(layers: Mapping[str, int], config: str = "config") -> StoredManifest:
    """Return the manifest of an image; its blobs exist by name and size only.

    Args:
        layers: bytes of each layer by its name.
        config: name of the config, which has 1,000 bytes.
    """
    parts = [
        {"mediaType": _LAYER_TYPE, "size": size, "digest": content_digest(name.encode())}
        for name, size in layers.items()
    ]
    head = {"mediaType": _CONFIG_TYPE, "size": 1000, "digest": content_digest(config.encode())}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": head,
        "layers": parts,
    }
    return StoredManifest(json.dumps(manifest).encode())


def build_index(images: Iterable[StoredManifest]) -> StoredManifest:
    """Return the index of some images."""
    entries = [
        {**_descriptor(image.media_type, image.content), "platform": {"architecture": f"a{number}"}}
        for number, image in enumerate(images)
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    return StoredManifest(json.dumps(index).encode(), INDEX_TYPE)


def _sort_key(name: str) -> str:
    return name.replace("/", "\0")


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": content_digest(content)}
