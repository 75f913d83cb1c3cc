"""Pages about access: what is counted, escaped, and never shown."""

import re
from datetime import timedelta

from models.access.binding_change import BindingChange
from models.access.explain.checks import explain
from models.clusters.cluster import ClusterStatus
from models.clusters.pull_secret import DeleteSecret, PullSecretPlan, PullSecretState
from models.core.reasons import Reason
from models.registries.registry import CAPABILITIES, BlockRef, Kind
from tasks.pages.binding import binding_change_page, summarize_bindings, summarize_change
from tasks.pages.cluster import cluster_page
from tasks.pages.explanation import explanation_page
from tasks.pages.markdown import format_age
from tasks.pages.removal import orphaned_robots_page, removal_page
from tasks.store.access.clusters import ClusterRecord
from tests.models.access.explain.explain_builders import (
    QUESTION,
    evidence,
    harbor_side,
    unreachable_cluster,
)
from tests.support.access_builders import (
    binding,
    cluster,
    cluster_result,
    login_of,
    namespace,
    pull_secret_status,
    robot_account,
)
from tests.support.builders import NOW, registry, registry_record, space

HOSTILE = "<img src=x>|`$(rm)` **bold**\n# title"
DELETION = DeleteSecret(namespace="shop", uid="u", resource_version="1", before="print")


def binding_change(kind: Kind = Kind.HARBOR) -> BindingChange:
    return BindingChange(
        capabilities=CAPABILITIES[kind],
        bindings=tuple(
            binding(space, workspace)
            for space in ("shop", "team")
            for workspace in ("blue", "green", "red")
        ),
        namespaces=(
            *(namespace(f"n{number}", "blue") for number in range(5)),
            namespace("till", "red"),
            namespace("old", "red", terminating=True),
            namespace("other", "idle"),
        ),
        total_count=12,
    )


def test_bindings_are_counted() -> None:
    assert summarize_change(binding_change()) == "6 bindings (2 spaces, 3 workspaces, 7 namespaces)"
    nothing = binding_change().model_copy(update={"bindings": ()})
    assert summarize_change(nothing) == "no bindings (already as requested)"
    assert "already as requested" in binding_change_page("prod", nothing, gain=True, dry_run=False)


def test_bindings_are_told_in_a_sentence() -> None:
    new_bindings = [binding(f"s{number:02}", registry="harbor-prod") for number in range(13)]
    text = summarize_bindings(
        [*new_bindings, binding("x", registry="docker-dev"), binding("s00", "blue")]
    )
    assert text.startswith("docker-dev: x; ")
    assert text.count("docker-dev") == 1
    text = summarize_bindings(new_bindings)
    assert text.startswith("harbor-prod: s00, s01, ")
    assert text.endswith("s09 and 3 more")


def test_a_binding_tells_who_gains_what_and_who_has_no_namespace() -> None:
    page = binding_change_page("prod", binding_change(), gain=True, dry_run=True)
    assert "would be bound (dry run: nothing was changed)" in page
    assert "**Workspaces without namespaces:** green" in page
    assert "| `eu/till` | red | shop, team |" in page
    assert "| `eu/old` | red | shop, team | terminating |" in page
    assert "other" not in page
    assert "advisory" not in page


def test_an_unbinding_tells_what_stays_and_that_docker_keeps_nothing_private() -> None:
    page = binding_change_page("prod", binding_change(Kind.DOCKER), gain=False, dry_run=False)
    assert "# Spaces of prod are unbound" in page
    assert "7 namespaces), out of 12 bindings of this registry." in page
    assert "Loses" in page
    assert "can still pull from public spaces" in page
    assert "can pull everything" in page


def cluster_record(**state: object) -> ClusterRecord:
    base_state = ClusterStatus(reachable=True, reason=Reason.CONNECTED, since=NOW, seen_at=NOW)
    return ClusterRecord(
        cluster=cluster(links_accounts=False).model_copy(update={"description": HOSTILE}),
        status=base_state.model_copy(update=state),
        namespaces=(
            namespace(),
            namespace("lab", None, problem=Reason.WORKSPACE_CONFLICT, message=HOSTILE),
            namespace("kube-system", None),
        ),
        pull_secrets=(
            pull_secret_status(),
            pull_secret_status(
                "lab", PullSecretState.REFUSED, Reason.FOREIGN_SECRET, HOSTILE, logins=()
            ),
        ),
    )


