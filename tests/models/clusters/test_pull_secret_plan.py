"""Pull secrets: begin in agreement, change one thing, compare the whole plan."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from models.clusters.cluster import ObservedAccount, ObservedNamespace, ObservedSecret
from models.clusters.pull_secret import (
    ClusterChange,
    Deliver,
    Delivery,
    DeliveryPlan,
    DeliveryStatus,
    Due,
    Link,
    Unlink,
    Withdraw,
)
from models.clusters.pull_secret_plan import plan_deliveries
from models.core.availability import Unseen
from models.core.reasons import Reason
from tests.support.access_builders import (
    account,
    cluster,
    cluster_snapshot,
    delivery,
    due,
    labelled,
    login,
    secret,
)
from tests.support.builders import NOW, unseen

EARLIER = NOW - timedelta(days=3)
LATER = NOW + timedelta(minutes=1)
THERE = delivery(delivered_at=EARLIER)
OTHER = due(login(robot_id=2), fingerprint="other")
PENDING, REFUSED = DeliveryStatus.PENDING, DeliveryStatus.REFUSED


def plan(
    namespace: ObservedNamespace | Unseen | None = None,
    held: ObservedSecret | Unseen | None = None,
    sa: ObservedAccount | Unseen | None = None,
    *,
    shall: Mapping[str, Due] | None = None,
    known: tuple[Delivery, ...] = (THERE,),
    links: bool = True,
    unknown: Mapping[str, str] | None = None,
    entitled: Mapping[str, frozenset[str]] | None = None,
) -> DeliveryPlan:
    found = namespace or labelled()
    look = cluster_snapshot(
        found if isinstance(found, Unseen) else [found],
        held if isinstance(held, Unseen) else [held] if held else (),
        sa if isinstance(sa, Unseen) else [sa] if sa else (),
    )
    wish = {"shop": due()} if shall is None else shall
    return plan_deliveries(cluster(links_accounts=links), look, wish, known, unknown, entitled)


def planned(*changes: ClusterChange, states: tuple[Delivery, ...], ours: int = 1) -> DeliveryPlan:
    return DeliveryPlan(cluster="eu", changes=changes, states=states, ours=ours)


def deliver(before: str = "", after: str = "print", reason: Reason = Reason.DUE) -> Deliver:
    return Deliver(
        namespace="shop", before=before, after=after, registries=("prod",), reason=reason
    )


def withdraw(before: str = "print", reason: Reason = Reason.NOTHING_DUE) -> Withdraw:
    return Withdraw(namespace="shop", uid="secret-shop", version="5", before=before, reason=reason)


def pending(reason: Reason, before: Delivery | None = None) -> Delivery:
    """Not yet so; what it holds is what it held."""
    if before is None:
        return delivery(status=PENDING, reason=reason, logins=(), fingerprint="", delivered_at=None)
    return before.model_copy(update={"status": PENDING, "reason": reason, "delivered_at": None})


LINK, UNLINK = Link(namespace="shop"), Unlink(namespace="shop")


def test_agreement() -> None:
    assert plan(held=secret(), sa=account()) == planned(states=(THERE,))


def test_agreement_without_links() -> None:
    expected = planned(states=(THERE,))
    assert plan(held=secret(), sa=account(linked=False), links=False) == expected
    assert plan(held=secret(), links=False) == expected


def test_nothing_is_due_and_nothing_there() -> None:
    assert plan(shall={}, known=()) == planned(states=(), ours=0)
    assert plan(sa=account(linked=False), shall={}, known=()) == planned(states=(), ours=0)


def test_what_is_there_and_not_on_record_is_since_now() -> None:
    expected = planned(states=(delivery(delivered_at=NOW),))
    assert plan(held=secret(), sa=account(), known=()) == expected


def test_first_delivery() -> None:
    state = pending(Reason.DUE)
    expected = planned(deliver(), LINK, states=(state,), ours=0)
    assert plan(sa=account(linked=False), known=()) == expected


@pytest.mark.parametrize("sa", [None, account(linked=False)])
def test_an_account_that_is_not_there_yet_is_linked_as_well(sa: ObservedAccount | None) -> None:
    state = pending(Reason.DUE, THERE)
    assert plan(held=secret(), sa=sa) == planned(LINK, states=(state,))


def test_opted_out_of_links() -> None:
    expected = planned(deliver(), states=(pending(Reason.DUE),), ours=0)
    assert plan(sa=account(linked=False), known=(), links=False) == expected


def test_something_else_is_due() -> None:
    change = deliver("print", "other", Reason.CONTENT_CHANGED)
    state = pending(Reason.CONTENT_CHANGED, THERE)
    expected = planned(change, states=(state,))
    assert plan(held=secret(), sa=account(), shall={"shop": OTHER}) == expected


@pytest.mark.parametrize(
    ("found", "before"), [("edited", "edited"), (None, "unreadable"), ("", "unreadable")]
)
def test_edited_by_hand(found: str | None, before: str) -> None:
    change = deliver(before, reason=Reason.EDITED_BY_HAND)
    expected = planned(change, states=(pending(Reason.EDITED_BY_HAND, THERE),))
    assert plan(held=secret(fingerprint=found), sa=account()) == expected


def test_deleted_by_hand() -> None:
    """It holds nothing now: nobody may believe that it does."""
    expected = planned(
        deliver(reason=Reason.EDITED_BY_HAND), states=(pending(Reason.EDITED_BY_HAND),), ours=0
    )
    assert plan(sa=account()) == expected


def test_nothing_is_due_any_more() -> None:
    """The link goes first: a run that is killed in between leaves the mark for the next."""
    expected = planned(UNLINK, withdraw(), states=(THERE,))
    assert plan(held=secret(), sa=account(), shall={}) == expected


@pytest.mark.parametrize("sa", [None, account(linked=False)])
def test_withdrawn_without_a_link(sa: ObservedAccount | None) -> None:
    assert plan(held=secret(), sa=sa, shall={}) == planned(withdraw(), states=(THERE,))


def test_withdrawn_where_accounts_are_nobodys_business_of_ours() -> None:
    """Rights to patch them may be missing there, and the pull secret has to go all the same."""
    expected = planned(withdraw(), states=(THERE,))
    assert plan(held=secret(), sa=account(), shall={}, links=False) == expected


def test_what_cannot_be_read_is_withdrawn_too() -> None:
    expected = planned(withdraw("unreadable"), states=(THERE,))
    assert plan(held=secret(fingerprint=None), shall={}) == expected


def test_one_that_is_not_on_record_here_goes_too_and_is_told_apart() -> None:
    expected = planned(withdraw(reason=Reason.UNWANTED), states=())
    assert plan(held=secret(), shall={}, known=()) == expected


# What is not known justifies nothing.


@pytest.mark.parametrize(
    "sections",
    [
        {"namespace": unseen()},
        {"held": unseen()},
        {"sa": unseen()},
    ],
)
@pytest.mark.parametrize("shall", [{}, {"shop": due()}, {"shop": OTHER}])
def test_an_unseen_section_justifies_nothing(
    sections: dict[str, Any], shall: Mapping[str, Due]
) -> None:
    seen: dict[str, Any] = {"held": secret(), "sa": account()}
    assert plan(**{**seen, **sections}, shall=shall) == planned(states=(), ours=0)


def test_what_cannot_be_said_now_is_kept() -> None:
    why = {"shop": "the block is gone"}
    kept = THERE.model_copy(
        update={
            "status": PENDING,
            "reason": Reason.CREDENTIALS_MISSING,
            "message": "the block is gone",
        }
    )
    expected = planned(states=(kept,))
    assert plan(held=secret(), sa=account(), shall={}, unknown=why) == expected
    assert plan(held=secret(), shall={"shop": OTHER}, unknown=why) == expected


@pytest.mark.parametrize("entitled", [{"prod"}, {"prod", "other"}])
def test_what_cannot_be_said_now_is_kept_by_who_is_entitled_to_it(entitled: set[str]) -> None:
    shall = {"shop": frozenset(entitled)}
    found = plan(held=secret(), shall={}, unknown={"shop": "why"}, entitled=shall)
    assert (found.changes, [one.message for one in found.states]) == ((), ["why"])


def test_a_login_that_nobody_is_entitled_to_is_not_kept_for_another_that_is_unknown() -> None:
    left: dict[str, Any] = {"unknown": {"shop": "why"}, "entitled": {"shop": frozenset({"other"})}}
    elsewhere = due(login("other"), fingerprint="other")
    found = plan(held=secret(), sa=account(), shall={"shop": elsewhere}, **left)
    changed = deliver("print", "other", Reason.CONTENT_CHANGED)
    assert found == planned(
        changed.model_copy(update={"registries": ("other",)}),
        states=(pending(Reason.CONTENT_CHANGED, THERE),),
    )
    found = plan(held=secret(), sa=account(), shall={}, **left)
    assert found.changes == (UNLINK, withdraw())


def test_what_cannot_be_said_now_and_was_never_there() -> None:
    (state,) = plan(shall={}, known=(), unknown={"shop": "gone"}).states
    told = PENDING, Reason.CREDENTIALS_MISSING, (), ""
    assert (state.status, state.reason, state.logins, state.fingerprint) == told


def test_narrow_first_and_each_namespace_by_itself() -> None:
    look = cluster_snapshot(
        [labelled("a"), labelled("b"), labelled("c")],
        [secret("a", "old"), secret("b")],
        [account("a", linked=False), account("b")],
    )
    found = plan_deliveries(cluster(), look, {"a": due(), "c": due()}, ())
    assert [(one.kind, one.namespace) for one in found.changes] == [
        ("unlink", "b"),
        ("withdraw", "b"),
        ("deliver", "a"),
        ("link", "a"),
        ("deliver", "c"),
        ("link", "c"),
    ]
    assert [one.namespace for one in found.states] == ["a", "c"]


def test_json_round_trip() -> None:
    found = plan(held=secret(), sa=account(linked=False), shall={"shop": OTHER})
    assert DeliveryPlan.model_validate_json(found.model_dump_json()) == found
