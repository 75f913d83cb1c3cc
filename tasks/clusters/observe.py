"""Observe a cluster: namespaces, pull secrets and ServiceAccounts.

The field selector allows roles that limit the right to list by `resourceNames`
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources). It also
finds Secrets with the pull secret's name that this installation did not create. A single Secret is
listed, too, so that the right to get Secrets is not needed.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Set
from typing import Any, TypeVar
from urllib.parse import quote

from models.clusters.cluster import (
    IDENTITY_NAMESPACE,
    PULL_SECRET_NAME,
    SERVICE_ACCOUNT_NAME,
    ClusterSnapshot,
    ObservedNamespace,
    ObservedPod,
    ObservedPullSecret,
    ObservedServiceAccount,
    UnreadableNamespace,
)
from models.core.availability import Complete, Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks import clock
from tasks.clusters import api_errors
from tasks.clusters.objects import (
    NamespaceObject,
    ObjectT,
    PodObject,
    SecretIdentity,
    SecretObject,
    ServiceAccount,
)
from tasks.clusters.paging import ObjectList, list_all_objects, list_readable_objects
from tasks.concurrency import Deadline, DeadlineExceeded
from tasks.http.client import HttpClient
from tasks.http.limits import OPEN_SECONDS
from tasks.http.response import Response

ObservedT = TypeVar("ObservedT", ObservedNamespace, ObservedPullSecret, ObservedServiceAccount)

_NAMESPACES = "/api/v1/namespaces"

_ACCOUNTS_SHARE = 0.5
"""Share of the time of an observation after which the list of all ServiceAccounts is given up."""

_INCOMPLETE = (Reason.PAGES_SHIFTED, Reason.LIST_TOO_LARGE)
"""Reasons of an incomplete list from a cluster that responds."""


def pull_secret_path(namespace: str) -> str:
    """Return the API path of a namespace's pull secret."""
    return f"{_secrets_path(namespace)}/{PULL_SECRET_NAME}"


def service_account_path(namespace: str, name: str = SERVICE_ACCOUNT_NAME) -> str:
    """Return the API path of a ServiceAccount."""
    accounts = f"{_NAMESPACES}/{quote(namespace, safe='')}/serviceaccounts"
    return f"{accounts}/{quote(name, safe='')}"


