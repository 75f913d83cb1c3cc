"""The spaces of a Docker Registry, simulated and real, in good days and bad."""

from collections.abc import Iterator
from typing import Literal

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from deployments.simulators.docker_registry import BasicAuth, SimulatedDockerRegistry, TokenAuth
from deployments.simulators.fault_actions import FaultAction
from deployments.simulators.faults import (
    CutConnection,
    Delay,
    EndlessBody,
    Fault,
    FaultInjector,
    HugeBody,
    Respond,
    RunCallback,
    TruncateBody,
)
from models.core.errors import Rejected
from models.core.reasons import Reason
from models.registries.condition import ConditionStatus, ConditionType
from models.registries.registry import Kind
from models.registries.space import ObservedSpace
from tests.conftest import REGISTRY_USERS
from tests.real.docker_registry import delete_manifest, push, running_docker_registry
from tests.support.builders import create, narrow
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    INSTALLATION,
    QUICK,
    USER,
    RobotStore,
    create_robot,
    delete_robot,
    items,
    observe_registry,
    open_client,
    statuses_by_type,
    unavailable_reason,
    update_robot,
)

REPOSITORIES = ("app", "team/app", "team/deep/app", "123/app", "p/r0", "p-a")
SPACES = {"/": 2, "123": 1, "p": 1, "team": 2}
CATALOG = "/v2/_catalog.*"


def _repository_counts(spaces: tuple[ObservedSpace, ...]) -> dict[str, int | None]:
    assert {(space.remote_id, space.visibility) for space in spaces} <= {(None, None)}
    return {space.name: space.repositories for space in spaces}


def _registry(space_count: int = 0, **options: str) -> SimulatedDockerRegistry:
    simulated = SimulatedDockerRegistry(**options)  # type: ignore[arg-type]
    for name in REPOSITORIES if not space_count else (f"s{n:04}/app" for n in range(space_count)):
        simulated.add_repository(name)
    return simulated


