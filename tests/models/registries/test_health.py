"""From what probes say to conditions, and from conditions to one word."""

from datetime import timedelta

import pytest

from models.core import errors
from models.core.errors import RegistryError
from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionType, Health, Status
from models.registries.health import diagnose, failed, opens, reached, settle, verdicts_from
from models.registries.registry import NoVerification, SystemTrust, Tls
from tests.support.builders import NOW, condition, registry, verdict

LATER = NOW + timedelta(minutes=1)
TRUE, FALSE, UNKNOWN = Status.TRUE, Status.FALSE, Status.UNKNOWN
REACHABLE, SYNCED = ConditionType.REACHABLE, ConditionType.SYNCED
AUTHENTICATED = ConditionType.AUTHENTICATED


def _settled(before: Condition | None, status: Status, *, proved: bool) -> Condition:
    heard = verdict(status=status, reason=Reason.TIMED_OUT, message="news", proved=proved)
    (one,) = settle([before] if before else [], [heard], LATER)
    return one


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("status", list(Status))
def test_a_first_answer_is_taken_as_it_is(status: Status, proved: bool) -> None:
    assert _settled(None, status, proved=proved) == condition(
        status=status, reason=Reason.TIMED_OUT, message="news", since=LATER
    )


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("status", [TRUE, FALSE])
def test_after_unknown_the_first_answer_counts(status: Status, proved: bool) -> None:
    after = _settled(condition(status=UNKNOWN), status, proved=proved)
    assert (after.status, after.since) == (status, LATER)


@pytest.mark.parametrize("status", list(Status))
def test_the_same_answer_brings_news_but_keeps_since(status: Status) -> None:
    after = _settled(condition(status=status, contrary=1), status, proved=False)
    assert (after.status, after.since, after.message) == (status, NOW, "news")
    assert after.contrary == 0


@pytest.mark.parametrize(
    ("before", "after", "proved", "flips"),
    [
        (TRUE, FALSE, True, True),
        (TRUE, FALSE, False, False),
        (TRUE, UNKNOWN, True, True),
        (TRUE, UNKNOWN, False, False),
        (FALSE, TRUE, True, True),
        (FALSE, TRUE, False, True),
        (FALSE, UNKNOWN, True, True),
        (FALSE, UNKNOWN, False, False),
    ],
)
def test_what_flips_at_once(before: Status, after: Status, proved: bool, flips: bool) -> None:
    settled = _settled(condition(status=before), after, proved=proved)
    if flips:
        assert (settled.status, settled.since, settled.message) == (after, LATER, "news")
    else:
        assert settled == condition(status=before, contrary=1)


def test_one_blip_does_not_flip_and_two_do() -> None:
    blip = verdict(status=FALSE, reason=Reason.TIMED_OUT, proved=False)
    well = verdict()
    told: tuple[Condition, ...] = (condition(),)
    seen = []
    for heard in (blip, well, blip, blip):
        told = settle(told, [heard], LATER)
        seen.append(told[0].status)
    assert seen == [TRUE, TRUE, TRUE, FALSE]
    assert told[0].since == LATER


def test_conditions_come_in_a_fixed_order_and_stay_without_news() -> None:
    before = (condition(SYNCED), condition(REACHABLE))
    after = settle(before, [verdict(AUTHENTICATED)], LATER)
    assert [one.type for one in after] == [REACHABLE, AUTHENTICATED, SYNCED]
    assert after[0] == before[1]


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        ((TRUE, UNKNOWN), UNKNOWN),
        ((UNKNOWN, TRUE), UNKNOWN),
        ((FALSE, TRUE, UNKNOWN), FALSE),
        ((TRUE, FALSE, TRUE), FALSE),
    ],
)
def test_the_worst_of_several_verdicts_counts(statuses: tuple[Status, ...], worst: Status) -> None:
    (after,) = settle([], [verdict(status=one) for one in statuses], NOW)
    assert after.status is worst


