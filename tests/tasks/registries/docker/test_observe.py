"""The spaces of a Docker Registry, simulated and real, in good days and bad."""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import parse_qs

import pytest

from deployments.simulators.asgi import Receive, Reply, Scope, Send, read_request, send_reply
from deployments.simulators.docker_registry import Basic, DockerRegistry, Token
from deployments.simulators.fault_actions import Action
from deployments.simulators.faults import (
    Answer,
    Call,
    Cut,
    Delay,
    Endless,
    Fault,
    Faults,
    Huge,
    Truncate,
)
from models.core.errors import Rejected
from models.core.reasons import Reason
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
    Safe,
    edit_grant,
    items,
    look,
    make_grant,
    opened,
    revoke_grant,
    why_unseen,
)

REPOSITORIES = ("app", "team/app", "team/deep/app", "123/app", "p/r0", "p-a")
SPACES = {"/": 2, "123": 1, "p": 1, "team": 2}
CATALOG = "/v2/_catalog.*"


def _named(spaces: tuple[ObservedSpace, ...]) -> dict[str, int | None]:
    assert {(one.remote_id, one.visibility) for one in spaces} <= {(None, None)}
    return {one.name: one.repositories for one in spaces}


def _registry(many: int = 0, **options: str) -> DockerRegistry:
    made = DockerRegistry(**options)  # type: ignore[arg-type]
    for name in REPOSITORIES if not many else (f"s{n:04}/app" for n in range(many)):
        made.add_repository(name)
    return made


