"""Two workers at once: one run on a registry at a time, and no update is lost."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from deployments.sandbox.faults import Delay, Fault, Faults
from deployments.sandbox.harbor import Harbor
from deployments.sandbox.server import running
from tests.builders import PUBLIC
from tests.deploying.conftest import joined
from tests.deploying.fleet import Fleet
from tests.deploying.turns import Turns
from tests.flows.platform import bindings_of, deliveries_in, robots_in
from tests.flows.stories import PASSWORD, Place, audit_of, spaces_of

SPACES = ("s1", "s2", "s3", "s4")
NAME = "busy"


@contextmanager
def slow_harbor() -> Iterator[tuple[Place, Turns]]:
    """A Harbor that takes its time, so that runs meet, and keeps who asked in whose turn."""
    harbor = Harbor()
    for space in SPACES:
        harbor.add_project(space, repositories=["app"])
    faults = Faults(harbor.app)
    turns = Turns(faults)
    with running(turns) as url:
        harbor.external_url = url
        yield Place(harbor, faults, url), turns


def test_mingled_requests_are_noticed() -> None:
    with slow_harbor() as (place, turns):
        listing = f"{place.url}/api/v2.0/projects"
        with httpx.Client() as one, httpx.Client() as other:
            for client in (one, one, other):
                client.get(listing)
            assert (len(turns.looks), turns.interrupted) == (2, 0)
            one.get(f"{place.url}/api/v2.0/health")
            assert (len(turns.looks), turns.interrupted) == (3, 1)


@pytest.mark.usefixtures("deployed", "state")
def test_no_two_runs_at_once_and_nothing_lost(fleet: Fleet) -> None:
    with slow_harbor() as (place, turns), joined(fleet, "busy") as cluster:
        api = fleet.api
        block = api.save_block("registry-credentials", NAME, username="admin", password=PASSWORD)
        form = {"type": "harbor", "address": place.url}
        api.done("integrate-registry", name=NAME, registry=form, credentials=block)
        place.faults.add(Fault(Delay(0.1), times=None))
        turns.heard.clear()
        asked = [
            api.start("bind-space", {"registry": NAME, "spaces": [space], "workspaces": ["red"]})
            for space in SPACES
        ]
        asked += [
            api.start("set-space-visibility", {"registry": NAME, "names": [space], **TO_PUBLIC})
            for space in SPACES[:2]
        ]
        asked += [api.start("reconcile-registry", {"name": NAME}) for _ in range(2)]
        api.ended(*asked)
        assert turns.interrupted == 0
        assert len(turns.looks) >= len(asked)
        assert cluster.secret("shop") is not None
    for name in ("worker-1", "worker-2"):
        assert f"Worker '{name}' submitting flow run" in fleet.log(name)
    assert len(bindings_of(NAME)) == len(SPACES)
    assert list(robots_in(place).values()) == [frozenset(SPACES)]
    assert set(deliveries_in("busy")) == {"shop", "till"}
    assert [place.public(space) for space in SPACES] == [True, True, False, False]
    assert [spaces_of(NAME)[space].observed is PUBLIC for space in SPACES[:2]] == [True, True]
    _each_change_once(place)


TO_PUBLIC = {"visibility": "public"}


def _each_change_once(place: Place) -> None:
    made = [what for what, _ in place.writes()]
    assert sum(what.startswith("PUT projects/") for what in made) == 2
    assert sum(row.what == "space.visibility-set" for row in audit_of(NAME)) == 2
    assert sum(row.what == "space.bound" for row in audit_of(NAME)) == len(SPACES)
