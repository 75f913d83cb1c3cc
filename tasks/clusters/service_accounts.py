"""Add the pull secret to the imagePullSecrets of ServiceAccounts, and remove it.

`imagePullSecrets` of a ServiceAccount is an atomic list. Unlike the list of a pod, it has no merge
key: a strategic merge patch or an apply with a single entry would replace the entries of others.
The list is therefore written as a whole, for the version that was observed; after a conflict (409)
it is read again. See
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

from collections.abc import Sequence

from models.clusters.cluster import (
    FIELD_MANAGER,
    PULL_SECRET_NAME,
    SERVICE_ACCOUNT_NAME,
    ImagePullSecrets,
)
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChangeResult,
    RemoveImagePullSecret,
)
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.observe import ClusterObserver, service_account_path
from tasks.http.client import HttpClient
from tasks.http.response import Response

LinkChange = AddImagePullSecret | RemoveImagePullSecret

_MAX_ATTEMPTS = 4
"""Attempts for one change; each conflict with a concurrent change uses one."""

_MERGE_PATCH_TYPE = "application/merge-patch+json"


class ServiceAccountWriter:
    """Adds the pull secret to ServiceAccounts, and removes it.

    Args:
        http: HTTP client of the cluster.
        observer: reads ServiceAccounts.
    """

    def __init__(self, http: HttpClient, observer: ClusterObserver) -> None:
        self._http, self._observer = http, observer

    async def add_pull_secret(self, change: AddImagePullSecret) -> ClusterChangeResult:
        """Add the pull secret to a ServiceAccount's imagePullSecrets.

        Raises:
            RemoteError: the pull secret was not added.
        """
        current = change.observed or await self._read(change)
        for _ in range(_MAX_ATTEMPTS):
            if current is None:
                return _no_account_result(change)
            if PULL_SECRET_NAME in current.names:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.UNCHANGED)
            names = (*current.names, PULL_SECRET_NAME)
            response = await self._write(change, current.resource_version, names)
            if response.status == 200:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.DONE)
            self._expect_conflict(response)
            current = await self._read(change)
        raise api_errors.cluster_error_from_response(response)

    async def remove_pull_secret(self, change: RemoveImagePullSecret) -> ClusterChangeResult:
        """Remove the pull secret from a ServiceAccount's imagePullSecrets.

        Raises:
            RemoteError: the pull secret was not removed.
        """
        current = change.observed or await self._read(change)
        for _ in range(_MAX_ATTEMPTS):
            if current is None or PULL_SECRET_NAME not in current.names:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.UNCHANGED)
            names = tuple(name for name in current.names if name != PULL_SECRET_NAME)
            response = await self._write(change, current.resource_version, names)
            if response.status == 200:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.DONE)
            self._expect_conflict(response)
            current = await self._read(change)
        raise api_errors.cluster_error_from_response(response)

    async def _read(self, change: LinkChange) -> ImagePullSecrets | None:
        service_account = await self._observer.get_service_account(
            change.namespace, change.service_account
        )
        return None if service_account is None else service_account.image_pull_secrets

    async def _write(
        self, change: LinkChange, resource_version: str, names: Sequence[str]
    ) -> Response:
        body = {
            "metadata": {"resourceVersion": resource_version},
            "imagePullSecrets": [{"name": name} for name in names] or None,
        }
        query = {"fieldManager": FIELD_MANAGER}
        path = service_account_path(change.namespace, change.service_account)
        return await self._http.send(
            "PATCH", path, query=query, json=body, headers={"Content-Type": _MERGE_PATCH_TYPE}
        )

    def _expect_conflict(self, response: Response) -> None:
        # 404 and 409: the ServiceAccount was deleted or changed after it was read.
        if response.status not in {404, 409}:
            raise api_errors.cluster_error_from_response(response)


def _no_account_result(change: AddImagePullSecret) -> ClusterChangeResult:
    if change.service_account != SERVICE_ACCOUNT_NAME:  # deleted since the observation
        return ClusterChangeResult(change=change, succeeded=True, reason=Reason.UNCHANGED)
    message = (
        f'there is no ServiceAccount "{SERVICE_ACCOUNT_NAME}"; Kubernetes creates it shortly after '
        "the namespace. The next run adds the pull secret"
    )
    reason = Reason.NO_SERVICE_ACCOUNT
    return ClusterChangeResult(change=change, succeeded=False, reason=reason, message=message)
