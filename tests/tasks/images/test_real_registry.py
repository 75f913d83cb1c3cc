"""The storage of a real Docker Registry, to the byte: the files that its tags refer to."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from models.images.manifest import IMAGE_TYPES, INDEX_TYPES
from tests.real.docker_registry import (
    FOREIGN_HOST,
    INDEX,
    MANIFEST,
    OCI_IMAGE,
    OCI_INDEX,
    delete_manifest,
    push_image,
    push_index,
    running_docker_registry,
)
from tests.tasks.images.tools import counted, record_registry, sweep
from tests.tasks.registries.tools import USER

BASE, LAYER = b"base" * 50_000, b"layer" * 1000
FOREIGN = {
    "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "size": 123_456_789,
    "digest": f"sha256:{'f' * 64}",
    "urls": [f"{FOREIGN_HOST}layer"],
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    folder.mkdir()
    return folder


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    with running_docker_registry(filesystem=True, home=home) as address:
        record_registry(address)
        yield address


def stored_bytes(home: Path) -> int:
    """The files under `blobs/` that tags refer to, found by the links in the file system."""
    root = home / "data" / "docker" / "registry" / "v2"
    files: dict[Path, int] = {}

    def follow(digest: str) -> None:
        algorithm, _, name = digest.partition(":")
        file = root / "blobs" / algorithm / name[:2] / name / "data"
        if file in files or not file.exists():  # a foreign layer is not stored
            return
        files[file] = file.stat().st_size
        if files[file] < 10_000 and file.read_bytes().startswith(b'{"schemaVersion"'):
            document = json.loads(file.read_bytes())
            parts = [*document.get("layers", ()), *document.get("manifests", ())]
            for part in [*parts, *filter(None, [document.get("config")])]:
                follow(part["digest"])

    for link in (root / "repositories").glob("**/_manifests/tags/*/current/link"):
        follow(link.read_text())
    return sum(files.values())


def image(url: str, repository: str, tag: str, *layers: bytes, media_type: str = MANIFEST) -> str:
    config = json.dumps({"of": f"{repository}:{tag}"}).encode()
    return push_image(url, repository, tag, layers, config=config, media_type=media_type)


def fill(url: str) -> dict[str, str]:
    """Push images that share layers, indexes, tags of one manifest, and a foreign layer."""
    digests = {
        "v1": image(url, "team/app", "v1", BASE, LAYER),
        "v2": image(url, "team/app", "v2", BASE, b"two"),
        "oci": image(url, "team/oci", "v1", BASE, b"oci", media_type=OCI_IMAGE),
        "other": image(url, "other/app", "v1", BASE, b"other"),
        "arm": image(url, "multi/app", "arm", BASE, b"arm"),
        "amd": image(url, "multi/app", "amd", BASE, b"amd", media_type=OCI_IMAGE),
    }
    push_image(url, "rootless", "v1", [LAYER], config=b"{}", foreign=[FOREIGN])
    for tag in ("latest", "stable"):
        accept = ", ".join(IMAGE_TYPES + INDEX_TYPES)
        manifest = httpx.get(f"{url}/v2/team/app/manifests/v1", headers={"Accept": accept})
        httpx.put(
            f"{url}/v2/team/app/manifests/{tag}",
            content=manifest.content,
            headers={"Content-Type": manifest.headers["Content-Type"]},
        ).raise_for_status()
    digests["index"] = push_index(url, "multi/app", "v1", [digests["arm"], digests["amd"]])
    push_index(url, "multi/app", "nested", [digests["index"], digests["arm"]], OCI_INDEX)
    return digests


async def test_the_figure_is_the_sum_of_the_files(url: str, home: Path) -> None:
    digests = fill(url)
    await sweep(url)
    assert counted() == (stored_bytes(home), 11, 11)
    assert stored_bytes(home) > len(BASE) + len(LAYER)
    # a tag moves to another image; an image and an index are deleted
    before = stored_bytes(home)
    image(url, "team/app", "v2", BASE, b"another")
    delete_manifest(url, "team/app", digests["v1"])
    delete_manifest(url, "multi/app", digests["index"])
    await sweep(url)
    after, counted_tags, tags = counted()
    assert (after, counted_tags) == (stored_bytes(home), tags)
    assert after is not None
    assert after < before


async def test_everything_deleted_is_zero_and_known(url: str, home: Path) -> None:
    digest = image(url, "team/app", "v1", BASE)
    await sweep(url)
    assert counted() == (stored_bytes(home), 1, 1)
    delete_manifest(url, "team/app", digest)
    await sweep(url)
    assert counted() == (0, 0, 0)


async def test_an_untagged_image_counts_only_below_an_index(url: str, home: Path) -> None:
    children = [image(url, "team/app", tag, BASE, tag.encode()) for tag in ("a", "b")]
    push_index(url, "team/app", "both", children, INDEX)
    for tag, digest in zip(("a", "b"), children, strict=True):
        image(url, "team/app", tag, b"moved")  # the tags move on, the index keeps the images
        assert digest
    await sweep(url)
    assert counted() == (stored_bytes(home), 3, 3)


async def test_behind_htpasswd(home: Path) -> None:
    users = {"user": "pw"}
    with running_docker_registry(users=users, filesystem=True, home=home) as url:
        push_image(url, "team/app", "v1", [BASE], config=b"{}", auth=("user", "pw"))
        record_registry(url)
        await sweep(url, USER)
    assert counted() == (stored_bytes(home), 1, 1)
