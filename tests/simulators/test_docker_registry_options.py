"""What the simulated Docker Registry can be told to be, beyond what Debian's can show."""

from typing import Literal

import httpx
import pytest

from deployments.simulators.docker_registry import (
    FOREIGN_ORIGIN,
    BasicAuth,
    DockerRequestRecord,
    SimulatedDockerRegistry,
    TokenAuth,
)
from deployments.simulators.faults import Fault, FaultInjector, RunCallback
from deployments.simulators.server import run_server
from tests.real.docker_registry import MANIFEST

URL = "http://registry.test"
LOGIN = ("user", "pw")
CATALOG_SCOPE = "registry:catalog:*"
ACCEPT = {"Accept": MANIFEST}


def _client(registry: SimulatedDockerRegistry) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(registry.app), base_url=URL)


async def _token(client: httpx.AsyncClient, *scopes: str) -> str:
    params = {"service": "registry.test", "scope": list(scopes)}
    response = await client.get("/token", params=params, auth=LOGIN)
    token: str = response.raise_for_status().json()["token"]
    return token


async def _catalog_with(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/v2/_catalog", headers={"Authorization": f"Bearer {token}"})


async def test_it_is_filled_by_hand() -> None:
    registry = SimulatedDockerRegistry()
    registry.add_repository("team/app", tags=("v2", "v1"))
    registry.remove_tags("team/old")
    registry.add_repository("team/gone")
    registry.remove_repository("team/gone")
    async with _client(registry) as client:
        assert (await client.get("/v2/_catalog")).json() == {
            "repositories": ["team/app", "team/old"]
        }
        for name, status in (("app", 200), ("old", 404), ("gone", 404)):
            response = await client.get(f"/v2/team/{name}/manifests/v2", headers=ACCEPT)
            assert response.status_code == status


async def test_the_log_keeps_no_secret() -> None:
    registry = SimulatedDockerRegistry(auth=BasicAuth({"user": "pw"}))
    async with _client(registry) as client:
        await client.get("/v2/_catalog?n=5", auth=LOGIN)
        await client.get("/v2/")
    assert registry.requests == [
        DockerRequestRecord("GET", "/v2/_catalog?n=5", "Basic", 200),
        DockerRequestRecord("GET", "/v2/", "", 401),
    ]


@pytest.mark.parametrize(
    ("link", "start"),
    [("relative", "/v2/_catalog?"), ("absolute", f"{URL}/v2/"), ("foreign", FOREIGN_ORIGIN)],
)
async def test_links(link: Literal["relative", "absolute", "foreign"], start: str) -> None:
    registry = SimulatedDockerRegistry(link=link)
    registry.add_repository("a")
    registry.add_repository("b")
    async with _client(registry) as client:
        response = await client.get("/v2/_catalog?n=1")
    assert response.links["next"]["url"].startswith(start)


@pytest.mark.parametrize(
    ("catalog", "status"), [("forbidden", 403), ("disabled", 405), ("missing", 404)]
)
async def test_registries_without_a_catalog(
    catalog: Literal["forbidden", "disabled", "missing"], status: int
) -> None:
    registry = SimulatedDockerRegistry(catalog=catalog)
    registry.add_repository("a")
    async with _client(registry) as client:
        assert (await client.get("/v2/_catalog")).status_code == status
        assert (await client.get("/v2/a/manifests/v1", headers=ACCEPT)).status_code == 200


async def test_a_token_opens_what_its_scope_names() -> None:
    registry = SimulatedDockerRegistry(auth=TokenAuth({"user": "pw"}))
    registry.add_repository("a")
    async with _client(registry) as client:
        unauthorized = await client.get("/v2/_catalog")
        assert unauthorized.headers["www-authenticate"] == (
            f'Bearer realm="{URL}/token",service="registry.test",scope="{CATALOG_SCOPE}"'
        )
        assert (await _catalog_with(client, await _token(client, CATALOG_SCOPE))).is_success
        narrow = await _catalog_with(client, await _token(client, "repository:a:pull"))
    assert narrow.status_code == 401
    assert narrow.headers["www-authenticate"].endswith(',error="insufficient_scope"')


async def test_several_scopes_in_one_token() -> None:
    registry = SimulatedDockerRegistry(auth=TokenAuth({"user": "pw"}))
    registry.add_repository("a")
    async with _client(registry) as client:
        token = await _token(client, CATALOG_SCOPE, "repository:a:pull,push repository:b:pull")
        headers = {"Authorization": f"Bearer {token}", **ACCEPT}
        for target in ("/v2/", "/v2/_catalog", "/v2/a/manifests/v1"):
            assert (await client.get(target, headers=headers)).status_code == 200


async def test_forbidden_with_tokens_is_a_token_without_the_scope() -> None:
    registry = SimulatedDockerRegistry(auth=TokenAuth({"user": "pw"}), catalog="forbidden")
    async with _client(registry) as client:
        response = await _catalog_with(client, await _token(client, CATALOG_SCOPE))
    assert response.status_code == 401
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("login", [None, ("user", "wrong"), ("ghost", "pw")])
async def test_the_token_endpoint_knows_its_users(login: tuple[str, str] | None) -> None:
    registry = SimulatedDockerRegistry(auth=TokenAuth({"user": "pw"}))
    async with _client(registry) as client:
        response = await client.get("/token?service=registry.test", auth=login)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Basic ")


async def test_tokens_expire() -> None:
    token = TokenAuth({"user": "pw"})
    registry = SimulatedDockerRegistry(auth=token)
    async with _client(registry) as client:
        old = await _token(client, CATALOG_SCOPE)
        token.expire_tokens()
        response = await _catalog_with(client, old)
        assert response.status_code == 401
        assert 'error="invalid_token"' in response.headers["www-authenticate"]
        token.expires_in = -1
        assert (await _catalog_with(client, await _token(client, CATALOG_SCOPE))).status_code == 401
    assert token.issued_count == 2


def test_the_token_endpoint_may_live_elsewhere() -> None:
    token = TokenAuth({"user": "pw"})
    registry = SimulatedDockerRegistry(auth=token)
    with run_server(token.app) as token_origin, run_server(registry.app) as url:
        token.realm = f"{token_origin}/token"
        challenge = httpx.get(f"{url}/v2/_catalog").headers["www-authenticate"]
        assert f'realm="{token_origin}/token"' in challenge
        params = {"service": "registry.test", "scope": CATALOG_SCOPE}
        token_response = httpx.get(f"{token_origin}/token", params=params, auth=LOGIN).json()
        headers = {"Authorization": f"Bearer {token_response['token']}"}
        assert httpx.get(f"{url}/v2/_catalog", headers=headers).json() == {"repositories": []}


def test_pages_may_shift_while_they_are_read() -> None:
    registry = SimulatedDockerRegistry()
    for name in ("a", "b", "c"):
        registry.add_repository(name)
    faults = FaultInjector(registry.app)
    shift = RunCallback(lambda: registry.remove_repository("b"))
    faults.add(Fault(shift, path=r"/v2/_catalog.*", after=1))
    with run_server(faults) as url, httpx.Client(base_url=url) as client:
        first = client.get("/v2/_catalog?n=1")
        second = client.get(first.links["next"]["url"])
    assert first.json()["repositories"] + second.json()["repositories"] == ["a", "c"]
    assert "next" not in second.links
