"""Errors can be pickled, and have readable messages."""

import pickle

import pytest

from models.core import errors
from models.core.errors import (
    IntegrationError,
    PermanentRegistryError,
    RegistryError,
    TransientRegistryError,
)
from models.core.reasons import Reason


def _below(kind: type[RegistryError]) -> list[type[RegistryError]]:
    return [kind, *(descendant for child in kind.__subclasses__() for descendant in _below(child))]


KINDS = [kind for kind in _below(RegistryError) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("reason", "after"), [(None, None), (Reason.SELF_SIGNED, 1.5)])
def test_pickle_round_trip(
    kind: type[RegistryError], reason: Reason | None, after: float | None
) -> None:
    error = kind("prod", "GET", "https://h/x", "answered 500", reason, after)
    restored = pickle.loads(pickle.dumps(error))
    assert type(restored) is kind
    assert vars(restored) == vars(error)
    assert str(restored) == str(error) == "prod: GET https://h/x: answered 500"
    assert restored.reason is (reason or kind.default_reason)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_transient_or_permanent(kind: type[RegistryError]) -> None:
    if kind in (RegistryError, TransientRegistryError, PermanentRegistryError):
        return
    assert issubclass(kind, TransientRegistryError) != issubclass(kind, PermanentRegistryError)


@pytest.mark.parametrize("kind", [errors.InvalidRequest, errors.LeaseHeld, errors.UnsafePlan])
def test_refusals_keep_their_text(kind: type[IntegrationError]) -> None:
    assert str(pickle.loads(pickle.dumps(kind("use another name")))) == "use another name"
