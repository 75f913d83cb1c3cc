"""The plan for pull secrets: start without differences and change one thing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from models.clusters.cluster import ObservedNamespace, ObservedPullSecret, ObservedServiceAccount
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChange,
    DeleteSecret,
    DesiredPullSecret,
    LoginKey,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
    RemoveImagePullSecret,
    WriteSecret,
)
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.pull_secret_status import update_statuses
from models.core.availability import Unavailable
from models.core.reasons import Reason
from tests.support.access_builders import (
    cluster,
    cluster_result,
    cluster_snapshot,
    desired_pull_secret,
    login,
    observed_namespace,
    pull_secret_status,
    secret,
    service_account,
)
from tests.support.builders import NOW, unavailable

EARLIER = NOW - timedelta(days=3)
LATER = NOW + timedelta(minutes=1)
CURRENT_STATUS = pull_secret_status(delivered_at=EARLIER)
OTHER_SECRET = desired_pull_secret(login(robot_id=2), fingerprint="other")
PENDING, REFUSED = PullSecretState.PENDING, PullSecretState.REFUSED


def plan(
    namespace: ObservedNamespace | Unavailable | None = None,
    secret: ObservedPullSecret | Unavailable | None = None,
    sa: ObservedServiceAccount | Unavailable | None = None,
    *,
    desired: Mapping[str, DesiredPullSecret] | None = None,
    statuses: tuple[PullSecretStatus, ...] = (CURRENT_STATUS,),
    links: bool = True,
    unknown: Mapping[str, str] | None = None,
    entitled: Mapping[str, frozenset[LoginKey]] | None = None,
) -> PullSecretPlan:
    current_namespace = namespace or observed_namespace()
    observation = cluster_snapshot(
        current_namespace if isinstance(current_namespace, Unavailable) else [current_namespace],
        secret if isinstance(secret, Unavailable) else [secret] if secret else (),
        sa if isinstance(sa, Unavailable) else [sa] if sa else (),
    )
    desired_secrets = {"shop": desired_pull_secret()} if desired is None else desired
    return plan_pull_secrets(
        cluster(links_accounts=links), observation, desired_secrets, statuses, unknown, entitled
    )


def expected_plan(
    *changes: ClusterChange, states: tuple[PullSecretStatus, ...], ours: int = 1
) -> PullSecretPlan:
    return PullSecretPlan(cluster="eu", changes=changes, statuses=states, owned_count=ours)


def write_secret(
    before: str = "", after: str = "print", reason: Reason = Reason.MISSING
) -> WriteSecret:
    return WriteSecret(
        namespace="shop", before=before, after=after, registries=("prod",), reason=reason
    )


def delete_secret(before: str = "print", reason: Reason = Reason.NOT_DESIRED) -> DeleteSecret:
    return DeleteSecret(
        namespace="shop", uid="secret-shop", resource_version="5", before=before, reason=reason
    )


def pending_status(reason: Reason, before: PullSecretStatus | None = None) -> PullSecretStatus:
    """Before the change is applied, the status contains the old logins."""
    if before is None:
        return pull_secret_status(
            status=PENDING, reason=reason, logins=(), fingerprint="", delivered_at=None
        )
    return before.model_copy(update={"status": PENDING, "reason": reason, "delivered_at": None})


LINK, UNLINK = AddImagePullSecret(namespace="shop"), RemoveImagePullSecret(namespace="shop")


def test_agreement() -> None:
    assert plan(secret=secret(), sa=service_account()) == expected_plan(states=(CURRENT_STATUS,))


def test_agreement_without_links() -> None:
    expected = expected_plan(states=(CURRENT_STATUS,))
    assert plan(secret=secret(), sa=service_account(linked=False), links=False) == expected
    assert plan(secret=secret(), links=False) == expected


def test_nothing_is_due_and_nothing_there() -> None:
    assert plan(desired={}, statuses=()) == expected_plan(states=(), ours=0)
    assert plan(sa=service_account(linked=False), desired={}, statuses=()) == expected_plan(
        states=(), ours=0
    )


def test_what_is_there_and_not_on_record_is_since_now() -> None:
    expected = expected_plan(states=(pull_secret_status(delivered_at=NOW),))
    assert plan(secret=secret(), sa=service_account(), statuses=()) == expected


def test_first_delivery() -> None:
    state = pending_status(Reason.MISSING)
    expected = expected_plan(write_secret(), LINK, states=(state,), ours=0)
    assert plan(sa=service_account(linked=False), statuses=()) == expected


@pytest.mark.parametrize("sa", [None, service_account(linked=False)])
def test_an_account_that_is_not_there_yet_is_linked_as_well(
    sa: ObservedServiceAccount | None,
) -> None:
    state = pending_status(Reason.MISSING, CURRENT_STATUS)
    assert plan(secret=secret(), sa=sa) == expected_plan(LINK, states=(state,))


def test_opted_out_of_links() -> None:
    expected = expected_plan(write_secret(), states=(pending_status(Reason.MISSING),), ours=0)
    assert plan(sa=service_account(linked=False), statuses=(), links=False) == expected


def test_something_else_is_due() -> None:
    change = write_secret("print", "other", Reason.CONTENT_CHANGED)
    state = pending_status(Reason.CONTENT_CHANGED, CURRENT_STATUS)
    expected = expected_plan(change, states=(state,))
    assert plan(secret=secret(), sa=service_account(), desired={"shop": OTHER_SECRET}) == expected


@pytest.mark.parametrize(
    ("fingerprint", "before"), [("edited", "edited"), (None, "unreadable"), ("", "unreadable")]
)
def test_edited_by_hand(fingerprint: str | None, before: str) -> None:
    change = write_secret(before, reason=Reason.MODIFIED)
    expected = expected_plan(change, states=(pending_status(Reason.MODIFIED, CURRENT_STATUS),))
    assert plan(secret=secret(fingerprint=fingerprint), sa=service_account()) == expected


def test_deleted_by_hand() -> None:
    """The status must not contain logins that the Secret no longer has."""
    expected = expected_plan(
        write_secret(reason=Reason.MODIFIED), states=(pending_status(Reason.MODIFIED),), ours=0
    )
    assert plan(sa=service_account()) == expected


def test_nothing_is_due_any_more() -> None:
    """The link is removed first: if the run is killed in between, the next run finds the Secret."""
    expected = expected_plan(UNLINK, delete_secret(), states=(CURRENT_STATUS,))
    assert plan(secret=secret(), sa=service_account(), desired={}) == expected


@pytest.mark.parametrize("sa", [None, service_account(linked=False)])
def test_withdrawn_without_a_link(sa: ObservedServiceAccount | None) -> None:
    assert plan(secret=secret(), sa=sa, desired={}) == expected_plan(
        delete_secret(), states=(CURRENT_STATUS,)
    )


def test_withdrawn_where_accounts_are_nobodys_business_of_ours() -> None:
    """The permission to patch ServiceAccounts may be missing; the pull secret is deleted anyway."""
    expected = expected_plan(delete_secret(), states=(CURRENT_STATUS,))
    assert plan(secret=secret(), sa=service_account(), desired={}, links=False) == expected


def test_what_cannot_be_read_is_withdrawn_too() -> None:
    expected = expected_plan(delete_secret("unreadable"), states=(CURRENT_STATUS,))
    assert plan(secret=secret(fingerprint=None), desired={}) == expected


def test_one_that_is_not_on_record_here_goes_too_and_is_told_apart() -> None:
    expected = expected_plan(delete_secret(reason=Reason.ORPHANED), states=())
    assert plan(secret=secret(), desired={}, statuses=()) == expected


# Incomplete observations justify no change.


@pytest.mark.parametrize(
    "sections",
    [
        {"namespace": unavailable()},
        {"secret": unavailable()},
        {"sa": unavailable()},
    ],
)
@pytest.mark.parametrize("desired", [{}, {"shop": desired_pull_secret()}, {"shop": OTHER_SECRET}])
def test_an_unseen_section_justifies_nothing(
    sections: dict[str, Any], desired: Mapping[str, DesiredPullSecret]
) -> None:
    arguments: dict[str, Any] = {"secret": secret(), "sa": service_account()}
    assert plan(**{**arguments, **sections}, desired=desired) == expected_plan(states=(), ours=0)


def test_what_cannot_be_said_now_is_kept() -> None:
    reasons = {"shop": "the block is gone"}
    expected_status = CURRENT_STATUS.model_copy(
        update={
            "status": PENDING,
            "reason": Reason.CREDENTIALS_MISSING,
            "message": "the block is gone",
        }
    )
    expected = expected_plan(states=(expected_status,))
    assert plan(secret=secret(), sa=service_account(), desired={}, unknown=reasons) == expected
    lossy = {"shop": desired_pull_secret(login("other"), fingerprint="other")}
    assert plan(secret=secret(), desired=lossy, unknown=reasons) == expected


@pytest.mark.parametrize("entitled", [{("prod", 1)}, {("prod", 1), ("other", None)}])
def test_what_cannot_be_said_now_is_kept_by_who_is_entitled_to_it(entitled: set[LoginKey]) -> None:
    entitlements = {"shop": frozenset(entitled)}
    secret_plan = plan(secret=secret(), desired={}, unknown={"shop": "why"}, entitled=entitlements)
    assert (secret_plan.changes, [status.message for status in secret_plan.statuses]) == (
        (),
        ["why"],
    )


def test_a_login_that_nobody_is_entitled_to_is_not_kept_for_another_that_is_unknown() -> None:
    arguments: dict[str, Any] = {
        "unknown": {"shop": "why"},
        "entitled": {"shop": frozenset({("other", 1), ("prod", 2)})},
    }
    other_secret = desired_pull_secret(login("other"), fingerprint="other")
    secret_plan = plan(
        secret=secret(), sa=service_account(), desired={"shop": other_secret}, **arguments
    )
    changed = write_secret("print", "other", Reason.CONTENT_CHANGED)
    assert secret_plan == expected_plan(
        changed.model_copy(update={"registries": ("other",)}),
        states=(
            pending_status(Reason.CREDENTIALS_MISSING, CURRENT_STATUS).model_copy(
                update={"message": "why"}
            ),
        ),
    )
    secret_plan = plan(secret=secret(), sa=service_account(), desired={}, **arguments)
    assert secret_plan.changes == (UNLINK, delete_secret())


def test_what_cannot_be_said_now_and_was_never_there() -> None:
    (state,) = plan(desired={}, statuses=(), unknown={"shop": "gone"}).statuses
    expected = PENDING, Reason.CREDENTIALS_MISSING, (), ""
    assert (state.status, state.reason, state.logins, state.fingerprint) == expected


@pytest.mark.parametrize("statuses", [(), (CURRENT_STATUS,)])
def test_without_a_secret_the_known_logins_are_written_and_are_no_delivery(
    statuses: tuple[PullSecretStatus, ...],
) -> None:
    desired = {"shop": desired_pull_secret()}
    secret_plan = plan(
        sa=service_account(linked=False),
        desired=desired,
        statuses=statuses,
        unknown={"shop": "why"},
    )
    assert [change.kind for change in secret_plan.changes] == ["deliver", "link"]
    results = [cluster_result(change) for change in secret_plan.changes]
    (state,) = update_statuses(secret_plan, results, desired, now=NOW)
    assert (state.status, state.reason, state.message) == (
        PENDING,
        Reason.CREDENTIALS_MISSING,
        "why",
    )
    assert state.logins == desired["shop"].logins


def test_narrow_first_and_each_namespace_by_itself() -> None:
    observation = cluster_snapshot(
        [observed_namespace("a"), observed_namespace("b"), observed_namespace("c")],
        [secret("a", "old"), secret("b")],
        [service_account("a", linked=False), service_account("b")],
    )
    secret_plan = plan_pull_secrets(
        cluster(), observation, {"a": desired_pull_secret(), "c": desired_pull_secret()}, ()
    )
    assert [(change.kind, change.namespace) for change in secret_plan.changes] == [
        ("unlink", "b"),
        ("withdraw", "b"),
        ("deliver", "a"),
        ("link", "a"),
        ("deliver", "c"),
        ("link", "c"),
    ]
    assert [status.namespace for status in secret_plan.statuses] == ["a", "c"]


def test_json_round_trip() -> None:
    secret_plan = plan(
        secret=secret(), sa=service_account(linked=False), desired={"shop": OTHER_SECRET}
    )
    assert PullSecretPlan.model_validate_json(secret_plan.model_dump_json()) == secret_plan
