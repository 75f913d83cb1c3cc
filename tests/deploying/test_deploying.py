"""What is made of prefect.yaml, and that it works."""

from typing import Any

import pytest

from deployments.definitions import load_definitions
from deployments.environment import WORK_POOL
from models.registries.registry import RegistryOrigin
from tasks.store.access import managed_harbors
from tasks.store.session import run_in_transaction
from tests.deploying.conftest import FLOW, CreatedHarbor
from tests.deploying.fleet import Fleet
from tests.support.helpers import record_of


def test_all_are_deployed(deployment_view: dict[str, Any]) -> None:
    assert len(deployment_view) == len(load_definitions())


def test_what_must_be_in_it_is_in_it(deployment_view: dict[str, Any]) -> None:
    every_minute = {
        name
        for name, deployment in deployment_view.items()
        if _slugs(deployment) == ["every-minute"]
    }
    assert every_minute == {
        f"{flow}/default"
        for flow in ("reconcile-all", "discover-managed-harbors", "compute-overview")
    }
    # An earlier version, which was deployed before, had `every-minute`, which was paused.
    (schedule,) = deployment_view["sync-namespaces/default"]["schedules"]
    assert (schedule["slug"], schedule["active"]) == ("every-20-seconds", False)
    assert schedule["schedule"]["interval"] == 20
    assert _slugs(deployment_view["rotate-credentials/default"]) == ["overdue"]
    assert deployment_view["reconcile-all/default"]["limit"] == 3
    assert deployment_view["reconcile-all/default"]["concurrency_options"] == {
        **deployment_view["rotate-credentials/default"]["concurrency_options"],
        "collision_strategy": "CANCEL_NEW",
    }
    managed_deployment = deployment_view[f"{FLOW}/default"]
    assert managed_deployment["limit"] == 3
    assert managed_deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"
    assert all(
        deployment["enforce_parameter_schema"] and deployment["tags"]
        for deployment in deployment_view.values()
    )
    assert not any(deployment["paused"] for deployment in deployment_view.values())
    triggers = {
        name: deployment["automations"]
        for name, deployment in deployment_view.items()
        if deployment["automations"]
    }
    ((automation,),) = triggers.values()
    assert set(triggers) == {f"{FLOW}/default"}
    assert automation["trigger"]["expect"] == ["harbor.created"]
    assert automation["actions"][0]["parameters"] == {
        **{key: f"{{{{ event.payload.{key} }}}}" for key in ("cluster", "namespace", "name")},
        "uid": "{{ event.payload.uid | default('', true) }}",  # undefined is no parameter
    }


def _slugs(deployment: dict[str, Any]) -> list[str]:
    return [schedule["slug"] for schedule in deployment["schedules"] if schedule["active"]]


def test_each_machine_finds_the_flows_itself(fleet: Fleet, deployment_view: dict[str, Any]) -> None:
    for name in deployment_view:
        deployment = fleet.api.deployment(name.partition("/")[0])
        assert deployment["work_pool_name"] == WORK_POOL
        assert deployment["pull_steps"] == [{"deployments.environment.set_working_directory": {}}]


@pytest.mark.usefixtures("state")
def test_a_worker_integrates_what_the_platform_says_it_created(
    created_harbor: CreatedHarbor,
) -> None:
    assert created_harbor.messages == ["prod/hub/main is integrated as prod-hub-main"] * 2
    (adopted_harbor,) = [
        candidate
        for candidate in run_in_transaction(managed_harbors.list_harbor_records)
        if candidate.ref.cluster == "prod"
    ]
    assert (adopted_harbor.uid, adopted_harbor.registry) == (created_harbor.uid, "prod-hub-main")
    assert record_of("prod-hub-main").registry.origin is RegistryOrigin.MANAGED


def test_asked_for_twice_with_one_key_is_one_run(
    fleet: Fleet, created_harbor: CreatedHarbor
) -> None:
    run_count = len(fleet.api.runs(FLOW))
    run_ids = {fleet.api.start(FLOW, created_harbor.ref, key=created_harbor.uid) for _ in range(2)}
    assert len(run_ids) == 1
    assert fleet.api.wait_for_runs(*run_ids) == created_harbor.messages[:1]
    assert len(fleet.api.runs(FLOW)) == run_count + 1
