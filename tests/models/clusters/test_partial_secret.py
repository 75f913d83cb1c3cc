"""When a content that is not known completely replaces the current one."""

import pytest

from models.clusters.cluster import ObservedPullSecret
from models.clusters.partial_secret import must_keep_secret
from models.clusters.pull_secret import DesiredPullSecret, LoginKey, PullSecretStatus
from tests.support.access_builders import desired_pull_secret, login, pull_secret_status, secret

BOTH = pull_secret_status(logins=(login("a"), login("b")))
MOVED = pull_secret_status(logins=(login("a", 7), login("b")))
KNOWN = desired_pull_secret(login("a", 2), login("c"))
COMPLETE = desired_pull_secret(login("a", 2), login("b"), login("c"))
EDITED = secret(fingerprint="edited")


@pytest.mark.parametrize(
    ("before", "observed", "desired", "entitled", "is_kept"),
    [
        pytest.param(BOTH, secret(), None, "abc", True, id="nothing is known"),
        pytest.param(BOTH, secret(), KNOWN, "abc", True, id="b would be lost"),
        pytest.param(BOTH, secret(), COMPLETE, "abc", False, id="the entry of b is kept"),
        pytest.param(BOTH, secret(), KNOWN, "ac", False, id="b is unbound"),
        pytest.param(BOTH, secret(), None, "ac", False, id="b is unbound, nothing known"),
        pytest.param(MOVED, secret(), COMPLETE, "abc", False, id="robot account of another one"),
        pytest.param(MOVED, secret(), None, "abc", False, id="the same, and nothing known"),
        pytest.param(BOTH, secret(), KNOWN, None, True, id="entitlement unknown"),
        pytest.param(BOTH, None, KNOWN, "abc", False, id="there is no Secret"),
        pytest.param(BOTH, EDITED, COMPLETE, "abc", True, id="edited: not on record"),
        pytest.param(None, secret(), COMPLETE, "abc", True, id="not on record"),
        pytest.param(None, None, COMPLETE, "abc", False, id="first delivery"),
    ],
)
def test_when_it_is_kept(
    before: PullSecretStatus | None,
    observed: ObservedPullSecret | None,
    desired: DesiredPullSecret | None,
    entitled: str | None,
    *,
    is_kept: bool,
) -> None:
    logins: frozenset[LoginKey] | None = None
    if entitled is not None:
        logins = frozenset((registry, 1) for registry in entitled)
    assert must_keep_secret(before, observed, desired, logins) is is_kept
