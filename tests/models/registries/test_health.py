"""From check results to conditions, and from conditions to the health summary."""

from datetime import timedelta

import pytest

from models.core.errors import RemoteError, ServerError, Unauthorized
from models.core.reasons import Reason
from models.registries.condition import (
    CheckResult,
    Condition,
    ConditionStatus,
    ConditionType,
    Health,
)
from models.registries.health import (
    checks_from_error,
    explain_unknown_ca,
    first_failure,
    has_valid_credential,
    reachable_checks,
    summarize_health,
    unfinished_conditions,
    unobserved_checks,
    update_conditions,
)
from models.registries.registry import (
    BlockRef,
    CredentialRef,
    SecretRef,
    SkipVerify,
    SystemCA,
    Tls,
)
from tests.support.builders import NOW, check_result, condition, registry

SECRET = SecretRef(cluster="eu", namespace="hub", name="admin", key="secret")
LATER = NOW + timedelta(minutes=1)
TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
REACHABLE, SYNCED = ConditionType.REACHABLE, ConditionType.SYNCED
AUTHENTICATED, SERVING = ConditionType.AUTHENTICATED, ConditionType.SERVING


def _update(before: Condition | None, status: ConditionStatus, *, confirmed: bool) -> Condition:
    check = check_result(
        status=status, reason=Reason.TIMED_OUT, message="news", confirmed=confirmed
    )
    (updated,) = update_conditions([before] if before else [], [check], LATER)
    return updated


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("status", list(ConditionStatus))
def test_a_first_answer_is_taken_as_it_is(status: ConditionStatus, confirmed: bool) -> None:
    assert _update(None, status, confirmed=confirmed) == condition(
        status=status, reason=Reason.TIMED_OUT, message="news", since=LATER
    )


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("status", [TRUE, FALSE])
def test_after_unknown_the_first_answer_counts(status: ConditionStatus, confirmed: bool) -> None:
    after = _update(condition(status=UNKNOWN), status, confirmed=confirmed)
    assert (after.status, after.since) == (status, LATER)


@pytest.mark.parametrize("status", list(ConditionStatus))
def test_the_same_answer_brings_news_but_keeps_since(status: ConditionStatus) -> None:
    after = _update(condition(status=status, opposing_checks=1), status, confirmed=False)
    assert (after.status, after.since, after.message) == (status, NOW, "news")
    assert after.contrary == 0


@pytest.mark.parametrize(
    ("before", "after", "confirmed", "flips"),
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
def test_what_flips_at_once(
    before: ConditionStatus, after: ConditionStatus, confirmed: bool, flips: bool
) -> None:
    updated = _update(condition(status=before), after, confirmed=confirmed)
    if flips:
        assert (updated.status, updated.since, updated.message) == (after, LATER, "news")
    else:
        assert updated == condition(status=before, opposing_checks=1)


def test_one_blip_does_not_flip_and_two_do() -> None:
    blip = check_result(status=FALSE, reason=Reason.TIMED_OUT, confirmed=False)
    well = check_result()
    conditions: tuple[Condition, ...] = (condition(),)
    statuses = []
    for check in (blip, well, blip, blip):
        conditions = update_conditions(conditions, [check], LATER)
        statuses.append(conditions[0].status)
    assert statuses == [TRUE, TRUE, TRUE, FALSE]
    assert conditions[0].since == LATER


def test_conditions_come_in_a_fixed_order_and_stay_without_news() -> None:
    before = (condition(SYNCED), condition(REACHABLE))
    after = update_conditions(before, [check_result(AUTHENTICATED)], LATER)
    assert [updated.type for updated in after] == [REACHABLE, AUTHENTICATED, SYNCED]
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
def test_the_worst_of_several_verdicts_counts(
    statuses: tuple[ConditionStatus, ...], worst: ConditionStatus
) -> None:
    (after,) = update_conditions([], [check_result(status=status) for status in statuses], NOW)
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
    conditions = [
        condition(condition_type, FALSE, Reason.READ_ONLY, "why", since=LATER)
        if condition_type is false
        else condition(condition_type)
        for condition_type in ConditionType
    ]
    summary = summarize_health(conditions)
    assert (summary.health, summary.reason, summary.message) == (health, Reason.READ_ONLY, "why")
    assert summary.since == LATER


def test_unhealthy_is_told_before_degraded() -> None:
    conditions = [condition(ConditionType.WRITABLE, FALSE), condition(ConditionType.SERVING, FALSE)]
    assert summarize_health(conditions).health is Health.UNHEALTHY


def test_all_true_is_healthy_since_the_last_became_so() -> None:
    summary = summarize_health([condition(REACHABLE), condition(SYNCED, since=LATER)])
    assert (summary.health, summary.since) == (Health.HEALTHY, LATER)


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (condition(SYNCED),),
        (condition(REACHABLE, UNKNOWN),),
        (condition(REACHABLE), condition(AUTHENTICATED, UNKNOWN)),
    ],
)
def test_unknown(conditions: tuple[Condition, ...]) -> None:
    assert summarize_health(conditions).health is Health.UNKNOWN


