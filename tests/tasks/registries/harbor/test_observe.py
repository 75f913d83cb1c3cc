"""The spaces of a Harbor: all of them, or none at all."""

import json
from math import ceil

import pytest

from deployments.simulators.fault_actions import Action
from deployments.simulators.faults import (
    Answer,
    Cut,
    Delay,
    Endless,
    Fault,
    Faults,
    Huge,
    Redirect,
    Truncate,
)
from deployments.simulators.harbor import Harbor
from models.core.errors import RegistryError
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
    look,
    opened,
    why_unseen,
    wrong,
)


async def test_all_of_them_are_seen(url: str, many: Harbor) -> None:
    found = items(await look(url))
    assert {one.name for one in found} == set(many.projects)
    assert len(found) == 250
    assert sum(one.visibility is PUBLIC for one in found) == 126
    assert {one.remote_id for one in found} == {one.id for one in many.projects.values()}


@pytest.mark.parametrize("projects", [0, 99, 100, 249])
async def test_a_look_costs_little_and_writes_nothing(projects: int) -> None:
    simulated = harbor(projects=projects)
    with serving(simulated.app) as url:
        assert len(items(await look(url))) == projects + 1
    assert len(simulated.requests) <= ceil((projects + 1) / 100) + 5
    assert simulated.requests.writes() == []


async def test_names_visibility_and_numbers_as_harbor_means_them() -> None:
    simulated = harbor()
    simulated.add_project("123", public=True, repositories=("a", "b/c"))
    simulated.add_project("banana", metadata={"public": "banana"})
    bare = simulated.add_project("bare")
    del bare.metadata["public"]
    with serving(simulated.app) as url:
        found = {one.name: one for one in items(await look(url))}
    project = simulated.projects["123"]
    milliseconds = project.created.microsecond // 1000 * 1000
    assert found["123"] == ObservedSpace(
        name="123",
        remote_id=project.id,
        created_at=project.created.replace(microsecond=milliseconds),
        visibility=PUBLIC,
        repositories=2,
    )
    assert found["banana"].visibility is PRIVATE
    assert found["bare"].visibility is PRIVATE


async def test_no_cookie_comes_back(many: Harbor) -> None:
    cookies: list[str] = []

    async def watch(scope: dict[str, object], receive: object, send: object) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]  # type: ignore[assignment]
        cookies.extend(value.decode() for name, value in headers if name == b"cookie")
        await many.app(scope, receive, send)  # type: ignore[arg-type]

    with serving(watch) as url:  # type: ignore[arg-type]
        await look(url)
    assert cookies == []


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Answer(429), Reason.THROTTLED),
        (Answer(429, headers=(("Retry-After", "3600"),)), Reason.THROTTLED),
        (Answer(401), Reason.UNAUTHORIZED),
        (Answer(403), Reason.FORBIDDEN),
        (Answer(404), Reason.NOT_FOUND),
        (Answer(502, b"<html>", HTML), Reason.SERVER_BROKEN),
        (Answer(504), Reason.TIMED_OUT),
        (Answer(200, b"<html>", HTML), Reason.SERVER_BROKEN),
        (Answer(200, b"[]"), Reason.SERVER_BROKEN),
        (Redirect("http://elsewhere.test/"), Reason.REDIRECTED),
        (Truncate(), Reason.SERVER_BROKEN),
        (Huge(3_000_000), Reason.REJECTED),
        (Cut(1000), Reason.UNREACHABLE),
        (Delay(3), Reason.TIMED_OUT),
        (Endless(pause=0.02), Reason.TIMED_OUT),
    ],
)
async def test_a_third_page_that_fails_makes_the_list_unseen(
    url: str, faults: Faults, action: Action, reason: Reason
) -> None:
    faults.add(Fault(action, path=PAGE.format(3), times=None))
    quick = QUICK.model_copy(update={"read_seconds": 0.3, "request_seconds": 0.5})
    async with opened(url, bounds=quick) as client:
        snapshot = await client.look()
    assert why_unseen(snapshot) is reason
    assert len(snapshot.verdicts) == 5


@pytest.mark.parametrize(
    "action",
    [Cut(1000), Answer(502, b"<html>", HTML), Answer(429, headers=(("Retry-After", "1"),))],
)
async def test_a_third_page_that_fails_for_a_moment_is_read_again(
    url: str, faults: Faults, action: Action
) -> None:
    faults.add(Fault(action, path=PAGE.format(3), times=2))
    assert len(items(await look(url))) == 250


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
    url: str, faults: Faults, row: dict[str, object]
) -> None:
    answer = Answer(200, json.dumps([row]).encode(), (("X-Total-Count", "1"),))
    faults.add(Fault(answer, path=PAGE.format(1), times=None))
    assert why_unseen(await look(url)) is Reason.SERVER_BROKEN


async def test_unknown_fields_are_no_matter(url: str, faults: Faults) -> None:
    rows = [{"project_id": 1, "name": "a", "metadata": None, "new": {"x": [1]}}]
    answer = Answer(200, json.dumps(rows).encode(), (("X-Total-Count", "1"),))
    faults.add(Fault(answer, path=PAGE.format(1)))
    counted = b'{"total_project_count": 1, "new": null}'
    faults.add(Fault(Answer(200, counted), path=".*/statistics"))
    (found,) = items(await look(url))
    assert (found.name, found.visibility, found.repositories) == ("a", PRIVATE, 0)


@pytest.mark.parametrize("total", ["", "x", "-1", "1.5", "9" * 30])
async def test_without_a_sound_total_nothing_is_believed(
    url: str, faults: Faults, total: str
) -> None:
    faults.add(Fault(Answer(200, b"[]", (("X-Total-Count", total),)), path=PAGE.format(1)))
    assert why_unseen(await look(url)) is Reason.SERVER_BROKEN
    assert faults.count(path=r".*/projects\?.*") == 1


async def test_a_list_read_as_a_stranger_is_not_believed(url: str, faults: Faults) -> None:
    """Locked between the proof and the list: status 200, and only public projects."""
    public = json.dumps([{"project_id": 1, "name": "library"}]).encode()
    answer = Answer(200, public, (("X-Total-Count", "1"),))
    faults.add(Fault(answer, path=PAGE.format(1), times=None))
    assert why_unseen(await look(url)) is Reason.PAGES_SHIFTED
    faults.add(Fault(Answer(401), path=".*/statistics", times=None))
    assert why_unseen(await look(url)) is Reason.UNAUTHORIZED


async def test_nobody_else_is_told_the_password_when_it_redirects(url: str, faults: Faults) -> None:
    elsewhere = Recorder()
    with serving(elsewhere.app) as other:
        for path in (".*/users/current", ".*/systeminfo", r".*/projects\?.*"):
            faults.add(Fault(Redirect(f"{other}{path[2:]}", 307), path=path))
        for _ in range(2):
            with pytest.raises(RegistryError) as caught:
                await look(url)
            assert caught.value.reason is Reason.REDIRECTED
        assert why_unseen(await look(url)) is Reason.REDIRECTED
    assert elsewhere.requests == []


async def test_a_wrong_password_lists_nothing(url: str, many: Harbor) -> None:
    async with opened(url, credential=wrong(), refused=True) as client:
        assert why_unseen(await client.look()) is Reason.BAD_CREDENTIALS
    assert many.requests.to("/api/v2.0/projects") == []
    assert len([one for one in many.requests if one.user]) == 1
