"""When a page is published again."""

from datetime import timedelta

import pytest

from models.core.runs.publication import Publication, is_publication_due
from tests.support.builders import NOW


@pytest.mark.parametrize(
    ("last", "is_due"),
    [
        (None, True),
        (Publication(digest="same", at=NOW), False),
        (Publication(digest="same", at=NOW - timedelta(hours=1)), False),
        (Publication(digest="same", at=NOW - timedelta(hours=1, seconds=1)), True),
        (Publication(digest="other", at=NOW), True),
    ],
)
def test_a_page_is_due_if_it_changed_or_is_old(last: Publication | None, is_due: bool) -> None:
    assert is_publication_due(last, "same", NOW) is is_due
