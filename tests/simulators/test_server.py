"""The server on a real socket: plain, over TLS, and when nobody listens."""

import asyncio
import ssl
import threading
import time
from pathlib import Path

import httpx
import pytest
import trustme
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deployments.simulators.server import get_closed_url, run_server

_hello = Response(b"hello")


async def _slow(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(60)


def _trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_serves_until_the_block_ends() -> None:
    with run_server(_hello) as url:
        assert httpx.get(url).text == "hello"
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_two_services_have_two_addresses() -> None:
    with run_server(_hello) as first_url, run_server(_hello) as second_url:
        assert first_url != second_url


def test_stops_although_a_client_keeps_its_connection() -> None:
    with httpx.Client() as client:
        with run_server(_hello) as url:
            client.get(url)
            began = time.monotonic()
        assert time.monotonic() - began < 1


def test_stops_although_an_answer_is_under_way() -> None:
    with run_server(_slow) as url:
        asking = threading.Thread(target=_ask, args=(url,), daemon=True)
        asking.start()
        time.sleep(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    asking.join(timeout=5)
    assert not asking.is_alive()


def _ask(url: str) -> None:
    try:
        httpx.get(url, timeout=30)
    except httpx.HTTPError:
        return


def test_https_with_certificate_files(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    bundle = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(bundle))
    with run_server(_hello, certfile=bundle) as url:
        assert url.startswith("https://")
        assert httpx.get(url, verify=_trusting(authority)).text == "hello"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(url)


def test_https_with_a_context() -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with run_server(_hello, ssl_context=context) as url:
        assert httpx.get(url, verify=_trusting(authority)).text == "hello"


def test_nothing_listens_on_a_closed_port() -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(get_closed_url())