def test_plain_http_is_no_illness() -> None:
    conditions = update_conditions([], reachable_checks(registry(address="http://h")), NOW)
    assert summarize_health(conditions).health is Health.HEALTHY
    assert conditions[1].reason is Reason.PLAIN_HTTP


@pytest.mark.parametrize(
    ("address", "tls", "status", "reason"),
    [
        ("http://h", SystemCA(), UNKNOWN, Reason.PLAIN_HTTP),
        ("http://h", SkipVerify(), UNKNOWN, Reason.PLAIN_HTTP),
        ("https://h", SkipVerify(), UNKNOWN, Reason.VERIFICATION_OFF),
        ("https://h", SystemCA(), TRUE, Reason.CERTIFICATE_TRUSTED),
    ],
)
def test_what_any_answer_proves(
    address: str, tls: Tls, status: ConditionStatus, reason: Reason
) -> None:
    reachable, trusted = reachable_checks(registry(address=address, tls=tls))
    assert (reachable.type, reachable.status) == (REACHABLE, TRUE)
    assert (trusted.status, trusted.reason) == (status, reason)


@pytest.mark.parametrize(
    ("reason", "type_", "status", "confirmed"),
    [
        (Reason.UNREACHABLE, REACHABLE, FALSE, False),
        (Reason.UNKNOWN_HOST, REACHABLE, FALSE, False),
        (Reason.CONNECTION_REFUSED, REACHABLE, FALSE, False),
        (Reason.TIMED_OUT, REACHABLE, FALSE, False),
        (Reason.ADDRESS_FORBIDDEN, REACHABLE, FALSE, True),
        (Reason.THROTTLED, SYNCED, FALSE, False),
        (Reason.SERVER_BROKEN, SYNCED, FALSE, False),
        (Reason.TLS_UNTRUSTED, ConditionType.TLS_TRUSTED, FALSE, True),
        (Reason.SELF_SIGNED, ConditionType.TLS_TRUSTED, FALSE, True),
        (Reason.UNKNOWN_AUTHORITY, ConditionType.TLS_TRUSTED, FALSE, True),
        (Reason.WRONG_HOST_NAME, ConditionType.TLS_TRUSTED, FALSE, True),
        (Reason.CERTIFICATE_EXPIRED, ConditionType.TLS_TRUSTED, FALSE, True),
        (Reason.WRONG_KIND, ConditionType.SUPPORTED, FALSE, True),
        (Reason.CREDENTIALS_MISSING, AUTHENTICATED, FALSE, True),
        (Reason.CREDENTIAL_NOT_FOR_ORIGIN, AUTHENTICATED, FALSE, True),
        (Reason.CREDENTIALS_UNPROVED, AUTHENTICATED, UNKNOWN, False),
        (Reason.FORBIDDEN, SYNCED, FALSE, True),
        (Reason.REDIRECTED, SYNCED, FALSE, True),
        (Reason.REJECTED, SYNCED, FALSE, True),
        (Reason.UNFORESEEN, SYNCED, FALSE, True),
    ],
)
def test_what_a_failed_request_says(
    reason: Reason, type_: ConditionType, status: ConditionStatus, confirmed: bool
) -> None:
    (check,) = checks_from_error(RemoteError("prod", "GET", "http://h/x", "said", reason))
    assert (check.type, check.status, check.confirmed) == (type_, status, confirmed)
    assert (check.reason, check.message) == (reason, "said")


def test_a_refused_credential_is_not_confirmed() -> None:
    """The account may be locked, or the database of Harbor down."""
    (check,) = checks_from_error(Unauthorized("prod", "GET", "http://h/x", "answered 401"))
    assert (check.type, check.status, check.confirmed) == (AUTHENTICATED, FALSE, False)


def test_the_first_failure_is_the_one_to_act_upon() -> None:
    checks = [
        check_result(),
        check_result(status=UNKNOWN),
        check_result(AUTHENTICATED, FALSE),
        check_result(SYNCED),
    ]
    assert first_failure(checks) == checks[2]
    assert first_failure(checks[:2]) is None


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
    statuses: dict[ConditionType, ConditionStatus], well: bool
) -> None:
    assert (
        has_valid_credential([check_result(type_, status) for type_, status in statuses.items()])
        is well
    )


