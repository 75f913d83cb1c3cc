"""Pull secrets that are foreign, too large, or in a terminating namespace."""

import re

import pytest

from models.clusters.cluster import PULL_SECRET_NAME
from models.clusters.pull_secret import MAX_SECRET_BYTES, PullSecretStatus
from models.core.reasons import Reason
from tests.models.clusters.test_pull_secret_plan import (
    CURRENT_STATUS,
    PENDING,
    REFUSED,
    expected_plan,
    plan,
    write_secret,
)
from tests.support.access_builders import (
    desired_pull_secret,
    login,
    observed_namespace,
    pull_secret_status,
    secret,
    service_account,
)

REFUSED_STATUS = pull_secret_status(
    status=REFUSED, reason=Reason.FOREIGN_SECRET, logins=(), fingerprint="", delivered_at=None
)
"""What is on record of a namespace whose Secret was taken for a foreign one."""

# Foreign Secrets are not changed.


def test_a_foreign_secret_is_left_alone_and_told_of() -> None:
    secret_plan = plan(secret=secret(ours=False), sa=service_account())
    assert secret_plan.changes == ()
    (state,) = secret_plan.statuses
    assert (state.status, state.reason) == (REFUSED, Reason.FOREIGN_SECRET)
    assert (state.logins, state.fingerprint, state.delivered_at) == ((), "", None)
    expected = f"shop/{PULL_SECRET_NAME} that this installation does not own exists"
    assert f"{expected} and is not changed" in state.message


def test_a_foreign_secret_that_holds_just_what_is_due_is_foreign() -> None:
    secret_plan = plan(
        secret=secret(fingerprint="print", ours=False), sa=service_account(linked=False)
    )
    assert secret_plan.changes == ()


def test_a_foreign_secret_is_not_withdrawn() -> None:
    """The link is not changed either: it may belong to the other owner."""
    assert plan(secret=secret(ours=False), sa=service_account(), desired={}) == expected_plan(
        states=(), ours=0
    )


def test_a_link_alone_is_not_taken_for_ours() -> None:
    assert plan(sa=service_account(), desired={}, statuses=()) == expected_plan(states=(), ours=0)


# Our Secret whose labels somebody changed.


@pytest.mark.parametrize("installation", ["", "two"])
@pytest.mark.parametrize("statuses", [(), (CURRENT_STATUS,), (REFUSED_STATUS,)])
def test_ours_without_labels_is_taken_back(
    installation: str, statuses: tuple[PullSecretStatus, ...]
) -> None:
    """The content is as desired, and the labels are missing, or name another installation."""
    unlabelled = secret(labelled=False, installation=installation)
    secret_plan = plan(secret=unlabelled, sa=service_account(), statuses=statuses)
    assert secret_plan.changes == (write_secret("print", reason=Reason.MODIFIED),)
    (state,) = secret_plan.statuses
    assert (state.status, state.logins) == (PENDING, (login(),))


@pytest.mark.parametrize("statuses", [(), (REFUSED_STATUS,)])
def test_ours_without_labels_is_withdrawn_where_nothing_is_due(
    statuses: tuple[PullSecretStatus, ...],
) -> None:
    secret_plan = plan(
        secret=secret(labelled=False), sa=service_account(), desired={}, statuses=statuses
    )
    assert [change.kind for change in secret_plan.changes] == ["unlink", "withdraw"]


# A second installation.


def test_a_secret_of_another_installation_is_named_and_nobody_is_told_to_delete_it() -> None:
    secret_plan = plan(secret=secret(ours=False, installation="two"), sa=service_account())
    assert secret_plan.changes == ()
    (state,) = secret_plan.statuses
    assert (state.status, state.reason, state.logins) == (REFUSED, Reason.OTHER_INSTALLATION, ())
    assert "shop/registry-integration belongs to installation two of this service" in state.message
    assert not re.search("delete|rename", state.message)


# Terminating namespaces.


def test_a_namespace_that_is_being_deleted_receives_nothing() -> None:
    secret_plan = plan(observed_namespace(terminating=True), sa=service_account(linked=False))
    assert secret_plan.changes == ()
    (state,) = secret_plan.statuses
    expected = REFUSED, Reason.NAMESPACE_TERMINATING, "the namespace is being deleted"
    assert (state.status, state.reason, state.message) == expected


def test_a_namespace_that_is_being_deleted_loses_nothing_before() -> None:
    secret_plan = plan(
        observed_namespace(terminating=True), secret(), service_account(), desired={}
    )
    assert secret_plan == expected_plan(states=())


# Size.


@pytest.mark.parametrize(
    ("size", "fits"), [(MAX_SECRET_BYTES, True), (MAX_SECRET_BYTES + 1, False)]
)
def test_too_large(size: int, fits: bool) -> None:
    """The current content is kept, and stays on record."""
    desired = {"shop": desired_pull_secret(fingerprint="huge", size=size)}
    secret_plan = plan(secret=secret(), sa=service_account(), desired=desired)
    if fits:
        assert [change.kind for change in secret_plan.changes] == ["deliver"]
        return
    assert secret_plan.changes == ()
    (state,) = secret_plan.statuses
    assert (state.status, state.reason) == (REFUSED, Reason.SECRET_TOO_LARGE)
    assert (state.logins, state.fingerprint) == (CURRENT_STATUS.logins, CURRENT_STATUS.fingerprint)
    assert f"1 logins are {size} bytes, more than the {MAX_SECRET_BYTES}" in state.message
