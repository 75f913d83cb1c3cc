"""Plan which ServiceAccounts of one namespace have the pull secret in their imagePullSecrets.

A link is removed only if this service made it: it is on record, or the list was last written by
this service (a run may be killed before it saves). Others may list the same Secret on purpose.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from models.clusters.cluster import FIELD_MANAGER, SERVICE_ACCOUNT_NAME, ObservedServiceAccount
from models.clusters.contest import Contest
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChange,
    ClusterChangeResult,
    PullSecretPlan,
    PullSecretStatus,
    RemoveImagePullSecret,
    pending_update,
)
from models.core.reasons import Reason

MAX_LINK_CHANGES = 100
"""Links that one run adds and removes in one namespace."""


class LinkPlan(NamedTuple):
    """Changes of links.

    Attributes:
        removals, additions: the changes; those that reduce access are applied first.
        links: ServiceAccounts with a link of this service, before the changes.
    """

    removals: tuple[RemoveImagePullSecret, ...] = ()
    additions: tuple[AddImagePullSecret, ...] = ()
    links: tuple[str, ...] = ()


def plan_links(
    namespace: str,
    accounts: Sequence[ObservedServiceAccount],
    selected: Collection[str],
    recorded: Collection[str],
    contest: Contest,
    *,
    is_complete: bool = True,
) -> LinkPlan:
    """Compare the observed links of one namespace with the desired ones.

    Args:
        namespace: the namespace.
        accounts: its ServiceAccounts, as far as they were listed.
        selected: names of those that must have the link.
        recorded: names of those that this service added the link to.
        contest: repair histories; those of intact and unneeded links are forgotten.
        is_complete: whether all ServiceAccounts were listed that were requested.
    """
    by_name = {account.name: account for account in accounts}
    linked = {account.name for account in accounts if account.has_pull_secret}
    own = {name for name in linked if name in recorded or _is_own(by_name[name])}
    for name in linked:
        contest.note_intact(name)
    for name in own - set(selected):
        contest.forget(name)
    missing = sorted(set(selected) - linked, key=lambda name: (name != SERVICE_ACCOUNT_NAME, name))
    # While only default ServiceAccounts may be listed, the other links on record are not known.
    unlisted = set(recorded) - set(by_name) if not is_complete else set()
    waiting = {name for name in missing if name in recorded and contest.must_wait(name)}
    return LinkPlan(
        removals=_removals(namespace, [by_name[name] for name in own - set(selected)]),
        additions=tuple(
            _addition(namespace, name, by_name.get(name), is_repair=name in recorded)
            for name in missing
            if name not in waiting
        ),
        links=tuple(sorted(own | {name for name in missing if name in recorded} | unlisted)),
    )


def plan_link_removals(
    namespace: str,
    accounts: Iterable[ObservedServiceAccount],
    recorded: Collection[str],
    *,
    has_own_secret: bool,
) -> tuple[RemoveImagePullSecret, ...]:
    """Plan the removal of all links of one namespace that needs no pull secret.

    Args:
        namespace: the namespace.
        accounts: its ServiceAccounts, as far as they were listed.
        recorded: names of those that this service added the link to.
        has_own_secret: whether the pull secret is there and of this installation. Then the default
            ServiceAccount is cleaned even without a record: only this service links there.
    """
    own = [
        account
        for account in accounts
        if account.has_pull_secret
        and (
            account.name in recorded
            or (has_own_secret and account.name == SERVICE_ACCOUNT_NAME)
            or (has_own_secret and _is_own(account))
        )
    ]
    return _removals(namespace, own)


def links_after(links: Sequence[str], outcomes: Iterable[ClusterChangeResult]) -> tuple[str, ...]:
    """Return the ServiceAccounts with a link of this service after changes.

    A link that was there already is not of this service.
    """
    names = set(links)
    for outcome in outcomes:
        if isinstance(outcome.change, AddImagePullSecret) and outcome.reason is Reason.DONE:
            names.add(outcome.change.service_account)
        if isinstance(outcome.change, RemoveImagePullSecret) and outcome.succeeded:
            names.discard(outcome.change.service_account)
    return tuple(sorted(names))


def limit_link_changes(plan: PullSecretPlan) -> PullSecretPlan:
    """Return the plan with at most `MAX_LINK_CHANGES` changes of links in each namespace.

    Users of a namespace choose how many ServiceAccounts it has; each change is a request. The
    other changes are left to the next runs, and the status of the namespace says so. Its Secret is
    written or deleted at once.
    """
    known = {status.namespace for status in plan.statuses}
    counts: Counter[str] = Counter()
    changes: list[ClusterChange] = []
    for change in plan.changes:
        is_link = isinstance(change, AddImagePullSecret | RemoveImagePullSecret)
        # Without a status there is no record of the links that are left.
        counts[change.namespace] += is_link and change.namespace in known
        if not is_link or counts[change.namespace] <= MAX_LINK_CHANGES:
            changes.append(change)
    statuses = (
        _with_pending_links(status, counts[status.namespace] - MAX_LINK_CHANGES)
        for status in plan.statuses
    )
    return plan.model_copy(update={"changes": tuple(changes), "statuses": tuple(statuses)})


def _with_pending_links(status: PullSecretStatus, count: int) -> PullSecretStatus:
    if count <= 0 or status.reason is Reason.CREDENTIALS_MISSING:
        return status
    message = (
        f"the imagePullSecrets of {count:,} more ServiceAccounts are changed by the next runs: "
        f"each changes at most {MAX_LINK_CHANGES} in a namespace"
    )
    return status.model_copy(update=pending_update(Reason.LINKS_PENDING, message))


def _is_own(account: ObservedServiceAccount) -> bool:
    return account.manager == FIELD_MANAGER


def _removals(
    namespace: str, accounts: Iterable[ObservedServiceAccount]
) -> tuple[RemoveImagePullSecret, ...]:
    return tuple(
        RemoveImagePullSecret(
            namespace=namespace, service_account=account.name, observed=account.pull_secrets
        )
        for account in sorted(accounts, key=lambda account: account.name)
    )


def _addition(
    namespace: str, name: str, account: ObservedServiceAccount | None, *, is_repair: bool
) -> AddImagePullSecret:
    return AddImagePullSecret(
        namespace=namespace,
        service_account=name,
        observed=account.pull_secrets if account else None,
        manager=account.other_manager if account and is_repair else "",
        reason=Reason.MODIFIED if is_repair else Reason.MISSING,
    )
