"""Two workers at once: one run on a registry at a time, and no update is lost."""

from datetime import timedelta

import httpx
import pytest

from deployments.simulators.faults import Delay, Fault
from tasks import clock
from tests.deploying.conftest import SPACES, Created
from tests.deploying.fleet import Fleet
from tests.deploying.request_order import heard_harbor
from tests.support.builders import PUBLIC
from tests.support.helpers import Place, audit_of, due, spaces_of
from tests.support.platform import bindings_of, deliveries_in, robots_in

NAME = "prod-hub-main"


def test_mingled_requests_are_noticed() -> None:
    with heard_harbor() as (place, turns):
        listing = f"{place.url}/api/v2.0/projects"
        with httpx.Client() as one, httpx.Client() as other:
            for client in (one, one, other):
                client.get(listing)
            assert (len(turns.looks), turns.interrupted) == (2, 0)
            one.get(f"{place.url}/api/v2.0/health")
            assert (len(turns.looks), turns.interrupted) == (3, 1)


@pytest.mark.usefixtures("state")
def test_no_two_runs_at_once_and_nothing_lost(fleet: Fleet, created: Created) -> None:
    api, place, turns = fleet.api, created.place, created.turns
    place.faults.add(Fault(Delay(0.1), times=None))  # so that runs meet
    turns.heard.clear()
    due(looked_at=clock.now() - timedelta(days=1))
    wish = {"registry": NAME, "names": ["s1"], "visibility": "public"}
    bound = [{"registry": NAME, "spaces": [each], "workspaces": ["red"]} for each in SPACES]
    runs = [api.start("bind-space", each) for each in bound]
    runs += [api.start("reconcile-all", {}), api.start("set-space-visibility", wish)]
    api.ended(*runs)
    assert turns.interrupted == 0
    assert len(turns.looks) >= len(runs) - 1  # reconcile-all may find that another one just looked
    for worker in ("worker-1", "worker-2"):
        assert f"Worker '{worker}' submitting flow run" in fleet.log(worker)
    assert len(bindings_of(NAME)) == len(SPACES)
    assert list(robots_in(place).values()) == [frozenset(SPACES)]
    assert set(deliveries_in("prod")) == {"shop", "till"}
    assert [place.public(space) for space in SPACES] == [True, False, False]
    assert spaces_of(NAME)["s1"].observed is PUBLIC
    _each_change_once(place)


def _each_change_once(place: Place) -> None:
    assert sum(what.startswith("PUT projects/") for what, _ in place.writes()) == 1
    assert sum(what.startswith("POST projects") for what, _ in place.writes()) == 0
    audited = [row.what for row in audit_of(NAME)]
    assert audited.count("space.visibility-set") == 1
    assert audited.count("space.bound") == len(SPACES)
