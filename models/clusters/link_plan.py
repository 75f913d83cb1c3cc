"""Plan which ServiceAccounts of one namespace have the pull secret in their imagePullSecrets.

A link is removed only if this service made it: it is on record, or the list was last written by
this service (a run may be killed before it saves). Others may list the same Secret on purpose.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from models.clusters.cluster import FIELD_MANAGER, SERVICE_ACCOUNT_NAME, ObservedServiceAccount
from models.clusters.contest import Contest
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChangeResult,
    RemoveImagePullSecret,
)
from models.core.reasons import Reason


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
    missing = sorted(set(selected) - linked)
    # While only default ServiceAccounts may be listed, the other links on record are not known.
    unlisted = set(recorded) - set(by_name) if not is_complete else set()
    waiting = {name for name in missing if name in recorded and contest.must_wait(name)}
    return LinkPlan(
        removals=_removals(namespace, own - set(selected)),
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
    names = {
        account.name
        for account in accounts
        if account.has_pull_secret
        and (
            account.name in recorded
            or (has_own_secret and account.name == SERVICE_ACCOUNT_NAME)
            or (has_own_secret and _is_own(account))
        )
    }
    return _removals(namespace, names)


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


def _is_own(account: ObservedServiceAccount) -> bool:
    return account.manager == FIELD_MANAGER


def _removals(namespace: str, names: Iterable[str]) -> tuple[RemoveImagePullSecret, ...]:
    return tuple(
        RemoveImagePullSecret(namespace=namespace, service_account=name) for name in sorted(names)
    )


def _addition(
    namespace: str, name: str, account: ObservedServiceAccount | None, *, is_repair: bool
) -> AddImagePullSecret:
    return AddImagePullSecret(
        namespace=namespace,
        service_account=name,
        manager=account.other_manager if account and is_repair else "",
        reason=Reason.MODIFIED if is_repair else Reason.MISSING,
    )
