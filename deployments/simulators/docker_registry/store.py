"""What a simulated Docker Registry holds, and the peculiar way in which it lists it."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployments.simulators.docker_registry.responses import RefusedError

SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
SCHEMA2_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGES = (SCHEMA2, OCI)
LISTS = (SCHEMA2_LIST, OCI_INDEX)

DEFAULT_PAGE = 100
"""How many repositories a page has when `n` is missing, negative or not a number."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was pushed."""

    media_type: str
    body: bytes


@dataclass
class Repository:
    """One repository. It stays listed when its last tag is gone."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    tagged: bool = False
    """Ever tagged: then its tags are null once they are gone; before, it is 404 NAME_UNKNOWN."""

    def put(self, reference: str, manifest: Manifest) -> str:
        """Keep a manifest, under a tag or under its digest alone."""
        digest = digest_of(manifest.body)
        self.manifests[digest] = manifest
        if ":" not in reference:
            self.tags[reference] = digest
            self.tagged = True
        return digest

    def delete(self, digest: str) -> None:
        """Delete a manifest and every tag that points to it."""
        del self.manifests[digest]
        self.tags = {tag: to for tag, to in self.tags.items() if to != digest}

    def resolve(self, reference: str) -> str:
        """The digest that a tag or digest names."""
        digest = reference if ":" in reference else self.tags.get(reference, "")
        return digest if digest in self.manifests else ""


@dataclass(frozen=True)
class Page:
    """One page of the catalog; `more` is the number to ask for next, if there is a next."""

    names: tuple[str, ...]
    more: int | None


def digest_of(content: bytes) -> str:
    """The digest by which a registry knows this content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def catalog_page(names: Iterable[str], n: str, last: str, limit: int) -> Page:
    """One page of the catalog, with docker-registry's reading of `n` and `last`.

    It orders by path component (`a/b` before `a-b`), takes what is no number for "not given",
    and refuses more than the limit since 2.8.2.
    """
    number = min(DEFAULT_PAGE, limit)
    if _INTEGER.fullmatch(n):
        if int(n) > limit:
            raise RefusedError("PAGINATION_NUMBER_INVALID", {"n": int(n)})
        number = int(n) if int(n) >= 0 else number
    rest = sorted((name for name in names if _place(name) > _place(last)), key=_place)
    there_is_more = 0 < number < len(rest)
    return Page(tuple(rest[:number]), number if there_is_more else None)


def check_manifest(media_type: str, body: bytes, repository: Repository) -> None:
    """Refuse a manifest that is none, or that names blobs the repository does not have."""
    if media_type not in (*IMAGES, *LISTS):
        raise RefusedError("MANIFEST_INVALID", {})
    try:
        manifest = json.loads(body)
    except ValueError as error:
        offset = error.pos + 1 if isinstance(error, json.JSONDecodeError) else 1
        raise RefusedError("MANIFEST_INVALID", {"Offset": offset}) from error
    for digest in _references(media_type, manifest):
        if digest not in repository.blobs and digest not in repository.manifests:
            raise RefusedError("MANIFEST_BLOB_UNKNOWN", digest)


def tiny_image(name: str) -> tuple[Manifest, Mapping[str, bytes]]:
    """A manifest with its config and one layer, the same every time."""
    config, layer = b"{}", f"layer of {name}".encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": SCHEMA2,
        "config": _descriptor("application/vnd.docker.container.image.v1+json", config),
        "layers": [_descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
    }
    blobs = {digest_of(blob): blob for blob in (config, layer)}
    return Manifest(SCHEMA2, json.dumps(manifest).encode()), blobs


def _place(name: str) -> str:
    return name.replace("/", "\0")


def _references(media_type: str, manifest: object) -> list[str]:
    # An OCI manifest need not repeat its media type; a Docker one must.
    assumed = media_type if media_type in (OCI, OCI_INDEX) else ""
    if not isinstance(manifest, dict) or manifest.get("mediaType", assumed) != media_type:
        raise RefusedError("MANIFEST_INVALID", {})
    if manifest.get("schemaVersion") != 2:
        raise RefusedError("UNKNOWN", {})
    if media_type in LISTS:
        return [entry["digest"] for entry in manifest.get("manifests", ())]
    config = manifest.get("config", {})
    return [entry.get("digest", "") for entry in (config, *manifest.get("layers", ()))]


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": digest_of(content)}
