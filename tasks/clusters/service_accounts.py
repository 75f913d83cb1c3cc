"""Adding our pull secret to a default ServiceAccount, and taking it out again.

`imagePullSecrets` of a ServiceAccount is an atomic list: unlike a pod's it has no merge key, so
that a strategic merge patch or an apply of our one entry would replace other people's. So it is
read, and written whole, bound to the version that was read; if somebody was quicker (409), it is
read again. See
https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

from models.clusters.cluster import ACCOUNT_NAME, FIELD_MANAGER, SECRET_NAME
from models.clusters.pull_secret import ClusterOutcome, Link, Unlink
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import Account
from tasks.clusters.observe import ClusterEyes, account_path
from tasks.http.response import Answer

_TRIES = 4
"""How often somebody may change it between our look and our write until we give up for now."""

_MERGE = "application/merge-patch+json"


class Accounts:
    """Links and unlinks the pull secret.

    Args:
        http: sends requests.
        eyes: read what is there.
    """

    def __init__(self, http: ClusterHttp, eyes: ClusterEyes) -> None:
        self._http, self._eyes = http, eyes

    async def link(self, change: Link) -> ClusterOutcome:
        """Let the default ServiceAccount hand out the pull secret.

        Raises:
            ClusterError: it does not yet.
        """
        for _ in range(_TRIES):
            account = await self._eyes.account(change.namespace)
            if account is None:
                return _absent(change)
            if account.observed.linked:
                return ClusterOutcome(change=change, done=True, reason=Reason.ALREADY_SO)
            answer = await self._write(account, [*account.names, SECRET_NAME])
            if answer.status == 200:
                return ClusterOutcome(change=change, done=True, reason=Reason.DONE)
            self._expect_conflict(answer)
        raise api_errors.error_of(self._http.cluster, answer)

    async def unlink(self, change: Unlink) -> ClusterOutcome:
        """Take the pull secret out of the default ServiceAccount.

        Raises:
            ClusterError: it is still in.
        """
        for _ in range(_TRIES):
            account = await self._eyes.account(change.namespace)
            if account is None or not account.observed.linked:
                return ClusterOutcome(change=change, done=True, reason=Reason.ALREADY_SO)
            left = [name for name in account.names if name != SECRET_NAME]
            answer = await self._write(account, left)
            if answer.status == 200:
                return ClusterOutcome(change=change, done=True, reason=Reason.DONE)
            self._expect_conflict(answer)
        raise api_errors.error_of(self._http.cluster, answer)

    async def _write(self, account: Account, names: list[str]) -> Answer:
        body = {
            "metadata": {"resourceVersion": account.metadata.version},
            "imagePullSecrets": [{"name": name} for name in names] or None,
        }
        query = {"fieldManager": FIELD_MANAGER}
        path = account_path(account.metadata.namespace)
        return await self._http.send("PATCH", path, query=query, body=body, content=_MERGE)

    def _expect_conflict(self, answer: Answer) -> None:
        """Go on if it changed, or went, between our look and our write."""
        if answer.status not in {404, 409}:
            raise api_errors.error_of(self._http.cluster, answer)


def _absent(change: Link) -> ClusterOutcome:
    said = (
        f'there is no ServiceAccount "{ACCOUNT_NAME}"; it appears a moment after its namespace, '
        "and the next run links it"
    )
    reason = Reason.NO_SERVICE_ACCOUNT
    return ClusterOutcome(change=change, done=False, reason=reason, message=said)
