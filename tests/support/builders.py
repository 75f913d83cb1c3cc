"""Small builders: each gives a sound value, and takes what a test is about."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from models.core.availability import Seen, Unseen
from models.core.reasons import Reason
from models.registries.changes import Change, CreateSpace, Outcome, SetVisibility
from models.registries.condition import Condition, ConditionType, Status, Verdict
from models.registries.observation import Snapshot
from models.registries.record import Dossier
from models.registries.registry import (
    BlockRef,
    DriftPolicy,
    Kind,
    Origin,
    Registry,
    SystemTrust,
    Tls,
)
from models.registries.schedule import Track
from models.registries.space import ObservedSpace, Space, Visibility

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GRACE = timedelta(hours=72)
PUBLIC, PRIVATE = Visibility.PUBLIC, Visibility.PRIVATE


def registry(
    kind: Kind = Kind.HARBOR,
    *,
    name: str = "prod",
    address: str = "http://registry.test",
    tls: Tls | None = None,
    token_service: str | None = None,
    drift_policy: DriftPolicy = DriftPolicy.ENFORCE,
    credential: BlockRef | None = None,
    origin: Origin = Origin.EXTERNAL,
) -> Registry:
    return Registry(
        name=name,
        kind=kind,
        address=address,
        tls=tls or SystemTrust(),
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


def seen(
    name: str = "team",
    *,
    id: int | None = 7,
    visibility: Visibility | None = PRIVATE,
    repositories: int | None = 1,
) -> ObservedSpace:
    return ObservedSpace(name=name, remote_id=id, visibility=visibility, repositories=repositories)


def unseen(reason: Reason = Reason.TIMED_OUT, message: str = "no answer in time") -> Unseen:
    return Unseen(reason=reason, message=message)


def snapshot(
    *spaces: ObservedSpace,
    instead: Unseen | None = None,
    verdicts: Iterable[Verdict] = (),
    taken_at: datetime = NOW,
    seconds: float = 0.5,
) -> Snapshot:
    return Snapshot(
        registry="prod",
        taken_at=taken_at,
        seconds=seconds,
        verdicts=tuple(verdicts),
        spaces=instead or Seen[ObservedSpace](items=spaces),
    )


def verdict(
    type_: ConditionType = ConditionType.REACHABLE,
    status: Status = Status.TRUE,
    reason: Reason = Reason.CONNECTED,
    message: str = "answers",
    *,
    proved: bool = True,
) -> Verdict:
    return Verdict(type=type_, status=status, reason=reason, message=message, proved=proved)


def condition(
    type_: ConditionType = ConditionType.REACHABLE,
    status: Status = Status.TRUE,
    reason: Reason = Reason.CONNECTED,
    message: str = "answers",
    *,
    since: datetime = NOW,
    contrary: int = 0,
) -> Condition:
    return Condition(
        type=type_, status=status, reason=reason, message=message, since=since, contrary=contrary
    )


def dossier(
    *conditions: Condition,
    of: Registry | None = None,
    track: Track | None = None,
    spaces_read_at: datetime | None = NOW - timedelta(minutes=1),
) -> Dossier:
    return Dossier(
        registry=of or registry(),
        integrated_at=NOW - timedelta(days=1),
        conditions=conditions,
        track=track or Track(),
        spaces_read_at=spaces_read_at,
    )


def narrow(name: str = "team", id: int | None = 7) -> SetVisibility:
    return SetVisibility(
        space=name, remote_id=id, before=PUBLIC, after=PRIVATE, reason=Reason.ASKED
    )


def widen(name: str = "team", id: int | None = 7) -> SetVisibility:
    return SetVisibility(
        space=name, remote_id=id, before=PRIVATE, after=PUBLIC, reason=Reason.ASKED
    )


def create(name: str = "fresh", after: Visibility = PRIVATE) -> CreateSpace:
    return CreateSpace(space=name, after=after)


def done(change: Change, reason: Reason = Reason.DONE) -> Outcome:
    return Outcome(change=change, done=True, reason=reason)


def broken(change: Change, reason: Reason = Reason.FORBIDDEN, message: str = "no") -> Outcome:
    return Outcome(change=change, done=False, reason=reason, message=message)
