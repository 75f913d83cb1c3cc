"""Two workers at once: one run on a registry at a time, and no update is lost."""

from datetime import timedelta

import httpx
import pytest

from deployments.simulators.faults import Delay, Fault
from tasks import clock
from tests.deploying.conftest import SPACES, CreatedHarbor
from tests.deploying.fleet import Fleet
from tests.deploying.request_order import harbor_with_log
from tests.support.builders import PUBLIC
from tests.support.helpers import HarborServer, audit_of, set_read_times, spaces_of
from tests.support.platform import bindings_of, pull_secrets_in, robots_in

NAME = "prod-hub-main"


def test_mingled_requests_are_noticed() -> None:
    with harbor_with_log() as (harbor, request_log):
        listing = f"{harbor.url}/api/v2.0/projects"
        with httpx.Client() as first_client, httpx.Client() as other_client:
            for client in (first_client, first_client, other_client):
                client.get(listing)
            assert (len(request_log.reconcile_runs), request_log.interruptions) == (2, 0)
            first_client.get(f"{harbor.url}/api/v2.0/health")
            assert (len(request_log.reconcile_runs), request_log.interruptions) == (3, 1)


@pytest.mark.usefixtures("state")
def test_no_two_runs_at_once_and_nothing_lost(fleet: Fleet, created_harbor: CreatedHarbor) -> None:
    api, harbor, request_log = fleet.api, created_harbor.harbor, created_harbor.request_log
    harbor.faults.add(Fault(Delay(0.1), times=None))  # so that runs meet
    request_log.entries.clear()
    set_read_times(looked_at=clock.now() - timedelta(days=1))
    visibility_request = {"registry": NAME, "names": ["s1"], "visibility": "public"}
    bind_requests = [
        {"registry": NAME, "spaces": [space_name], "workspaces": ["red"]} for space_name in SPACES
    ]
    runs = [api.start("bind-space", bind_request) for bind_request in bind_requests]
    runs += [api.start("reconcile-all", {}), api.start("set-space-visibility", visibility_request)]
    api.wait_for_runs(*runs)
    assert request_log.interruptions == 0
    assert (
        len(request_log.reconcile_runs) >= len(runs) - 1
    )  # reconcile-all may find that another one just looked
    for worker in ("worker-1", "worker-2"):
        assert f"Worker '{worker}' submitting flow run" in fleet.log(worker)
    assert len(bindings_of(NAME)) == len(SPACES)
    assert list(robots_in(harbor).values()) == [frozenset(SPACES)]
    assert set(pull_secrets_in("prod")) == {"shop", "till"}
    assert [harbor.is_public(space) for space in SPACES] == [True, False, False]
    assert spaces_of(NAME)["s1"].observed is PUBLIC
    _check_each_change_once(harbor)


def _check_each_change_once(harbor: HarborServer) -> None:
    assert sum(request.startswith("PUT projects/") for request, _ in harbor.writes()) == 1
    assert sum(request.startswith("POST projects") for request, _ in harbor.writes()) == 0
    events = [row.what for row in audit_of(NAME)]
    assert events.count("space.visibility-set") == 1
    assert events.count("space.bound") == len(SPACES)
