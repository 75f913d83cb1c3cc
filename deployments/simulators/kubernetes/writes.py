"""What writes do to an emulated cluster: create, the three patches, delete."""

import json
from collections.abc import Callable
from typing import Any

from deployments.simulators.asgi import Reply, Request
from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.errors import Refused, bad_request, reply
from deployments.simulators.kubernetes.object_store import NAMESPACES, SECRETS, SINGLE, Json, World
from deployments.simulators.kubernetes.patches import applied, merged, strategic, updated
from deployments.simulators.kubernetes.rights import Rights
from deployments.simulators.kubernetes.target import Target
from deployments.simulators.kubernetes.validation import check_secret

_APPLY = "application/apply-patch+yaml"
_PATCHES: dict[str, Callable[[Json, Json, str], Json]] = {
    "application/merge-patch+json": merged,
    "application/strategic-merge-patch+json": strategic,
}


def existing(world: World, target: Target) -> Json:
    """Find an object.

    Raises:
        Refused: it is not there.
    """
    found = world.get(target.kind, target.namespace, target.name)
    if found is None:
        raise errors.not_found(target.kind, target.name)
    return found


class Writes:
    """Answers writes."""

    def __init__(self, world: World, rights: Rights) -> None:
        self._world, self._rights = world, rights

    def create(self, request: Request, target: Target) -> Reply:
        """Answer a POST.

        Raises:
            Refused: it is there already, may not be so, or has no living namespace.
        """
        body = _body(request)
        metadata = body.get("metadata", {})
        name = metadata.get("name", "")
        if self._world.get(target.kind, target.namespace, name) is not None:
            raise errors.exists(target.kind, name)
        if target.namespace:
            body["metadata"] = {**metadata, "namespace": target.namespace}
        if target.kind == NAMESPACES:
            labels = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": name}
            body["metadata"] = {**metadata, "labels": labels}
        empty: Json = {"metadata": {}}
        return self._created(target, updated(empty, body, _manager(request)))

    def patch(self, request: Request, target: Target, user: str) -> Reply:
        """Answer a PATCH.

        Raises:
            Refused: of this kind of patch, of this object, or to this user.
        """
        patch, content = _body(request), request.headers.get("content-type", "")
        if content == _APPLY:
            return self._apply(request, target, user, patch)
        if content not in _PATCHES:
            said = "the body of the request was in an unknown format"
            raise Refused(415, "UnsupportedMediaType", said)
        live = existing(self._world, target)
        _check_identity(target, live, patch)
        made = _PATCHES[content](live, _without_identity(patch), _manager(request))
        return self._replaced(target, live, made)

    def delete(self, request: Request, target: Target) -> Reply:
        """Answer a DELETE.

        Raises:
            Refused: it is not there, or a precondition does not hold.
        """
        found, single = existing(self._world, target)["metadata"], SINGLE[target.kind]
        wanted = (_body(request) if request.body else {}).get("preconditions") or {}
        for key, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if wanted.get(key) and wanted[key] != found[key]:
                raise errors.precondition(single, target.name, word, wanted[key], found[key])
        self._world.remove(target.kind, target.namespace, target.name)
        details = {"name": target.name, "kind": target.kind, "uid": found["uid"]}
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return reply(200, {**head, "details": details})

    def _apply(self, request: Request, target: Target, user: str, patch: Json) -> Reply:
        manager, force = request.first("fieldManager"), request.first("force") == "true"
        _check_apply(target, patch, manager)
        live = self._world.get(target.kind, target.namespace, target.name)
        if live is not None:
            _check_identity(target, live, patch)
            made = applied(live, _without_identity(patch), manager, force=force)
            return self._replaced(target, live, made)
        within = {"namespace": target.namespace} if target.namespace else {}
        blank: Json = {"metadata": {"name": target.name, **within}}
        made = applied(blank, _without_identity(patch), manager, force=force)
        if not self._rights.may(user, "create", target.kind, target.name):
            raise errors.forbidden(target.kind, target.name, "")  # the real one says no more
        if uid := patch.get("metadata", {}).get("uid"):
            raise errors.mismatch(target.kind, target.name, uid)
        return self._created(target, made)

    def _created(self, target: Target, made: Json) -> Reply:
        if target.namespace:
            self._world.expect_living(target.kind, made["metadata"]["name"], target.namespace)
        if target.kind == SECRETS:
            made = {"type": "Opaque", **made}
            check_secret(None, made)
        plain = {key: value for key, value in made.items() if key not in target.head}
        return reply(201, {**target.head, **self._world.create(target.kind, plain)})

    def _replaced(self, target: Target, live: Json, made: Json) -> Reply:
        """Keep the new version, unless it is the old one."""
        if target.kind == SECRETS:
            check_secret(live, made)
        kept = live if made == live else self._world.put(target.kind, made)
        return reply(200, {**target.head, **kept})


def _check_apply(target: Target, patch: Json, manager: str) -> None:
    if not manager:
        raise errors.no_manager()
    if not patch.get("apiVersion") or not patch.get("kind"):
        raise bad_request("invalid object type: /, Kind=")
    name = patch.get("metadata", {}).get("name", target.name)
    if name != target.name:
        said = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise bad_request(said)


def _check_identity(target: Target, live: Json, patch: Json) -> None:
    """Refuse a patch that is bound to another version, or to another object."""
    metadata = patch.get("metadata", {})
    version, uid = metadata.get("resourceVersion"), metadata.get("uid")
    if version and version != live["metadata"]["resourceVersion"]:
        raise errors.modified(target.kind, target.name)
    if uid and uid != live["metadata"]["uid"]:
        said = f'Invalid value: "{uid}": field is immutable'
        single = SINGLE[target.kind]
        raise errors.invalid(single, target.name, "metadata.uid", "FieldValueInvalid", said)


def _body(request: Request) -> Json:
    try:
        found: Any = json.loads(request.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise bad_request("the object provided is unrecognized")
    return found


def _without_identity(patch: Json) -> Json:
    kept = {key: value for key, value in patch.items() if key not in {"apiVersion", "kind"}}
    metadata = kept.get("metadata") or {}
    plain = {key: metadata[key] for key in metadata if key in {"labels", "annotations"}}
    return {**kept, "metadata": plain} if "metadata" in kept else kept


def _manager(request: Request) -> str:
    return request.first("fieldManager") or request.headers.get("user-agent", "").split("/")[0]