@pytest.fixture(scope="module", params=["simulated", "real", "real with small pages"])
def filled(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "simulated":
        with serving(DockerRegistry().app) as url:
            yield _filled(url)
        return
    limit = 2 if "small" in request.param else None
    with running_docker_registry(page_limit=limit) as url:
        yield _filled(url)


def _filled(url: str) -> str:
    for name in REPOSITORIES[1:]:
        push(url, name, "v1")
    delete_manifest(url, "app", push(url, "app", "v1"))  # an emptied one stays listed
    return url


async def test_spaces_are_first_segments(filled: str) -> None:
    assert _named(items(await look(filled, Kind.DOCKER, None))) == SPACES


async def test_an_empty_registry_has_no_spaces() -> None:
    with serving(DockerRegistry().app) as url:
        assert items(await look(url, Kind.DOCKER, None)) == ()


@pytest.mark.parametrize("auth", ["none", "basic", "token"])
async def test_a_look_costs_little_and_writes_nothing(auth: str) -> None:
    kinds = {"none": None, "basic": Basic(REGISTRY_USERS), "token": Token(REGISTRY_USERS)}
    registry = DockerRegistry(kinds[auth])
    for number in range(2100):
        registry.add_repository(f"s{number}/app")
    with serving(registry.app) as url:
        assert len(items(await look(url, Kind.DOCKER, USER))) == 2100
    assert len(registry.requests) <= 3 + 3
    assert {one.method for one in registry.requests} == {"GET"}


@pytest.mark.parametrize("link", ["relative", "absolute", "foreign"])
async def test_the_next_page_is_always_asked_of_the_registry_itself(
    link: Literal["relative", "absolute", "foreign"],
) -> None:
    with serving(_registry(1001, link=link).app) as url:
        assert len(items(await look(url, Kind.DOCKER, None))) == 1001


class _Marked:
    """A registry whose Link names the place to go on from in its own way, as Quay does."""

    def __init__(self, *pages: str) -> None:
        self.pages = pages

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await read_request(scope, receive)
        if request.path == "/v2/":
            return await send_reply(send, Reply(200, b"{}"))
        place = int(parse_qs(request.target.partition("?")[2]).get("next_page", ["0"])[0])
        headers = (("Link", self.pages[place]),) if self.pages[place] else ()
        body = f'{{"repositories": ["s{place}/app"]}}'.encode()
        return await send_reply(send, Reply(200, body, headers))


async def test_a_page_may_be_named_in_another_way() -> None:
    one, two = (f'</v2/_catalog?next_page={n}&n=1>; rel="next"' for n in (1, 2))
    with serving(_Marked(one, two, "").app) as url:
        assert _named(items(await look(url, Kind.DOCKER, None))) == {"s0": 1, "s1": 1, "s2": 1}


@pytest.mark.parametrize(
    "pages",
    [
        ('</v2/_catalog?next_page=0>; rel="next"',),
        ('</v2/_catalog?next_page=1>; rel="next"', '</v2/_catalog?next_page=0>; rel="next"'),
        ('</v2/_catalog>; rel="next"',),
    ],
)
async def test_pages_without_an_end_are_not_taken_for_the_whole(pages: tuple[str, ...]) -> None:
    with serving(_Marked(*pages).app) as url:
        found = (await look(url, Kind.DOCKER, None)).spaces
    assert not found.seen
    assert found.reason is Reason.REJECTED
    assert "cannot be followed to an end" in found.message


@pytest.mark.parametrize(
    ("catalog", "auth", "reason"),
    [
        ("forbidden", None, Reason.CATALOG_FORBIDDEN),
        ("forbidden", Token(REGISTRY_USERS), Reason.CATALOG_FORBIDDEN),
        ("disabled", None, Reason.CATALOG_DISABLED),
        ("missing", None, Reason.CATALOG_DISABLED),
    ],
)
async def test_a_catalog_may_be_closed(
    catalog: Literal["forbidden", "disabled", "missing"], auth: Token | None, reason: Reason
) -> None:
    with serving(DockerRegistry(auth, catalog=catalog).app) as url:
        snapshot = await look(url, Kind.DOCKER, USER)
    assert why_unseen(snapshot) is reason
    assert len(snapshot.verdicts) == 2


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Answer(429), Reason.THROTTLED),
        (Answer(502, b"<html>", (("Content-Type", "text/html"),)), Reason.SERVER_BROKEN),
        (Answer(200, b"<html>", (("Content-Type", "text/html"),)), Reason.SERVER_BROKEN),
        (Answer(302, b"", (("Location", "http://elsewhere.test/"),)), Reason.REDIRECTED),
        (Answer(400), Reason.REJECTED),
        (Answer(200, b'{"repositories": [1]}'), Reason.SERVER_BROKEN),
        (Truncate(), Reason.SERVER_BROKEN),
        (Huge(3_000_000), Reason.REJECTED),
        (Cut(100), Reason.UNREACHABLE),
        (Delay(3), Reason.TIMED_OUT),
        (Endless(pause=0.02), Reason.TIMED_OUT),
    ],
)
async def test_a_page_that_fails_makes_the_list_unseen(action: Action, reason: Reason) -> None:
    faults = Faults(_registry(3001).app)
    faults.add(Fault(action, path=CATALOG, after=2, times=None))
    quick = QUICK.model_copy(update={"read_seconds": 0.3, "request_seconds": 0.5})
    with serving(faults) as url:
        async with opened(url, Kind.DOCKER, None, bounds=quick) as client:
            assert why_unseen(await client.look()) is reason


async def test_a_page_that_fails_once_is_read_again() -> None:
    faults = Faults(_registry(3001).app)
    faults.add(Fault(Cut(100), path=CATALOG, after=2, times=2))
    with serving(faults) as url:
        assert len(items(await look(url, Kind.DOCKER, None))) == 3001


async def test_there_is_nothing_to_change_and_no_storage_to_read() -> None:
    registry = _registry()
    with serving(registry.app) as url:
        async with opened(url, Kind.DOCKER, None) as client:
            for change in (narrow(), create(), make_grant(), edit_grant(1), revoke_grant(1)):
                with pytest.raises(Rejected, match=f"internal error.*{change.kind}"):
                    await client.make(change, INSTALLATION, Safe().keep)
            storage = await client.read_storage()
    assert (storage.total, storage.spaces.seen) == (None, False)
    assert registry.requests == []


async def test_a_token_that_runs_out_between_pages_is_renewed() -> None:
    token = Token({"user": "pw"})
    simulated = DockerRegistry(token)
    for number in range(1_500):
        simulated.add_repository(f"s{number:04}/app")
    faults = Faults(simulated.app)
    faults.add(Fault(Call(token.expire), path=r"/v2/_catalog\?.*last=.*"))
    with serving(faults) as url:
        assert len(items(await look(url, Kind.DOCKER, USER))) == 1_500
    assert token.issued == 2
