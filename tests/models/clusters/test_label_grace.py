"""A misspelled workspace label withdraws nothing at once; every other change acts at once."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from models.clusters.membership import (
    MembershipRules,
    Namespace,
    WorkspaceSource,
    assign_workspaces,
    keep_misspelled,
)
from models.core.reasons import Reason
from tests.support.access_builders import namespace, observed_namespace
from tests.support.builders import NOW

GRACE = timedelta(minutes=60)
KEYS = ("team", "owner")
MEMBER = namespace(workspace="red")
LISTED_MEMBER = namespace(workspace="red", source=WorkspaceSource.LISTED)


def assign(
    before: Namespace | None,
    labels: Mapping[str, str],
    *listed: str,
    now: datetime = NOW,
    grace: timedelta = GRACE,
    uid: str = "",
    clusters: tuple[str, ...] = (),
) -> Namespace:
    observed = [observed_namespace(labels=labels, uid=uid)]
    rules = MembershipRules(
        listed={"shop": dict.fromkeys(listed, "")},
        restrictions={"red": clusters} if clusters else {},
    )
    (result,) = keep_misspelled(
        [before] if before else [],
        assign_workspaces("eu", observed, KEYS, rules),
        observed,
        KEYS,
        rules,
        now=now,
        grace=grace,
    )
    return result


@pytest.mark.parametrize("value", ["Red", "red_", "red.", "a--b", "1_"])
def test_a_misspelled_label_keeps_the_workspace_for_a_while_and_says_so(value: str) -> None:
    kept = assign(MEMBER, {"team": value})
    assert (kept.workspace, kept.source) == ("red", WorkspaceSource.LABEL)
    assert (kept.problem, kept.problem_since) == (Reason.WORKSPACE_NAME_INVALID, NOW)
    assert repr(value) in kept.message
    until = f"{NOW + GRACE:%Y-%m-%d %H:%M} UTC"
    assert kept.message.endswith(f"The namespace stays in workspace red until {until}")


@pytest.mark.parametrize(("clusters", "workspace"), [(("eu",), "red"), (("us",), None)])
def test_a_workspace_that_is_restricted_to_other_clusters_keeps_nothing(
    clusters: tuple[str, ...], workspace: str | None
) -> None:
    assert assign(MEMBER, {"team": "Red"}, clusters=clusters).workspace == workspace


def test_the_same_again_changes_nothing() -> None:
    kept = assign(MEMBER, {"team": "Red"})
    assert assign(kept, {"team": "Red"}, now=NOW + timedelta(minutes=59)) == kept


def test_another_misspelling_does_not_begin_anew() -> None:
    kept = assign(MEMBER, {"team": "Red"})
    later = assign(kept, {"team": "rEd"}, now=NOW + timedelta(minutes=30))
    assert (later.workspace, later.problem_since) == ("red", NOW)


def test_after_the_grace_period_it_leaves_and_stays_out() -> None:
    kept = assign(MEMBER, {"team": "Red"})
    left = assign(kept, {"team": "Red"}, now=NOW + GRACE)
    assert (left.workspace, left.source, left.problem_since) == (None, None, NOW)
    assert left.problem is Reason.WORKSPACE_NAME_INVALID
    assert "until" not in left.message
    assert assign(left, {"team": "Red"}, now=NOW + 2 * GRACE) == left


@pytest.mark.parametrize("value", ["red", "blue"])
def test_a_correction_ends_it(value: str) -> None:
    kept = assign(MEMBER, {"team": "Red"})
    corrected = assign(kept, {"team": value}, now=NOW + timedelta(minutes=1))
    assert corrected == namespace(workspace=value)


@pytest.mark.parametrize(
    ("before", "labels", "listed"),
    [
        (MEMBER, {}, ()),
        (MEMBER, {"team": "blue"}, ()),
        (MEMBER, {"team": "Red", "owner": "blue"}, ()),
        (MEMBER, {"team": "Red"}, ("blue",)),
        (LISTED_MEMBER, {"team": "Red"}, ()),
        (LISTED_MEMBER, {"team": "Red"}, ("red", "blue")),
        (namespace(workspace=None), {"team": "Red"}, ()),
        (None, {"team": "Red"}, ()),
    ],
)
def test_what_is_no_misspelling_acts_at_once(
    before: Namespace | None, labels: dict[str, str], listed: tuple[str, ...]
) -> None:
    assert assign(before, labels, *listed).workspace in {None, "blue"}


@pytest.mark.parametrize(
    ("before", "labels", "listed"),
    [
        (LISTED_MEMBER, {"team": "Red"}, ("red",)),
        (MEMBER, {"team": "Red", "owner": "red"}, ()),
    ],
)
def test_other_claims_of_the_same_workspace_do_not_matter(
    before: Namespace, labels: dict[str, str], listed: tuple[str, ...]
) -> None:
    assert assign(before, labels, *listed).workspace == "red"


def test_a_recreated_namespace_has_nothing_to_keep() -> None:
    assert assign(MEMBER, {"team": "Red"}, uid="another").workspace is None


def test_it_can_be_turned_off() -> None:
    assert assign(MEMBER, {"team": "Red"}, grace=timedelta()).workspace is None
