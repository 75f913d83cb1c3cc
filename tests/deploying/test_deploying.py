"""What is made of prefect.yaml, and that it works."""

from typing import Any

import pytest

from deployments.definitions import definitions
from deployments.environment import POOL
from models.registries.registry import Origin
from tasks.store.access import managed_harbors
from tasks.store.session import transact
from tests.deploying.conftest import FLOW, Created
from tests.deploying.fleet import Fleet
from tests.support.helpers import dossier


def test_all_are_deployed(deployed: dict[str, Any]) -> None:
    assert len(deployed) == len(definitions())


def test_what_must_be_in_it_is_in_it(deployed: dict[str, Any]) -> None:
    every_minute = {name for name, one in deployed.items() if _slugs(one) == ["every-minute"]}
    assert every_minute == {
        f"{flow}/default"
        for flow in (
            "reconcile-all", "sync-namespaces", "discover-managed-harbors", "compute-overview"
        )
    }  # fmt: skip
    assert _slugs(deployed["rotate-credentials/default"]) == ["overdue"]
    assert deployed["reconcile-all/default"]["limit"] == 3
    assert deployed["reconcile-all/default"]["concurrency_options"] == {
        **deployed["rotate-credentials/default"]["concurrency_options"],
        "collision_strategy": "CANCEL_NEW",
    }
    managed = deployed[f"{FLOW}/default"]
    assert managed["limit"] == 3
    assert managed["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert all(one["enforce_parameter_schema"] and one["tags"] for one in deployed.values())
    assert not any(one["paused"] for one in deployed.values())
    triggers = {name: one["automations"] for name, one in deployed.items() if one["automations"]}
    ((automation,),) = triggers.values()
    assert set(triggers) == {f"{FLOW}/default"}
    assert automation["trigger"]["expect"] == ["harbor.created"]
    assert automation["actions"][0]["parameters"] == {
        **{key: f"{{{{ event.payload.{key} }}}}" for key in ("cluster", "namespace", "name")},
        "uid": "{{ event.payload.uid | default('', true) }}",  # undefined is no parameter
    }


def _slugs(one: dict[str, Any]) -> list[str]:
    return [schedule["slug"] for schedule in one["schedules"] if schedule["active"]]


def test_each_machine_finds_the_flows_itself(fleet: Fleet, deployed: dict[str, Any]) -> None:
    for name in deployed:
        found = fleet.api.deployment(name.partition("/")[0])
        assert found["work_pool_name"] == POOL
        assert found["pull_steps"] == [{"deployments.environment.enter_home": {}}]


@pytest.mark.usefixtures("state")
def test_a_worker_integrates_what_the_platform_says_it_created(created: Created) -> None:
    assert created.said == ["prod/hub/main is integrated as prod-hub-main"] * 2
    (one,) = [each for each in transact(managed_harbors.managed) if each.place.cluster == "prod"]
    assert (one.uid, one.registry) == (created.uid, "prod-hub-main")
    assert dossier("prod-hub-main").registry.origin is Origin.MANAGED


def test_asked_for_twice_with_one_key_is_one_run(fleet: Fleet, created: Created) -> None:
    had = len(fleet.api.runs(FLOW))
    once = {fleet.api.start(FLOW, created.where, key=created.uid) for _ in range(2)}
    assert len(once) == 1
    assert fleet.api.ended(*once) == created.said[:1]
    assert len(fleet.api.runs(FLOW)) == had + 1
