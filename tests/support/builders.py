"""Small builders: each gives a sound value, and takes what a test is about."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from models.core.availability import Complete, Unavailable
from models.core.limits import LimitExceeded
from models.core.reasons import Reason
from models.core.runs.context import RunContext
from models.registries.changes import Change, ChangeResult, CreateSpace, SetVisibility
from models.registries.condition import CheckResult, Condition, ConditionStatus, ConditionType
from models.registries.observation import Snapshot
from models.registries.record import RegistryRecord
from models.registries.registry import (
    BlockRef,
    DriftPolicy,
    Kind,
    Registry,
    RegistryOrigin,
    SystemCA,
    Tls,
)
from models.registries.schedule import PollHistory
from models.registries.space import ObservedSpace, Space, Visibility

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GRACE = timedelta(hours=72)
PUBLIC, PRIVATE = Visibility.PUBLIC, Visibility.PRIVATE


def run_context(flow_run: str = "", lease_id: str = "", now: datetime = NOW) -> RunContext:
    return RunContext(now=now, flow_run=flow_run, lease_id=lease_id)


def registry(
    kind: Kind = Kind.HARBOR,
    *,
    name: str = "prod",
    address: str = "http://registry.test",
    tls: Tls | None = None,
    token_service: str | None = None,
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE,
    credential: BlockRef | None = None,
    origin: RegistryOrigin = RegistryOrigin.EXTERNAL,
) -> Registry:
    return Registry(
        name=name,
        kind=kind,
        address=address,
        tls=tls or SystemCA(),
        token_service=token_service,
        drift_policy=drift_policy,
        credential=credential,
        origin=origin,
    )


def space(
    name: str = "team",
    *,
    id: int | None = 7,
    desired: Visibility | None = None,
    observed: Visibility | None = PRIVATE,
    declared: bool = False,
    repositories: int | None = 1,
    missing_since: datetime | None = None,
) -> Space:
    return Space(
        name=name,
        remote_id=id,
        desired=desired,
        observed=observed,
        declared=declared,
        repositories=repositories,
        missing_since=missing_since,
    )


def observed_space(
    name: str = "team",
    *,
    id: int | None = 7,
    visibility: Visibility | None = PRIVATE,
    repositories: int | None = 1,
) -> ObservedSpace:
    return ObservedSpace(name=name, remote_id=id, visibility=visibility, repositories=repositories)


def unavailable(
    reason: Reason = Reason.TIMED_OUT, message: str = "no answer in time"
) -> Unavailable:
    return Unavailable(reason=reason, message=message)


def snapshot(
    *spaces: ObservedSpace,
    instead: Unavailable | None = None,
    verdicts: Iterable[CheckResult] = (),
    taken_at: datetime = NOW,
    seconds: float = 0.5,
) -> Snapshot:
    return Snapshot(
        registry="prod",
        observed_at=taken_at,
        seconds=seconds,
        checks=tuple(verdicts),
        spaces=instead or Complete[ObservedSpace](items=spaces),
    )


def check_result(
    type_: ConditionType = ConditionType.REACHABLE,
    status: ConditionStatus = ConditionStatus.TRUE,
    reason: Reason = Reason.CONNECTED,
    message: str = "answers",
    *,
    confirmed: bool = True,
) -> CheckResult:
    return CheckResult(
        type=type_, status=status, reason=reason, message=message, confirmed=confirmed
    )


def condition(
    type_: ConditionType = ConditionType.REACHABLE,
    status: ConditionStatus = ConditionStatus.TRUE,
    reason: Reason = Reason.CONNECTED,
    message: str = "answers",
    *,
    since: datetime = NOW,
    opposing_checks: int = 0,
) -> Condition:
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        since=since,
        contrary=opposing_checks,
    )


def registry_record(
    *conditions: Condition,
    spec: Registry | None = None,
    track: PollHistory | None = None,
    spaces_read_at: datetime | None = NOW - timedelta(minutes=1),
) -> RegistryRecord:
    return RegistryRecord(
        registry=spec or registry(),
        integrated_at=NOW - timedelta(days=1),
        conditions=conditions,
        poll_history=track or PollHistory(),
        spaces_read_at=spaces_read_at,
    )


def narrow(name: str = "team", id: int | None = 7) -> SetVisibility:
    return SetVisibility(
        space=name, remote_id=id, before=PUBLIC, after=PRIVATE, reason=Reason.REQUESTED
    )


def widen(name: str = "team", id: int | None = 7) -> SetVisibility:
    return SetVisibility(
        space=name, remote_id=id, before=PRIVATE, after=PUBLIC, reason=Reason.REQUESTED
    )


def create(name: str = "fresh", after: Visibility = PRIVATE) -> CreateSpace:
    return CreateSpace(space=name, after=after)


def success(change: Change, reason: Reason = Reason.DONE) -> ChangeResult:
    return ChangeResult(change=change, succeeded=True, reason=reason)


def failure(change: Change, reason: Reason = Reason.FORBIDDEN, message: str = "no") -> ChangeResult:
    return ChangeResult(change=change, succeeded=False, reason=reason, message=message)


def exceeded_message(limit: LimitExceeded | None) -> str:
    """Return the message of a safety limit that must be exceeded."""
    assert limit is not None
    return limit.message