def test_a_cluster_tells_its_namespaces_what_a_person_must_look_at_first() -> None:
    plan = PullSecretPlan(cluster="eu", changes=(DELETION,))
    outcomes = (cluster_result(DELETION, Reason.FORBIDDEN, HOSTILE, is_done=False),)
    page = cluster_page(cluster_record(), plan, outcomes, f"too many {HOSTILE}", dry_run=False)
    assert page.startswith("# Cluster eu: ✅ reachable")
    assert "**Safety limit:** too many" in page
    assert "0 of 1 change made, 1 failed" in page
    assert "1 of 3" in page
    assert page.index("`lab`") < page.index("| `shop` | team-a, label |")
    assert "1 namespace without a workspace" in page
    assert "imagePullSecrets" in page
    assert_harmless(page)


def test_a_cluster_out_of_reach_says_that_nothing_is_withdrawn() -> None:
    down = cluster_record(reachable=False, reason=Reason.TIMED_OUT, message="no answer")
    plan = PullSecretPlan(cluster="eu")
    page = cluster_page(down, plan, (), "", dry_run=False)
    assert "❌ unreachable" in page
    assert "no pull secret is written or deleted:** no answer (`TimedOut`" in page


def test_a_removal_lists_everything_that_goes() -> None:
    page = removal_page(
        registry_record(spec=registry(credential=BlockRef(name="admin"))),
        [space("team"), space("shop")],
        [binding("team"), binding("shop")],
        [
            robot_account(1, "team", "shop"),
            robot_account(2, workspace="", login="robot$ri-0a1b2c3d.observer"),
        ],
        [namespace()],
        confirmed=False,
    )
    assert "preview: nothing was changed" in page
    assert "2 spaces, 2 bindings, 2 robot accounts of this installation and 1 namespace" in page
    assert "| team-a | 2 | shop, team |" in page
    assert f"| `{login_of()}` | team-a | 2 spaces |" in page
    assert "this service (observer)" in page
    assert "| `eu/shop` | team-a |" in page
    assert removal_page(registry_record(), [], [], [], [], confirmed=True).count("##") == 0


def test_what_stays_behind_is_listed_with_the_way_to_remove_it() -> None:
    page = orphaned_robots_page("prod", [robot_account(1, "team")], "read-only")
    assert "1 robot account left in the registry" in page
    assert login_of() in page
    assert "integrate-registry" in page
    assert "No robot accounts remain" in orphaned_robots_page("prod", [], "")


def test_an_explanation_shows_each_link_and_the_fix() -> None:
    question = QUESTION.model_copy(update={"image": f"prod/team/app:{HOSTILE}"})
    explanation = explain(evidence(registry_side=harbor_side(binding=None), question=question))
    page = explanation_page(explanation)
    assert page.startswith("# ❌ No: eu/shop")
    assert "**What to do (binding):** run bind-space with registry=" in page
    assert page.count("\n| ✅ |") == 8
    assert page.count("\n| ❌ |") == 1
    assert_harmless(page)
    assert explanation_page(explain(evidence())).startswith("# ✅ Yes")
    assert explanation_page(explain(evidence(unreachable_cluster()))).startswith("# ❔ Unknown")
    for field, title in (("pod", "pod `web-1`"), ("service_account", "ServiceAccount `web-1`")):
        question = QUESTION.model_copy(update={field: "web-1"})
        page = explanation_page(explain(evidence(question=question)))
        assert page.startswith(f"# ✅ Yes: eu/shop, {title}, ")


def test_an_age_is_told_in_the_unit_that_suits_it() -> None:
    for ago, expected in (
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "119 seconds"),
        (timedelta(minutes=3), "3 minutes"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=90), "90 days"),
        (-timedelta(seconds=5), "0 seconds"),
    ):
        assert format_age(NOW - ago, NOW) == expected


def assert_harmless(page: str) -> None:
    """Whatever somebody wrote is text, in one line, and splits no cell."""
    assert "\n# title" not in page
    for mark in ("<img", "`$", "$(", "**bold", "|\\`"):
        assert not re.search(rf"(?<!\\){re.escape(mark)}", page), mark
