"""Each link of the chain, failing or unknown, by itself."""

import json
from datetime import timedelta

import pytest

from models.access.explain.checks import explain
from models.access.explain.explanation import Answer, Explanation, LinkName
from tests.models.access.explain.cluster_cases import CLUSTER
from tests.models.access.explain.explain_builders import (
    cluster_side,
    cut_off,
    docker_cluster,
    docker_side,
    evidence,
    gone_harbor,
    harbor_look,
    harbor_side,
    link_of,
)
from tests.models.access.explain.passing_cases import FINE
from tests.models.access.explain.registry_cases import REGISTRY
from tests.support.builders import NOW, PRIVATE, PUBLIC, seen, snapshot, space

NOT_YES = {**CLUSTER, **REGISTRY}
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


@pytest.mark.parametrize("case", NOT_YES)
def test_the_first_link_that_fails_is_named_with_the_fix(case: str) -> None:
    world, failing, answer, fix = NOT_YES[case]
    told = explain(world)
    assert (told.failing, told.answer) == (failing, answer), told
    assert fix in told.fix
    assert link_of(told, failing).answer is answer
    assert failing in told.sentence


@pytest.mark.parametrize("case", FINE)
def test_a_chain_without_a_broken_link_is_a_yes(case: str) -> None:
    world, said = FINE[case]
    told = explain(world)
    assert told.answer is YES, told
    assert (told.failing, told.fix) == (None, "")
    assert any(said in link.seen for link in told.links)
    assert "eu/shop can pull prod/team" in told.sentence


@pytest.mark.parametrize("case", [*NOT_YES, *FINE])
def test_all_links_are_told_in_order_and_a_fix_where_one_is_needed(case: str) -> None:
    world = NOT_YES[case][0] if case in NOT_YES else FINE[case][0]
    told = explain(world)
    assert [link.name for link in told.links] == list(LinkName)
    assert all(bool(link.fix) == (link.answer is not YES) for link in told.links)
    assert Explanation.model_validate(json.loads(told.model_dump_json())) == told


def test_what_is_out_of_reach_is_told_as_on_record_with_its_age() -> None:
    before = NOW - timedelta(hours=1)
    state = cluster_side().state.model_copy(update={"seen_at": before})
    told = explain(evidence(cut_off(state=state)))
    for name in (LinkName.NAMESPACE, LinkName.WORKSPACE, LinkName.PULL_SECRET):
        link = link_of(told, name)
        assert (link.answer, link.at) == (UNKNOWN, before)
        assert "on record" in link.seen
    assert link_of(told, LinkName.BINDING).answer is YES

    told = explain(evidence(registry_side=gone_harbor()))
    assert "on record it is private" in link_of(told, LinkName.SPACE).seen
    assert "may pull it" in link_of(told, LinkName.GRANT).seen


def test_nobody_is_called_unbound_while_his_workspace_may_have_changed() -> None:
    told = explain(evidence(cut_off(), harbor_side(binding=None)))
    assert told.answer is UNKNOWN
    told = explain(evidence(registry_side=gone_harbor(binding=None)))
    assert (told.answer, told.failing) == (NO, LinkName.BINDING)


def test_a_docker_registry_keeps_nothing_private() -> None:
    told = explain(evidence(docker_cluster(), docker_side(binding=None)))
    assert any("would succeed although nobody bound" in note for note in told.notes)
    assert any("advisory" in note for note in told.notes)
    assert not any("advisory" in note for note in explain(evidence()).notes)


def test_a_space_is_as_public_as_it_was_just_seen() -> None:
    side = harbor_side(look=harbor_look(spaces=snapshot(seen(visibility=PRIVATE)).spaces))
    side = side.model_copy(update={"space": space(observed=PUBLIC), "binding": None})
    assert explain(evidence(registry_side=side)).failing is LinkName.BINDING