class ClusterObserver:
    """Observes a cluster; see `ClusterReader`.

    Args:
        http: HTTP client of the cluster.
        identity: what identifies the Secrets of this installation.
    """

    def __init__(self, http: HttpClient, identity: SecretIdentity) -> None:
        self._http, self._identity = http, identity

    async def observe(
        self, labels: Collection[str], account_labels: Set[str] | None = None
    ) -> ClusterSnapshot:
        """Observe the whole cluster; see `ClusterReader`."""
        snapshot = await self._observe(labels, account_labels)
        section = snapshot.service_accounts
        if account_labels is None or not isinstance(section, Unavailable):
            return snapshot
        if not (
            isinstance(snapshot.namespaces, Complete) and isinstance(snapshot.secrets, Complete)
        ):
            return snapshot
        # The other namespaces need only the default ServiceAccounts. Whatever prevented the list of
        # all, even a timeout, may be what a tenant has put into it: the cluster responds.
        if section.reason is Reason.TIMED_OUT:
            await asyncio.sleep(OPEN_SECONDS)
        deadline = self._accounts_deadline(_ACCOUNTS_SHARE)
        unreadable = snapshot.unreadable_messages
        result = await self._try_section(deadline, self._list_accounts(None, unreadable))
        update = {
            "service_accounts": _to_section(result),
            "accounts_unavailable": section,
            "unreadable": _to_unreadable(unreadable),
        }
        return snapshot.model_copy(update=update)

    async def _observe(
        self, labels: Collection[str], account_labels: Set[str] | None
    ) -> ClusterSnapshot:
        unreadable: dict[str, str] = {}
        snapshot = await self._snapshot(
            self._list_section(
                _NAMESPACES,
                ObjectList[NamespaceObject],
                lambda item: item.to_observed(labels),
                unreadable=unreadable,
            ),
            self._list_section(
                "/api/v1/secrets",
                ObjectList[SecretObject],
                self._to_observed,
                _name_selector(PULL_SECRET_NAME),
                unreadable,
            ),
            self._list_accounts(account_labels, unreadable),
            self._accounts_deadline(1.0 if account_labels is None else _ACCOUNTS_SHARE),
        )
        return snapshot.model_copy(update={"unreadable": _to_unreadable(unreadable)})

    def _accounts_deadline(self, share: float) -> Deadline:
        seconds = share * self._http.limits.operation_seconds
        return Deadline("the list of ServiceAccounts", seconds)

    def _list_accounts(
        self, account_labels: Set[str] | None, unreadable: dict[str, str]
    ) -> Coroutine[Any, Any, Complete[ObservedServiceAccount]]:
        return self._list_section(
            "/api/v1/serviceaccounts",
            ObjectList[ServiceAccount],
            lambda account: account.to_observed(account_labels or frozenset()),
            _name_selector(SERVICE_ACCOUNT_NAME) if account_labels is None else None,
            unreadable,
        )

    async def observe_namespace(self, namespace: str, labels: Collection[str]) -> ClusterSnapshot:
        """Observe one namespace; see `ClusterReader`."""
        # The namespace is listed with a name selector, not read by name: this needs no other right
        # than `observe`.
        return await self._snapshot(
            self._list_section(
                _NAMESPACES,
                ObjectList[NamespaceObject],
                lambda item: item.to_observed(labels),
                _name_selector(namespace),
            ),
            self._list_section(
                _secrets_path(namespace),
                ObjectList[SecretObject],
                self._to_observed,
                _name_selector(PULL_SECRET_NAME),
            ),
            self._get_section(
                service_account_path(namespace),
                ServiceAccount,
                lambda account: account.to_observed(),
            ),
        )

    async def observe_service_accounts(
        self, namespace: str, name: str = "", account_labels: Set[str] = frozenset()
    ) -> Complete[ObservedServiceAccount] | Unavailable:
        """Observe ServiceAccounts of one namespace; see `ClusterReader`."""

        def convert(account: ServiceAccount) -> ObservedServiceAccount:
            return account.to_observed(account_labels)

        if name:
            section = self._get_section(
                service_account_path(namespace, name), ServiceAccount, convert
            )
        else:
            path = f"{_NAMESPACES}/{quote(namespace, safe='')}/serviceaccounts"
            section = self._list_section(path, ObjectList[ServiceAccount], convert)
        deadline = Deadline("the observation", self._http.limits.operation_seconds)
        return _to_section(await self._try_section(deadline, section))

    async def observe_pod(self, namespace: str, name: str) -> Complete[ObservedPod] | Unavailable:
        """Observe one pod; see `ClusterReader`."""
        path = f"{_NAMESPACES}/{quote(namespace, safe='')}/pods/{quote(name, safe='')}"
        try:
            pod = await self._get_object(path, PodObject)
        except RemoteError as error:
            return Unavailable(reason=error.reason, message=error.message)
        return Complete(items=() if pod is None else (pod.to_observed,))

    async def read_uid(self) -> str:
        """Read the identity of the cluster; see `ClusterReader`."""
        uids = await list_all_objects(
            self._http,
            _NAMESPACES,
            ObjectList[NamespaceObject],
            lambda item: item.metadata.uid,
            query=_name_selector(IDENTITY_NAMESPACE),
            to_error=self._response_error,
        )
        return uids[0] if uids else ""

    async def get_secret(self, namespace: str) -> SecretObject | None:
        """Read a namespace's Secret with the pull secret's name; None if there is none.

        Raises:
            RemoteError: the Secret could not be read.
        """
        secrets = await list_all_objects(
            self._http,
            _secrets_path(namespace),
            ObjectList[SecretObject],
            lambda secret: secret,
            query=_name_selector(PULL_SECRET_NAME),
            to_error=self._response_error,
        )
        return secrets[0] if secrets else None

    async def get_service_account(self, namespace: str, name: str) -> ServiceAccount | None:
        """Read a ServiceAccount; None if there is none.

        Raises:
            RemoteError: the ServiceAccount could not be read.
        """
        return await self._get_object(service_account_path(namespace, name), ServiceAccount)

    def _to_observed(self, secret: SecretObject) -> ObservedPullSecret:
        observed, content = secret.to_observed(self._identity), secret.dockerconfigjson
        is_recorded = observed.fingerprint == self._identity.recorded_fingerprints.get(
            observed.namespace, ""
        )
        if is_recorded and observed.is_owned and content is not None:
            self._identity.keep_content(observed.namespace, content)
        return observed

    async def _snapshot(
        self,
        namespaces: Coroutine[Any, Any, Complete[ObservedNamespace]],
        secrets: Coroutine[Any, Any, Complete[ObservedPullSecret]],
        accounts: Coroutine[Any, Any, Complete[ObservedServiceAccount]],
        accounts_deadline: Deadline | None = None,
    ) -> ClusterSnapshot:
        observed_at, started = clock.now(), time.monotonic()
        deadline = Deadline("the observation", self._http.limits.operation_seconds)
        sections = await asyncio.gather(
            self._try_section(deadline, namespaces),
            self._try_section(deadline, secrets),
            self._try_section(accounts_deadline or deadline, accounts),
        )
        if isinstance(sections[0], RemoteError) and sections[0].reason not in _INCOMPLETE:
            raise sections[0]
        return ClusterSnapshot(
            cluster=self._http.name,
            observed_at=observed_at,
            seconds=time.monotonic() - started,
            namespaces=_to_section(sections[0]),
            secrets=_to_section(sections[1]),
            service_accounts=_to_section(sections[2]),
        )

    async def _try_section(
        self, deadline: Deadline, coroutine: Coroutine[Any, Any, Complete[ObservedT]]
    ) -> Complete[ObservedT] | RemoteError:
        try:
            return await deadline.run(coroutine)
        except RemoteError as error:
            return error
        except DeadlineExceeded as timeout:
            # Not transient: a retry of the task would take as long again.
            return RemoteError(
                self._http.target, "GET", "-", str(timeout), Reason.TIMED_OUT, transient=False
            )

    async def _list_section(
        self,
        path: str,
        page: type[ObjectList[ObjectT]],
        convert: Callable[[ObjectT], ObservedT],
        query: Mapping[str, str] | None = None,
        unreadable: dict[str, str] | None = None,
    ) -> Complete[ObservedT]:
        # `unreadable` receives the namespaces that are left out; without it, none may be.
        if unreadable is None:
            items = await list_all_objects(
                self._http, path, page, convert, query=query or {}, to_error=self._response_error
            )
            return Complete(items=tuple(items))
        result = await list_readable_objects(
            self._http, path, page, convert, query=query or {}, to_error=self._response_error
        )
        unreadable |= result.unreadable
        return Complete(items=result.items)

    async def _get_section(
        self, path: str, shape: type[ObjectT], convert: Callable[[ObjectT], ObservedT]
    ) -> Complete[ObservedT]:
        item = await self._get_object(path, shape)
        return Complete(items=() if item is None else (convert(item),))

    async def _get_object(self, path: str, shape: type[ObjectT]) -> ObjectT | None:
        response = await self._http.get(path)
        if response.status == 404:
            return None
        if response.status != 200:
            raise self._response_error(response)
        return api_errors.parse_object(response, shape)

    def _response_error(self, response: Response) -> RemoteError:
        return api_errors.cluster_error_from_response(response)


def _secrets_path(namespace: str) -> str:
    return f"{_NAMESPACES}/{quote(namespace, safe='')}/secrets"


def _name_selector(name: str) -> dict[str, str]:
    return {"fieldSelector": f"metadata.name={name}"}


def _to_unreadable(messages: Mapping[str, str]) -> tuple[UnreadableNamespace, ...]:
    return tuple(
        UnreadableNamespace(name=name, message=message)
        for name, message in sorted(messages.items())
    )


def _to_section(result: Complete[ObservedT] | RemoteError) -> Complete[ObservedT] | Unavailable:
    if isinstance(result, RemoteError):
        return Unavailable(reason=result.reason, message=result.message)
    return result
