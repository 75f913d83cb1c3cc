"""Blobs, manifests and their storage usage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deployments.simulators.harbor.state import Artifact, Project, Repository, Tag
from deployments.simulators.harbor.web.responses import HarborError

if TYPE_CHECKING:
    from deployments.simulators.harbor.core import SimulatedHarbor

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


def store_blob(harbor: SimulatedHarbor, project: Project, data: bytes) -> str:
    """Store a blob for a project, within its quota."""
    digest = blob_digest(data)
    if digest not in project.blobs:
        _add_usage(harbor, project, len(data))
        project.blobs[digest] = len(data)
    harbor.blobs[digest] = data
    return digest


def store_manifest(
    harbor: SimulatedHarbor,
    project: Project,
    name: str,
    reference: str,
    body: bytes,
    media_type: str,
) -> Artifact:
    """Store a manifest, and move the tag to it unless it was pushed by digest."""
    digest = store_blob(harbor, project, body)
    repository = harbor.repository(project, name)
    artifact = repository.artifacts.get(digest)
    if artifact is None:
        artifact = _new_artifact(harbor, digest, body, media_type)
        repository.artifacts[digest] = artifact
    if not reference.startswith("sha256:"):
        for other in repository.artifacts.values():
            other.tags.pop(reference, None)
        artifact.tags[reference] = Tag(harbor.next_id("tag"), reference, harbor.clock())
    repository.updated = harbor.clock()
    return artifact


def _new_artifact(harbor: SimulatedHarbor, digest: str, body: bytes, media_type: str) -> Artifact:
    parsed: dict[str, Any] = json.loads(body)
    config: dict[str, Any] = parsed.get("config") or {}
    parts = [*parsed.get("layers", []), *([config] if config else [])]
    return Artifact(
        harbor.next_id("artifact"),
        digest,
        media_type,
        str(config.get("mediaType", media_type)),
        body,
        {str(part["digest"]): int(part["size"]) for part in parts},
        harbor.clock(),
    )


def delete_repository(harbor: SimulatedHarbor, project: Project, repository: Repository) -> None:
    """Delete a repository."""
    del project.repositories[repository.name]
    release_unused(harbor, project)


def release_unused(harbor: SimulatedHarbor, project: Project) -> None:
    """Release the quota of unreferenced blobs; they stay on disk until garbage collection."""
    live_digests = {digest for r in project.repositories.values() for digest in _blobs_of(r)}
    freed_bytes = sum(size for digest, size in project.blobs.items() if digest not in live_digests)
    project.blobs = {d: size for d, size in project.blobs.items() if d in live_digests}
    if project.quota is not None and harbor.settings.quota_per_project_enable:
        project.quota.used = max(0, project.quota.used - freed_bytes)
        project.quota.updated = harbor.clock().replace(microsecond=0)


def _blobs_of(repository: Repository) -> set[str]:
    return {d for a in repository.artifacts.values() for d in (a.digest, *a.blobs)}


def _add_usage(harbor: SimulatedHarbor, project: Project, size: int) -> None:
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
