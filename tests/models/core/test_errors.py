"""Errors can be pickled, and have readable messages."""

import pickle

import pytest

from models.core import errors
from models.core.errors import (
    IntegrationError,
    RemoteError,
)
from models.core.reasons import Reason


def _below(kind: type[RemoteError]) -> list[type[RemoteError]]:
    return [kind, *(descendant for child in kind.__subclasses__() for descendant in _below(child))]


KINDS = [kind for kind in _below(RemoteError) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("reason", "after"), [(None, None), (Reason.SELF_SIGNED, 1.5)])
def test_pickle_round_trip(
    kind: type[RemoteError], reason: Reason | None, after: float | None
) -> None:
    error = kind(
        "prod", "GET", "https://h/x", "answered 500", reason, status=500, retry_after=after
    )
    restored = pickle.loads(pickle.dumps(error))
    assert type(restored) is kind
    assert vars(restored) == vars(error)
    assert str(restored) == str(error) == "prod: GET https://h/x: answered 500"
    assert restored.reason is (reason or kind.default_reason)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_transient_or_permanent(kind: type[RemoteError]) -> None:
    transient_kinds = (
        *(RemoteError, errors.Unreachable, errors.CircuitOpen),
        *(errors.ServerError, errors.InvalidItems),
    )
    assert kind("prod", "GET", "https://h/x", "").transient is (kind in transient_kinds)


@pytest.mark.parametrize("reason", Reason)
def test_the_reason_decides_unless_the_caller_does(reason: Reason) -> None:
    error = RemoteError("prod", "GET", "https://h/x", "", reason)
    assert error.transient is (reason in errors.TRANSIENT_REASONS)
    for transient in (True, False):
        error = RemoteError("prod", "GET", "https://h/x", "", reason, transient=transient)
        assert pickle.loads(pickle.dumps(error)).transient is transient


def test_a_long_url_is_shortened() -> None:
    error = RemoteError("prod", "GET", "https://h/x?continue=" + "a" * 8_000, "answered 500")
    assert len(str(error)) < 400


@pytest.mark.parametrize("kind", [errors.InvalidRequest, errors.LeaseHeld, errors.UnsafePlan])
def test_refusals_keep_their_text(kind: type[IntegrationError]) -> None:
    assert str(pickle.loads(pickle.dumps(kind("use another name")))) == "use another name"
