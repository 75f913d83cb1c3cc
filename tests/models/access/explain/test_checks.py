"""Each check, failed or unknown, on its own."""

import json
from datetime import timedelta

import pytest

from models.access.explain.checks import explain
from models.access.explain.explanation import AccessCheckName, Answer, Explanation
from tests.models.access.explain.cluster_cases import CLUSTER
from tests.models.access.explain.explain_builders import (
    cluster_side,
    docker_cluster,
    docker_side,
    evidence,
    harbor_observation,
    harbor_side,
    link_of,
    unreachable_cluster,
    unreachable_harbor,
)
from tests.models.access.explain.passing_cases import PASSING
from tests.models.access.explain.registry_cases import REGISTRY
from tests.support.builders import NOW, PRIVATE, PUBLIC, observed_space, snapshot, space
from tests.support.toy_kind import TOY, toy_kind

NOT_YES = {**CLUSTER, **REGISTRY}
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


@pytest.mark.parametrize("case", NOT_YES)
def test_the_first_link_that_fails_is_named_with_the_fix(case: str) -> None:
    case_evidence, failing, answer, fix = NOT_YES[case]
    explanation = explain(case_evidence)
    assert (explanation.first_failure, explanation.answer) == (failing, answer), explanation
    assert fix in explanation.fix
    assert link_of(explanation, failing).answer is answer
    assert failing in explanation.summary


@pytest.mark.parametrize("case", ["denied by a policy", "link denied by a policy"])
def test_no_sync_is_advised_that_cannot_help(case: str) -> None:
    explanation = explain(NOT_YES[case][0])
    assert "sync-namespaces" not in explanation.fix


@pytest.mark.parametrize("case", PASSING)
def test_a_chain_without_a_broken_link_is_a_yes(case: str) -> None:
    case_evidence, message = PASSING[case]
    explanation = explain(case_evidence)
    assert explanation.answer is YES, explanation
    assert (explanation.first_failure, explanation.fix) == (None, "")
    assert any(message in link.observation for link in explanation.checks)
    assert "eu/shop can pull prod/team" in explanation.summary


@pytest.mark.parametrize("case", [*NOT_YES, *PASSING])
def test_a_registry_of_another_kind_that_can_do_the_same_is_explained_alike(case: str) -> None:
    case_evidence = NOT_YES[case][0] if case in NOT_YES else PASSING[case][0]
    if case_evidence.registry is None:
        return
    record = case_evidence.registry.record
    with toy_kind(record.registry.capabilities):
        toy = record.registry.model_copy(update={"kind": TOY})
        update = {"record": record.model_copy(update={"registry": toy})}
        side = case_evidence.registry.model_copy(update=update)
        assert explain(case_evidence.model_copy(update={"registry": side})) == explain(
            case_evidence
        )


@pytest.mark.parametrize("case", [*NOT_YES, *PASSING])
def test_all_links_are_told_in_order_and_a_fix_where_one_is_needed(case: str) -> None:
    case_evidence = NOT_YES[case][0] if case in NOT_YES else PASSING[case][0]
    explanation = explain(case_evidence)
    assert [link.name for link in explanation.checks] == list(AccessCheckName)
    assert all(bool(link.fix) == (link.answer is not YES) for link in explanation.checks)
    assert Explanation.model_validate(json.loads(explanation.model_dump_json())) == explanation


def test_what_is_out_of_reach_is_told_as_on_record_with_its_age() -> None:
    before = NOW - timedelta(hours=1)
    state = cluster_side().status.model_copy(update={"seen_at": before})
    explanation = explain(evidence(unreachable_cluster(status=state)))
    for name in (AccessCheckName.NAMESPACE, AccessCheckName.WORKSPACE, AccessCheckName.PULL_SECRET):
        link = link_of(explanation, name)
        assert (link.answer, link.at) == (UNKNOWN, before)
        assert "on record" in link.observation
    assert link_of(explanation, AccessCheckName.BINDING).answer is YES

    explanation = explain(evidence(registry_side=unreachable_harbor()))
    assert "on record it is private" in link_of(explanation, AccessCheckName.SPACE).observation
    assert "can pull it" in link_of(explanation, AccessCheckName.ROBOT).observation


def test_nobody_is_called_unbound_while_his_workspace_may_have_changed() -> None:
    explanation = explain(evidence(unreachable_cluster(), harbor_side(binding=None)))
    assert explanation.answer is UNKNOWN
    explanation = explain(evidence(registry_side=unreachable_harbor(binding=None)))
    assert (explanation.answer, explanation.first_failure) == (NO, AccessCheckName.BINDING)


def test_a_docker_registry_keeps_nothing_private() -> None:
    explanation = explain(evidence(docker_cluster(), docker_side(binding=None)))
    assert any("would succeed without a binding" in note for note in explanation.notes)
    assert any("advisory" in note for note in explanation.notes)
    assert not any("advisory" in note for note in explain(evidence()).notes)


def test_a_space_is_as_public_as_it_was_just_seen() -> None:
    side = harbor_side(
        snapshot=harbor_observation(spaces=snapshot(observed_space(visibility=PRIVATE)).spaces)
    )
    side = side.model_copy(update={"space": space(observed=PUBLIC), "binding": None})
    assert explain(evidence(registry_side=side)).first_failure is AccessCheckName.BINDING
