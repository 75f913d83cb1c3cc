"""Content of a simulated Docker Registry, and its unusual order of the catalog."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployments.simulators.docker_registry.responses import ErrorResponse

SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA2_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE_TYPES = (SCHEMA2, OCI_MANIFEST)
LIST_TYPES = (SCHEMA2_LIST, OCI_INDEX)

DEFAULT_PAGE_SIZE = 100
"""Repositories per page if `n` is missing, negative or not a number."""

_INTEGER_PATTERN = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class StoredManifest:
    """A pushed manifest."""

    media_type: str
    body: bytes


@dataclass
class StoredRepository:
    """A repository. It stays listed after its last tag was removed."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, StoredManifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    was_tagged: bool = False
    """Whether it ever had a tag: without tags, it lists null then, otherwise 404 NAME_UNKNOWN."""

    def put(self, reference: str, manifest: StoredManifest) -> str:
        """Store a manifest, with a tag or only by digest."""
        digest = manifest_digest(manifest.body)
        self.manifests[digest] = manifest
        if ":" not in reference:
            self.tags[reference] = digest
            self.was_tagged = True
        return digest

    def delete(self, digest: str) -> None:
        """Delete a manifest and every tag that points to it."""
        del self.manifests[digest]
        self.tags = {tag: to for tag, to in self.tags.items() if to != digest}

    def resolve(self, reference: str) -> str:
        """Return the digest of a tag or digest."""
        digest = reference if ":" in reference else self.tags.get(reference, "")
        return digest if digest in self.manifests else ""


@dataclass(frozen=True)
class CatalogPage:
    """A page of the catalog; `next_size` is the size of the next page, if there is one."""

    names: tuple[str, ...]
    next_size: int | None


def manifest_digest(content: bytes) -> str:
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


def check_manifest(media_type: str, body: bytes, repository: StoredRepository) -> None:
    """Reject an invalid manifest, or one that references blobs missing in the repository."""
    if media_type not in (*IMAGE_TYPES, *LIST_TYPES):
        raise ErrorResponse("MANIFEST_INVALID", {})
    try:
        manifest = json.loads(body)
    except ValueError as error:
        offset = error.pos + 1 if isinstance(error, json.JSONDecodeError) else 1
        raise ErrorResponse("MANIFEST_INVALID", {"Offset": offset}) from error
    for digest in _blob_digests(media_type, manifest):
        if digest not in repository.blobs and digest not in repository.manifests:
            raise ErrorResponse("MANIFEST_BLOB_UNKNOWN", digest)


def build_image(name: str) -> tuple[StoredManifest, Mapping[str, bytes]]:
    """Return a manifest and its blobs: a config and one layer, the same every time."""
    config, layer = b"{}", f"layer of {name}".encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": SCHEMA2,
        "config": _descriptor("application/vnd.docker.container.image.v1+json", config),
        "layers": [_descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
    }
    blobs = {manifest_digest(blob): blob for blob in (config, layer)}
    return StoredManifest(SCHEMA2, json.dumps(manifest).encode()), blobs


def _sort_key(name: str) -> str:
    return name.replace("/", "\0")


def _blob_digests(media_type: str, manifest: object) -> list[str]:
    # An OCI manifest need not repeat its media type; a Docker one must.
    assumed = media_type if media_type in (OCI_MANIFEST, OCI_INDEX) else ""
    if not isinstance(manifest, dict) or manifest.get("mediaType", assumed) != media_type:
        raise ErrorResponse("MANIFEST_INVALID", {})
    if manifest.get("schemaVersion") != 2:
        raise ErrorResponse("UNKNOWN", {})
    if media_type in LIST_TYPES:
        return [entry["digest"] for entry in manifest.get("manifests", ())]
    config = manifest.get("config", {})
    return [entry.get("digest", "") for entry in (config, *manifest.get("layers", ()))]


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": manifest_digest(content)}
