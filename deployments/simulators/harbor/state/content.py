"""Blobs, manifests and their storage usage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.state.entities import Artifact, Project, Repository
from deployments.simulators.harbor.state.errors import HarborError

MANIFEST_MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG_MEDIA_TYPE = "application/vnd.docker.container.image.v1+json"
LAYER_MEDIA_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def blob_digest(data: bytes) -> str:
    """Return the digest of a blob."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image_manifest(config: bytes, layers: Sequence[bytes]) -> bytes:
    """Return a Docker schema 2 manifest of these blobs."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "config": _descriptor(CONFIG_MEDIA_TYPE, config),
            "layers": [_descriptor(LAYER_MEDIA_TYPE, layer) for layer in layers],
        }
    ).encode()


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(data), "digest": blob_digest(data)}


def store_blob(harbor: HarborCore, project: Project, data: bytes) -> str:
    """Store a blob for a project, within its quota."""
    digest = blob_digest(data)
    if digest not in project.blobs:
        _add_usage(harbor, project, len(data))
        project.blobs[digest] = len(data)
    harbor.blobs[digest] = data
    return digest


def store_manifest(
    harbor: HarborCore, project: Project, name: str, tag: str, body: bytes, media_type: str
) -> Artifact:
    """Store a manifest, and move the tag to it."""
    digest = store_blob(harbor, project, body)
    repository = harbor.repository(project, name)
    manifest = json.loads(body)
    blobs = frozenset(part["digest"] for part in (manifest["config"], *manifest["layers"]))
    artifact = repository.artifacts.setdefault(digest, Artifact(digest, media_type, body, blobs))
    repository.tags[tag] = digest
    repository.updated = harbor.clock()
    return artifact


def delete_repository(harbor: HarborCore, project: Project, repository: Repository) -> None:
    """Delete a repository, and release the quota of blobs that only it used.

    The blobs stay on disk until garbage collection.
    """
    del project.repositories[repository.name]
    used = {digest for other in project.repositories.values() for digest in _blobs_of(other)}
    freed_bytes = sum(size for digest, size in project.blobs.items() if digest not in used)
    project.blobs = {digest: size for digest, size in project.blobs.items() if digest in used}
    if project.quota is not None and harbor.settings.quota_per_project_enable:
        project.quota.used = max(0, project.quota.used - freed_bytes)
        project.quota.updated = harbor.clock().replace(microsecond=0)


def _blobs_of(repository: Repository) -> set[str]:
    return {digest for a in repository.artifacts.values() for digest in (a.digest, *a.blobs)}


def _add_usage(harbor: HarborCore, project: Project, size: int) -> None:
    # Without quotas per project, usage is not counted.
    quota = project.quota
    if quota is None or not harbor.settings.quota_per_project_enable:
        return
    if quota.hard != -1 and quota.used + size > quota.hard:
        raise HarborError(
            "DENIED",
            f"adding {_format_size(size)} of storage resource, which when updated to current usage "
            f"of {_format_size(quota.used)} will exceed the configured upper limit "
            f"of {_format_size(quota.hard)}.",
        )
    quota.used += size
    quota.updated = harbor.clock().replace(microsecond=0)


def _format_size(size: int) -> str:
    # As in Harbor's quota error: `1000 B`, `293.0 KiB`.
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"
