"""Audit entries for clusters, namespaces and pull secrets."""

from typing import Any

import pytest

from models.clusters.audit_entries import (
    cluster_entries,
    namespace_entries,
    pull_secret_entries,
    registration_entries,
)
from models.clusters.cluster import Cluster, ClusterStatus
from models.clusters.membership import Namespace, WorkspaceSource
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChangeResult,
    DeleteSecret,
    PullSecretState,
    PullSecretStatus,
    RemoveImagePullSecret,
    WriteSecret,
)
from models.core.audit import EVENT_DESCRIPTIONS, AuditEntry
from models.core.reasons import Reason
from tests.support.access_builders import (
    cluster,
    cluster_result,
    namespace,
    pull_secret_status,
)

DELIVER = WriteSecret(
    namespace="shop", before="", after="print", registries=("a", "b"), reason=Reason.MISSING
)
WITHDRAW = DeleteSecret(namespace="shop", uid="1", resource_version="5", before="print")
ORPHAN = WITHDRAW.model_copy(update={"reason": Reason.ORPHANED})
LINK, UNLINK = AddImagePullSecret(namespace="shop"), RemoveImagePullSecret(namespace="shop")
PENDING, REFUSED = PullSecretState.PENDING, PullSecretState.REFUSED


def state(reachable: bool | None) -> ClusterStatus:
    return ClusterStatus(reachable=reachable, reason=Reason.TIMED_OUT, message="why")


@pytest.mark.parametrize(
    ("before", "after", "event"),
    [
        (None, True, None),
        (None, False, "cluster.unreachable"),
        (True, True, None),
        (True, False, "cluster.unreachable"),
        (False, False, None),
        (False, True, "cluster.recovered"),
    ],
)
def test_clusters(before: bool | None, after: bool, event: str | None) -> None:
    entry = AuditEntry(subject="eu", action=event or "", cluster="eu", reason="TimedOut: why")
    entries = cluster_entries("eu", state(before), state(after))
    assert entries == ((entry,) if event else ())


@pytest.mark.parametrize(
    ("before", "after", "is_told"),
    [
        (Reason.TIMED_OUT, Reason.UNAUTHORIZED, True),
        (Reason.TIMED_OUT, Reason.CREDENTIALS_MISSING, True),
        (Reason.UNAUTHORIZED, Reason.UNAUTHORIZED, False),
        (Reason.UNAUTHORIZED, Reason.CREDENTIALS_MISSING, False),
        (Reason.UNAUTHORIZED, Reason.TIMED_OUT, False),
        (Reason.TIMED_OUT, Reason.SERVER_BROKEN, False),
    ],
)
def test_a_refused_credential_is_told_once_even_if_the_cluster_was_down(
    before: Reason, after: Reason, is_told: bool
) -> None:
    first, second = (ClusterStatus(reachable=False, reason=reason) for reason in (before, after))
    entries = cluster_entries("eu", first, second)
    assert [entry.action for entry in entries] == (["cluster.unreachable"] if is_told else [])


def joined_entry(workspace: str = "team-a") -> AuditEntry:
    return AuditEntry(
        subject="shop",
        action="namespace.joined",
        after=workspace,
        reason="by label",
        cluster="eu",
        workspace=workspace,
    )


def left_entry(reason: str) -> AuditEntry:
    return AuditEntry(
        subject="shop",
        action="namespace.left",
        before="team-a",
        reason=reason,
        cluster="eu",
        workspace="team-a",
    )


UNASSIGNED = namespace(workspace=None)
DISPUTED = namespace(workspace=None, problem=Reason.WORKSPACE_CONFLICT, message="two claims")
DISPUTE = AuditEntry(
    subject="shop",
    action="namespace.disputed",
    reason="WorkspaceConflict: two claims",
    cluster="eu",
)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, namespace(), [joined_entry()]),
        (None, UNASSIGNED, []),
        (namespace(), namespace(), []),
        (UNASSIGNED, namespace(), [joined_entry()]),
        (namespace(), namespace(source=WorkspaceSource.LISTED), []),
        (namespace(), UNASSIGNED, [left_entry("its label or the list changed")]),
        (
            namespace(),
            namespace(workspace="team-b"),
            [left_entry("its label or the list changed"), joined_entry("team-b")],
        ),
        (namespace(), None, [left_entry("the namespace was deleted")]),
        (UNASSIGNED, None, []),
        (None, DISPUTED, [DISPUTE]),
        (namespace(), DISPUTED, [left_entry("two claims"), DISPUTE]),
        (DISPUTED, DISPUTED, []),
        (DISPUTED, DISPUTED.model_copy(update={"message": "other claims"}), []),
        (DISPUTED, namespace(), [joined_entry()]),
    ],
)
def test_namespaces(
    before: Namespace | None, after: Namespace | None, expected: list[AuditEntry]
) -> None:
    entries = namespace_entries([before] if before else [], [after] if after else [])
    assert entries == tuple(expected)


def deliveries(
    *outcomes: ClusterChangeResult,
    before: tuple[PullSecretStatus, ...] = (),
    after: tuple[PullSecretStatus, ...] = (),
) -> tuple[AuditEntry, ...]:
    return pull_secret_entries("eu", {"shop": "team-a"}, before, outcomes, after)


