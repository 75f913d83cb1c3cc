"""The spaces of a Harbor: all of them, or none at all."""

import json
from math import ceil

import pytest

from deployments.simulators.fault_actions import FaultAction
from deployments.simulators.faults import (
    CutConnection,
    Delay,
    EndlessBody,
    Fault,
    FaultInjector,
    HugeBody,
    Redirect,
    Respond,
    TruncateBody,
)
from deployments.simulators.harbor import SimulatedHarbor
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.registries.space import ObservedSpace
from tests.support.builders import PRIVATE, PUBLIC
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    HTML,
    PAGE,
    QUICK,
    Recorder,
    harbor,
    items,
    observe_registry,
    open_client,
    unavailable_reason,
    with_wrong_password,
)


async def test_all_of_them_are_seen(url: str, large_harbor: SimulatedHarbor) -> None:
    spaces = items(await observe_registry(url))
    assert {space.name for space in spaces} == set(large_harbor.projects)
    assert len(spaces) == 250
    assert sum(space.visibility is PUBLIC for space in spaces) == 126
    assert {space.remote_id for space in spaces} == {
        project.id for project in large_harbor.projects.values()
    }


@pytest.mark.parametrize("projects", [0, 99, 100, 249])
async def test_a_look_costs_little_and_writes_nothing(projects: int) -> None:
    simulated = harbor(projects=projects)
    with serving(simulated.app) as url:
        assert len(items(await observe_registry(url))) == projects + 1
    assert len(simulated.requests) <= ceil((projects + 1) / 100) + 5
    assert simulated.requests.writes() == []


async def test_names_visibility_and_numbers_as_harbor_means_them() -> None:
    simulated = harbor()
    simulated.add_project("123", public=True, repositories=("a", "b/c"))
    simulated.add_project("banana", metadata={"public": "banana"})
    bare = simulated.add_project("bare")
    del bare.metadata["public"]
    with serving(simulated.app) as url:
        spaces = {space.name: space for space in items(await observe_registry(url))}
    project = simulated.projects["123"]
    milliseconds = project.created.microsecond // 1000 * 1000
    assert spaces["123"] == ObservedSpace(
        name="123",
        remote_id=project.id,
        created_at=project.created.replace(microsecond=milliseconds),
        visibility=PUBLIC,
        repositories=2,
    )
    assert spaces["banana"].visibility is PRIVATE
    assert spaces["bare"].visibility is PRIVATE


async def test_no_cookie_comes_back(large_harbor: SimulatedHarbor) -> None:
    cookies: list[str] = []

    async def watch(scope: dict[str, object], receive: object, send: object) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]  # type: ignore[assignment]
        cookies.extend(value.decode() for name, value in headers if name == b"cookie")
        await large_harbor.app(scope, receive, send)  # type: ignore[arg-type]

    with serving(watch) as url:  # type: ignore[arg-type]
        await observe_registry(url)
    assert cookies == []


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Respond(429), Reason.THROTTLED),
        (Respond(429, headers=(("Retry-After", "3600"),)), Reason.THROTTLED),
        (Respond(401), Reason.UNAUTHORIZED),
        (Respond(403), Reason.FORBIDDEN),
        (Respond(404), Reason.NOT_FOUND),
        (Respond(502, b"<html>", HTML), Reason.SERVER_BROKEN),
        (Respond(504), Reason.TIMED_OUT),
        (Respond(200, b"<html>", HTML), Reason.SERVER_BROKEN),
        (Respond(200, b"[]"), Reason.SERVER_BROKEN),
        (Redirect("http://elsewhere.test/"), Reason.REDIRECTED),
        (TruncateBody(), Reason.SERVER_BROKEN),
        (HugeBody(3_000_000), Reason.REJECTED),
        (CutConnection(1000), Reason.UNREACHABLE),
        (Delay(3), Reason.TIMED_OUT),
        (EndlessBody(pause=0.02), Reason.TIMED_OUT),
    ],
)
async def test_a_third_page_that_fails_makes_the_list_unseen(
    url: str, faults: FaultInjector, action: FaultAction, reason: Reason
) -> None:
    faults.add(Fault(action, path=PAGE.format(3), times=None))
    quick = QUICK.model_copy(update={"read_seconds": 0.3, "request_seconds": 0.5})
    async with open_client(url, bounds=quick) as client:
        snapshot = await client.observe()
    assert unavailable_reason(snapshot) is reason
    assert len(snapshot.checks) == 5