@pytest.mark.parametrize(
    ("credential", "reason", "has_hint"),
    [
        (SECRET, Reason.UNKNOWN_AUTHORITY, True),
        (SECRET, Reason.SELF_SIGNED, True),
        (SECRET, Reason.CERTIFICATE_EXPIRED, False),
        (BlockRef(name="x"), Reason.UNKNOWN_AUTHORITY, False),
        (None, Reason.UNKNOWN_AUTHORITY, False),
    ],
)
def test_an_unknown_ca_of_a_managed_harbor_leads_to_its_secret(
    credential: CredentialRef | None, reason: Reason, has_hint: bool
) -> None:
    error = RemoteError("prod", "GET", "/", "not trusted", reason)
    before = checks_from_error(error)
    managed = registry().model_copy(update={"credential": credential})
    (after,) = explain_unknown_ca(managed, before)
    assert ("the artifact `discovery` says why" in after.message) is has_hint
    assert after.message.startswith("not trusted")
    assert has_hint or (after,) == before


# What answers in place of the registry, and what was not observed.


@pytest.mark.parametrize(
    ("status", "type_"),
    [(500, SYNCED), (502, REACHABLE), (503, REACHABLE), (504, REACHABLE), (0, SYNCED)],
)
def test_a_gateway_is_not_the_registry(status: int, type_: ConditionType) -> None:
    error = ServerError("prod", "GET", "http://x", f"answered {status}", status=status)
    (check,) = checks_from_error(error)
    assert (check.type, check.status, check.confirmed) == (type_, FALSE, False)
    assert ("a gateway in front of it" in check.message) is (type_ is REACHABLE)


@pytest.mark.parametrize(
    ("before", "status", "updated"),
    [
        (TRUE, FALSE, (TRUE, Health.HEALTHY)),  # a single error does not count
        (FALSE, FALSE, (FALSE, Health.UNHEALTHY)),
        (FALSE, UNKNOWN, (TRUE, Health.UNHEALTHY)),
    ],
)
def test_an_unhealthy_registry_gets_the_newest_reason_at_once(
    before: ConditionStatus, status: ConditionStatus, updated: tuple[ConditionStatus, Health]
) -> None:
    check = check_result(REACHABLE, status, Reason.TIMED_OUT, confirmed=False)
    conditions = update_conditions((condition(), condition(SERVING, before)), [check], LATER)
    assert (conditions[0].status, summarize_health(conditions).health) == updated


GATEWAY = check_result(REACHABLE, FALSE, Reason.SERVER_BROKEN, "answered 502", confirmed=False)
NOT_SERVING = check_result(SERVING, UNKNOWN, Reason.SERVER_BROKEN, "not observed: answered 502")


@pytest.mark.parametrize(
    ("before", "checks", "expected"),
    [
        ((condition(SERVING, FALSE),), (GATEWAY,), (NOT_SERVING,)),
        ((condition(SERVING),), (GATEWAY,), (NOT_SERVING,)),
        ((condition(SERVING),), (GATEWAY, check_result(SERVING, FALSE)), ()),
        ((condition(SERVING),), (check_result(),), ()),
        ((condition(),), (GATEWAY,), ()),  # of a registry that does not report components
    ],
)
def test_components_that_were_not_observed_are_unknown(
    before: tuple[Condition, ...],
    checks: tuple[CheckResult, ...],
    expected: tuple[CheckResult, ...],
) -> None:
    assert unobserved_checks(before, checks) == expected


def test_a_database_that_is_down_and_then_the_core() -> None:
    down = check_result(SERVING, FALSE, Reason.COMPONENTS_DOWN, "not healthy: database")
    before = update_conditions((condition(), condition(SERVING)), [down, down], NOW)
    assert summarize_health(before).message == "not healthy: database"
    checks = (GATEWAY, *unobserved_checks(before, [GATEWAY]))
    after = update_conditions(before, checks, LATER)
    health_summary = summarize_health(after)
    assert (health_summary.health, health_summary.message) == (Health.UNHEALTHY, "answered 502")


@pytest.mark.parametrize(
    ("before", "after", "health"),
    [
        ((condition(), condition(SYNCED)), (UNKNOWN, UNKNOWN), Health.UNKNOWN),
        ((condition(status=FALSE), condition(SYNCED)), (FALSE, UNKNOWN), Health.UNHEALTHY),
        ((condition(), condition(SYNCED, FALSE)), (UNKNOWN, FALSE), Health.DEGRADED),
        ((), (UNKNOWN, UNKNOWN), Health.UNKNOWN),
    ],
)
def test_a_run_that_does_not_end_leaves_nothing_green(
    before: tuple[Condition, ...],
    after: tuple[ConditionStatus, ConditionStatus],
    health: Health,
) -> None:
    conditions = unfinished_conditions(before, "KeyError", LATER)
    assert tuple(updated.status for updated in conditions) == after
    health_summary = summarize_health(conditions)
    assert health_summary.health is health
    if health is Health.UNKNOWN:
        assert health_summary.reason is Reason.UNFORESEEN
        assert "unexpected KeyError" in health_summary.message
