"""Which blobs of the registry a manifest refers to, and which manifests cannot be used."""

import json
import tracemalloc
from typing import Any

import pytest

from models.images.manifest import (
    INDEX_TYPES,
    MAX_BLOB_BYTES,
    MAX_REFERENCES,
    Manifest,
    format_digest,
    parse_digest,
    parse_manifest,
)

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"


def key(number: int) -> bytes:
    return number.to_bytes(32)


def part(number: int, size: Any = 10, **fields: Any) -> dict[str, Any]:
    digest = format_digest(key(number))
    return {"mediaType": OCI_LAYER, "digest": digest, "size": size, **fields}


def image(*layers: object, **fields: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "config": part(1, 3), "layers": list(layers), **fields}


def index(*entries: object, **fields: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "manifests": list(entries), **fields}


def child(number: int, media_type: str = OCI_IMAGE) -> dict[str, Any]:
    return part(number, mediaType=media_type)


def blobs(*sizes: tuple[int, int]) -> tuple[tuple[bytes, int], ...]:
    return tuple((key(number), size) for number, size in sizes)


@pytest.mark.parametrize(
    ("document", "children", "expected"),
    [
        (image(part(2), part(3, 20)), [], blobs((1, 3), (2, 10), (3, 20))),
        (image(), [], blobs((1, 3))),
        (image(part(2), part(2)), [], blobs((1, 3), (2, 10))),
        (image(part(2, 0)), [], blobs((1, 3), (2, 0))),
        (image(part(2), subject=child(9)), [], blobs((1, 3), (2, 10))),
        (image(part(2), manifests=None), [], blobs((1, 3), (2, 10))),
        # foreign layers are not stored
        (image(part(2, urls=["https://x.test/l"]), part(3)), [], blobs((1, 3), (3, 10))),
        (image(part(2, urls=[]), part(3, urls=None)), [], blobs((1, 3), (2, 10), (3, 10))),
        *(
            (image(part(2, mediaType=foreign), part(3)), [], blobs((1, 3), (3, 10)))
            for foreign in (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                "application/vnd.oci.image.layer.nondistributable.v1.tar",
                "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
            )
        ),
        (index(child(5), child(6)), [5, 6], ()),
        (index(child(5, INDEX_TYPES[0]), child(6, INDEX_TYPES[1]), child(7, "")), [5, 6, 7], ()),
        (index(), [], ()),
        # BuildKit's cache: layers as entries of an index
        (index(part(5, 50), child(6)), [6], blobs((5, 50))),
    ],
)
def test_references(
    document: dict[str, Any], children: list[int], expected: tuple[tuple[bytes, int], ...]
) -> None:
    body = json.dumps(document).encode()
    manifest = parse_manifest(body)
    assert manifest == Manifest(size=len(body), children=tuple(map(key, children)), blobs=expected)
    assert Manifest.from_packed(manifest.packed) == manifest


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        7,
        {"schemaVersion": 2},
        image(part(2), schemaVersion=1),
        image(part(2), schemaVersion="2"),
        image(part(2), manifests=[]),
        index(child(5), config=part(1)),
        {"schemaVersion": 2, "layers": [part(2)]},
        {"schemaVersion": 2, "config": part(1)},
        {"schemaVersion": 1, "fsLayers": [{"blobSum": format_digest(key(1))}]},
        image(part(2, -1)),
        image(part(2, MAX_BLOB_BYTES + 1)),
        image(part(2, 10**400)),
        image(part(2, 1.5)),
        image(part(2, "10")),
        image(part(2, True)),
        image(part(2, None)),
        image(part(2, 10), part(2, 11)),
        image(part(1, 4)),
        image(part(2, digest="sha256:ABC")),
        image(part(2, digest="sha512:" + "a" * 128)),
        image(part(2, digest=format_digest(key(2)) + "\n")),
        image({"size": 1}),
        image(*(part(number, 3) for number in range(1, MAX_REFERENCES + 2))),
        index(*(child(number) for number in range(MAX_REFERENCES + 1))),
    ],
)
def test_manifests_that_cannot_be_used(document: object) -> None:
    assert parse_manifest(json.dumps(document).encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b'{"schemaVersion":2,"manifests":[',
        b'{"schemaVersion":2,"manifests":[' + b"0," * 500_000 + b"0]}",
        b'{"schemaVersion":2,"manifests":[' + b"{}," * 90_000 + b"{}]}",
        b'{"x":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b" " * (4 * 2**20 + 1),
    ],
    ids=lambda body: f"{len(body)} bytes",
)
def test_hostile_bodies_take_little_memory(body: bytes) -> None:
    tracemalloc.start()
    try:
        assert parse_manifest(body) is None
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sha256:" + "00" * 31 + "07", key(7)),
        ("sha256:" + "00" * 31, None),
        ("sha256:" + "AB" * 32, None),
        ("sha512:" + "00" * 64, None),
        ("", None),
    ],
)
def test_digests(text: str, expected: bytes | None) -> None:
    assert parse_digest(text) == expected
    assert expected is None or format_digest(expected) == text
