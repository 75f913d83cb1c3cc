"""What goes into the audit about clusters, namespaces and pull secrets."""

from typing import Any

import pytest

from models.clusters.audit_entries import cluster_entries, delivery_entries, namespace_entries
from models.clusters.cluster import ClusterState
from models.clusters.membership import Namespace, Source
from models.clusters.pull_secret import (
    ClusterOutcome,
    Deliver,
    Delivery,
    DeliveryStatus,
    Link,
    Unlink,
    Withdraw,
)
from models.core.audit import EVENTS, Entry
from models.core.reasons import Reason
from tests.support.access_builders import delivery, namespace, went

DELIVER = Deliver(
    namespace="shop", before="", after="print", registries=("a", "b"), reason=Reason.DUE
)
WITHDRAW = Withdraw(namespace="shop", uid="1", version="5", before="print")
ORPHAN = WITHDRAW.model_copy(update={"reason": Reason.UNWANTED})
LINK, UNLINK = Link(namespace="shop"), Unlink(namespace="shop")
PENDING, REFUSED = DeliveryStatus.PENDING, DeliveryStatus.REFUSED


def state(reachable: bool | None) -> ClusterState:
    return ClusterState(reachable=reachable, reason=Reason.TIMED_OUT, message="why")


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (None, True, None),
        (None, False, "cluster.unreachable"),
        (True, True, None),
        (True, False, "cluster.unreachable"),
        (False, False, None),
        (False, True, "cluster.recovered"),
    ],
)
def test_clusters(before: bool | None, after: bool, what: str | None) -> None:
    entry = Entry(subject="eu", what=what or "", cluster="eu", why="TimedOut: why")
    found = cluster_entries("eu", state(before), state(after))
    assert found == ((entry,) if what else ())


def joined(workspace: str = "team-a") -> Entry:
    return Entry(
        subject="shop",
        what="namespace.joined",
        after=workspace,
        why="by label",
        cluster="eu",
        workspace=workspace,
    )


def left(why: str) -> Entry:
    return Entry(
        subject="shop",
        what="namespace.left",
        before="team-a",
        why=why,
        cluster="eu",
        workspace="team-a",
    )


NOBODYS = namespace(workspace=None)
DISPUTED = namespace(workspace=None, problem=Reason.WORKSPACE_CONFLICT, message="two claims")
DISPUTE = Entry(
    subject="shop",
    what="namespace.disputed",
    why="WorkspaceConflict: two claims",
    cluster="eu",
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, namespace(), [joined()]),
        (None, NOBODYS, []),
        (namespace(), namespace(), []),
        (NOBODYS, namespace(), [joined()]),
        (namespace(), namespace(source=Source.DECLARED), []),
        (namespace(), NOBODYS, [left("its label or the list says otherwise")]),
        (
            namespace(),
            namespace(workspace="team-b"),
            [left("its label or the list says otherwise"), joined("team-b")],
        ),
        (namespace(), None, [left("the namespace was deleted")]),
        (NOBODYS, None, []),
        (None, DISPUTED, [DISPUTE]),
        (namespace(), DISPUTED, [left("two claims"), DISPUTE]),
        (DISPUTED, DISPUTED, []),
        (DISPUTED, DISPUTED.model_copy(update={"message": "other claims"}), []),
        (DISPUTED, namespace(), [joined()]),
    ],
)
def test_namespaces(
    before: Namespace | None, after: Namespace | None, expected: list[Entry]
) -> None:
    found = namespace_entries([before] if before else [], [after] if after else [])
    assert found == tuple(expected)


def deliveries(
    *outcomes: ClusterOutcome,
    before: tuple[Delivery, ...] = (),
    after: tuple[Delivery, ...] = (),
) -> tuple[Entry, ...]:
    return delivery_entries("eu", {"shop": "team-a"}, before, outcomes, after)


def entry(what: str, **more: Any) -> Entry:
    return Entry(subject="shop", what=what, cluster="eu", workspace="team-a", **more)


FAILED = entry("secret.failed", why="Forbidden: no")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (went(DELIVER), [entry("secret.delivered", after="a, b", why="Due")]),
        (went(WITHDRAW), [entry("secret.withdrawn", why="NothingDue")]),
        (went(WITHDRAW, Reason.ALREADY_SO), []),
        (went(LINK), []),
        (went(UNLINK), []),
        (went(WITHDRAW, Reason.FORBIDDEN, "no", well=False), []),  # its state tells
        (went(UNLINK, Reason.FORBIDDEN, "no", well=False), []),
        (went(ORPHAN, Reason.FORBIDDEN, "no", well=False), [FAILED]),  # it has none
        (went(DELIVER, Reason.FORBIDDEN, "no", well=False), []),  # its state tells
    ],
)
def test_what_was_done(outcome: ClusterOutcome, expected: list[Entry]) -> None:
    assert deliveries(outcome) == tuple(expected)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, delivery(), []),
        (None, delivery(status=PENDING, reason=Reason.FORBIDDEN, message="no"), [FAILED]),
        (delivery(), delivery(status=REFUSED, reason=Reason.FORBIDDEN, message="no"), [FAILED]),
        (
            delivery(status=PENDING, reason=Reason.FORBIDDEN),
            delivery(status=PENDING, reason=Reason.FORBIDDEN, message="no"),
            [],  # known already
        ),
        (
            delivery(status=PENDING, reason=Reason.TIMED_OUT),
            delivery(status=PENDING, reason=Reason.FORBIDDEN, message="no"),
            [FAILED],
        ),
    ],
)
def test_what_failed_is_told_once(
    before: Delivery | None, after: Delivery, expected: list[Entry]
) -> None:
    found = deliveries(before=(before,) if before else (), after=(after,))
    assert found == tuple(expected)


def test_a_namespace_that_is_being_deleted_is_no_failure() -> None:
    going = delivery(status=REFUSED, reason=Reason.NAMESPACE_TERMINATING, message="it goes")
    assert deliveries(before=(delivery(),), after=(going,)) == ()


def test_a_namespace_of_no_workspace() -> None:
    found = delivery_entries("eu", {}, (), [went(DELIVER)], ())
    assert [(one.cluster, one.workspace) for one in found] == [("eu", "")]


def test_every_entry_is_an_event_that_is_explained() -> None:
    told = {
        one.what
        for one in (
            *cluster_entries("eu", state(True), state(False)),
            *cluster_entries("eu", state(False), state(True)),
            *namespace_entries([namespace()], [DISPUTED]),
            *namespace_entries([], [namespace()]),
            *deliveries(went(DELIVER), went(WITHDRAW)),
            FAILED,
        )
    }
    assert told <= EVENTS.keys()
    assert len(told) == 8
