"""Decide whether another client changes an object again and again, and when to repair it again.

A tool that rewrites a ServiceAccount or our Secret from its own source (GitOps) undoes each repair.
Pods then start without the pull secret most of the time, although each sync ends as desired. From
the third repair on, the object counts as contested: it is not reported as delivered, and repairs
become rarer. First deliveries, new contents and removals are never delayed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from models.clusters.cluster import PULL_SECRET_NAME
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretStatus, RepairHistory

CONTESTED_AFTER = 3
"""Repairs after which an object is contested."""

QUIET_PERIOD = timedelta(minutes=10)
"""An object that stayed as desired for this time after its last repair is not contested."""

_MAX_DELAY = timedelta(minutes=15)
_FIRST_DELAY = timedelta(minutes=2)
_MAX_TIMES = 8
_MAX_HISTORIES = 20


class Contest:
    """The repair histories of one namespace.

    Args:
        histories: histories on record.
        now: time of the observation (UTC).
    """

    def __init__(self, histories: Iterable[RepairHistory], now: datetime) -> None:
        self._now = now
        self._histories = {
            history.service_account: history
            for history in histories
            if now - history.times[-1] < _MAX_DELAY + QUIET_PERIOD
        }

    @property
    def histories(self) -> tuple[RepairHistory, ...]:
        """The histories to save: a bounded number, those of most repairs first."""
        return _bound(self._histories.values())

    @property
    def contested(self) -> tuple[RepairHistory, ...]:
        """The histories of contested objects."""
        return tuple(history for history in self.histories if is_contested(history))

    def is_known(self, service_account: str) -> bool:
        """Return whether an object was repaired lately."""
        return service_account in self._histories

    def note_intact(self, service_account: str) -> None:
        """Forget the history of an object that is as desired, after the quiet period."""
        history = self._histories.get(service_account)
        if history is not None and self._now - history.times[-1] >= QUIET_PERIOD:
            del self._histories[service_account]

    def forget(self, service_account: str) -> None:
        """Forget the history of an object that needs nothing any more."""
        self._histories.pop(service_account, None)

    def must_wait(self, service_account: str, fingerprint: str = "") -> bool:
        """Return whether the next repair of an object is not due yet.

        Args:
            service_account: name of the ServiceAccount; empty for the pull secret.
            fingerprint: the desired content; a new one is written at once.
        """
        history = self._histories.get(service_account)
        if history is None or history.fingerprint != fingerprint:
            return False
        delay = repair_delay(len(history.times))
        return bool(delay) and self._now < history.times[-1] + delay


def forget_recreated(
    pull_secrets: Iterable[PullSecretStatus],
    before: Iterable[Namespace],
    after: Iterable[Namespace],
) -> tuple[PullSecretStatus, ...]:
    """Return the statuses; those of recreated namespaces without links and repairs.

    A namespace that is deleted and created again and again receives first deliveries, no repairs.

    Args:
        pull_secrets: statuses on record.
        before, after: namespaces on record and as observed.
    """
    uids = {namespace.name: namespace.uid for namespace in before}
    recreated = {
        namespace.name
        for namespace in after
        if uids.get(namespace.name, namespace.uid) != namespace.uid
    }
    update: dict[str, object] = {"links": (), "repairs": ()}
    return tuple(
        status.model_copy(update=update) if status.namespace in recreated else status
        for status in pull_secrets
    )


def is_contested(history: RepairHistory) -> bool:
    """Return whether an object was repaired too often."""
    return len(history.times) >= CONTESTED_AFTER


def repair_delay(count: int) -> timedelta:
    """Return how long to wait after so many repairs: nothing at first, then 2, 4, 8, 15 minutes."""
    if count < CONTESTED_AFTER:
        return timedelta()
    doublings = min(count - CONTESTED_AFTER, _MAX_TIMES)
    return min(_FIRST_DELAY * (1 << doublings), _MAX_DELAY)


def add_repair(
    histories: Sequence[RepairHistory],
    service_account: str,
    manager: str,
    fingerprint: str,
    now: datetime,
) -> tuple[RepairHistory, ...]:
    """Return the histories with one more repair.

    Args:
        histories: the histories.
        service_account: name of the ServiceAccount; empty for the pull secret.
        manager: the field manager that had changed it; empty if not known.
        fingerprint: the content that was written.
        now: time of the repair (UTC).
    """
    before = next((item for item in histories if item.service_account == service_account), None)
    times = before.times if before and before.fingerprint == fingerprint else ()
    manager = manager or (before.manager if before else "")
    history = RepairHistory(
        service_account=service_account,
        times=(*times, now)[-_MAX_TIMES:],
        manager=manager,
        fingerprint=fingerprint,
    )
    return _bound((history, *(item for item in histories if item != before)))


def _bound(histories: Iterable[RepairHistory]) -> tuple[RepairHistory, ...]:
    # Those of most repairs and then the oldest are kept: if the latest were, many accounts would
    # push each other out, and none would ever count as contested.
    ordered = sorted(
        histories,
        key=lambda history: (-len(history.times), history.times[0], history.service_account),
    )
    return tuple(ordered[:_MAX_HISTORIES])


def describe_contest(namespace: str, histories: Sequence[RepairHistory]) -> str:
    """Return who changes which object, and what to do.

    Args:
        namespace: the namespace.
        histories: at least one history of a contested object.
    """
    history, others = histories[0], len(histories) - 1
    if history.service_account:
        subject = f"the imagePullSecrets of ServiceAccount {namespace}/{history.service_account}"
    else:
        subject = f"the Secret {namespace}/{PULL_SECRET_NAME}"
    more = f" (and {others} more)" * (others > 0)
    manager = f'"{history.manager}"' if history.manager else "another client"
    return (
        f"{subject}{more} are changed again and again by {manager}, repaired "
        f"{len(history.times)} times since {history.times[0]:%Y-%m-%d %H:%M} UTC: pods may start "
        f"without the pull secret. Let {manager} ignore this field, or opt the namespace out of it"
    ).replace(f"{PULL_SECRET_NAME} are", f"{PULL_SECRET_NAME} is")
