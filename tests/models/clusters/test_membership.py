"""The workspaces of namespaces, and the safety limits for departures."""

from typing import Any

import pytest

from models.clusters.cluster import ObservedNamespace
from models.clusters.membership import (
    MembershipRules,
    Namespace,
    WorkspaceSource,
    assign_workspaces,
    departures_by_workspace,
    exceeded_departure_limit,
    keep_assignments,
    leaving_members,
)
from models.core.limits import ChangeLimits
from models.core.reasons import Reason
from tests.support.access_builders import namespace, observed_namespace
from tests.support.builders import exceeded_message

KEYS = ("ri/workspace", "team")
OURS, THEIRS = "ri/workspace", "team"


def settle(
    observed: ObservedNamespace, *workspaces: str, keys: tuple[str, ...] = KEYS
) -> Namespace:
    listed = {"shop": dict.fromkeys(workspaces, ""), "other": {"team-z": ""}}
    (assignment,) = assign_workspaces("eu", [observed], keys, MembershipRules(listed=listed))
    return assignment


@pytest.mark.parametrize(
    ("labels", "listed", "workspace", "source"),
    [
        ({}, (), None, None),
        ({OURS: "team-a"}, (), "team-a", WorkspaceSource.LABEL),
        ({THEIRS: "team-a"}, (), "team-a", WorkspaceSource.LABEL),
        ({OURS: "team-a", THEIRS: "team-a"}, (), "team-a", WorkspaceSource.LABEL),
        ({OURS: "", THEIRS: "team-a"}, (), "team-a", WorkspaceSource.LABEL),
        ({}, ("team-a",), "team-a", WorkspaceSource.LISTED),
        ({OURS: "team-a"}, ("team-a",), "team-a", WorkspaceSource.LABEL),
        ({"somebody": "team-a"}, (), None, None),
        ({OURS: ""}, (), None, None),
    ],
)
def test_one_workspace_or_none(
    labels: dict[str, str],
    listed: tuple[str, ...],
    workspace: str | None,
    source: WorkspaceSource | None,
) -> None:
    assert settle(observed_namespace(labels=labels), *listed) == namespace(
        workspace=workspace, source=source
    )


@pytest.mark.parametrize(
    ("labels", "listed", "claims"),
    [
        (
            {OURS: "team-a", THEIRS: "team-b"},
            (),
            "label ri/workspace=team-a, label team=team-b",
        ),
        ({OURS: "team-a"}, ("team-b",), "label ri/workspace=team-a, listed for team-b"),
        ({}, ("team-b", "team-a"), "listed for team-a, listed for team-b"),
    ],
)
def test_a_conflict_grants_nothing(
    labels: dict[str, str], listed: tuple[str, ...], claims: str
) -> None:
    message = f"conflicting workspaces: {claims}; keep only one of them"
    assert settle(observed_namespace(labels=labels), *listed) == namespace(
        workspace=None, problem=Reason.WORKSPACE_CONFLICT, message=message
    )


@pytest.mark.parametrize(
    "value", ["Team-A", "a.b", "a_b", "-a", "a--b", "a" * 64, "team-a\n", "a/b", "ä"]
)
@pytest.mark.parametrize("listed", [(), ("team-a",)])
def test_a_label_that_cannot_name_a_workspace(value: str, listed: tuple[str, ...]) -> None:
    assignment = settle(observed_namespace(labels={OURS: value}), *listed)
    assert (assignment.workspace, assignment.problem) == (None, Reason.WORKSPACE_NAME_INVALID)
    assert f"{value[:63]!r} is not a valid workspace name" in assignment.message


OLD, NEW = "uid-old", "uid-shop"


def assign(
    observed: ObservedNamespace, listed: dict[str, str], **restrictions: tuple[str, ...]
) -> Namespace:
    rules = MembershipRules(
        listed={"shop": listed},
        restrictions={name.replace("_", "-"): names for name, names in restrictions.items()},
    )
    (assignment,) = assign_workspaces("eu", [observed], KEYS, rules)
    return assignment


