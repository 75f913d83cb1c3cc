"""When a registry's storage is read."""

from datetime import timedelta

import pytest

from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionType, Status
from tests.support.builders import NOW, dossier

EVERY = timedelta(minutes=10)


def _is(type_: ConditionType, status: Status) -> Condition:
    return Condition(type=type_, status=status, reason=Reason.CONNECTED, message="", since=NOW)


UP = _is(ConditionType.REACHABLE, Status.TRUE)
DOWN = _is(ConditionType.REACHABLE, Status.FALSE)
FROZEN = _is(ConditionType.WRITABLE, Status.FALSE)


@pytest.mark.parametrize(
    ("conditions", "age", "due"),
    [
        ([UP], None, True),
        ([UP], EVERY, True),
        ([UP], EVERY - timedelta(seconds=1), False),
        ([UP, FROZEN], EVERY, True),
        ([DOWN], None, False),
        ([DOWN], EVERY, False),
        ([], None, False),
    ],
)
def test_storage_is_due(conditions: list[Condition], age: timedelta | None, due: bool) -> None:
    read_at = NOW - age if age is not None else None
    found = dossier(*conditions).model_copy(update={"storage_read_at": read_at})
    assert found.storage_due(EVERY, NOW) is due
