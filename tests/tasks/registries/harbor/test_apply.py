"""Changes to a Harbor: each made once, and known to be made."""

import pytest
from starlette.types import Receive, Scope, Send

from deployments.simulators.asgi import CapturedResponse
from deployments.simulators.fault_actions import FaultAction
from deployments.simulators.faults import CutConnection, Fault, FaultInjector, Respond
from deployments.simulators.harbor import SimulatedHarbor
from models.core import errors
from models.core.errors import (
    Conflict,
    ReadOnly,
    RegistryError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from models.core.reasons import Reason
from models.registries.changes import Change, ChangeResult
from models.registries.space import Visibility
from tests.support.builders import PRIVATE, PUBLIC, create, narrow, success, widen
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    INSTALLATION,
    RobotStore,
    harbor,
    open_client,
    with_wrong_password,
)


def _on(method: str, action: FaultAction, times: int | None = 1) -> Fault:
    return Fault(action, method, "/api/v2.0/projects.*", times=times)


async def _make(url: str, change: Change) -> ChangeResult:
    async with open_client(url) as client:
        return await client.apply_change(change, INSTALLATION, RobotStore().save)


async def _make_on(simulated: SimulatedHarbor | FaultInjector, change: Change) -> ChangeResult:
    with serving(simulated.app if isinstance(simulated, SimulatedHarbor) else simulated) as url:
        return await _make(url, change)


@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize("name", ["team", "3", "123"])
async def test_visibility_is_set_on_the_right_project(name: str, by_id: bool) -> None:
    simulated = harbor(projects=5)
    project = simulated.add_project(name, metadata={"auto_scan": "true"})
    before = {item.name: item.public for item in simulated.projects.values()}
    change = widen(name, project.id if by_id else None)
    assert await _make_on(simulated, change) == success(change)
    after = {item.name: item.public for item in simulated.projects.values()}
    assert after == {**before, name: True}
    assert project.metadata == {"public": "true", "auto_scan": "true"}
    assert len(simulated.requests) == 1


async def test_set_private_and_set_again() -> None:
    simulated = harbor()
    project = simulated.add_project("team", public=True)
    for _ in range(2):
        assert (await _make_on(simulated, narrow("team", project.id))).succeeded
        assert project.metadata["public"] == "false"


async def test_a_space_that_is_gone_is_a_success_of_its_own() -> None:
    outcome = await _make_on(harbor(), narrow("gone", 999))
    assert (outcome.succeeded, outcome.reason) == (True, Reason.NOT_FOUND)


async def test_setting_visibility_is_repeated_after_a_fault() -> None:
    simulated = harbor()
    project = simulated.add_project("team")
    faults = FaultInjector(simulated.app)
    faults.add(_on("PUT", CutConnection(), 2))
    assert (await _make_on(faults, widen("team", project.id))).succeeded
    assert project.public
    assert faults.request_counts.total() == 3


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("name", ["fresh", "123", "a.b-c_d"])
async def test_create(name: str, visibility: Visibility) -> None:
    simulated = harbor()
    change = create(name, visibility)
    assert await _make_on(simulated, change) == success(change)
    assert simulated.projects[name].public is (visibility is PUBLIC)
    assert [request.method for request in simulated.requests] == ["POST"]


class _LostAnswer:
    """Does what is asked of it, and the answer never arrives."""

    async def act(self, app: object, scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, CapturedResponse().send)  # type: ignore[operator]
        await CutConnection().act(_nothing, scope, receive, send)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("visibility", list(Visibility))
@pytest.mark.parametrize("name", ["fresh", "123"])
@pytest.mark.parametrize("action", [CutConnection(), _LostAnswer()], ids=["cut", "lost"])
async def test_after_a_lost_answer_it_was_created_once(
    name: str, visibility: Visibility, action: FaultAction
) -> None:
    simulated = harbor()
    simulated.add_project(f"{name}-other", public=visibility is PRIVATE)
    faults = FaultInjector(simulated.app)
    faults.add(_on("POST", action, None))
    change = create(name, visibility)
    assert await _make_on(faults, change) == success(change)
    assert simulated.projects[name].public is (visibility is PUBLIC)
    assert faults.count("POST") == 1


async def test_a_lost_answer_does_not_hide_another_visibility() -> None:
    simulated = harbor()
    faults = FaultInjector(simulated.app)
    simulated.add_project("fresh", public=True)
    faults.add(_on("POST", Respond(504)))
    with pytest.raises(errors.TimedOut):
        await _make_on(faults, create("fresh", PRIVATE))


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Respond(502), errors.ServerError),
        (Respond(429), Throttled),
        (Respond(400), errors.Rejected),
        (Respond(422), errors.Rejected),
        (Respond(401), Unauthorized),
        (Respond(403), errors.Forbidden),
        (Respond(200), errors.ServerError),
        (Respond(302), errors.Redirected),
    ],
)
async def test_what_was_not_created_is_an_error(
    action: FaultAction, kind: type[RegistryError]
) -> None:
    faults = FaultInjector(harbor().app)
    faults.add(_on("POST", action, None))
    with pytest.raises(kind):
        await _make_on(faults, create())
    assert faults.count("POST") == 1


@pytest.mark.parametrize("public", [True, False])
async def test_a_taken_name_is_a_conflict_whatever_its_visibility(public: bool) -> None:
    simulated = harbor()
    simulated.add_project("fresh", public=public)
    with pytest.raises(Conflict, match="use set-space-visibility"):
        await _make_on(simulated, create("fresh", PUBLIC))
    assert simulated.projects["fresh"].public is public


@pytest.mark.parametrize("change", [create(), narrow("library", 1)])
async def test_read_only(change: Change) -> None:
    simulated = harbor()
    simulated.settings.read_only = True
    with pytest.raises(ReadOnly, match="read only mode"):
        await _make_on(simulated, change)


@pytest.mark.parametrize("change", [create(), narrow("library", 1)])
async def test_a_wrong_password_changes_nothing_and_is_tried_once(change: Change) -> None:
    simulated = harbor()
    with serving(simulated.app) as url:
        async with open_client(url, credential=with_wrong_password()) as client:
            with pytest.raises(Unauthorized):
                await client.apply_change(change, INSTALLATION, RobotStore().save)
    assert len(simulated.requests) == 1
    assert set(simulated.projects) == {"library"}


async def test_no_cookie_makes_harbor_ask_for_a_csrf_token() -> None:
    simulated = harbor()
    with serving(simulated.app) as url:
        async with open_client(url) as client:
            await client.observe()
            await client.apply_change(create("one"), INSTALLATION, RobotStore().save)
            await client.apply_change(create("two"), INSTALLATION, RobotStore().save)
    assert {"one", "two"} < set(simulated.projects)


async def test_a_dead_harbor_fails_without_being_asked_forever() -> None:
    faults = FaultInjector(harbor().app)
    faults.add(Fault(CutConnection(), times=None))
    with serving(faults) as url:
        async with open_client(url) as client:
            for number in range(5):
                with pytest.raises(Unreachable):
                    await client.apply_change(
                        widen(f"s{number}", number + 1), INSTALLATION, RobotStore().save
                    )
    assert faults.request_counts.total() == 3