@pytest.mark.parametrize(
    "action",
    [
        CutConnection(1000),
        Respond(502, b"<html>", HTML),
        Respond(429, headers=(("Retry-After", "1"),)),
    ],
)
async def test_a_third_page_that_fails_for_a_moment_is_read_again(
    url: str, faults: FaultInjector, action: FaultAction
) -> None:
    faults.add(Fault(action, path=PAGE.format(3), times=2))
    assert len(items(await observe_registry(url))) == 250


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"project_id": "x", "name": "a"},
        {"project_id": 0, "name": "a"},
        {"project_id": 2**63, "name": "a"},
        {"project_id": 1, "name": ""},
        {"project_id": 1, "name": "x" * 256},
        {"project_id": 1, "name": "a", "metadata": {"public": True}},
        {"project_id": 1, "name": "a", "metadata": []},
        {"project_id": 1, "name": "a", "repo_count": -1},
        {"project_id": 1, "name": None},
    ],
)
async def test_wrong_types_make_the_list_unseen(
    url: str, faults: FaultInjector, row: dict[str, object]
) -> None:
    answer = Respond(200, json.dumps([row]).encode(), (("X-Total-Count", "1"),))
    faults.add(Fault(answer, path=PAGE.format(1), times=None))
    assert unavailable_reason(await observe_registry(url)) is Reason.SERVER_BROKEN


async def test_unknown_fields_are_no_matter(url: str, faults: FaultInjector) -> None:
    rows = [{"project_id": 1, "name": "a", "metadata": None, "new": {"x": [1]}}]
    answer = Respond(200, json.dumps(rows).encode(), (("X-Total-Count", "1"),))
    faults.add(Fault(answer, path=PAGE.format(1)))
    counted = b'{"total_project_count": 1, "new": null}'
    faults.add(Fault(Respond(200, counted), path=".*/statistics"))
    (space,) = items(await observe_registry(url))
    assert (space.name, space.visibility, space.repositories) == ("a", PRIVATE, 0)


@pytest.mark.parametrize("total", ["", "x", "-1", "1.5", "9" * 30])
async def test_without_a_sound_total_nothing_is_believed(
    url: str, faults: FaultInjector, total: str
) -> None:
    faults.add(Fault(Respond(200, b"[]", (("X-Total-Count", total),)), path=PAGE.format(1)))
    assert unavailable_reason(await observe_registry(url)) is Reason.SERVER_BROKEN
    assert faults.count(path=r".*/projects\?.*") == 1


async def test_a_list_read_as_a_stranger_is_not_believed(url: str, faults: FaultInjector) -> None:
    """Locked between the proof and the list: status 200, and only public projects."""
    public = json.dumps([{"project_id": 1, "name": "library"}]).encode()
    answer = Respond(200, public, (("X-Total-Count", "1"),))
    faults.add(Fault(answer, path=PAGE.format(1), times=None))
    assert unavailable_reason(await observe_registry(url)) is Reason.PAGES_SHIFTED
    faults.add(Fault(Respond(401), path=".*/statistics", times=None))
    assert unavailable_reason(await observe_registry(url)) is Reason.UNAUTHORIZED


async def test_nobody_else_is_told_the_password_when_it_redirects(
    url: str, faults: FaultInjector
) -> None:
    other_server = Recorder()
    with serving(other_server.app) as other:
        for path in (".*/users/current", ".*/systeminfo", r".*/projects\?.*"):
            faults.add(Fault(Redirect(f"{other}{path[2:]}", 307), path=path))
        for _ in range(2):
            with pytest.raises(RemoteError) as excinfo:
                await observe_registry(url)
            assert excinfo.value.reason is Reason.REDIRECTED
        assert unavailable_reason(await observe_registry(url)) is Reason.REDIRECTED
    assert other_server.requests == []


async def test_a_wrong_password_lists_nothing(url: str, large_harbor: SimulatedHarbor) -> None:
    async with open_client(url, credential=with_wrong_password(), refused=True) as client:
        assert unavailable_reason(await client.observe()) is Reason.BAD_CREDENTIALS
    assert large_harbor.requests.with_prefix("/api/v2.0/projects") == []
    assert len([request for request in large_harbor.requests if request.user]) == 1
