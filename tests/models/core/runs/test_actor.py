"""Who started a run: a signature holds for one run, and for no other."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.runs.actor import (
    MAX_NAME_LENGTH,
    SIGNATURE_LIFETIME,
    Actor,
    ActorKind,
    RunOrigin,
    SignedActor,
    digest_parameters,
    identify_actor,
    sign,
)
from tests.support.builders import NOW

KEY = b"k" * 48
PARAMETERS: dict[str, Any] = {"name": "prod", "spaces": ["a", "b"], "dry_run": False}
DIGEST = digest_parameters(PARAMETERS)
SIGNED = SignedActor(
    person="alice",
    flow="bind-space",
    parameters_digest=DIGEST,
    idempotency_key="console 1",
    expires_at=NOW + SIGNATURE_LIFETIME,
)
ORIGIN = RunOrigin(
    flow="bind-space",
    parameters_digest=DIGEST,
    idempotency_key="console 1",
    created_at=NOW,
    signature=sign(SIGNED, KEY),
)
ALICE = Actor(kind=ActorKind.PERSON, name="alice")
API = Actor()


def _tampered(signature: str) -> str:
    mac = signature.partition(".")[2]
    other = sign(SIGNED.model_copy(update={"person": "mallory"}), b"m" * 48)
    return f"{other.partition('.')[0]}.{mac}"


def test_the_signed_run_is_the_users() -> None:
    assert identify_actor(ORIGIN, KEY) == ALICE


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"flow": "unbind-space"}, id="another flow"),
        pytest.param(
            {"parameters_digest": digest_parameters({**PARAMETERS, "dry_run": True})},
            id="changed parameters",
        ),
        pytest.param({"idempotency_key": "console 2"}, id="copied to another run"),
        pytest.param({"idempotency_key": ""}, id="copied to a run without a key"),
        pytest.param({"created_at": NOW + SIGNATURE_LIFETIME}, id="expired"),
        pytest.param({"created_at": None}, id="of unknown age"),
        pytest.param({"is_restart": True}, id="started again by somebody"),
        pytest.param({"signature": ""}, id="unsigned"),
        pytest.param({"signature": sign(SIGNED, b"other" * 10)}, id="another key"),
        pytest.param({"signature": _tampered(ORIGIN.signature)}, id="another name"),
        pytest.param({"signature": ORIGIN.signature.partition(".")[0]}, id="no code"),
        pytest.param({"signature": "person:alice"}, id="plain text"),
        pytest.param({"signature": "ä.ä"}, id="not ASCII"),
        pytest.param({"signature": "a.a"}, id="not base64"),
        pytest.param({"signature": ORIGIN.signature + "A" * 5_000}, id="too long"),
    ],
)
def test_any_other_run_is_of_the_api(change: dict[str, Any]) -> None:
    origin = ORIGIN.model_copy(update=change)
    assert identify_actor(origin, KEY) == API
    scheduled = origin.model_copy(update={"schedule": "every-minute"})
    assert str(identify_actor(scheduled, KEY)) == "schedule:every-minute"


def test_an_empty_idempotency_key_is_never_signed_for() -> None:
    signature = sign(SIGNED.model_copy(update={"idempotency_key": ""}), KEY)
    origin = ORIGIN.model_copy(update={"idempotency_key": "", "signature": signature})
    assert identify_actor(origin, KEY) == API


def test_a_run_that_waited_for_a_worker_is_still_the_users() -> None:
    just_in_time = NOW + SIGNATURE_LIFETIME - timedelta(seconds=1)
    assert identify_actor(ORIGIN.model_copy(update={"created_at": just_in_time}), KEY) == ALICE


@pytest.mark.parametrize("key", [None, b""])
def test_without_a_key_no_signature_is_valid(key: bytes | None) -> None:
    forged = ORIGIN.model_copy(update={"signature": sign(SIGNED, b"")})
    assert identify_actor(forged, key) == API
    assert identify_actor(ORIGIN, key) == API


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        ({"schedule": "every-minute"}, "schedule:every-minute"),
        ({"schedule": ""}, "schedule"),
        ({"automation": "integrate when harbor.created"}, "event:integrate when harbor.created"),
        ({}, "api"),
    ],
)
def test_runs_without_a_user(origin: dict[str, str], text: str) -> None:
    run = RunOrigin(flow="reconcile-all", parameters_digest="", **origin)
    assert str(identify_actor(run, KEY)) == text


def test_names_are_one_visible_line() -> None:
    hostile = Actor(kind=ActorKind.EVENT, name="a\nb\u202ec" + "d" * 10_000)
    assert "\n" not in hostile.name
    assert "\u202e" not in hostile.name
    assert len(hostile.name) <= MAX_NAME_LENGTH


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_the_digest_does_not_depend_on_the_order(parameters: dict[str, Any]) -> None:
    assert digest_parameters(parameters) == digest_parameters(dict(reversed(parameters.items())))


@pytest.mark.parametrize(
    "other",
    [
        {**PARAMETERS, "spaces": ["b", "a"]},
        {**PARAMETERS, "spaces": ["a,b"]},
        {**PARAMETERS, "dry_run": None},
        {**PARAMETERS, "dry_run": 0},
        {name: value for name, value in PARAMETERS.items() if name != "dry_run"},
    ],
)
def test_the_digest_depends_on_every_value(other: dict[str, Any]) -> None:
    assert digest_parameters(other) != DIGEST
