"""Who has no password gets nothing out of a served product, wherever the request comes from."""

import asyncio

import httpx
import pytest
from playwright.sync_api import Page, expect
from websockets import connect
from websockets.exceptions import ConnectionClosed

from tests.browser.product import Product, log_in

_OPEN = {("GET", "/health"), ("GET", "/ready")}
_METHODS = {"get", "post", "put", "patch", "delete"}
_SOCKETS = (
    *("events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled"),
    "work_pools/registries/workers/connect",
)


def test_every_route_asks_for_the_password(product: Product) -> None:
    with httpx.Client(base_url=f"{product.url}/api", timeout=30) as stranger:
        schema = stranger.get("/openapi.json", auth=product.auth).raise_for_status().json()
        routes = [
            (method.upper(), path.removeprefix("/api"))
            for path, operations in schema["paths"].items()
            for method in operations
            if method in _METHODS
        ]
        answers = {route: stranger.request(*route).status_code for route in routes}
    assert len(answers) > 150
    closed = {route for route, status in answers.items() if status == httpx.codes.UNAUTHORIZED}
    assert set(answers) - closed == _OPEN


def test_no_saved_secret_for_a_page_of_somebody_else(product: Product) -> None:
    url = f"{product.url}/api/block_documents/filter"
    plain = {"Origin": "http://evil.example", "Content-Type": "text/plain"}  # sent unasked
    response = httpx.post(url, content='{"include_secrets": true}', headers=plain)
    assert response.status_code == httpx.codes.UNAUTHORIZED
    preflight_headers = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x",
    }
    foreign = httpx.options(url, headers={"Origin": "http://evil.example", **preflight_headers})
    assert foreign.status_code == httpx.codes.BAD_REQUEST
    assert "access-control-allow-origin" not in foreign.headers
    own = httpx.options(url, headers={"Origin": product.url, **preflight_headers})
    assert own.headers["access-control-allow-origin"] == product.url


@pytest.mark.parametrize("path", _SOCKETS)
def test_websockets_are_closed(product: Product, path: str) -> None:
    async def listen() -> None:
        url = f"{product.url.replace('http', 'ws')}/api/{path}"
        async with connect(url, subprotocols=["prefect"], proxy=None) as socket:  # type: ignore[list-item]
            await socket.send('{"type": "auth", "token": null}')
            answer = await socket.recv()
            assert b"auth_success" not in (answer if isinstance(answer, bytes) else answer.encode())
            await socket.recv()

    with pytest.raises(ConnectionClosed) as closed:
        asyncio.run(listen())
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1008


def test_both_spellings_of_the_address_work(browser_page: Page, product: Product) -> None:
    browser = browser_page.context.browser
    assert browser
    for host in ("127.0.0.1", "localhost"):
        page = browser.new_page()
        url = product.url.replace("127.0.0.1", host)
        page.goto(f"{url}/v2/deployments")
        expect(page.get_by_role("button", name="Login")).to_be_visible()
        log_in(page, url, product.password)
        page.goto(f"{url}/v2/deployments")
        expect(page.get_by_text("integrate-registry")).to_be_visible()
        page.close()


def test_only_the_owner_can_read_the_secrets_of_the_data_directory(product: Product) -> None:
    modes = {
        name: (product.data_dir / name).stat().st_mode & 0o777
        for name in ("api.password", "blocks.key", "secret.keys", ".")
    }
    assert modes == {"api.password": 0o600, "blocks.key": 0o600, "secret.keys": 0o600, ".": 0o700}


def test_the_key_of_saved_blocks_is_not_in_the_database(product: Product) -> None:
    product.save_block("registry-credentials", "guarded", username="admin", password="s3cret")
    assert product.files_containing((product.data_dir / "blocks.key").read_text().strip()) == [
        "blocks.key"
    ]
    assert product.files_containing("s3cret") == []
