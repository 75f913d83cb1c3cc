"""Links of ServiceAccounts: the chosen ones have one, and only our own are removed."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from models.clusters.cluster import ObservedServiceAccount
from models.clusters.pull_secret import (
    AddImagePullSecret,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
    RemoveImagePullSecret,
)
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.pull_secret_status import update_statuses
from models.clusters.service_account_choice import ServiceAccountChoice
from models.core.availability import Unavailable
from models.core.reasons import Reason
from tests.support.access_builders import (
    cluster,
    cluster_result,
    cluster_snapshot,
    desired_pull_secret,
    observed_namespace,
    pull_secret_status,
    secret,
    service_account,
)
from tests.support.builders import NOW

LATER = NOW + timedelta(minutes=1)
OURS = "registry-integration"
FORBIDDEN = Unavailable(reason=Reason.FORBIDDEN, message="may not list")
TIMED_OUT = Unavailable(reason=Reason.TIMED_OUT, message="took longer than 150 s")
ALL, DEFAULT = ServiceAccountChoice(text="all"), ServiceAccountChoice()
WEB = ServiceAccountChoice(text="app=web")


def account(name: str, *, linked: bool = False, manager: str = "") -> ObservedServiceAccount:
    labels = {"app": name}
    return service_account(name=name, labels=labels, linked=linked, manager=manager)


def plan(
    choice: ServiceAccountChoice,
    *accounts: ObservedServiceAccount,
    links: Iterable[str] = ("default",),
    is_desired: bool = True,
    has_secret: bool = True,
    error: Unavailable | None = None,
    links_accounts: bool = True,
) -> PullSecretPlan:
    snapshot = cluster_snapshot(
        [observed_namespace()], [secret()] if has_secret else [], accounts
    ).model_copy(update={"accounts_unavailable": error})
    desired = {"shop": desired_pull_secret()} if is_desired else {}
    status = pull_secret_status(links=tuple(sorted(links)))
    target = cluster(links_accounts=links_accounts)
    return plan_pull_secrets(target, snapshot, desired, [status], choices={"shop": choice})


def steps(secret_plan: PullSecretPlan) -> list[tuple[str, str]]:
    return [
        (change.kind, change.service_account)
        for change in secret_plan.changes
        if isinstance(change, AddImagePullSecret | RemoveImagePullSecret)
    ]


def applied(secret_plan: PullSecretPlan, *failing: str) -> PullSecretStatus:
    outcomes = [
        cluster_result(change, Reason.FORBIDDEN, "no", is_done=False)
        if getattr(change, "service_account", "") in failing
        else cluster_result(change)
        for change in secret_plan.changes
    ]
    (status,) = update_statuses(secret_plan, outcomes, {"shop": desired_pull_secret()}, now=LATER)
    return status


LINKED = account("default", linked=True)


@pytest.mark.parametrize(
    ("choice", "accounts", "expected"),
    [
        (DEFAULT, [LINKED, account("web")], []),
        (ALL, [LINKED, account("web"), account("db")], [("link", "db"), ("link", "web")]),
        (ALL, [], [("link", "default")]),
        (WEB, [account("default"), account("web"), account("db")], [("link", "web")]),
        (WEB, [account("default")], []),
        (WEB, [LINKED, account("web")], [("unlink", "default"), ("link", "web")]),
    ],
)
def test_the_chosen_ones_are_linked(
    choice: ServiceAccountChoice,
    accounts: list[ObservedServiceAccount],
    expected: list[tuple[str, str]],
) -> None:
    assert steps(plan(choice, *accounts)) == expected


def test_it_is_delivered_when_all_chosen_ones_have_it_and_the_record_names_ours() -> None:
    secret_plan = plan(ALL, LINKED, account("web"), account("theirs", linked=True))
    status = applied(secret_plan)
    assert (status.status, status.links) == (PullSecretState.DELIVERED, ("default", "web"))
    status = applied(secret_plan, "web")
    assert (status.reason, status.links) == (Reason.FORBIDDEN, ("default",))


@pytest.mark.parametrize(
    ("web", "links", "is_removed"),
    [
        (account("web", linked=True), ["default", "web"], True),
        (account("web", linked=True, manager=OURS), ["default"], True),  # killed before it saved
        (account("web", linked=True, manager="helm"), ["default"], False),
        (account("web", linked=True, manager="helm"), ["default", "web"], True),
        (account("web"), ["default", "web"], False),
    ],
)
def test_a_change_of_the_choice_removes_only_our_links(
    web: ObservedServiceAccount, links: list[str], is_removed: bool
) -> None:
    secret_plan = plan(DEFAULT, LINKED, web, links=links)
    assert steps(secret_plan) == ([("unlink", "web")] if is_removed else [])
    status = applied(secret_plan)
    assert (status.status, status.links) == (PullSecretState.DELIVERED, ("default",))
    assert status.delivered_at == NOW


def test_a_removal_that_fails_is_planned_again_and_costs_no_delivery() -> None:
    secret_plan = plan(DEFAULT, LINKED, account("web", linked=True), links=["default", "web"])
    status = applied(secret_plan, "web")
    assert (status.status, status.links) == (PullSecretState.DELIVERED, ("default", "web"))


def test_a_withdrawal_removes_our_links_first() -> None:
    accounts = (LINKED, account("web", linked=True), account("theirs", linked=True))
    secret_plan = plan(ALL, *accounts, links=["default", "web"], is_desired=False)
    assert [change.kind for change in secret_plan.changes] == ["unlink", "unlink", "withdraw"]
    assert steps(secret_plan) == [("unlink", "default"), ("unlink", "web")]


def test_links_are_removed_even_if_somebody_deleted_the_secret_before() -> None:
    accounts = (LINKED, account("theirs", linked=True))
    secret_plan = plan(DEFAULT, *accounts, is_desired=False, has_secret=False)
    assert steps(secret_plan) == [("unlink", "default")]


def test_where_accounts_are_not_linked_none_is_touched() -> None:
    accounts = (account("default"), account("web", linked=True))
    assert plan(ALL, *accounts, links=["web"], links_accounts=False).changes == ()
    secret_plan = plan(ALL, *accounts, links=["web"], links_accounts=False, is_desired=False)
    assert steps(secret_plan) == []


def test_a_missing_right_is_told_and_the_default_one_is_linked_all_the_same() -> None:
    secret_plan = plan(ALL, account("default"), error=FORBIDDEN, links=[])
    assert steps(secret_plan) == [("link", "default")]
    status = applied(secret_plan)
    assert (status.status, status.reason) == (PullSecretState.PENDING, Reason.FORBIDDEN)
    assert status.message.startswith("may not list. The workspace chooses other ServiceAccounts")
    assert "rbac-service-accounts.yaml" in status.message
    (next_status,) = plan(ALL, LINKED, error=FORBIDDEN, links=status.links).statuses
    assert next_status == status.model_copy(update={"delivered_at": None})
    (other_status,) = plan(DEFAULT, LINKED, error=FORBIDDEN).statuses
    assert other_status.status is PullSecretState.DELIVERED


def test_a_list_that_failed_for_another_reason_is_told_with_that_reason() -> None:
    secret_plan = plan(ALL, account("default"), error=TIMED_OUT, links=[])
    assert steps(secret_plan) == [("link", "default")]
    status = applied(secret_plan)
    assert (status.status, status.reason) == (PullSecretState.PENDING, Reason.TIMED_OUT)
    assert status.message == "the ServiceAccounts could not be listed: took longer than 150 s"
    (next_status,) = plan(ALL, LINKED, error=TIMED_OUT, links=status.links).statuses
    assert next_status == status.model_copy(update={"delivered_at": None})


def withdrawn(secret_plan: PullSecretPlan) -> tuple[PullSecretStatus, ...]:
    outcomes = [cluster_result(change) for change in secret_plan.changes]
    return update_statuses(secret_plan, outcomes, {}, now=LATER)


@pytest.mark.parametrize("error", [FORBIDDEN, TIMED_OUT])
def test_links_that_are_not_listed_stay_on_record_after_the_withdrawal(error: Unavailable) -> None:
    links = ["default", "gone", "web"]
    secret_plan = plan(ALL, LINKED, links=links, is_desired=False, error=error)
    assert [change.kind for change in secret_plan.changes] == ["unlink", "withdraw"]
    (status,) = withdrawn(secret_plan)
    assert (status.status, status.reason) == (PullSecretState.PENDING, Reason.LINKS_PENDING)
    assert (status.links, status.logins, status.fingerprint) == (("gone", "web"), (), "")
    assert error.message in status.message

    facts: dict[str, Any] = {"links": status.links, "is_desired": False, "has_secret": False}
    again = plan(ALL, account("default"), error=error, **facts)
    assert (again.changes, again.statuses) == ((), (status.model_copy(),))
    web = account("web", linked=True)
    last = plan(ALL, account("default"), web, **facts)
    assert steps(last) == [("unlink", "web")]
    assert plan(ALL, account("default"), account("web"), **facts).statuses == ()


def test_one_contested_account_holds_up_no_other() -> None:
    status = applied(plan(ALL, LINKED, account("web"), links=["default"]))
    for _ in range(3):
        snapshot = cluster_snapshot([observed_namespace()], [secret()], [LINKED, account("web")])
        desired, choices = {"shop": desired_pull_secret()}, {"shop": ALL}
        secret_plan = plan_pull_secrets(cluster(), snapshot, desired, [status], choices=choices)
        status = applied(secret_plan)
    assert status.reason is Reason.CONTESTED
    snapshot = cluster_snapshot(
        [observed_namespace()], [secret()], [LINKED, account("web"), account("new")]
    )
    secret_plan = plan_pull_secrets(cluster(), snapshot, desired, [status], choices=choices)
    assert steps(secret_plan) == [("link", "new")]
    status = applied(secret_plan)
    assert (status.reason, status.links) == (Reason.CONTESTED, ("default", "new", "web"))


def test_links_that_may_not_be_listed_stay_on_record() -> None:
    linked = account("default", linked=True)
    secret_plan = plan(DEFAULT, linked, links=("default", "web"), error=FORBIDDEN)
    assert secret_plan.statuses[0].links == ("default", "web")
    assert plan(DEFAULT, linked, links=("default", "web")).statuses[0].links == ("default",)