def entry(event: str, **fields: Any) -> AuditEntry:
    return AuditEntry(subject="shop", action=event, cluster="eu", workspace="team-a", **fields)


FAILED = entry("secret.failed", reason="Forbidden: no")
RELINK = LINK.model_copy(update={"reason": Reason.MODIFIED, "manager": "argocd"})
LINKED = entry("secret.linked", after="default", reason="Missing")
RELINKED = entry("secret.linked", after="default", reason="Modified")
UNLINKED = entry("secret.link-removed", before="default", reason="by argocd")
CONTESTED = pull_secret_status(status=PENDING, reason=Reason.CONTESTED, message="by argocd")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (cluster_result(DELIVER), [entry("secret.delivered", after="a, b", reason="Missing")]),
        (cluster_result(WITHDRAW), [entry("secret.withdrawn", reason="NotDesired")]),
        (cluster_result(WITHDRAW, Reason.UNCHANGED), []),
        (cluster_result(LINK), [LINKED]),
        (cluster_result(LINK, Reason.UNCHANGED), []),
        (cluster_result(LINK, Reason.FORBIDDEN, "no", is_done=False), []),
        (cluster_result(RELINK), [UNLINKED, RELINKED]),
        (cluster_result(RELINK, Reason.FORBIDDEN, "no", is_done=False), [UNLINKED]),
        (cluster_result(UNLINK), []),
        (cluster_result(WITHDRAW, Reason.FORBIDDEN, "no", is_done=False), []),  # in its status
        (cluster_result(UNLINK, Reason.FORBIDDEN, "no", is_done=False), []),
        (
            cluster_result(ORPHAN, Reason.FORBIDDEN, "no", is_done=False),
            [FAILED],
        ),  # it has no status
        (cluster_result(DELIVER, Reason.FORBIDDEN, "no", is_done=False), []),  # in its status
    ],
)
def test_what_was_done(outcome: ClusterChangeResult, expected: list[AuditEntry]) -> None:
    assert deliveries(outcome) == tuple(expected)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, pull_secret_status(), []),
        (None, pull_secret_status(status=PENDING, reason=Reason.FORBIDDEN, message="no"), [FAILED]),
        (
            pull_secret_status(),
            pull_secret_status(status=REFUSED, reason=Reason.FORBIDDEN, message="no"),
            [FAILED],
        ),
        (
            pull_secret_status(status=PENDING, reason=Reason.FORBIDDEN),
            pull_secret_status(status=PENDING, reason=Reason.FORBIDDEN, message="no"),
            [],  # already on record
        ),
        (
            pull_secret_status(status=PENDING, reason=Reason.TIMED_OUT),
            pull_secret_status(status=PENDING, reason=Reason.FORBIDDEN, message="no"),
            [FAILED],
        ),
    ],
)
def test_what_failed_is_told_once(
    before: PullSecretStatus | None, after: PullSecretStatus, expected: list[AuditEntry]
) -> None:
    entries = deliveries(before=(before,) if before else (), after=(after,))
    assert entries == tuple(expected)


def test_links_of_one_namespace_are_one_event() -> None:
    other = LINK.model_copy(update={"service_account": "web"})
    entries = deliveries(cluster_result(LINK), cluster_result(other))
    assert entries == (entry("secret.linked", after="default, web", reason="Missing"),)


def test_a_contest_is_told_once_and_its_repairs_are_not() -> None:
    begin = deliveries(cluster_result(RELINK), before=(pull_secret_status(),), after=(CONTESTED,))
    contest = entry("secret.contested", reason="Contested: by argocd")
    assert begin == (UNLINKED, RELINKED, contest)
    assert deliveries(cluster_result(RELINK), before=(CONTESTED,), after=(CONTESTED,)) == ()


def test_a_namespace_that_is_being_deleted_is_no_failure() -> None:
    terminating = pull_secret_status(
        status=REFUSED, reason=Reason.NAMESPACE_TERMINATING, message="it goes"
    )
    assert deliveries(before=(pull_secret_status(),), after=(terminating,)) == ()


def test_a_namespace_of_no_workspace() -> None:
    entries = pull_secret_entries("eu", {}, (), [cluster_result(DELIVER)], ())
    assert [(audit_entry.cluster, audit_entry.workspace) for audit_entry in entries] == [("eu", "")]


def test_every_entry_is_an_event_that_is_explained() -> None:
    events = {
        audit_entry.action
        for audit_entry in (
            *cluster_entries("eu", state(True), state(False)),
            *cluster_entries("eu", state(False), state(True)),
            *namespace_entries([namespace()], [DISPUTED]),
            *namespace_entries([], [namespace()]),
            *deliveries(cluster_result(DELIVER), cluster_result(WITHDRAW)),
            *deliveries(cluster_result(RELINK), after=(CONTESTED,)),
            FAILED,
        )
    }
    assert events <= EVENT_DESCRIPTIONS.keys()
    assert len(events) == 11


@pytest.mark.parametrize(
    ("before", "event"),
    [
        (None, "cluster.registered"),
        (cluster(links_accounts=False), "cluster.updated"),
        (cluster(), None),
    ],
)
def test_a_cluster_is_registered_or_updated(before: Cluster | None, event: str | None) -> None:
    entry = AuditEntry(subject="eu", action=str(event), cluster="eu", reason="by hand")
    assert registration_entries(before, cluster()) == ((entry,) if event else ())
