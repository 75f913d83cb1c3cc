"""The record of a managed Harbor that a user removed."""

import pytest

from models.discovery.managed_harbor import AdoptionState
from tests.models.discovery.test_plan import adopted_harbor
from tests.support.builders import NOW


def test_what_a_user_removed_is_excluded() -> None:
    before = adopted_harbor(refusals=3, refused_at=NOW)
    after = before.exclude()
    assert (after.state, after.registry) == (AdoptionState.EXCLUDED, "")
    assert "run integrate-managed-harbor to adopt it again" in after.message
    unchanged = {"state": before.state, "registry": before.registry, "message": before.message}
    assert after.model_copy(update=unchanged) == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"cluster": "us"}, False),
        ({"namespace": "other"}, False),
        ({"name": "other"}, False),
    ],
)
def test_an_excluded_harbor_is_known_by_its_place(change: dict[str, str], expected: bool) -> None:
    record = adopted_harbor().exclude()
    place = {"cluster": record.ref.cluster, "namespace": record.ref.namespace, "name": "main"}
    assert record.is_excluded(**place | change) is expected
    assert not adopted_harbor().is_excluded(**place | change)
