"""Requests as a browser sends them, and what tests read from the pages."""

import re
from html import unescape

import httpx
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
