"""Automations that call a webhook: created paused, and one is seen calling."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from deployments.notifications import BLOCK_NAME, EVENTS, automation_name, create_notifications
from tests.serving.quiet_product import Product, wait_until


@contextmanager
def _webhook() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A web server on this machine; yields its URL and what was posted: media type and body."""
    received: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            media_type = self.headers.get("content-type", "")
            received.append((media_type, self.rfile.read(length).decode()))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        server.server_close()


def _automations(product: Product) -> dict[str, Any]:
    found = product.api.request("POST", "/automations/filter", {})
    names = {automation_name(event): event for event in EVENTS}
    return {names[item["name"]]: item for item in found if item["name"] in names}


def _deploy_again(product: Product) -> str:
    async def create() -> str:
        async with get_client() as client:
            return await create_notifications(client)

    server = product.server
    settings = {PREFECT_API_URL: f"{server.url}/api", PREFECT_API_AUTH_STRING: server.password}
    with temporary_settings(settings):
        return asyncio.run(create())


def _send(product: Product, name: str, **payload: str) -> None:
    event = {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": name,
        "resource": {"prefect.resource.id": f"registry.{payload['registry']}"},
        "payload": payload,
    }
    product.api.request("POST", "/events", [event])


def test_a_paused_notification_is_turned_on_and_calls_the_webhook(product: Product) -> None:
    automations = _automations(product)
    assert set(automations) == set(EVENTS)
    assert not any(item["enabled"] for item in automations.values())
    chosen = automations["registry.unhealthy"]["id"]
    with _webhook() as (url, received):
        document = product.api.request(
            "GET", f"/block_types/slug/webhook/block_documents/name/{BLOCK_NAME}"
        )
        product.api.request("PATCH", f"/block_documents/{document['id']}", {"data": {"url": url}})
        product.api.request("PATCH", f"/automations/{chosen}", {"enabled": True})
        why = 'the server said "<!channel> <https://evil.example|log in> & more"'
        shown = why.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

        def called() -> bool:
            _send(product, "registry.recovered", registry="hub", subject="hub", why="")
            _send(product, "registry.unhealthy", registry="hub", subject="hub", why=why)
            return bool(received)

        wait_until(called)
        product.api.request("PATCH", f"/automations/{chosen}", {"enabled": False})
    texts = {json.loads(body)["text"] for _, body in received}
    assert texts == {f"registry.unhealthy: hub ({shown})"}
    assert received[0][0] == "application/json"


def test_what_a_user_changed_survives_another_deployment(product: Product) -> None:
    changed = _automations(product)["secret.failed"]["id"]
    product.api.request("PATCH", f"/automations/{changed}", {"enabled": True})
    assert _deploy_again(product) == ""
    assert _automations(product)["secret.failed"]["enabled"]
    product.api.request("DELETE", f"/automations/{changed}")
    assert _deploy_again(product) == "1 notification created, paused."
    assert not _automations(product)["secret.failed"]["enabled"]
