"""Requests with the headers of this service, and with credentials."""

from collections.abc import Mapping
from urllib.parse import urlencode

import httpx

from tasks.http.response import IDENTITY_ENCODING

_HEADERS = {
    "Accept": "application/json",
    **IDENTITY_ENCODING,
    "Connection": "keep-alive",
    "User-Agent": "registry-integration",
}


# Without the layers of an httpx client: its merging of URLs and headers, redirects, cookies and
# hooks took a third of the processor time of a request, and this service uses none of them.
def build_request(
    method: str,
    url: str,
    timeouts: Mapping[str, float | None],
    *,
    query: Mapping[str, str | int] | None = None,
    json: object = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Request:
    """Build a request with the headers of this service.

    Args:
        method: HTTP method.
        url: URL without a query.
        timeouts: seconds by name, see `httpx.Timeout.as_dict`.
        query: query parameters.
        json: JSON body.
        form: form body, instead of a JSON body.
        headers: additional headers.

    Raises:
        httpx.InvalidURL: the URL is not valid.
        UnicodeError: the URL or a header cannot be encoded.
    """
    return httpx.Request(
        method,
        f"{url}?{urlencode(query)}" if query else url,
        headers={**_HEADERS, **headers} if headers else _HEADERS,
        json=json,
        data=form,
        extensions={"timeout": timeouts},
    )


def authorize(request: httpx.Request, auth: httpx.Auth | None) -> None:
    """Set the `Authorization` header of a request.

    Args:
        request: the request.
        auth: authentication that needs no response of the server; None for that of the URL, if it
            has a user name.
    """
    if auth is None and request.url.userinfo:
        auth = httpx.BasicAuth(request.url.username, request.url.password)
    if auth is not None:
        next(auth.sync_auth_flow(request))


def url_without_credentials(request: httpx.Request) -> str:
    """Return the URL of a request without user name and password, for errors and logs."""
    url = request.url
    return str(url.copy_with(userinfo=b"") if url.userinfo else url)
