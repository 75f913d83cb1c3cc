"""Images of a simulated Docker Registry, and its unusual order of the catalog."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from deployments.simulators.docker_registry.responses import ErrorResponse

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
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


def _sort_key(name: str) -> str:
    return name.replace("/", "\0")


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(content), "digest": content_digest(content)}
