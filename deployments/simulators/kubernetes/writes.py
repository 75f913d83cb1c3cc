"""Modifying requests: create, the three types of patch, and delete."""

import json
from collections.abc import Callable
from typing import Any

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.admission import Admission, check_secret
from deployments.simulators.kubernetes.errors import KubernetesApiError, bad_request
from deployments.simulators.kubernetes.harbors.schema import check_harbor_cluster
from deployments.simulators.kubernetes.object_store import (
    HARBOR_CLUSTER_RESOURCE,
    KIND_BY_RESOURCE,
    NAMESPACE_RESOURCE,
    SECRET_RESOURCE,
    STATUS_RESOURCES,
    Json,
    ObjectStore,
)
from deployments.simulators.kubernetes.patches import (
    apply_merge_patch,
    apply_server_side,
    apply_strategic_patch,
    record_update,
)
from deployments.simulators.kubernetes.request import KubernetesRequest
from deployments.simulators.kubernetes.responses import CompactJson
from deployments.simulators.kubernetes.rights import ClusterRights
from deployments.simulators.kubernetes.target import RequestTarget

_APPLY_PATCH_TYPE = "application/apply-patch+yaml"
_PATCH_FUNCTIONS: dict[str, Callable[[Json, Json, str], Json]] = {
    "application/merge-patch+json": apply_merge_patch,
    "application/strategic-merge-patch+json": apply_strategic_patch,
}


def get_existing(store: ObjectStore, target: RequestTarget) -> Json:
    """Return an object.

    Raises:
        KubernetesApiError: it does not exist.
    """
    manifest = store.get(target.resource, target.namespace, target.name)
    if manifest is None:
        raise errors.not_found(target.resource, target.name)
    return manifest


class WriteHandler:
    """Handles modifying requests."""

    def __init__(self, store: ObjectStore, rights: ClusterRights, admission: Admission) -> None:
        self._store, self._rights, self._admission = store, rights, admission

    def create(self, request: KubernetesRequest, target: RequestTarget) -> CompactJson:
        """Handle a POST.

        Raises:
            KubernetesApiError: it exists, is invalid, or its namespace is not active.
        """
        body = _parse_object(request)
        metadata = body.get("metadata", {})
        name = metadata.get("name", "")
        if self._store.get(target.resource, target.namespace, name) is not None:
            raise errors.already_exists(target.resource, name)
        if target.namespace:
            body["metadata"] = {**metadata, "namespace": target.namespace}
        if target.resource == NAMESPACE_RESOURCE:
            labels = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": name}
            body["metadata"] = {**metadata, "labels": labels}
        if target.resource in STATUS_RESOURCES:
            body = {key: body[key] for key in body if key != "status"}
            body["metadata"] = {**body["metadata"], "generation": 1}
        empty: Json = {"metadata": {}}
        return self._created_response(target, record_update(empty, body, _field_manager(request)))

    def patch(self, request: KubernetesRequest, target: RequestTarget) -> CompactJson:
        """Handle a PATCH.

        Raises:
            KubernetesApiError: the patch type, the object or the user is not allowed.
        """
        patch, content = _parse_object(request), request.headers.get("content-type", "")
        if content == _APPLY_PATCH_TYPE:
            return self._apply_patch(request, target, patch)
        if content not in _PATCH_FUNCTIONS:
            message = "the body of the request was in an unknown format"
            raise KubernetesApiError(415, "UnsupportedMediaType", message)
        live = get_existing(self._store, target)
        _check_identity(target, live, patch)
        new_manifest = _PATCH_FUNCTIONS[content](
            live, _without_identity(patch), _field_manager(request)
        )
        if target.resource in STATUS_RESOURCES:
            new_manifest = _merge_status(target, live, new_manifest)
        return self._replaced_response(target, live, new_manifest)

    def delete(self, request: KubernetesRequest, target: RequestTarget) -> CompactJson:
        """Handle a DELETE.

        Raises:
            KubernetesApiError: it does not exist, or a precondition failed.
        """
        metadata, single = (
            get_existing(self._store, target)["metadata"],
            KIND_BY_RESOURCE[target.resource],
        )
        options = _parse_object(request) if request.content else {}
        preconditions = options.get("preconditions") or {}
        for key, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            if preconditions.get(key) and preconditions[key] != metadata[key]:
                raise errors.precondition_failed(
                    single, target.name, label, preconditions[key], metadata[key]
                )
        self._admit("DELETE", target, target.name)
        self._store.remove(target.resource, target.namespace, target.name)
        details = {"name": target.name, "kind": target.resource, "uid": metadata["uid"]}
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return CompactJson({**head, "details": details})

    def _apply_patch(
        self, request: KubernetesRequest, target: RequestTarget, patch: Json
    ) -> CompactJson:
        manager, force = request.query_value("fieldManager"), request.query_value("force") == "true"
        _check_apply(target, patch, manager)
        live = self._store.get(target.resource, target.namespace, target.name)
        if live is not None:
            _check_identity(target, live, patch)
            new_manifest = apply_server_side(live, _without_identity(patch), manager, force=force)
            return self._replaced_response(target, live, new_manifest)
        within = {"namespace": target.namespace} if target.namespace else {}
        blank: Json = {"metadata": {"name": target.name, **within}}
        new_manifest = apply_server_side(blank, _without_identity(patch), manager, force=force)
        if not self._rights.is_allowed(request.user_name, "create", target.resource, target.name):
            raise errors.forbidden(target.resource, target.name, "")  # no more text in the real one
        if uid := patch.get("metadata", {}).get("uid"):
            raise errors.uid_mismatch(target.resource, target.name, uid)
        return self._created_response(target, new_manifest)

    def _created_response(self, target: RequestTarget, new_manifest: Json) -> CompactJson:
        if target.namespace:
            self._store.require_active_namespace(
                target.resource, new_manifest["metadata"]["name"], target.namespace
            )
        if target.resource == SECRET_RESOURCE:
            new_manifest = {"type": "Opaque", **new_manifest}
            check_secret(None, new_manifest)
        if target.resource == HARBOR_CLUSTER_RESOURCE:
            check_harbor_cluster(new_manifest)
        self._admit("CREATE", target, new_manifest["metadata"]["name"])
        plain = {key: value for key, value in new_manifest.items() if key not in target.type_meta}
        return CompactJson({**target.type_meta, **self._store.create(target.resource, plain)}, 201)

    def _replaced_response(
        self, target: RequestTarget, live: Json, new_manifest: Json
    ) -> CompactJson:
        if target.resource == SECRET_RESOURCE:
            check_secret(live, new_manifest)
        if target.resource == HARBOR_CLUSTER_RESOURCE:
            check_harbor_cluster(new_manifest)
        self._admit("UPDATE", target, target.name)
        result = live if new_manifest == live else self._store.put(target.resource, new_manifest)
        return CompactJson({**target.type_meta, **result})

    def _admit(self, operation: str, target: RequestTarget, name: str) -> None:
        self._admission.check(self._store, operation, target.resource, (target.namespace, name))


