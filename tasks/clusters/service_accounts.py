"""Adding our pull secret to a default ServiceAccount, and taking it out again.

`imagePullSecrets` of a ServiceAccount is an atomic list: unlike a pod's it has no merge key, so
that a strategic merge patch or an apply of our one entry would replace other people's. So it is
read, and written whole, bound to the version that was read; if somebody was quicker (409), it is
read again. See
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

from models.clusters.cluster import FIELD_MANAGER, PULL_SECRET_NAME, SERVICE_ACCOUNT_NAME
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChangeResult,
    RemoveImagePullSecret,
)
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttpClient
from tasks.clusters.objects import ServiceAccount
from tasks.clusters.observe import ClusterObserver, service_account_path
from tasks.http.response import Response

_MAX_ATTEMPTS = 4
"""How often somebody may change it between our look and our write until we give up for now."""

_MERGE_PATCH_TYPE = "application/merge-patch+json"


class ServiceAccountWriter:
    """Links and unlinks the pull secret.

    Args:
        http: sends requests.
        observer: read what is there.
    """

    def __init__(self, http: ClusterHttpClient, observer: ClusterObserver) -> None:
        self._http, self._observer = http, observer

    async def add_pull_secret(self, change: AddImagePullSecret) -> ClusterChangeResult:
        """Let the default ServiceAccount hand out the pull secret.

        Raises:
            ClusterError: it does not yet.
        """
        for _ in range(_MAX_ATTEMPTS):
            service_account = await self._observer.get_service_account(change.namespace)
            if service_account is None:
                return _no_account_result(change)
            if service_account.to_observed.has_pull_secret:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.UNCHANGED)
            response = await self._write_pull_secrets(
                service_account, [*service_account.pull_secret_names, PULL_SECRET_NAME]
            )
            if response.status == 200:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.DONE)
            self._expect_conflict(response)
        raise api_errors.cluster_error_from_response(self._http.cluster, response)

    async def remove_pull_secret(self, change: RemoveImagePullSecret) -> ClusterChangeResult:
        """Take the pull secret out of the default ServiceAccount.

        Raises:
            ClusterError: it is still in.
        """
        for _ in range(_MAX_ATTEMPTS):
            service_account = await self._observer.get_service_account(change.namespace)
            if service_account is None or not service_account.to_observed.has_pull_secret:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.UNCHANGED)
            remaining_names = [
                name for name in service_account.pull_secret_names if name != PULL_SECRET_NAME
            ]
            response = await self._write_pull_secrets(service_account, remaining_names)
            if response.status == 200:
                return ClusterChangeResult(change=change, succeeded=True, reason=Reason.DONE)
            self._expect_conflict(response)
        raise api_errors.cluster_error_from_response(self._http.cluster, response)

    async def _write_pull_secrets(
        self, service_account: ServiceAccount, names: list[str]
    ) -> Response:
        body = {
            "metadata": {"resourceVersion": service_account.metadata.resource_version},
            "imagePullSecrets": [{"name": name} for name in names] or None,
        }
        query = {"fieldManager": FIELD_MANAGER}
        path = service_account_path(service_account.metadata.namespace)
        return await self._http.send(
            "PATCH", path, query=query, body=body, content=_MERGE_PATCH_TYPE
        )

    def _expect_conflict(self, response: Response) -> None:
        """Go on if it changed, or went, between our look and our write."""
        if response.status not in {404, 409}:
            raise api_errors.cluster_error_from_response(self._http.cluster, response)


def _no_account_result(change: AddImagePullSecret) -> ClusterChangeResult:
    message = (
        f'there is no ServiceAccount "{SERVICE_ACCOUNT_NAME}"; it appears a moment after its '
        "namespace, and the next run links it"
    )
    reason = Reason.NO_SERVICE_ACCOUNT
    return ClusterChangeResult(change=change, succeeded=False, reason=reason, message=message)