@pytest.mark.parametrize(
    ("labels", "listed", "workspace", "problem"),
    [
        ({}, {"team-a": NEW}, "team-a", None),
        ({}, {"team-a": ""}, "team-a", None),  # not observed before
        ({}, {"team-a": OLD}, None, Reason.NAMESPACE_RECREATED),
        ({}, {"team-a": OLD, "team-b": OLD}, None, Reason.NAMESPACE_RECREATED),
        ({}, {"team-a": OLD, "team-b": NEW}, "team-b", None),
        ({OURS: "team-a"}, {"team-a": OLD}, "team-a", None),  # its label decides
        ({OURS: "team-b"}, {"team-a": OLD}, "team-b", None),
        ({OURS: "team-b"}, {"team-a": NEW}, None, Reason.WORKSPACE_CONFLICT),
    ],
)
def test_a_list_means_one_namespace(
    labels: dict[str, str], listed: dict[str, str], workspace: str | None, problem: Reason | None
) -> None:
    assignment = assign(observed_namespace(labels=labels), listed)
    assert (assignment.workspace, assignment.problem) == (workspace, problem)


def test_how_to_confirm_a_namespace_that_was_created_again() -> None:
    message = assign(observed_namespace(), {"team-b": OLD, "team-a": OLD}).message
    assert "deleted and created again since it was listed for team-a, team-b" in message
    assert "run create-workspace for team-a, team-b with it in the list" in message


@pytest.mark.parametrize(
    ("clusters", "workspace"), [((), "team-a"), (("eu", "us"), "team-a"), (("us",), None)]
)
@pytest.mark.parametrize(("labels", "listed"), [({OURS: "team-a"}, {}), ({}, {"team-a": NEW})])
def test_a_workspace_may_be_restricted_to_clusters(
    labels: dict[str, str],
    listed: dict[str, str],
    clusters: tuple[str, ...],
    workspace: str | None,
) -> None:
    restrictions = {"team_a": clusters} if clusters else {}
    assignment = assign(observed_namespace(labels=labels), listed, team_b=(), **restrictions)
    assert assignment.workspace == workspace
    assert assignment.problem is (None if workspace else Reason.WORKSPACE_RESTRICTED)
    assert ("restricted to namespaces in us" in assignment.message) is (workspace is None)


def test_pins() -> None:
    rules = MembershipRules(
        listed={
            "shop": {"team-a": ""},
            "gone": {"team-a": ""},
            "pinned": {"team-a": NEW},
            "both": {"team-a": NEW, "team-b": ""},
            "dying": {"team-a": ""},
        }
    )
    observed = [namespace(name, None) for name in ("shop", "pinned", "both", "other")]
    observed.append(namespace("dying", None, terminating=True))
    assert rules.find_pins(observed) == (("shop", "uid-shop"), ("both", "uid-both"))


@pytest.mark.parametrize(
    ("clusters", "excluded"),
    [((), False), (("eu",), False), (("us",), True), (("eu", "us"), False)],
)
def test_excluded_members(clusters: tuple[str, ...], excluded: bool) -> None:
    namespaces = [namespace("x"), namespace("y", "team-b", cluster="asia")]
    assert bool(leaving_members(namespaces, "team-a", (), clusters)) is excluded


def test_only_configured_labels_count() -> None:
    assert settle(observed_namespace(labels={OURS: "team-a"}), keys=("team",)).workspace is None
    assert settle(observed_namespace(labels={OURS: "team-a"}), keys=()).workspace is None


def test_all_of_them_by_name() -> None:
    observed_namespaces = [
        observed_namespace("b", terminating=True, uid="2"),
        observed_namespace("a", uid="1"),
    ]
    assert assign_workspaces("eu", observed_namespaces, KEYS, MembershipRules()) == (
        namespace("a", None, uid="1"),
        namespace("b", None, uid="2", terminating=True),
    )


def members(count: int, workspace: str | None = "team-a", start: int = 0) -> list[Namespace]:
    return [namespace(f"n{number}", workspace) for number in range(start, start + count)]


