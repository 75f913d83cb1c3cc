"""Pull secrets that are foreign, too large, or in a namespace that goes."""

import pytest

from models.clusters.cluster import SECRET_NAME
from models.clusters.pull_secret import LARGEST
from models.core.reasons import Reason
from tests.models.clusters.test_pull_secret_plan import REFUSED, THERE, plan, planned
from tests.support.access_builders import account, due, labelled, secret

# What is not ours is not touched.


def test_a_foreign_secret_is_left_alone_and_told_of() -> None:
    found = plan(held=secret(ours=False), sa=account())
    assert found.changes == ()
    (state,) = found.states
    assert (state.status, state.reason) == (REFUSED, Reason.FOREIGN_SECRET)
    assert (state.logins, state.fingerprint, state.delivered_at) == ((), "", None)
    assert f"shop/{SECRET_NAME} is there without our mark and is left alone" in state.message


def test_a_foreign_secret_that_holds_just_what_is_due_is_foreign() -> None:
    found = plan(held=secret(fingerprint="print", ours=False), sa=account(linked=False))
    assert found.changes == ()


def test_a_foreign_secret_is_not_withdrawn() -> None:
    """Nor is its link: it may be theirs."""
    assert plan(held=secret(ours=False), sa=account(), shall={}) == planned(states=(), ours=0)


def test_a_link_alone_is_not_taken_for_ours() -> None:
    assert plan(sa=account(), shall={}, known=()) == planned(states=(), ours=0)


# Namespaces that go.


def test_a_namespace_that_is_being_deleted_receives_nothing() -> None:
    found = plan(labelled(terminating=True), sa=account(linked=False))
    assert found.changes == ()
    (state,) = found.states
    told = REFUSED, Reason.NAMESPACE_TERMINATING, "the namespace is being deleted"
    assert (state.status, state.reason, state.message) == told


def test_a_namespace_that_is_being_deleted_loses_nothing_before() -> None:
    found = plan(labelled(terminating=True), secret(), account(), shall={})
    assert found == planned(states=())


# Size.


@pytest.mark.parametrize(("size", "fits"), [(LARGEST, True), (LARGEST + 1, False)])
def test_too_large(size: int, fits: bool) -> None:
    """What it holds now is left, and known to be there."""
    shall = {"shop": due(fingerprint="huge", size=size)}
    found = plan(held=secret(), sa=account(), shall=shall)
    if fits:
        assert [one.kind for one in found.changes] == ["deliver"]
        return
    assert found.changes == ()
    (state,) = found.states
    assert (state.status, state.reason) == (REFUSED, Reason.SECRET_TOO_LARGE)
    assert (state.logins, state.fingerprint) == (THERE.logins, THERE.fingerprint)
    assert f"1 logins are {size} bytes, more than the {LARGEST}" in state.message
