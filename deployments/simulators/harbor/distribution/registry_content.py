"""/v2 once the caller is let in: manifests, blobs, uploads, tags."""

from __future__ import annotations

import uuid

from deployments.simulators.harbor.distribution import content
from deployments.simulators.harbor.state import Project, Upload
from deployments.simulators.harbor.web.request import Call
from deployments.simulators.harbor.web.responses import ERROR_JSON, Answer, Refusal, encode

# What the storage behind Harbor answers carries this; what Harbor answers itself does not.
VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")


def answer(call: Call, project: Project, name: str, kind: str, rest: str) -> Answer:
    """Run the operation a path and a method mean."""
    reading = call.method in ("GET", "HEAD")
    if kind == "tags" and rest == "list" and reading:
        return _tags(project, name)
    if kind == "manifests":
        if reading:
            return _manifest(call, project, name, rest)
        if call.method == "PUT":
            return _put_manifest(call, project, name, rest)
        if call.method == "DELETE":
            return _delete_manifest(call, project, name, rest)
    if kind == "blobs":
        if reading:
            return _blob(call, project, rest)
        if rest.startswith("uploads/"):
            return _upload(call, project, name, rest.removeprefix("uploads/"))
    raise Refusal("METHOD_NOT_ALLOWED", "the operation is unsupported")


def _tags(project: Project, name: str) -> Answer:
    repository = project.repositories.get(name)
    if repository is None:
        raise Refusal("NOT_FOUND", f"repository {name} not found")
    tags = sorted(tag for artifact in repository.artifacts.values() for tag in artifact.tags)
    return Answer(200, encode({"name": name, "tags": tags}) + b"\n", ERROR_JSON)


def _manifest(call: Call, project: Project, name: str, reference: str) -> Answer:
    repository = project.repositories.get(name)
    artifact = repository.find(reference) if repository is not None else None
    if repository is None or artifact is None:
        mark = "@" if reference.startswith("sha256:") else ":"
        raise Refusal("NOT_FOUND", f"artifact {name}{mark}{reference} not found")
    if call.method == "GET":
        repository.pull_count += 1
    return Answer(200, artifact.manifest, artifact.media_type, _content_headers(artifact.digest))


def _put_manifest(call: Call, project: Project, name: str, reference: str) -> Answer:
    media_type = call.headers.get("content-type", content.DOCKER_MANIFEST)
    artifact = content.store_manifest(call.harbor, project, name, reference, call.body, media_type)
    call.harbor.record(
        call.caller.name, "create", "artifact", f"{name}:{reference}", project_id=project.id
    )
    return _stored(call, f"{name}/manifests/{artifact.digest}", artifact.digest)


def _delete_manifest(call: Call, project: Project, name: str, reference: str) -> Answer:
    repository = project.repositories.get(name)
    artifact = repository.find(reference) if repository is not None else None
    if repository is None or artifact is None:
        raise Refusal("NOT_FOUND", f"artifact {name}:{reference} not found")
    del repository.artifacts[artifact.digest]
    content.release_unused(call.harbor, project)
    return Answer(202)


def _blob(call: Call, project: Project, digest: str) -> Answer:
    if digest not in project.blobs:
        raise Refusal("NOT_FOUND", f"blob {digest} not found")
    data = call.harbor.blobs[digest]
    return Answer(200, data, "application/octet-stream", _content_headers(digest))


def _content_headers(digest: str) -> list[tuple[str, str]]:
    return [("Docker-Content-Digest", digest), ("Etag", f'"{digest}"'), VERSION]


def _upload(call: Call, project: Project, name: str, id: str) -> Answer:
    """An upload in one piece (POST then PUT), or in chunks with PATCH between."""
    uploads = call.harbor.uploads
    if call.method == "POST":
        id = str(uuid.uuid4())
        uploads[id] = Upload(name)
        return _accepted(call, name, id, 0)
    upload = uploads.get(id)
    if upload is None or upload.repository != name:
        raise Refusal("NOT_FOUND", f"upload {id} not found")
    data = upload.data + call.body
    if call.method == "PATCH":
        uploads[id] = Upload(name, data)
        return _accepted(call, name, id, len(data))
    digest = call.first("digest")
    if content.digest_of(data) != digest:
        raise Refusal("BAD_REQUEST", "provided digest did not match uploaded content")
    content.store_blob(call.harbor, project, data)
    del uploads[id]
    return _stored(call, f"{name}/blobs/{digest}", digest)


def _accepted(call: Call, name: str, id: str, size: int) -> Answer:
    place = f"{call.harbor.external_url}/v2/{name}/blobs/uploads/{id}?_state={id}"
    end = max(size - 1, 0)
    headers = [("Docker-Upload-Uuid", id), ("Location", place), ("Range", f"0-{end}"), VERSION]
    return Answer(202, headers=headers)


def _stored(call: Call, place: str, digest: str) -> Answer:
    location = f"{call.harbor.external_url}/v2/{place}"
    return Answer(201, headers=[("Docker-Content-Digest", digest), ("Location", location), VERSION])
