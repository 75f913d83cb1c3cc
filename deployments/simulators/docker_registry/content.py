"""Manifests and blobs: the part of the distribution API that pushes and pulls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from deployments.simulators.asgi import Reply, Request
from deployments.simulators.docker_registry import responses
from deployments.simulators.docker_registry.responses import RefusedError
from deployments.simulators.docker_registry.store import (
    OCI,
    OCI_INDEX,
    SCHEMA2,
    Manifest,
    Repository,
    check_manifest,
    digest_of,
)

Parts = Mapping[str, str]
"""The named parts of the path: name, reference, digest, upload."""


@dataclass
class Content:
    """All that was pushed, and the endpoints that push, pull and delete."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)

    def repository(self, name: str) -> Repository:
        """The repository, made if it is new."""
        return self.repositories.setdefault(name, Repository())

    def read_manifest(self, request: Request, parts: Parts) -> Reply:
        """GET and HEAD of a manifest, by tag or digest."""
        name, reference = parts["name"], parts["reference"]
        repository = self.repositories.get(name, Repository())
        digest = repository.resolve(reference)
        if not digest:
            by_digest = {"Name": name, "Revision": reference}
            raise RefusedError(
                "MANIFEST_UNKNOWN", by_digest if ":" in reference else {"Tag": reference}
            )
        manifest = repository.manifests[digest]
        _check_accepted(manifest, reference, request.headers.get("accept", ""))
        headers = (
            ("Content-Type", manifest.media_type),
            ("Docker-Content-Digest", digest),
            *responses.VERSION,
            ("Etag", f'"{digest}"'),
        )
        return Reply(200, manifest.body, headers)

    def put_manifest(self, request: Request, parts: Parts) -> Reply:
        """PUT of a manifest, by tag or digest."""
        name, reference = parts["name"], parts["reference"]
        manifest = Manifest(request.headers.get("content-type", ""), request.body)
        repository = self.repositories.get(name, Repository())
        check_manifest(manifest.media_type, manifest.body, repository)
        digest = digest_of(manifest.body)
        if ":" in reference and reference != digest:
            raise RefusedError("DIGEST_INVALID")
        self.repository(name).put(reference, manifest)
        location = f"{request.origin}/v2/{name}/manifests/{digest}"
        return responses.empty(201, ("Docker-Content-Digest", digest), ("Location", location))

    def delete_manifest(self, request: Request, parts: Parts) -> Reply:
        """DELETE of a manifest and its tags; only by digest."""
        if ":" not in parts["reference"]:
            raise RefusedError("DIGEST_INVALID")
        repository = self.repositories.get(parts["name"], Repository())
        if parts["reference"] not in repository.manifests:
            raise RefusedError("MANIFEST_UNKNOWN")
        repository.delete(parts["reference"])
        return responses.empty(202)

    def read_blob(self, request: Request, parts: Parts) -> Reply:
        """GET and HEAD of a blob."""
        digest = parts["digest"]
        if digest not in self.repositories.get(parts["name"], Repository()).blobs:
            raise RefusedError("BLOB_UNKNOWN", digest)
        headers = (
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", "max-age=31536000"),
            ("Content-Type", "application/octet-stream"),
            ("Docker-Content-Digest", digest),
            *responses.VERSION,
            ("Etag", f'"{digest}"'),
        )
        return Reply(200, self.blobs[digest], headers)

    def delete_blob(self, request: Request, parts: Parts) -> Reply:
        """DELETE of a blob from one repository."""
        repository = self.repositories.get(parts["name"], Repository())
        if parts["digest"] not in repository.blobs:
            raise RefusedError("BLOB_UNKNOWN")
        repository.blobs.remove(parts["digest"])
        return responses.empty(202)

    def begin_upload(self, request: Request, parts: Parts) -> Reply:
        """POST that begins an upload, or mounts a blob from another repository."""
        mount, source = request.first("mount"), request.first("from")
        if mount in self.repositories.get(source, Repository()).blobs:
            self.repository(parts["name"]).blobs.add(mount)
            return _blob_created(request, parts["name"], mount)
        upload = str(uuid4())
        self.uploads.add(upload)
        # Absolute, with a query of its own to which the client must add `digest`.
        location = f"{request.origin}/v2/{parts['name']}/blobs/uploads/{upload}?_state={upload}"
        return responses.empty(
            202, ("Docker-Upload-Uuid", upload), ("Location", location), ("Range", "0-0")
        )

    def finish_upload(self, request: Request, parts: Parts) -> Reply:
        """PUT that carries the whole blob."""
        if parts["upload"] not in self.uploads:
            raise RefusedError("BLOB_UPLOAD_INVALID", {})
        self.uploads.remove(parts["upload"])
        digest = digest_of(request.body)
        if request.first("digest") != digest:
            detail = {"Digest": request.first("digest"), "Reason": {}}
            raise RefusedError("DIGEST_INVALID", detail)
        self.blobs[digest] = request.body
        self.repository(parts["name"]).blobs.add(digest)
        return _blob_created(request, parts["name"], digest)


def _blob_created(request: Request, name: str, digest: str) -> Reply:
    location = f"{request.origin}/v2/{name}/blobs/{digest}"
    return responses.empty(201, ("Docker-Content-Digest", digest), ("Location", location))


def _check_accepted(manifest: Manifest, reference: str, accept: str) -> None:
    """Refuse a manifest whose type the client did not ask for by name; `*/*` does not count.

    By tag the real one turns schema 2 into schema 1 first, and fails like this unless the
    image has a full config; it does not convert what is asked for by digest.
    """
    if manifest.media_type in accept:
        return
    if manifest.media_type in (OCI, OCI_INDEX):
        kind = "index" if manifest.media_type == OCI_INDEX else "manifest"
        message = f"OCI {kind} found, but accept header does not support OCI {_PLURAL[kind]}"
        raise RefusedError("MANIFEST_UNKNOWN", message=message)
    if manifest.media_type == SCHEMA2 and ":" not in reference:
        raise RefusedError("MANIFEST_INVALID", {})


_PLURAL = {"index": "indexes", "manifest": "manifests"}