@pytest.mark.parametrize(
    ("leaving", "staying", "refused"),
    [(0, 20, False), (9, 0, False), (10, 24, False), (10, 23, True), (10, 0, True)],
)
@pytest.mark.parametrize("to", [None, "team-b"])
def test_the_brake(leaving: int, staying: int, refused: bool, to: str | None) -> None:
    before = members(leaving + staying)
    after = members(leaving, to) + members(staying, start=leaving)
    if not refused:
        assert exceeded_departure_limit("eu", before, after, ChangeLimits()) is None
        return
    message = exceeded_message(exceeded_departure_limit("eu", before, after, ChangeLimits()))
    total = leaving + staying
    assert f"cluster eu: {leaving} of {total} namespaces would leave" in message
    assert "more than the limit of 30%; their assignments are kept" in message
    assert "'Allow a large change'" in message


def test_other_limits() -> None:
    limits = ChangeLimits(max_share=0.5, min_count=1)
    assert exceeded_departure_limit("eu", members(1), members(1, None), limits) is not None


@pytest.mark.parametrize(
    "after",
    [
        [],  # deleted together with their pull secrets
        [member.model_copy(update={"uid": "new", "workspace": None}) for member in members(20)],
        members(20) + members(50, "team-b", start=20),
    ],
)
def test_who_was_deleted_or_joins_does_not_leave(after: list[Namespace]) -> None:
    assert exceeded_departure_limit("eu", members(20), after, ChangeLimits()) is None


def test_a_conflict_is_leaving_too() -> None:
    disputed = [
        member.model_copy(update={"problem": Reason.WORKSPACE_CONFLICT})
        for member in members(20, None)
    ]
    assert exceeded_departure_limit("eu", members(20), disputed, ChangeLimits()) is not None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"workspace": None}, {}),  # no namespace leaves
        ({}, {"workspace": "team-b"}, {}),  # or changes its workspace
        ({}, {"workspace": None, "terminating": True}, {"terminating": True}),
        (
            {"workspace": None},
            {"workspace": "team-b"},
            {"workspace": "team-b"},
        ),  # new namespaces join
        ({}, {"workspace": None, "uid": "new"}, {"workspace": None, "uid": "new"}),
        ({}, {"workspace": "team-b", "uid": "new"}, {"workspace": "team-b", "uid": "new"}),
    ],
)
def test_what_is_left_after_a_refusal(
    before: dict[str, Any], after: dict[str, Any], expected: dict[str, Any]
) -> None:
    """A recreated namespace is another namespace."""
    assignments = keep_assignments([namespace(**before)], [namespace(**after)])
    assert assignments == (namespace(**expected),)


def test_after_a_refusal_who_is_gone_is_gone() -> None:
    assert keep_assignments([namespace()], []) == ()


def test_what_is_left_after_a_refusal_is_no_longer_refused() -> None:
    before = members(20)
    assignments = keep_assignments(before, members(20, None))
    limits = ChangeLimits(max_share=0, min_count=1)
    assert exceeded_departure_limit("eu", before, assignments, limits) is None
    assert assignments == tuple(before)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([namespace("shop")], {}),
        ([namespace("shop"), namespace("web", "team-b")], {}),
        ([namespace("shop", "team-b")], {"team-a": ["shop"]}),
        ([namespace("shop", None)], {"team-a": ["shop"]}),
        ([], {"team-a": ["shop"]}),
        ([namespace("shop", terminating=True)], {}),  # it leaves when it is deleted
        ([namespace("shop", uid="made again")], {"team-a": ["shop"]}),
    ],
)
def test_who_left(after: list[Namespace], expected: dict[str, list[str]]) -> None:
    before = [namespace("shop"), namespace("nobodys", None)]
    assert departures_by_workspace(before, after) == expected


LISTED = WorkspaceSource.LISTED


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (namespace("shop", source=LISTED), False),
        (namespace("web", source=LISTED), True),
        (namespace("web"), False),  # its label names the workspace
        (namespace("web", "team-b", source=LISTED), False),
        (namespace("shop", cluster="us", source=LISTED), True),
    ],
)
def test_who_leaves_because_the_list_changes(member: Namespace, expected: bool) -> None:
    members = [namespace("shop", source=LISTED), member]
    assert bool(leaving_members(members, "team-a", {("eu", "shop")}, ())) is expected
