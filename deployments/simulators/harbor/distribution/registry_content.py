"""/v2 for authorized callers: manifests, blobs, uploads, tags."""

from __future__ import annotations

import uuid

from deployments.simulators.harbor.distribution import content
from deployments.simulators.harbor.state import Project, Upload
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import (
    ERROR_JSON_TYPE,
    HarborError,
    HarborResponse,
    encode_json,
)

# Header of responses from the distribution backend; Harbor's own responses do not have it.
VERSION_HEADER = ("Docker-Distribution-Api-Version", "registry/2.0")


def handle_content(
    call: HarborRequest, project: Project, name: str, kind: str, suffix: str
) -> HarborResponse:
    """Run the operation of a path and a method."""
    reading = call.method in ("GET", "HEAD")
    if kind == "tags" and suffix == "list" and reading:
        return _list_tags(project, name)
    if kind == "manifests":
        if reading:
            return _get_manifest(call, project, name, suffix)
        if call.method == "PUT":
            return _put_manifest(call, project, name, suffix)
        if call.method == "DELETE":
            return _delete_manifest(call, project, name, suffix)
    if kind == "blobs":
        if reading:
            return _get_blob(call, project, suffix)
        if suffix.startswith("uploads/"):
            return _handle_upload(call, project, name, suffix.removeprefix("uploads/"))
    raise HarborError("METHOD_NOT_ALLOWED", "the operation is unsupported")


def _list_tags(project: Project, name: str) -> HarborResponse:
    repository = project.repositories.get(name)
    if repository is None:
        raise HarborError("NOT_FOUND", f"repository {name} not found")
    tags = sorted(tag for artifact in repository.artifacts.values() for tag in artifact.tags)
    return HarborResponse(200, encode_json({"name": name, "tags": tags}) + b"\n", ERROR_JSON_TYPE)


def _get_manifest(
    call: HarborRequest, project: Project, name: str, reference: str
) -> HarborResponse:
    repository = project.repositories.get(name)
    artifact = repository.find(reference) if repository is not None else None
    if repository is None or artifact is None:
        mark = "@" if reference.startswith("sha256:") else ":"
        raise HarborError("NOT_FOUND", f"artifact {name}{mark}{reference} not found")
    if call.method == "GET":
        repository.pull_count += 1
    return HarborResponse(
        200, artifact.manifest, artifact.media_type, _content_headers(artifact.digest)
    )


def _put_manifest(
    call: HarborRequest, project: Project, name: str, reference: str
) -> HarborResponse:
    media_type = call.headers.get("content-type", content.MANIFEST_MEDIA_TYPE)
    artifact = content.store_manifest(call.harbor, project, name, reference, call.body, media_type)
    call.harbor.record(
        call.caller.name, "create", "artifact", f"{name}:{reference}", project_id=project.id
    )
    return _stored_response(call, f"{name}/manifests/{artifact.digest}", artifact.digest)


def _delete_manifest(
    call: HarborRequest, project: Project, name: str, reference: str
) -> HarborResponse:
    repository = project.repositories.get(name)
    artifact = repository.find(reference) if repository is not None else None
    if repository is None or artifact is None:
        raise HarborError("NOT_FOUND", f"artifact {name}:{reference} not found")
    del repository.artifacts[artifact.digest]
    content.release_unused(call.harbor, project)
    return HarborResponse(202)


def _get_blob(call: HarborRequest, project: Project, digest: str) -> HarborResponse:
    if digest not in project.blobs:
        raise HarborError("NOT_FOUND", f"blob {digest} not found")
    data = call.harbor.blobs[digest]
    return HarborResponse(200, data, "application/octet-stream", _content_headers(digest))


def _content_headers(digest: str) -> list[tuple[str, str]]:
    return [("Docker-Content-Digest", digest), ("Etag", f'"{digest}"'), VERSION_HEADER]


def _handle_upload(call: HarborRequest, project: Project, name: str, id: str) -> HarborResponse:
    # Monolithic uploads are POST and PUT; chunked uploads have PATCH in between.
    uploads = call.harbor.uploads
    if call.method == "POST":
        id = str(uuid.uuid4())
        uploads[id] = Upload(name)
        return _accepted_response(call, name, id, 0)
    upload = uploads.get(id)
    if upload is None or upload.repository != name:
        raise HarborError("NOT_FOUND", f"upload {id} not found")
    data = upload.data + call.body
    if call.method == "PATCH":
        uploads[id] = Upload(name, data)
        return _accepted_response(call, name, id, len(data))
    digest = call.query_value("digest")
    if content.blob_digest(data) != digest:
        raise HarborError("BAD_REQUEST", "provided digest did not match uploaded content")
    content.store_blob(call.harbor, project, data)
    del uploads[id]
    return _stored_response(call, f"{name}/blobs/{digest}", digest)


def _accepted_response(call: HarborRequest, name: str, id: str, size: int) -> HarborResponse:
    place = f"{call.harbor.external_url}/v2/{name}/blobs/uploads/{id}?_state={id}"
    end = max(size - 1, 0)
    headers = [
        ("Docker-Upload-Uuid", id),
        ("Location", place),
        ("Range", f"0-{end}"),
        VERSION_HEADER,
    ]
    return HarborResponse(202, headers=headers)


def _stored_response(call: HarborRequest, place: str, digest: str) -> HarborResponse:
    location = f"{call.harbor.external_url}/v2/{place}"
    return HarborResponse(
        201, headers=[("Docker-Content-Digest", digest), ("Location", location), VERSION_HEADER]
    )
