"""Health endpoints for load balancers and Kubernetes."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


async def is_alive(request: Request) -> Response:
    """Answer that the process serves requests."""
    del request
    return PlainTextResponse("ok\n")
