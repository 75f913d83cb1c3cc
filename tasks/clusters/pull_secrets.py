"""Writing and deleting one namespace's pull secret, so that a foreign one is never touched.

A Secret of our name may appear, change hands or be edited between the look and the change. Who wins
is left to the API server: to write, its server-side apply without `force` refuses (409) whenever
another manager owns a field that we would change, and creates if nothing is there; to delete, its
preconditions refuse (409) whenever it is not exactly what was seen. Only then is the Secret looked
at once more, and if it is ours the change is made again, by force, and bound to that very version.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
"""

import base64

from models.clusters.cluster import FIELD_MANAGER, INSTALLATION, MANAGED_BY, SECRET_NAME
from models.clusters.pull_secret import ClusterOutcome, Deliver, Withdraw
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import DOCKER_CONFIG, DOCKER_KEY, Fingerprint, Secret
from tasks.clusters.observe import ClusterEyes, secret_path
from tasks.http.response import Answer

_TRIES = 4
"""How often somebody may change it between our look and our write until we give up for now."""

_APPLY = "application/apply-patch+yaml"
_FOREIGN = (
    f'a Secret "{SECRET_NAME}" is there that this service did not make; it is left as it is. '
    "Delete or rename it, and the next run delivers"
)


class PullSecrets:
    """Writes and deletes pull secrets.

    Args:
        http: sends requests.
        eyes: look again at what is in the way.
        installation: whose Secrets are ours.
        fingerprint: digests what they hold.
    """

    def __init__(
        self, http: ClusterHttp, eyes: ClusterEyes, installation: str, fingerprint: Fingerprint
    ) -> None:
        self._http, self._eyes = http, eyes
        self._installation, self._fingerprint = installation, fingerprint

    async def deliver(self, change: Deliver, content: str) -> ClusterOutcome:
        """Write a pull secret; writing the same again changes nothing.

        Raises:
            ClusterError: it was not written.
        """
        path, version = secret_path(change.namespace), ""
        for _ in range(_TRIES):
            answer = await self._apply(path, content, version)
            if answer.status in {200, 201}:
                return self._written(change, answer)
            found = await self._in_the_way(change.namespace, answer)
            if found is None:
                version = ""
            elif not self._is_ours(found):
                return _outcome(change, Reason.FOREIGN_SECRET, _FOREIGN)
            elif answer.status == 409:
                version = found.metadata.version
            else:
                await self._make_way(path, found)
                version = ""
        raise api_errors.error_of(self._http.cluster, answer)

    async def withdraw(self, change: Withdraw) -> ClusterOutcome:
        """Delete a pull secret that is ours.

        Raises:
            ClusterError: it was not deleted.
        """
        path, uid, version = secret_path(change.namespace), change.uid, change.version
        for _ in range(_TRIES):
            answer = await self._delete(path, uid, version)
            if answer.status in {200, 202}:
                return _outcome(change, Reason.DONE)
            if answer.status == 404:
                return _outcome(change, Reason.ALREADY_SO)
            if answer.status != 409:
                break
            found = await self._eyes.secret(change.namespace)
            if found is None:
                return _outcome(change, Reason.ALREADY_SO)
            if not self._is_ours(found):
                return _outcome(change, Reason.FOREIGN_SECRET, _FOREIGN)
            uid, version = found.metadata.uid, found.metadata.version
        raise api_errors.error_of(self._http.cluster, answer)

    async def _in_the_way(self, namespace: str, answer: Answer) -> Secret | None:
        """Look at what made the server refuse.

        409 is a conflict. 422 is also what it says of a Secret of another type, or an `immutable`
        one: such a one must be deleted before ours can be written.

        Raises:
            ClusterError: it was refused for another reason.
        """
        refused = api_errors.error_of(self._http.cluster, answer)
        if answer.status != 409 and (
            answer.status != 422 or refused.reason == Reason.SECRET_TOO_LARGE
        ):
            raise refused
        found = await self._eyes.secret(namespace)
        if found is None and answer.status == 422:
            raise refused
        return found

    async def _make_way(self, path: str, found: Secret) -> None:
        """Delete a Secret of ours; that it changed or went meanwhile is seen at the next try."""
        answer = await self._delete(path, found.metadata.uid, found.metadata.version)
        if answer.status not in {200, 202, 404, 409}:
            raise api_errors.error_of(self._http.cluster, answer)

    def _is_ours(self, secret: Secret) -> bool:
        return secret.observed(self._installation, self._fingerprint).ours

    def _written(self, change: Deliver, answer: Answer) -> ClusterOutcome:
        stored = api_errors.parse(self._http.cluster, answer, Secret)
        seen = stored.observed(self._installation, self._fingerprint)
        if seen.ours and seen.fingerprint == change.after:
            return _outcome(change, Reason.DONE)
        said = "the cluster stored something else than was written: does an admission webhook edit?"
        raise ClusterError(self._http.cluster, answer.method, answer.url, said, Reason.CONFLICT)

    async def _apply(self, path: str, content: str, version: str) -> Answer:
        """Apply; by force only if bound to a version, which was seen to be ours."""
        labels = {MANAGED_BY: FIELD_MANAGER, INSTALLATION: self._installation}
        metadata: dict[str, object] = {"name": SECRET_NAME, "labels": labels}
        query = {"fieldManager": FIELD_MANAGER}
        if version:
            metadata["resourceVersion"] = version
            query["force"] = "true"
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": DOCKER_CONFIG,
            # Not stringData: it is write-only, so that apply cannot compare it with what is there.
            "data": {DOCKER_KEY: base64.b64encode(content.encode()).decode()},
        }
        return await self._http.send("PATCH", path, query=query, body=body, content=_APPLY)

    async def _delete(self, path: str, uid: str, version: str) -> Answer:
        preconditions = {"uid": uid, "resourceVersion": version}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions}
        return await self._http.send("DELETE", path, body=body)


def _outcome(change: Deliver | Withdraw, reason: Reason, message: str = "") -> ClusterOutcome:
    done = reason in {Reason.DONE, Reason.ALREADY_SO}
    return ClusterOutcome(change=change, done=done, reason=reason, message=message)
