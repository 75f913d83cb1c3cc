"""Errors cross processes, and say what happened."""

import pickle

import pytest

from models.core import errors
from models.core.errors import IntegrationError, Permanent, RegistryError, Transient
from models.core.reasons import Reason


def _below(kind: type[RegistryError]) -> list[type[RegistryError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _below(child))]


KINDS = [kind for kind in _below(RegistryError) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("reason", "after"), [(None, None), (Reason.SELF_SIGNED, 1.5)])
def test_pickle_round_trip(
    kind: type[RegistryError], reason: Reason | None, after: float | None
) -> None:
    error = kind("prod", "GET", "https://h/x", "answered 500", reason, after)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error) == "prod: GET https://h/x: answered 500"
    assert again.reason is (reason or kind.usual_reason)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_transient_or_permanent(kind: type[RegistryError]) -> None:
    if kind in (RegistryError, Transient, Permanent):
        return
    assert issubclass(kind, Transient) != issubclass(kind, Permanent)


@pytest.mark.parametrize("kind", [errors.InputRefused, errors.Busy, errors.PlanRefused])
def test_refusals_keep_their_text(kind: type[IntegrationError]) -> None:
    assert str(pickle.loads(pickle.dumps(kind("use another name")))) == "use another name"
