"""Whether namespaces may receive the pull-only user of a registry."""

import pytest

from models.access.pull_user import (
    PullUserLogin,
    is_same_user,
    not_separate_check,
    pull_user_checks,
    pull_user_problem,
    unproved_checks,
)
from models.core.errors import CredentialError, Unreachable
from models.core.reasons import Reason
from models.registries.condition import (
    CheckResult,
    Condition,
    ConditionStatus,
    ConditionType,
    Health,
)
from models.registries.health import first_failure, summarize_health
from models.registries.observation import Snapshot
from models.registries.registry import Kind, Registry
from models.registries.runs.record import pull_user_proof
from tests.support.builders import check_result, condition, registry, registry_record, snapshot

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
VALID, READ_ONLY = ConditionType.PULL_USER_VALID, ConditionType.PULL_USER_READ_ONLY
ACCEPTED, NO_AUTH = Reason.CREDENTIALS_ACCEPTED, Reason.NO_AUTHENTICATION
BAD, PUSH = Reason.BAD_CREDENTIALS, Reason.PUSH_GRANTED


def _docker(*, allow_push: bool = False) -> Registry:
    return registry(Kind.DOCKER).model_copy(update={"allow_push": allow_push})


def _login(
    status: ConditionStatus = TRUE,
    reason: Reason = ACCEPTED,
    pushable: tuple[str, ...] | None = None,
) -> PullUserLogin:
    check = check_result(ConditionType.AUTHENTICATED, status, reason, "the password is wrong")
    return PullUserLogin(check=check, pushable=pushable)


def _outcomes(checks: tuple[CheckResult, ...]) -> dict[str, tuple[ConditionStatus, Reason]]:
    return {check.type.value: (check.status, check.reason) for check in checks}


@pytest.mark.parametrize(
    ("own", "pull", "same"),
    [
        ("admin", "puller", False),
        ("admin", "admin", True),
        ("admin", "Admin", True),
        ("STRASSE", "straße", True),
    ],
)
def test_same_user(own: str, pull: str, same: bool) -> None:
    assert is_same_user(own, pull) is same


@pytest.mark.parametrize(
    ("login", "allow_push", "valid", "read_only"),
    [
        (_login(pushable=()), False, (TRUE, ACCEPTED), (TRUE, Reason.PULL_ONLY)),
        (_login(pushable=("a/b",)), False, (FALSE, PUSH), (FALSE, PUSH)),
        (_login(pushable=("a/b",)), True, (TRUE, ACCEPTED), (FALSE, PUSH)),
        (_login(), False, (TRUE, ACCEPTED), (UNKNOWN, Reason.RIGHTS_NOT_REPORTED)),
        (_login(reason=NO_AUTH), False, (TRUE, NO_AUTH), (FALSE, NO_AUTH)),
        (_login(FALSE, BAD), True, (FALSE, BAD), None),
        (
            _login(FALSE, Reason.TOKEN_SERVICE_UNREACHABLE),
            False,
            (UNKNOWN, Reason.TOKEN_SERVICE_UNREACHABLE),
            None,
        ),
        (_login(UNKNOWN, Reason.TIMED_OUT), False, (UNKNOWN, Reason.TIMED_OUT), None),
    ],
)
def test_checks(
    login: PullUserLogin,
    allow_push: bool,
    valid: tuple[ConditionStatus, Reason],
    read_only: tuple[ConditionStatus, Reason] | None,
) -> None:
    checks = pull_user_checks(_docker(allow_push=allow_push), "puller", login)
    expected = {VALID.value: valid} | ({READ_ONLY.value: read_only} if read_only else {})
    assert _outcomes(checks) == expected
    assert (first_failure(checks) is not None) is (valid[0] is FALSE)
    assert all("puller" in check.message for check in checks if check.reason is not NO_AUTH)


def test_a_refusal_says_what_to_do() -> None:
    push = pull_user_checks(_docker(), "puller", _login(pushable=tuple("abcde")))[0]
    assert "push to a, b, c, …" in push.message
    assert "Allow push" in push.advice
    assert "the registry's own user" in not_separate_check("admin").message
    assert not_separate_check("admin").advice