@pytest.fixture(scope="module", params=["simulated", "real", "real with small pages"])
def filled_registry(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "simulated":
        registry = _registry()
        registry.remove_tags("app")
        with serving(registry.app) as url:
            yield url
        return
    limit = 2 if "small" in request.param else None
    with running_docker_registry(page_limit=limit) as url:
        yield _fill(url)


def _fill(url: str) -> str:
    for name in REPOSITORIES[1:]:
        push(url, name, "v1")
    delete_manifest(url, "app", push(url, "app", "v1"))  # an emptied one stays listed
    return url


async def test_spaces_are_first_segments(filled_registry: str) -> None:
    assert (
        _repository_counts(items(await observe_registry(filled_registry, Kind.DOCKER, None)))
        == SPACES
    )


async def test_an_empty_registry_has_no_spaces() -> None:
    with serving(SimulatedDockerRegistry().app) as url:
        assert items(await observe_registry(url, Kind.DOCKER, None)) == ()


@pytest.mark.parametrize("auth", ["none", "basic", "token"])
async def test_a_look_costs_little_and_writes_nothing(auth: str) -> None:
    kinds = {"none": None, "basic": BasicAuth(REGISTRY_USERS), "token": TokenAuth(REGISTRY_USERS)}
    registry = SimulatedDockerRegistry(kinds[auth])
    for number in range(2100):
        registry.add_repository(f"s{number}/app")
    with serving(registry.app) as url:
        assert len(items(await observe_registry(url, Kind.DOCKER, USER))) == 2100
    assert len(registry.requests) <= 3 + 3
    assert {request.method for request in registry.requests} == {"GET"}


@pytest.mark.parametrize("link", ["relative", "absolute", "foreign"])
async def test_the_next_page_is_always_asked_of_the_registry_itself(
    link: Literal["relative", "absolute", "foreign"],
) -> None:
    with serving(_registry(1001, link=link).app) as url:
        assert len(items(await observe_registry(url, Kind.DOCKER, None))) == 1001


class _LinkPages:
    """A registry whose Link names the place to go on from in its own way, as Quay does."""

    def __init__(self, *pages: str) -> None:
        self.pages = pages

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.url.path == "/v2/":
            return await Response(b"{}")(scope, receive, send)
        page = int(request.query_params.get("next_page", "0"))
        headers = {"Link": self.pages[page]} if self.pages[page] else None
        reply = JSONResponse({"repositories": [f"s{page}/app"]}, headers=headers)
        return await reply(scope, receive, send)


async def test_a_page_may_be_named_in_another_way() -> None:
    first_link, second_link = (f'</v2/_catalog?next_page={n}&n=1>; rel="next"' for n in (1, 2))
    with serving(_LinkPages(first_link, second_link, "").app) as url:
        assert _repository_counts(items(await observe_registry(url, Kind.DOCKER, None))) == {
            "s0": 1,
            "s1": 1,
            "s2": 1,
        }


@pytest.mark.parametrize(
    "pages",
    [
        ('</v2/_catalog?next_page=0>; rel="next"',),
        ('</v2/_catalog?next_page=1>; rel="next"', '</v2/_catalog?next_page=0>; rel="next"'),
        ('</v2/_catalog>; rel="next"',),
    ],
)
async def test_pages_without_an_end_are_not_taken_for_the_whole(pages: tuple[str, ...]) -> None:
    with serving(_LinkPages(*pages).app) as url:
        section = (await observe_registry(url, Kind.DOCKER, None)).spaces
    assert not section.is_complete
    assert section.reason is Reason.LIST_NOT_PROVED


@pytest.mark.parametrize(
    ("catalog", "auth", "reason"),
    [
        ("forbidden", None, Reason.CATALOG_FORBIDDEN),
        ("forbidden", TokenAuth(REGISTRY_USERS), Reason.CATALOG_FORBIDDEN),
        ("disabled", None, Reason.CATALOG_DISABLED),
        ("missing", None, Reason.CATALOG_DISABLED),
    ],
)
async def test_a_catalog_may_be_closed(
    catalog: Literal["forbidden", "disabled", "missing"], auth: TokenAuth | None, reason: Reason
) -> None:
    with serving(SimulatedDockerRegistry(auth, catalog=catalog).app) as url:
        snapshot = await observe_registry(url, Kind.DOCKER, USER)
    assert unavailable_reason(snapshot) is reason
    assert statuses_by_type(snapshot.checks)[ConditionType.CATALOG] == (
        ConditionStatus.FALSE,
        reason,
    )
    assert snapshot.first_unavailable is None


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Respond(429), Reason.THROTTLED),
        (Respond(502, b"<html>", (("Content-Type", "text/html"),)), Reason.SERVER_BROKEN),
        (Respond(200, b"<html>", (("Content-Type", "text/html"),)), Reason.SERVER_BROKEN),
        (Respond(302, b"", (("Location", "http://elsewhere.test/"),)), Reason.REDIRECTED),
        (Respond(400), Reason.REJECTED),
        (Respond(200, b'{"repositories": 1}'), Reason.SERVER_BROKEN),
        (TruncateBody(), Reason.SERVER_BROKEN),
        (HugeBody(3_000_000), Reason.REJECTED),
        (CutConnection(100), Reason.UNREACHABLE),
        (Delay(3), Reason.TIMED_OUT),
        (EndlessBody(pause=0.02), Reason.TIMED_OUT),
    ],
)
async def test_a_page_that_fails_makes_the_list_unseen(action: FaultAction, reason: Reason) -> None:
    faults = FaultInjector(_registry(3001).app)
    faults.add(Fault(action, path=CATALOG, after=2, times=None))
    quick = QUICK.model_copy(update={"read_seconds": 0.3, "request_seconds": 0.5})
    with serving(faults) as url:
        async with open_client(url, Kind.DOCKER, None, bounds=quick) as client:
            assert unavailable_reason(await client.observe()) is reason


async def test_a_page_that_fails_once_is_read_again() -> None:
    faults = FaultInjector(_registry(3001).app)
    faults.add(Fault(CutConnection(100), path=CATALOG, after=2, times=2))
    with serving(faults) as url:
        assert len(items(await observe_registry(url, Kind.DOCKER, None))) == 3001


async def test_there_is_nothing_to_change_and_no_storage_to_read() -> None:
    registry = _registry()
    with serving(registry.app) as url:
        async with open_client(url, Kind.DOCKER, None) as client:
            for change in (narrow(), create(), create_robot(), update_robot(1), delete_robot(1)):
                with pytest.raises(Rejected, match=f"internal error.*{change.kind}"):
                    await client.apply_change(change, INSTALLATION, RobotStore().save)
            storage = await client.read_storage()
    assert (storage.total, storage.spaces.is_complete) == (None, False)
    assert registry.requests == []


async def test_a_token_that_runs_out_between_pages_is_renewed() -> None:
    token = TokenAuth({"user": "pw"})
    simulated = SimulatedDockerRegistry(token)
    for number in range(1_500):
        simulated.add_repository(f"s{number:04}/app")
    faults = FaultInjector(simulated.app)
    faults.add(Fault(RunCallback(token.expire_tokens), path=r"/v2/_catalog\?.*last=.*"))
    with serving(faults) as url:
        assert len(items(await observe_registry(url, Kind.DOCKER, USER))) == 1_500
    assert token.issued_count == 2
