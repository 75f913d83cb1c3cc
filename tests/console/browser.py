"""Requests as a browser sends them, and what tests read from the pages."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx
from prefect import Flow
from prefect.client.orchestration import get_client
from starlette.applications import Starlette

PASSWORD = "operator:correct-horse"
URL = "http://127.0.0.1:4201"
_TOKEN = re.compile(r'name="csrf_token" value="([0-9a-f]{64})"')
_TAGS = re.compile(r"<[^>]*>")


class Browser:
    """A browser: it keeps cookies, and sends forms with the token and the origin of its page."""

    def __init__(self, client: httpx.AsyncClient, app: Starlette) -> None:
        self.client, self.app = client, app

    async def get(self, path: str, status: int = 200) -> str:
        """Load a page and return its HTML."""
        response = await self.client.get(path)
        assert response.status_code == status, response.text
        return response.text

    async def post(
        self, path: str, *, page: str = "/", **fields: str | list[str]
    ) -> httpx.Response:
        """Send a form of a page."""
        token = _TOKEN.search(await self.get(page))
        assert token, f"{page} has no form"
        return await self.send(path, {**fields, "csrf_token": token[1]})

    async def send(
        self, path: str, fields: dict[str, str | list[str]], origin: str = URL
    ) -> httpx.Response:
        """Send a form as it is."""
        return await self.client.post(path, data=fields, headers={"Origin": origin})

    async def log_in(self, password: str = PASSWORD) -> httpx.Response:
        """Send the login form."""
        user, _, secret = password.partition(":")
        return await self.send("/login", {"user": user, "password": secret, "back": "/"})


def text_of(html: str) -> str:
    """Return the text of a page, without markup, with single spaces."""
    return " ".join(unescape(_TAGS.sub(" ", html)).split())


class _FormFields(HTMLParser):
    """The fields of the form with an action as a browser sends them if nothing is entered."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.fields = action, dict[str, str]()
        self.is_inside = False
        self.open_name, self.has_option = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        name = values.get("name", "")
        is_text = tag == "input" and values.get("type") not in ("checkbox", "radio")
        if tag == "form":
            self.is_inside = values.get("action") == self.action
        elif self.is_inside and tag in ("select", "textarea"):
            self.open_name = name
            self.fields.setdefault(name, "")
            self.has_option = False
        elif self.is_inside and tag == "option" and (not self.has_option or "selected" in values):
            self.has_option = True
            self.fields[self.open_name] = values.get("value", "")
        elif self.is_inside and name and (is_text or "checked" in values):
            self.fields[name] = "".join(values.get("value", "").splitlines())

    def handle_data(self, data: str) -> None:
        if self.is_inside and self.lasttag == "textarea" and self.open_name:
            self.fields[self.open_name] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self.open_name = ""


def fields_of(html: str, action: str) -> dict[str, str]:
    """Return what a browser sends for the form with this action, if nothing is entered in it."""
    parser = _FormFields(action)
    parser.feed(html)
    assert parser.fields, f"there is no form for {action}"
    return parser.fields


@asynccontextmanager
async def deployed(item: Flow[Any, Any]) -> AsyncIterator[None]:
    """Deploy a flow; no worker runs it."""
    schema = item.parameters.model_dump()
    async with get_client() as client:
        flow_id = await client.create_flow(item)
        deployment_id = await client.create_deployment(
            flow_id, "default", parameter_openapi_schema=schema, enforce_parameter_schema=True
        )
        yield
        await client.delete_deployment(deployment_id)
