"""Write and delete the pull secret of a namespace without ever changing a foreign Secret.

A Secret of that name may be created, replaced or edited between the observation and the change. The
API server detects this. Writing uses server-side apply without `force`, which creates a missing
Secret and fails (409) if another manager owns a field that would change. Deleting uses
preconditions, which fail (409) if the Secret is not exactly the observed one. After a conflict the
Secret is read again. If this installation owns it, the change is retried for exactly that version,
with `force` when writing.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
"""

import base64

from models.clusters.cluster import (
    FIELD_MANAGER,
    INSTALLATION_LABEL,
    MANAGED_BY_LABEL,
    PULL_SECRET_NAME,
)
from models.clusters.pull_secret import (
    ClusterChangeResult,
    DeleteSecret,
    WriteSecret,
    describe_foreign_secret,
)
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.admission import redact_content
from tasks.clusters.objects import (
    DOCKER_CONFIG_KEY,
    DOCKER_CONFIG_TYPE,
    SecretIdentity,
    SecretObject,
)
from tasks.clusters.observe import ClusterObserver, pull_secret_path
from tasks.http.client import HttpClient
from tasks.http.response import Response

_MAX_ATTEMPTS = 4
"""Attempts for one change; each conflict with a concurrent change uses one."""

_APPLY_PATCH_TYPE = "application/apply-patch+yaml"


class PullSecretWriter:
    """Writes and deletes pull secrets.

    Args:
        http: HTTP client of the cluster.
        observer: reads a Secret again after a conflict.
        identity: what identifies the Secrets of this installation.
    """

    def __init__(
        self, http: HttpClient, observer: ClusterObserver, identity: SecretIdentity
    ) -> None:
        self._http, self._observer, self._identity = http, observer, identity

    async def write(self, change: WriteSecret, content: str) -> ClusterChangeResult:
        """Write a pull secret; writing the same content again changes nothing.

        Raises:
            RemoteError: the pull secret was not written.
        """
        try:
            return await self._write(change, content)
        except RemoteError as error:
            raise redact_content(error, content) from None

    async def _write(self, change: WriteSecret, content: str) -> ClusterChangeResult:
        path, version = pull_secret_path(change.namespace), ""
        for _ in range(_MAX_ATTEMPTS):
            response = await self._send_apply(path, content, version)
            if response.status in {200, 201}:
                return self._write_result(change, response)
            secret = await self._find_conflicting_secret(change.namespace, response)
            if secret is None:
                version = ""
            elif foreign := self._foreign_result(change, secret):
                return foreign
            elif response.status == 409:
                version = secret.metadata.resource_version
            else:
                await self._delete_conflicting_secret(path, secret)
                version = ""
        raise api_errors.cluster_error_from_response(response)

    async def delete(self, change: DeleteSecret) -> ClusterChangeResult:
        """Delete a pull secret of this installation.

        Raises:
            RemoteError: the pull secret was not deleted.
        """
        path, uid, version = pull_secret_path(change.namespace), change.uid, change.resource_version
        for _ in range(_MAX_ATTEMPTS):
            response = await self._send_delete(path, uid, version)
            if response.status in {200, 202}:
                return _change_result(change, Reason.DONE)
            if response.status == 404:
                return _change_result(change, Reason.UNCHANGED)
            if response.status != 409:
                break
            secret = await self._observer.get_secret(change.namespace)
            if secret is None:
                return _change_result(change, Reason.UNCHANGED)
            if foreign := self._foreign_result(change, secret):
                return foreign
            uid, version = secret.metadata.uid, secret.metadata.resource_version
        raise api_errors.cluster_error_from_response(response)

    async def _find_conflicting_secret(
        self, namespace: str, response: Response
    ) -> SecretObject | None:
        # 409 is a conflict. 422 can mean that the existing Secret has another type or is
        # `immutable`: it must be deleted first. Any other error is raised; after a denial by a
        # policy (422, too) nothing must be deleted, because nothing could be written again.
        error = api_errors.cluster_error_from_response(response)
        is_conflict = response.status == 409 and error.reason is Reason.CONFLICT
        is_denied = error.reason in (Reason.ADMISSION_DENIED, Reason.QUOTA_EXCEEDED)
        is_immutable = not is_denied and api_errors.refuses_immutable_field(response)
        if not is_conflict and not is_immutable:
            raise error
        secret = await self._observer.get_secret(namespace)
        if secret is None and response.status == 422:
            raise error
        return secret

    async def _delete_conflicting_secret(self, path: str, secret: SecretObject) -> None:
        # 404 and 409: the Secret was deleted or changed meanwhile; the next attempt handles it.
        response = await self._send_delete(
            path, secret.metadata.uid, secret.metadata.resource_version
        )
        if response.status not in {200, 202, 404, 409}:
            raise api_errors.cluster_error_from_response(response)

    def _foreign_result(
        self, change: WriteSecret | DeleteSecret, secret: SecretObject
    ) -> ClusterChangeResult | None:
        observed = secret.to_observed(self._identity)
        if observed.is_owned:
            return None
        reason, message = describe_foreign_secret(change.namespace, observed.installation)
        return _change_result(change, reason, message)

    def _write_result(self, change: WriteSecret, response: Response) -> ClusterChangeResult:
        secret = api_errors.parse_object(response, SecretObject)
        observed_secret = secret.to_observed(self._identity)
        if observed_secret.has_labels and observed_secret.fingerprint == change.after:
            return _change_result(change, Reason.DONE)
        message = (
            "the cluster stored different content than was written: check for an admission webhook "
            "that changes Secrets"
        )
        raise RemoteError(
            self._http.target, response.method, response.url, message, Reason.CONFLICT
        )

    async def _send_apply(self, path: str, content: str, version: str) -> Response:
        # `force` only together with the version of a Secret that this installation owns.
        labels = {MANAGED_BY_LABEL: FIELD_MANAGER, INSTALLATION_LABEL: self._identity.installation}
        metadata: dict[str, object] = {"name": PULL_SECRET_NAME, "labels": labels}
        query = {"fieldManager": FIELD_MANAGER}
        if version:
            metadata["resourceVersion"] = version
            query["force"] = "true"
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": DOCKER_CONFIG_TYPE,
            # Not stringData: it is write-only, so apply cannot compare it with the current value.
            "data": {DOCKER_CONFIG_KEY: base64.b64encode(content.encode()).decode()},
        }
        return await self._http.send(
            "PATCH", path, query=query, json=body, headers={"Content-Type": _APPLY_PATCH_TYPE}
        )

    async def _send_delete(self, path: str, uid: str, version: str) -> Response:
        preconditions = {"uid": uid, "resourceVersion": version}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        return await self._http.send("DELETE", path, json=body)


def _change_result(
    change: WriteSecret | DeleteSecret, reason: Reason, message: str = ""
) -> ClusterChangeResult:
    is_done = reason in {Reason.DONE, Reason.UNCHANGED}
    return ClusterChangeResult(change=change, succeeded=is_done, reason=reason, message=message)
