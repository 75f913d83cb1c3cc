"""For any cluster: after plan and apply, the next plan is empty; foreign objects are unchanged."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from models.clusters.cluster import ObservedNamespace, ObservedPullSecret, ObservedServiceAccount
from models.clusters.pull_secret import (
    MAX_SECRET_BYTES,
    AddImagePullSecret,
    ClusterChange,
    ClusterChangeResult,
    DeleteSecret,
    DesiredPullSecret,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
    RemoveImagePullSecret,
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
    observed_namespace,
    service_account,
)
from tests.support.builders import NOW, unavailable

NAMES = ("a", "b", "c", "d")
PRINTS = st.sampled_from(["one", "two", "three"])
MINUTE = timedelta(minutes=1)


@dataclass
class Platform:
    """A cluster, its desired pull secrets, and its records."""

    namespaces: dict[str, ObservedNamespace]
    secrets: dict[str, ObservedPullSecret]
    linked: dict[str, bool]
    desired_secrets: dict[str, DesiredPullSecret]
    unknown: dict[str, str]
    links: bool
    statuses: tuple[PullSecretStatus, ...] = ()
    turn: int = 0
    failing: set[str] = field(default_factory=set)

    @property
    def blocked_namespaces(self) -> set[str]:
        """Return the namespaces in which nothing may be written."""
        foreign = {name for name, secret in self.secrets.items() if not secret.is_owned}
        terminating = {name for name, namespace in self.namespaces.items() if namespace.terminating}
        large = {
            name
            for name, desired_secret in self.desired_secrets.items()
            if desired_secret.byte_size > MAX_SECRET_BYTES
        }
        return foreign | terminating | large | self.unknown.keys()

    def plan(self) -> PullSecretPlan:
        observation = cluster_snapshot(
            self.namespaces.values(),
            self.secrets.values(),
            [service_account(name, linked=linked) for name, linked in self.linked.items()],
            taken_at=NOW + self.turn * MINUTE,
        )
        target = cluster(links_accounts=self.links)
        return plan_pull_secrets(
            target, observation, self.desired_secrets, self.statuses, self.unknown
        )

    def step(self) -> PullSecretPlan:
        self.turn += 1
        plan = self.plan()
        self.conclude(plan, self.apply_changes(plan.changes))
        return plan

    def apply_changes(self, changes: Iterable[ClusterChange]) -> list[ClusterChangeResult]:
        """Apply changes; in a namespace, those after a failed one are skipped."""
        outcomes = []
        failed_namespaces = set()
        for change in changes:
            if change.namespace in failed_namespaces:
                continue
            if change.kind in self.failing:
                failed_namespaces.add(change.namespace)
                outcomes.append(cluster_result(change, Reason.FORBIDDEN, "no", is_done=False))
                continue
            self.apply_change(change)
            outcomes.append(cluster_result(change))
        return outcomes

    def apply_change(self, change: ClusterChange) -> None:
        name = change.namespace
        before = self.secrets.get(name)
        assert not self.namespaces[name].terminating
        assert before is None or before.is_owned, "it is not ours"
        assert name not in self.unknown
        if isinstance(change, WriteSecret):
            self.secrets[name] = ObservedPullSecret(
                namespace=name,
                uid=before.uid if before else f"new-{name}",
                resource_version=f"v{self.turn}",
                is_owned=True,
                fingerprint=change.after,
            )
        elif isinstance(change, DeleteSecret):
            assert before is not None
            assert (before.uid, before.resource_version) == (change.uid, change.resource_version)
            del self.secrets[name]
        elif isinstance(change, AddImagePullSecret | RemoveImagePullSecret):
            assert self.links
            self.linked[name] = isinstance(change, AddImagePullSecret)

    def conclude(self, plan: PullSecretPlan, outcomes: Iterable[ClusterChangeResult]) -> None:
        now = NOW + self.turn * MINUTE
        self.statuses = update_statuses(plan, outcomes, self.desired_secrets, now=now)


@st.composite
def platforms(draw: st.DrawFn) -> Platform:
    names = draw(st.sets(st.sampled_from(NAMES), min_size=1))
    platform = Platform({}, {}, {}, {}, {}, draw(st.booleans()))
    for name in sorted(names):
        platform.namespaces[name] = observed_namespace(name, terminating=draw(st.booleans()))
        if draw(st.booleans()):
            platform.secrets[name] = ObservedPullSecret(
                namespace=name,
                uid=f"uid-{name}",
                resource_version="v0",
                is_owned=draw(st.booleans()),
                has_labels=draw(st.booleans()),
                fingerprint=draw(st.none() | PRINTS),
            )
        if draw(st.booleans()):
            platform.linked[name] = draw(st.booleans())
        case = draw(st.sampled_from(["due", "large", "none", "unknown"]))
        if case in {"due", "large"}:
            print_ = draw(PRINTS)
            size = MAX_SECRET_BYTES + 1 if case == "large" else 10
            platform.desired_secrets[name] = desired_pull_secret(
                login(robot_id=len(print_)), fingerprint=print_, size=size
            )
        elif case == "unknown":
            platform.unknown[name] = "the block is gone"
    if draw(st.booleans()):
        platform.statuses = platform.plan().statuses  # pending statuses from the plan
    return platform


def _check_exactly_delivered(platform: Platform) -> None:
    for name in platform.namespaces.keys() - platform.blocked_namespaces:
        secret = platform.secrets.get(name)
        assert secret is None or secret.has_labels
        assert (secret.fingerprint if secret else None) == (
            platform.desired_secrets[name].fingerprint if name in platform.desired_secrets else None
        )
        if name in platform.desired_secrets and platform.links:
            assert platform.linked[name]
        state = {status.namespace: status for status in platform.statuses}.get(name)
        if name in platform.desired_secrets:
            assert state is not None
            assert state.status is PullSecretState.DELIVERED
            assert state.logins == platform.desired_secrets[name].logins
        else:
            assert state is None


def _check_nobody_is_believed_to_hold_what_is_not_there(platform: Platform) -> None:
    """Robot accounts are deleted based on these statuses."""
    for state in platform.statuses:
        secret = platform.secrets.get(state.namespace)
        if state.namespace in platform.unknown:
            continue
        if secret is None or not secret.is_owned:
            assert state.logins == ()
        elif secret.fingerprint == platform.desired_secrets[state.namespace].fingerprint:
            assert state.logins == platform.desired_secrets[state.namespace].logins


@given(platforms())
def test_planned_and_applied_there_is_nothing_left(platform: Platform) -> None:
    platform.step()
    _check_exactly_delivered(platform)
    statuses = platform.statuses
    assert platform.step().changes == ()
    assert platform.statuses == statuses


@given(platforms())
def test_what_is_not_ours_or_not_known_stays_as_it_was(platform: Platform) -> None:
    blocked_namespaces = platform.blocked_namespaces
    secrets = {
        name: secret for name, secret in platform.secrets.items() if name in blocked_namespaces
    }
    linked = {
        name: is_linked for name, is_linked in platform.linked.items() if name in blocked_namespaces
    }
    platform.step()
    platform.step()
    assert {
        name: secret for name, secret in platform.secrets.items() if name in blocked_namespaces
    } == secrets
    # The size limit does not apply to deletions.
    assert {
        name: is_linked for name, is_linked in platform.linked.items() if name in blocked_namespaces
    } == linked


@given(platforms(), st.data())
def test_killed_anywhere_a_later_run_finishes(platform: Platform, data: st.DataObject) -> None:
    """Namespaces are changed in parallel: any of them may be complete, in order within each."""
    plan = platform.plan()
    platform.turn += 1
    for name in platform.namespaces:
        own = [change for change in plan.changes if change.namespace == name]
        platform.apply_changes(own[: data.draw(st.integers(0, len(own)))])
    platform.step()
    _check_exactly_delivered(platform)
    assert platform.step().changes == ()


@given(platforms(), st.sets(st.sampled_from(["deliver", "withdraw", "link", "unlink"])))
def test_what_fails_for_an_hour_is_made_up_for(platform: Platform, failing: set[str]) -> None:
    platform.failing = failing
    platform.step()
    platform.step()
    _check_nobody_is_believed_to_hold_what_is_not_there(platform)
    platform.failing = set()
    platform.step()
    _check_exactly_delivered(platform)
    assert platform.step().changes == ()


@given(platforms())
def test_narrow_first(platform: Platform) -> None:
    reductions = [change.reduces_access for change in platform.plan().changes]
    assert reductions == sorted(reductions, reverse=True)


@given(platforms(), st.sets(st.integers(0, 2), min_size=1))
def test_unseen_changes_nothing(platform: Platform, missing: set[int]) -> None:
    sections = [
        unavailable() if number in missing else section
        for number, section in enumerate(
            (
                tuple(platform.namespaces.values()),
                tuple(platform.secrets.values()),
                tuple(
                    ObservedServiceAccount(namespace=name, has_pull_secret=True)
                    for name in platform.linked
                ),
            )
        )
    ]
    observation = cluster_snapshot(*sections)  # type: ignore[arg-type]
    secret_plan = plan_pull_secrets(
        cluster(), observation, platform.desired_secrets, platform.statuses, platform.unknown
    )
    assert secret_plan == PullSecretPlan(cluster="eu")


@given(platforms())
def test_a_plan_survives_json(platform: Platform) -> None:
    plan = platform.plan()
    assert PullSecretPlan.model_validate_json(plan.model_dump_json()) == plan