def _merge_status(target: RequestTarget, live: Json, new_manifest: Json) -> Json:
    """Return an object of which only the status was changed, or all else."""
    if target.subresource:
        return {**live, "status": new_manifest.get("status", {})}
    kept = {key: new_manifest[key] for key in new_manifest if key != "status"}
    if kept.get("spec") != live.get("spec"):
        generation = live["metadata"].get("generation", 1) + 1
        kept["metadata"] = {**kept["metadata"], "generation": generation}
    return kept | ({"status": live["status"]} if "status" in live else {})


def _check_apply(target: RequestTarget, patch: Json, manager: str) -> None:
    if not manager:
        raise errors.missing_field_manager()
    if not patch.get("apiVersion") or not patch.get("kind"):
        raise bad_request("invalid object type: /, Kind=")
    name = patch.get("metadata", {}).get("name", target.name)
    if name != target.name:
        message = (
            f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        )
        raise bad_request(message)


def _check_identity(target: RequestTarget, live: Json, patch: Json) -> None:
    metadata = patch.get("metadata", {})
    version, uid = metadata.get("resourceVersion"), metadata.get("uid")
    if version and version != live["metadata"]["resourceVersion"]:
        raise errors.version_conflict(target.resource, target.name)
    if uid and uid != live["metadata"]["uid"]:
        message = f'Invalid value: "{uid}": field is immutable'
        single = KIND_BY_RESOURCE[target.resource]
        raise errors.invalid_object(
            single, target.name, "metadata.uid", "FieldValueInvalid", message
        )


def _parse_object(request: KubernetesRequest) -> Json:
    try:
        body: Any = json.loads(request.content)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized")
    return body


def _without_identity(patch: Json) -> Json:
    fields = {key: value for key, value in patch.items() if key not in {"apiVersion", "kind"}}
    metadata = fields.get("metadata") or {}
    plain = {key: metadata[key] for key in metadata if key in {"labels", "annotations"}}
    return {**fields, "metadata": plain} if "metadata" in fields else fields


def _field_manager(request: KubernetesRequest) -> str:
    return (
        request.query_value("fieldManager") or request.headers.get("user-agent", "").split("/")[0]
    )
