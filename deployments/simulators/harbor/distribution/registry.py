"""/v2: pull and push, for callers with the right in the project of a repository."""

from __future__ import annotations

import uuid

from starlette.responses import Response

from deployments.simulators.harbor import rights
from deployments.simulators.harbor.distribution import tokens
from deployments.simulators.harbor.state import content
from deployments.simulators.harbor.state.entities import Project
from deployments.simulators.harbor.state.errors import HarborError, bad_request
from deployments.simulators.harbor.web.request import HarborRequest
from deployments.simulators.harbor.web.responses import ERROR_JSON_TYPE
from deployments.simulators.harbor.web.routing import route

# Header of challenges and of the distribution backend; Harbor's other errors do not have it.
VERSION_HEADER = {"docker-distribution-api-version": "registry/2.0"}


async def check_login(request: HarborRequest) -> Response:
    """GET /v2/: whether the credentials are accepted."""
    if request.caller.is_anonymous:
        raise _challenge(request, "unauthorized")
    return Response(b"{}", headers=VERSION_HEADER, media_type=ERROR_JSON_TYPE)


async def get_manifest(request: HarborRequest) -> Response:
    """GET …/manifests/{reference}, by tag or digest."""
    project, name = _authorize(request, "pull")
    reference = request.path_params["reference"]
    repository = project.repositories.get(name)
    artifact = repository.find(reference) if repository is not None else None
    if repository is None or artifact is None:
        mark = "@" if reference.startswith("sha256:") else ":"
        raise HarborError("NOT_FOUND", f"artifact {name}{mark}{reference} not found")
    repository.pull_count += 1
    headers = {
        "docker-content-digest": artifact.digest,
        "etag": f'"{artifact.digest}"',
        **VERSION_HEADER,
    }
    return Response(artifact.manifest, headers=headers, media_type=artifact.media_type)


async def put_manifest(request: HarborRequest) -> Response:
    """PUT …/manifests/{tag}."""
    project, name = _authorize(request, "push")
    media_type = request.headers.get("content-type", content.MANIFEST_MEDIA_TYPE)
    artifact = content.store_manifest(
        request.harbor,
        project,
        name,
        request.path_params["reference"],
        await request.body(),
        media_type,
    )
    return _stored_response(request, f"{name}/manifests/{artifact.digest}", artifact.digest)


async def begin_upload(request: HarborRequest) -> Response:
    """POST …/blobs/uploads/."""
    _, name = _authorize(request, "push")
    upload = str(uuid.uuid4())
    request.harbor.uploads[upload] = name
    place = f"{request.harbor.external_url}/v2/{name}/blobs/uploads/{upload}?_state={upload}"
    headers = {"docker-upload-uuid": upload, "location": place, "range": "0-0", **VERSION_HEADER}
    return Response(status_code=202, headers=headers)


async def finish_upload(request: HarborRequest) -> Response:
    """PUT …/blobs/uploads/{upload}: the whole blob in one piece."""
    project, name = _authorize(request, "push")
    upload, data = request.path_params["upload"], await request.body()
    if request.harbor.uploads.get(upload) != name:
        raise HarborError("NOT_FOUND", f"upload {upload} not found")
    digest = request.query_value("digest")
    if content.blob_digest(data) != digest:
        raise bad_request("provided digest did not match uploaded content")
    content.store_blob(request.harbor, project, data)
    del request.harbor.uploads[upload]
    return _stored_response(request, f"{name}/blobs/{digest}", digest)


def _stored_response(request: HarborRequest, place: str, digest: str) -> Response:
    location = f"{request.harbor.external_url}/v2/{place}"
    headers = {"docker-content-digest": digest, "location": location, **VERSION_HEADER}
    return Response(status_code=201, headers=headers)


def _authorize(request: HarborRequest, action: str) -> tuple[Project, str]:
    # Returns the project and the name of the repository. Missing rights are always a 401 on /v2.
    name = request.path_params["repository"]
    if action == "pull" and not request.headers.get("authorization"):
        message = "authorize header needed to send HEAD to repository"
        raise _challenge(request, message, f"repository:{name}:pull")
    rights.require_database(request.harbor)
    project_name = name.partition("/")[0]
    project = request.harbor.projects.get(project_name)
    if project is None:
        raise _unauthorized(f"project {project_name} not found", "")
    if not _is_allowed(request, project, name, action):
        message = f"unauthorized to access repository: {name}, action: {action}"
        raise _challenge(request, message, f"repository:{name}:{action}")
    return project, name


def _is_allowed(request: HarborRequest, project: Project, name: str, action: str) -> bool:
    caller = request.caller
    if caller.token_access is None:
        return rights.is_allowed(caller, project, "repository", action)
    # A token older than the project is for an earlier project of the same name.
    stale = caller.issued_at + tokens.LEEWAY_SECONDS < project.created.timestamp()
    return not stale and action in caller.token_access.get(name, ())


_BASIC_CHALLENGE = 'Basic realm="harbor"'


def _challenge(request: HarborRequest, message: str, scope: str = "") -> HarborError:
    # Without credentials, the challenge is for a token; with wrong ones, it is Basic.
    if request.headers.get("authorization"):
        return _unauthorized(message, _BASIC_CHALLENGE)
    realm = f"{request.harbor.external_url}/service/token"
    challenge = f'Bearer realm="{realm}",service="harbor-registry"'
    return _unauthorized(message, f'{challenge},scope="{scope}"' if scope else challenge)


def _unauthorized(message: str, challenge: str) -> HarborError:
    headers = {"www-authenticate": challenge, **VERSION_HEADER}
    return HarborError("UNAUTHORIZED", f"{message}: {message}", headers)


ROUTES = [
    route("GET", "/v2", check_login),
    route("GET", "/v2/{repository:path}/manifests/{reference}", get_manifest),
    route("PUT", "/v2/{repository:path}/manifests/{reference}", put_manifest),
    route("POST", "/v2/{repository:path}/blobs/uploads", begin_upload),
    route("PUT", "/v2/{repository:path}/blobs/uploads/{upload}", finish_upload),
]
