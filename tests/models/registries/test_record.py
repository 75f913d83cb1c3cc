"""When the storage of a registry is read."""

from datetime import timedelta

import pytest

from models.core.reasons import Reason
from models.registries.condition import Condition, ConditionStatus, ConditionType
from tests.support.builders import NOW, registry_record

EVERY = timedelta(minutes=10)


def _condition(type_: ConditionType, status: ConditionStatus) -> Condition:
    return Condition(type=type_, status=status, reason=Reason.CONNECTED, message="", since=NOW)


UP = _condition(ConditionType.REACHABLE, ConditionStatus.TRUE)
DOWN = _condition(ConditionType.REACHABLE, ConditionStatus.FALSE)
FROZEN = _condition(ConditionType.WRITABLE, ConditionStatus.FALSE)


@pytest.mark.parametrize(
    ("conditions", "age", "expected"),
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
def test_storage_is_due(conditions: list[Condition], age: timedelta | None, expected: bool) -> None:
    read_at = NOW - age if age is not None else None
    record = registry_record(*conditions).model_copy(update={"storage_read_at": read_at})
    assert record.is_storage_due(EVERY, NOW) is expected
