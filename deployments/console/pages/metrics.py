"""The metrics page, for Prometheus only: it asks for a token of its own, not for a login."""

import hmac

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from deployments.console.context import console_of
from deployments.console.metrics import MetricsUnavailable

_SCHEME = "bearer"


async def show(request: Request) -> Response:
    """Show the metrics to whoever sends the token; without the setting there is no such page."""
    console = console_of(request)
    token = console.settings.metrics_token
    if not token:
        message = (
            "metrics are off: REGISTRY_INTEGRATION_CONSOLE_METRICS_TOKEN_FILE must name a file "
            "that exists when the console starts\n"
        )
        return PlainTextResponse(message, status_code=404)
    if not is_authorized(request.headers.get("authorization", ""), token):
        headers = {"WWW-Authenticate": "Bearer"}
        return PlainTextResponse("the token is wrong\n", status_code=401, headers=headers)
    try:
        text = await console.metrics.get()
    except MetricsUnavailable as error:
        return PlainTextResponse(f"database: {error}\n", status_code=503)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def is_authorized(header: str, token: str) -> bool:
    """Return whether an Authorization header has the token (RFC 6750, section 2.1)."""
    scheme, _, value = header.partition(" ")
    is_equal = hmac.compare_digest(value.strip().encode(), token.encode())
    return scheme.lower() == _SCHEME and is_equal
