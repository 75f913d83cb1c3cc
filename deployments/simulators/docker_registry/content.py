"""Manifests and blobs: the push and pull part of the distribution API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from deployments.simulators.asgi import AsgiResponse, Request
from deployments.simulators.docker_registry import responses
from deployments.simulators.docker_registry.responses import ErrorResponse
from deployments.simulators.docker_registry.store import (
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA2,
    StoredManifest,
    StoredRepository,
    check_manifest,
    manifest_digest,
)

PathParameters = Mapping[str, str]
"""The parameters of the path: name, reference, digest, upload."""


@dataclass
class ContentApi:
    """Stored content, and the endpoints to push, pull and delete it."""

    repositories: dict[str, StoredRepository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)

    def repository(self, name: str) -> StoredRepository:
        """Return the repository; create it if it does not exist."""
        return self.repositories.setdefault(name, StoredRepository())

    def read_manifest(self, request: Request, parts: PathParameters) -> AsgiResponse:
        """GET and HEAD of a manifest, by tag or digest."""
        name, reference = parts["name"], parts["reference"]
        repository = self.repositories.get(name, StoredRepository())
        digest = repository.resolve(reference)
        if not digest:
            by_digest = {"Name": name, "Revision": reference}
            raise ErrorResponse(
                "MANIFEST_UNKNOWN", by_digest if ":" in reference else {"Tag": reference}
            )
        manifest = repository.manifests[digest]
        _check_accept_header(manifest, reference, request.headers.get("accept", ""))
        headers = (
            ("Content-Type", manifest.media_type),
            ("Docker-Content-Digest", digest),
            *responses.VERSION_HEADERS,
            ("Etag", f'"{digest}"'),
        )
        return AsgiResponse(200, manifest.body, headers)

    def put_manifest(self, request: Request, parts: PathParameters) -> AsgiResponse:
        """PUT of a manifest, by tag or digest."""
        name, reference = parts["name"], parts["reference"]
        manifest = StoredManifest(request.headers.get("content-type", ""), request.body)
        repository = self.repositories.get(name, StoredRepository())
        check_manifest(manifest.media_type, manifest.body, repository)
        digest = manifest_digest(manifest.body)
        if ":" in reference and reference != digest:
            raise ErrorResponse("DIGEST_INVALID")
        self.repository(name).put(reference, manifest)
        location = f"{request.origin}/v2/{name}/manifests/{digest}"
        return responses.empty_response(
            201, ("Docker-Content-Digest", digest), ("Location", location)
        )

    def delete_manifest(self, request: Request, parts: PathParameters) -> AsgiResponse:
        """DELETE of a manifest and its tags; only by digest."""
        if ":" not in parts["reference"]:
            raise ErrorResponse("DIGEST_INVALID")
        repository = self.repositories.get(parts["name"], StoredRepository())
        if parts["reference"] not in repository.manifests:
            raise ErrorResponse("MANIFEST_UNKNOWN")
        repository.delete(parts["reference"])
        return responses.empty_response(202)

    def read_blob(self, request: Request, parts: PathParameters) -> AsgiResponse:
        """GET and HEAD of a blob."""
        digest = parts["digest"]
        if digest not in self.repositories.get(parts["name"], StoredRepository()).blobs:
            raise ErrorResponse("BLOB_UNKNOWN", digest)
        headers = (
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", "max-age=31536000"),
            ("Content-Type", "application/octet-stream"),
            ("Docker-Content-Digest", digest),
            *responses.VERSION_HEADERS,
            ("Etag", f'"{digest}"'),
        )
        return AsgiResponse(200, self.blobs[digest], headers)

    def delete_blob(self, request: Request, parts: PathParameters) -> AsgiResponse:
        """DELETE of a blob from one repository."""
        repository = self.repositories.get(parts["name"], StoredRepository())
        if parts["digest"] not in repository.blobs:
            raise ErrorResponse("BLOB_UNKNOWN")
        repository.blobs.remove(parts["digest"])
        return responses.empty_response(202)

    def begin_upload(self, request: Request, parts: PathParameters) -> AsgiResponse:
        """POST that begins an upload, or mounts a blob from another repository."""
        mount, source = request.query_value("mount"), request.query_value("from")
        if mount in self.repositories.get(source, StoredRepository()).blobs:
            self.repository(parts["name"]).blobs.add(mount)
            return _blob_created_response(request, parts["name"], mount)
        upload = str(uuid4())
        self.uploads.add(upload)
        # Absolute, with a query to which the client must add `digest`.
        location = f"{request.origin}/v2/{parts['name']}/blobs/uploads/{upload}?_state={upload}"
        return responses.empty_response(
            202, ("Docker-Upload-Uuid", upload), ("Location", location), ("Range", "0-0")
        )

    def finish_upload(self, request: Request, parts: PathParameters) -> AsgiResponse:
        """PUT that carries the whole blob."""
        if parts["upload"] not in self.uploads:
            raise ErrorResponse("BLOB_UPLOAD_INVALID", {})
        self.uploads.remove(parts["upload"])
        digest = manifest_digest(request.body)
        if request.query_value("digest") != digest:
            detail = {"Digest": request.query_value("digest"), "Reason": {}}
            raise ErrorResponse("DIGEST_INVALID", detail)
        self.blobs[digest] = request.body
        self.repository(parts["name"]).blobs.add(digest)
        return _blob_created_response(request, parts["name"], digest)


def _blob_created_response(request: Request, name: str, digest: str) -> AsgiResponse:
    location = f"{request.origin}/v2/{name}/blobs/{digest}"
    return responses.empty_response(201, ("Docker-Content-Digest", digest), ("Location", location))


def _check_accept_header(manifest: StoredManifest, reference: str, accept: str) -> None:
    # A manifest type that Accept does not name is an error; `*/*` does not count. By tag, the real
    # registry converts schema 2 to schema 1 first, and fails like this unless the image has a full
    # config; it does not convert a manifest requested by digest.
    if manifest.media_type in accept:
        return
    if manifest.media_type in (OCI_MANIFEST, OCI_INDEX):
        kind = "index" if manifest.media_type == OCI_INDEX else "manifest"
        message = f"OCI {kind} found, but accept header does not support OCI {_PLURAL[kind]}"
        raise ErrorResponse("MANIFEST_UNKNOWN", message=message)
    if manifest.media_type == SCHEMA2 and ":" not in reference:
        raise ErrorResponse("MANIFEST_INVALID", {})


_PLURAL = {"index": "indexes", "manifest": "manifests"}
