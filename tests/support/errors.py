"""Expect errors of remote servers by their reason."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models.core.errors import RemoteError
from models.core.reasons import Reason


@contextmanager
def raises_reason(
    reason: Reason, match: str = "", *, transient: bool | None = None
) -> Iterator[pytest.ExceptionInfo[RemoteError]]:
    """Expect a `RemoteError` with this reason, and whether it is transient if that is given."""
    with pytest.raises(RemoteError, match=match or None) as excinfo:
        yield excinfo
    assert excinfo.value.reason is reason
    if transient is not None:
        assert excinfo.value.transient is transient