@pytest.mark.parametrize(
    ("false", "health"),
    [
        (ConditionType.REACHABLE, Health.UNHEALTHY),
        (ConditionType.TLS_TRUSTED, Health.UNHEALTHY),
        (ConditionType.SUPPORTED, Health.UNHEALTHY),
        (ConditionType.AUTHENTICATED, Health.UNHEALTHY),
        (ConditionType.SERVING, Health.UNHEALTHY),
        (ConditionType.ADMINISTRATOR, Health.DEGRADED),
        (ConditionType.WRITABLE, Health.DEGRADED),
        (ConditionType.SYNCED, Health.DEGRADED),
    ],
)
def test_one_false_condition_decides(false: ConditionType, health: Health) -> None:
    told = [
        condition(one, FALSE, Reason.READ_ONLY, "why", since=LATER)
        if one is false
        else condition(one)
        for one in ConditionType
    ]
    found = diagnose(told)
    assert (found.health, found.reason, found.message) == (health, Reason.READ_ONLY, "why")
    assert found.since == LATER


def test_unhealthy_is_told_before_degraded() -> None:
    told = [condition(ConditionType.WRITABLE, FALSE), condition(ConditionType.SERVING, FALSE)]
    assert diagnose(told).health is Health.UNHEALTHY


def test_all_true_is_healthy_since_the_last_became_so() -> None:
    found = diagnose([condition(REACHABLE), condition(SYNCED, since=LATER)])
    assert (found.health, found.since) == (Health.HEALTHY, LATER)


@pytest.mark.parametrize(
    "told",
    [
        (),
        (condition(SYNCED),),
        (condition(REACHABLE, UNKNOWN),),
        (condition(REACHABLE), condition(AUTHENTICATED, UNKNOWN)),
    ],
)
def test_unknown(told: tuple[Condition, ...]) -> None:
    assert diagnose(told).health is Health.UNKNOWN


def test_plain_http_is_no_illness() -> None:
    told = settle([], reached(registry(address="http://h")), NOW)
    assert diagnose(told).health is Health.HEALTHY
    assert told[1].reason is Reason.PLAIN_HTTP


@pytest.mark.parametrize(
    ("address", "tls", "status", "reason"),
    [
        ("http://h", SystemTrust(), UNKNOWN, Reason.PLAIN_HTTP),
        ("http://h", NoVerification(), UNKNOWN, Reason.PLAIN_HTTP),
        ("https://h", NoVerification(), UNKNOWN, Reason.VERIFICATION_OFF),
        ("https://h", SystemTrust(), TRUE, Reason.CERTIFICATE_TRUSTED),
    ],
)
def test_what_any_answer_proves(address: str, tls: Tls, status: Status, reason: Reason) -> None:
    there, trusted = reached(registry(address=address, tls=tls))
    assert (there.type, there.status) == (REACHABLE, TRUE)
    assert (trusted.status, trusted.reason) == (status, reason)


@pytest.mark.parametrize(
    ("kind", "type_", "proved"),
    [
        (errors.Unreachable, REACHABLE, False),
        (errors.NotAskedAgain, REACHABLE, False),
        (errors.TimedOut, REACHABLE, False),
        (errors.Throttled, SYNCED, False),
        (errors.ServerBroken, SYNCED, False),
        (errors.TlsFailed, ConditionType.TLS_TRUSTED, True),
        (errors.WrongKind, ConditionType.SUPPORTED, True),
        (errors.Unauthorized, AUTHENTICATED, False),
        (errors.CredentialsMissing, AUTHENTICATED, True),
        (errors.Forbidden, SYNCED, True),
        (errors.Redirected, SYNCED, True),
        (errors.Rejected, SYNCED, True),
    ],
)
def test_what_a_failed_request_says(
    kind: type[RegistryError], type_: ConditionType, proved: bool
) -> None:
    (found,) = verdicts_from(kind("prod", "GET", "http://h/x", "said"))
    assert (found.type, found.status, found.proved) == (type_, FALSE, proved)
    assert (found.reason, found.message) == (kind.usual_reason, "said")


def test_the_first_failure_is_the_one_to_act_upon() -> None:
    told = [verdict(), verdict(status=UNKNOWN), verdict(AUTHENTICATED, FALSE), verdict(SYNCED)]
    assert failed(told) == told[2]
    assert failed(told[:2]) is None


@pytest.mark.parametrize(
    ("statuses", "well"),
    [
        ({AUTHENTICATED: TRUE}, True),
        ({AUTHENTICATED: UNKNOWN}, False),
        ({REACHABLE: TRUE}, False),
        ({AUTHENTICATED: TRUE, SYNCED: FALSE}, False),
    ],
)
def test_a_credential_opens_a_registry_only_if_it_was_accepted(
    statuses: dict[ConditionType, Status], well: bool
) -> None:
    assert opens([verdict(type_, status) for type_, status in statuses.items()]) is well
