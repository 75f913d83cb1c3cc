"""Which saved credentials of forms are abandoned."""

from datetime import timedelta

import pytest

from models.core.form_blocks import START_TIME, FormBlock, find_abandoned
from tests.support.builders import NOW

OLD = START_TIME + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age", "used_names", "run_parameters", "abandoned"),
    [
        (OLD, [], [], True),
        (START_TIME, [], [], False),
        (OLD, ["prod"], [], False),
        (OLD, ["other"], ['{"credentials": {"$ref": "other"}}'], True),
        (OLD, [], ['{"credentials": {"$ref": "id-1"}}'], False),
        (OLD, [], ['{"block_document_slug": "registry-credentials/prod"}'], False),
    ],
)
def test_abandoned(
    age: timedelta, used_names: list[str], run_parameters: list[str], abandoned: bool
) -> None:
    block = FormBlock(id="id-1", name="prod", made_at=NOW - age)
    result = find_abandoned([block], used_names, run_parameters, NOW)
    assert result == ((block,) if abandoned else ())
