"""Blobs, manifests and the storage they cost a project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deployments.simulators.harbor.state import Artifact, Project, Repository, Tag
from deployments.simulators.harbor.web.responses import Refusal

if TYPE_CHECKING:
    from deployments.simulators.harbor.core import Harbor

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(data: bytes) -> str:
    """The name of a blob."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image_manifest(config: bytes, layers: Sequence[bytes]) -> bytes:
    """A Docker schema 2 manifest naming these blobs."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": _descriptor(DOCKER_CONFIG, config),
            "layers": [_descriptor(DOCKER_LAYER, layer) for layer in layers],
        }
    ).encode()


def _descriptor(media_type: str, data: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "size": len(data), "digest": digest_of(data)}


def store_blob(harbor: Harbor, project: Project, data: bytes) -> str:
    """Keep a blob for a project, within its quota."""
    digest = digest_of(data)
    if digest not in project.blobs:
        _charge(harbor, project, len(data))
        project.blobs[digest] = len(data)
    harbor.blobs[digest] = data
    return digest


def store_manifest(
    harbor: Harbor, project: Project, name: str, reference: str, body: bytes, media_type: str
) -> Artifact:
    """Keep a manifest, and move the tag to it unless it was pushed by digest."""
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


def _new_artifact(harbor: Harbor, digest: str, body: bytes, media_type: str) -> Artifact:
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


def drop_repository(harbor: Harbor, project: Project, repository: Repository) -> None:
    """Delete a repository."""
    del project.repositories[repository.name]
    release_unused(harbor, project)


def release_unused(harbor: Harbor, project: Project) -> None:
    """Blobs no repository names leave the quota at once, but stay on disk (until GC)."""
    kept = {digest for r in project.repositories.values() for digest in _blobs_of(r)}
    freed = sum(size for digest, size in project.blobs.items() if digest not in kept)
    project.blobs = {d: size for d, size in project.blobs.items() if d in kept}
    if project.quota is not None and harbor.settings.quota_per_project_enable:
        project.quota.used = max(0, project.quota.used - freed)
        project.quota.updated = harbor.clock().replace(microsecond=0)


def _blobs_of(repository: Repository) -> set[str]:
    return {d for a in repository.artifacts.values() for d in (a.digest, *a.blobs)}


def _charge(harbor: Harbor, project: Project, size: int) -> None:
    """Add to the quota's use. Without per-project quotas nothing is counted."""
    quota = project.quota
    if quota is None or not harbor.settings.quota_per_project_enable:
        return
    if quota.hard != -1 and quota.used + size > quota.hard:
        raise Refusal(
            "DENIED",
            f"adding {_readable(size)} of storage resource, which when updated to current usage "
            f"of {_readable(quota.used)} will exceed the configured upper limit "
            f"of {_readable(quota.hard)}.",
        )
    quota.used += size
    quota.updated = harbor.clock().replace(microsecond=0)


def _readable(size: int) -> str:
    """Bytes as Harbor writes them in the refusal: `1000 B`, `293.0 KiB`."""
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"
