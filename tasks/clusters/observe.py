"""Reading a cluster: three lists, page by page, or the same of one namespace.

The field selector lets the rights to list be limited by `resourceNames`
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources), and finds
Secrets of our name that are not ours.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from models.clusters.cluster import (
    ACCOUNT_NAME,
    SECRET_NAME,
    ClusterSnapshot,
    ObservedAccount,
    ObservedNamespace,
    ObservedSecret,
)
from models.core.availability import Seen, Unseen
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks import clock
from tasks.clusters import api_errors
from tasks.clusters.http import ClusterHttp
from tasks.clusters.objects import Account, Fingerprint, Item, Namespace, Secret
from tasks.clusters.paging import Page, read_all
from tasks.concurrency import Deadline, OverTime
from tasks.http.response import Answer

Kept = TypeVar("Kept", ObservedNamespace, ObservedSecret, ObservedAccount)

_NAMESPACES = "/api/v1/namespaces"

_INCOMPLETE = (Reason.PAGES_SHIFTED, Reason.LIST_TOO_LARGE)
"""Why a list is not known although the cluster answers."""


def secret_path(namespace: str) -> str:
    """Return the path of a namespace's pull secret."""
    return f"{_NAMESPACES}/{quote(namespace, safe='')}/secrets/{SECRET_NAME}"


def account_path(namespace: str) -> str:
    """Return the path of a namespace's default ServiceAccount."""
    return f"{_NAMESPACES}/{quote(namespace, safe='')}/serviceaccounts/{ACCOUNT_NAME}"


class ClusterEyes:
    """Looks at a cluster; a `ClusterReader`.

    Args:
        http: sends requests.
        installation: whose Secrets are ours.
        fingerprint: digests what they hold.
    """

    def __init__(self, http: ClusterHttp, installation: str, fingerprint: Fingerprint) -> None:
        self._http = http
        self._installation, self._fingerprint = installation, fingerprint

    async def look(self, labels: Collection[str]) -> ClusterSnapshot:
        """See the whole cluster; see `ClusterReader`."""
        secrets, accounts = _only(SECRET_NAME), _only(ACCOUNT_NAME)
        return await self._snapshot(
            self._listed(_NAMESPACES, Page[Namespace], lambda one: one.observed(labels)),
            self._listed("/api/v1/secrets", Page[Secret], self._observed, secrets),
            self._listed(
                "/api/v1/serviceaccounts", Page[Account], lambda one: one.observed, accounts
            ),
        )

    async def look_at(self, namespace: str, labels: Collection[str]) -> ClusterSnapshot:
        """See one namespace; see `ClusterReader`.

        The namespace is listed by its name, not got: that needs no right beyond those of a look.
        """
        return await self._snapshot(
            self._listed(
                _NAMESPACES, Page[Namespace], lambda one: one.observed(labels), _only(namespace)
            ),
            self._got(secret_path(namespace), Secret, self._observed),
            self._got(account_path(namespace), Account, lambda one: one.observed),
        )

    async def secret(self, namespace: str) -> Secret | None:
        """Get a namespace's Secret of our name.

        Raises:
            ClusterError: it could not be read.
        """
        return await self._one(secret_path(namespace), Secret)

    async def account(self, namespace: str) -> Account | None:
        """Get a namespace's default ServiceAccount.

        Raises:
            ClusterError: it could not be read.
        """
        return await self._one(account_path(namespace), Account)

    def _observed(self, secret: Secret) -> ObservedSecret:
        return secret.observed(self._installation, self._fingerprint)

    async def _snapshot(
        self,
        namespaces: Coroutine[Any, Any, Seen[ObservedNamespace]],
        secrets: Coroutine[Any, Any, Seen[ObservedSecret]],
        accounts: Coroutine[Any, Any, Seen[ObservedAccount]],
    ) -> ClusterSnapshot:
        taken_at, began = clock.now(), time.monotonic()
        end = Deadline("the whole look", self._http.bounds.operation_seconds)
        sections = await asyncio.gather(
            *(self._tried(end, one) for one in (namespaces, secrets, accounts))
        )
        if isinstance(sections[0], ClusterError) and sections[0].reason not in _INCOMPLETE:
            raise sections[0]
        return ClusterSnapshot(
            cluster=self._http.cluster,
            taken_at=taken_at,
            seconds=time.monotonic() - began,
            namespaces=_section(sections[0]),
            secrets=_section(sections[1]),
            accounts=_section(sections[2]),
        )

    async def _tried(
        self, end: Deadline, reading: Coroutine[Any, Any, Seen[Kept]]
    ) -> Seen[Kept] | ClusterError:
        try:
            return await end.run(reading)
        except ClusterError as error:
            return error
        except OverTime as over:
            return ClusterError(self._http.cluster, "GET", "-", str(over), Reason.TIMED_OUT)

    async def _listed(
        self,
        path: str,
        page: type[Page[Item]],
        keep: Callable[[Item], Kept],
        query: Mapping[str, str] | None = None,
    ) -> Seen[Kept]:
        found = await read_all(
            self._http, path, page, keep, query=query or {}, refused=self._refused
        )
        return Seen(items=tuple(found))

    async def _got(self, path: str, shape: type[Item], keep: Callable[[Item], Kept]) -> Seen[Kept]:
        found = await self._one(path, shape)
        return Seen(items=() if found is None else (keep(found),))

    async def _one(self, path: str, shape: type[Item]) -> Item | None:
        answer = await self._http.get(path)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._refused(answer)
        return api_errors.parse(self._http.cluster, answer, shape)

    def _refused(self, answer: Answer) -> ClusterError:
        return api_errors.error_of(self._http.cluster, answer)


def _only(name: str) -> dict[str, str]:
    return {"fieldSelector": f"metadata.name={name}"}


def _section(found: Seen[Kept] | ClusterError) -> Seen[Kept] | Unseen:
    if isinstance(found, ClusterError):
        return Unseen(reason=found.reason, message=found.said)
    return found
