"""Who changes an object again and again is named, and repaired less often; nothing else waits."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from models.clusters.contest import (
    QUIET_PERIOD,
    Contest,
    add_repair,
    describe_contest,
    forget_recreated,
    is_contested,
    repair_delay,
)
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChange,
    DesiredPullSecret,
    PullSecretState,
    PullSecretStatus,
    RepairHistory,
    WriteSecret,
)
from models.clusters.pull_secret_plan import plan_pull_secrets
from models.clusters.pull_secret_status import update_statuses
from models.core.reasons import Reason
from tests.support.access_builders import (
    cluster,
    cluster_result,
    cluster_snapshot,
    desired_pull_secret,
    login,
    namespace,
    observed_namespace,
    pull_secret_status,
    secret,
    service_account,
)
from tests.support.builders import NOW

MINUTE = timedelta(minutes=1)


@dataclass
class Namespace:
    """A namespace that is synced each minute, and what somebody else does to it before."""

    linked: bool = False
    fingerprint: str | None = None
    desired: DesiredPullSecret | None = field(default_factory=desired_pull_secret)
    status: PullSecretStatus | None = None
    at: datetime = NOW

    def sync(self, minutes: float = 1) -> list[ClusterChange]:
        """Sync once, and apply all changes."""
        self.at += minutes * MINUTE
        snapshot = cluster_snapshot(
            [observed_namespace()],
            [secret(fingerprint=self.fingerprint)] if self.fingerprint else [],
            [service_account(linked=self.linked, other_manager="argocd-controller")],
            taken_at=self.at,
        )
        desired = {"shop": self.desired} if self.desired else {}
        before = [self.status] if self.status else []
        plan = plan_pull_secrets(cluster(), snapshot, desired, before)
        for change in plan.changes:
            self._apply(change)
        outcomes = [cluster_result(change) for change in plan.changes]
        statuses = update_statuses(plan, outcomes, desired, now=self.at)
        self.status = statuses[0] if statuses else None
        return list(plan.changes)

    def _apply(self, change: ClusterChange) -> None:
        match change:
            case WriteSecret():
                self.fingerprint = change.after
            case AddImagePullSecret():
                self.linked = True
            case _ if change.kind == "withdraw":
                self.fingerprint = None
            case _:
                self.linked = False

    @property
    def reason(self) -> Reason | None:
        return self.status.reason if self.status else None


def delivered() -> Namespace:
    namespace = Namespace()
    namespace.sync()
    assert namespace.reason is Reason.DELIVERED
    return namespace


def contested_link() -> Namespace:
    namespace = delivered()
    for _ in range(3):
        namespace.linked = False
        namespace.sync()
    assert namespace.reason is Reason.CONTESTED
    return namespace


def test_one_repair_or_two_are_no_contest() -> None:
    namespace = delivered()
    for _ in range(2):
        namespace.linked = False
        (change,) = namespace.sync()
        assert change == AddImagePullSecret(
            namespace="shop", manager="argocd-controller", reason=Reason.MODIFIED
        )
        assert namespace.reason is Reason.DELIVERED


def test_the_third_repair_is_contested_and_names_the_client() -> None:
    namespace = contested_link()
    assert namespace.status is not None
    assert namespace.status.status is PullSecretState.PENDING
    assert namespace.status.delivered_at is None
    assert namespace.status.logins == desired_pull_secret().logins  # what the Secret holds
    since = f"{NOW + 2 * MINUTE:%Y-%m-%d %H:%M} UTC"
    assert namespace.status.message == (
        'the imagePullSecrets of ServiceAccount shop/default are changed again and again by "'
        f'argocd-controller", repaired 3 times since {since}: pods may start without the pull '
        'secret. Let "argocd-controller" ignore this field, or opt the namespace out of it'
    )


def test_repairs_go_on_less_and_less_often() -> None:
    """Somebody undoes each repair at once, for two hours."""
    namespace, times = delivered(), []
    for minute in range(1, 121):
        namespace.linked = False
        if namespace.sync():
            times.append(minute)
        assert namespace.reason in {Reason.DELIVERED, Reason.CONTESTED}
    assert times[:8] == [1, 2, 3, 5, 9, 17, 32, 47]
    assert len(times) == 12
    assert namespace.status is not None
    (history,) = namespace.status.repairs
    assert len(history.times) == 8


def test_while_it_waits_nothing_is_written_down_anew() -> None:
    namespace = contested_link()
    namespace.linked = False
    namespace.sync()
    before = namespace.status
    assert namespace.reason is Reason.CONTESTED
    assert (namespace.sync(0.1), namespace.status) == ([], before)


def test_it_ends_when_the_object_stays_as_desired() -> None:
    namespace = contested_link()
    for _ in range(9):
        assert (namespace.sync(), namespace.reason) == ([], Reason.CONTESTED)
    assert (namespace.sync(), namespace.reason) == ([], Reason.DELIVERED)
    assert namespace.status is not None
    assert (namespace.status.repairs, namespace.status.delivered_at) == ((), namespace.at)


def test_repairs_that_are_far_apart_are_no_contest() -> None:
    namespace = delivered()
    for _ in range(10):
        namespace.linked = False
        assert len(namespace.sync()) == 1
        namespace.sync(11)
        assert namespace.reason is Reason.DELIVERED


def test_after_a_long_outage_it_begins_anew() -> None:
    namespace = contested_link()
    namespace.linked = False
    assert len(namespace.sync(60)) == 1
    assert namespace.reason is Reason.DELIVERED


@pytest.mark.parametrize("fingerprint", [None, "theirs"])
def test_a_contested_secret_waits_too(fingerprint: str | None) -> None:
    """Whether it is deleted or rewritten each time."""
    namespace, times = delivered(), []
    for minute in range(1, 61):
        namespace.fingerprint = fingerprint
        if namespace.sync():
            times.append(minute)
    assert times[:6] == [1, 2, 3, 5, 9, 17]
    assert namespace.status is not None
    assert "the Secret shop/registry-integration is changed again" in namespace.status.message


def test_new_content_is_written_at_once() -> None:
    """A rotation must not wait for the end of a contest."""
    namespace = delivered()
    for _ in range(4):
        namespace.fingerprint = "theirs"
        namespace.sync()
    assert namespace.fingerprint == "theirs"  # it waits
    namespace.desired = desired_pull_secret(login(robot_id=2), fingerprint="next")
    assert [change.kind for change in namespace.sync(0.1)] == ["deliver"]


@pytest.mark.parametrize("linked", [True, False])
def test_a_withdrawal_does_not_wait(linked: bool) -> None:
    namespace = contested_link()
    namespace.linked, namespace.desired = linked, None
    assert [change.kind for change in namespace.sync(0.1)][-1] == "withdraw"
    assert (namespace.fingerprint, namespace.status) == (None, None)


def test_a_first_delivery_does_not_wait() -> None:
    """Also not where a contest was on record before the withdrawal."""
    namespace = contested_link()
    namespace.desired = None
    namespace.sync(0.1)
    namespace.desired = desired_pull_secret()
    assert [change.kind for change in namespace.sync(0.1)] == ["deliver", "link"]
    assert namespace.reason is Reason.DELIVERED


@pytest.mark.parametrize(
    ("count", "minutes"), [(0, 0), (2, 0), (3, 2), (4, 4), (5, 8), (6, 15), (7, 15), (100, 15)]
)
def test_the_delay(count: int, minutes: int) -> None:
    assert repair_delay(count) == minutes * MINUTE


def _histories(names: Iterable[str]) -> tuple[RepairHistory, ...]:
    histories: tuple[RepairHistory, ...] = ()
    for name in names:
        histories = add_repair(histories, name, "", "", NOW)
    return histories


def test_histories_are_bounded_and_keep_their_order() -> None:
    histories = _histories(f"a{number:02}" for number in range(50))
    assert len(histories) == 20
    assert Contest(histories, NOW + MINUTE).histories == histories


def test_a_recreated_namespace_has_no_history() -> None:
    before = [namespace("shop"), namespace("till"), namespace("gone")]
    after = [namespace("shop", uid="new"), namespace("till"), namespace("fresh")]
    statuses = [
        pull_secret_status(name, links=("default",), repairs=_histories("a"))
        for name in ("shop", "till", "gone", "fresh")
    ]
    shop, *others = forget_recreated(statuses, before, after)
    assert shop == pull_secret_status("shop")
    assert others == statuses[1:]


def test_several_contested_objects_are_one_message() -> None:
    message = describe_contest("shop", _histories("abc"))
    assert "ServiceAccount shop/a (and 2 more) are changed again and again by another" in message


def test_the_quiet_period_is_longer_than_the_time_between_syncs() -> None:
    assert QUIET_PERIOD >= 5 * MINUTE


def test_many_contested_accounts_do_not_push_each_other_out() -> None:
    histories: tuple[RepairHistory, ...] = ()
    for minute in range(3):
        for number in range(31):
            at = NOW + minute * MINUTE
            histories = add_repair(histories, f"a{number:02}", "argocd", "", at)
    assert len(histories) == 20
    assert all(is_contested(history) for history in histories)