def test_an_error_is_unknown_only_if_it_may_pass() -> None:
    down = Unreachable("prod", "GET", "http://x", "no response")
    missing = CredentialError("prod", "-", "http://x", "the block does not exist")
    assert _outcomes(unproved_checks(down)) == {VALID.value: (UNKNOWN, Reason.UNREACHABLE)}
    assert _outcomes(unproved_checks(missing)) == {VALID.value: (FALSE, Reason.CREDENTIALS_MISSING)}


def _observed(status: ConditionStatus | None, fingerprint: str) -> Snapshot:
    checks = () if status is None else (check_result(VALID, status),)
    return snapshot(verdicts=checks).model_copy(update={"pull_user_fingerprint": fingerprint})


@pytest.mark.parametrize(
    ("status", "fingerprint", "after", "proof"),
    [
        (TRUE, "new", TRUE, "new"),
        (TRUE, "", TRUE, "old"),  # no key to compute it with
        (FALSE, "new", FALSE, ""),
        (FALSE, "new", TRUE, "old"),  # a single unconfirmed answer
        (UNKNOWN, "new", TRUE, "old"),
        (UNKNOWN, "new", UNKNOWN, "old"),
        (None, "", TRUE, "old"),  # the registry did not respond
        (None, "", FALSE, ""),
    ],
)
def test_proof(
    status: ConditionStatus | None, fingerprint: str, after: ConditionStatus, proof: str
) -> None:
    record = registry_record().model_copy(update={"pull_user_proof": "old"})
    conditions = (condition(VALID, after),)
    assert pull_user_proof(record, conditions, _observed(status, fingerprint)) == proof


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ((), ""),
        ((condition(VALID),), ""),
        ((condition(READ_ONLY, FALSE, message="may push"),), ""),
        ((condition(VALID, UNKNOWN, message="no response"),), ""),
        ((condition(VALID, FALSE, message="wrong"),), "wrong"),
    ],
)
def test_problem(conditions: tuple[Condition, ...], problem: str) -> None:
    assert pull_user_problem(conditions) == problem


def test_only_an_invalid_user_degrades_the_registry() -> None:
    sound = condition()
    assert summarize_health((sound, condition(READ_ONLY, FALSE))).health is Health.HEALTHY
    assert summarize_health((sound, condition(VALID, FALSE))).health is Health.DEGRADED


@pytest.mark.parametrize(
    ("before", "proof"),
    [
        ("", "open:new"),
        ("open:old", "open:new"),
        ("old", "old"),  # it asked for a login before, and may ask again in a moment
        ("new", "new"),
    ],
)
def test_a_registry_that_asks_for_no_login_proves_none(before: str, proof: str) -> None:
    record = registry_record().model_copy(update={"pull_user_proof": before})
    checks = (check_result(VALID, TRUE, NO_AUTH),)
    observed = snapshot(verdicts=checks).model_copy(update={"pull_user_fingerprint": "new"})
    after = pull_user_proof(record, (condition(VALID, TRUE),), observed)
    assert after == proof
    saved = record.model_copy(update={"pull_user_proof": after})
    assert saved.pull_user_fingerprint == proof.removeprefix("open:")


@pytest.mark.parametrize(
    ("last_reason", "fingerprint", "proof"),
    [
        (NO_AUTH, "new", "open:new"),  # its password was changed since
        (NO_AUTH, "old", "old"),
        (NO_AUTH, "", "old"),
        (ACCEPTED, "new", "old"),
    ],
)
def test_a_changed_user_follows_when_a_registry_stays_open(
    last_reason: Reason, fingerprint: str, proof: str
) -> None:
    conditions = (condition(VALID, TRUE, last_reason),)
    record = registry_record(*conditions).model_copy(update={"pull_user_proof": "old"})
    observed = snapshot(verdicts=(check_result(VALID, TRUE, NO_AUTH),))
    observed = observed.model_copy(update={"pull_user_fingerprint": fingerprint})
    assert pull_user_proof(record, conditions, observed) == proof
