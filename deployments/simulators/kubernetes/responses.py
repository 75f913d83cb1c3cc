"""Responses of a kube-apiserver."""

import json
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse

from deployments.simulators.kubernetes.errors import KubernetesApiError


class CompactJson(JSONResponse):
    """Compact JSON with a newline at the end, as the real one writes it."""

    def render(self, content: object) -> bytes:
        """Return the body."""
        return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def error_response(error: KubernetesApiError) -> CompactJson:
    """Return a Status."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": error.metadata}
    body |= {"status": "Failure", "message": error.message}
    body |= {"reason": error.reason, "code": error.status}
    if error.details is not None:
        body["details"] = error.details
    seconds = (error.details or {}).get("retryAfterSeconds")
    return CompactJson(body, error.status, {"Retry-After": str(seconds)} if seconds else None)


def unserved_response() -> PlainTextResponse:
    """Return the 404 of a group or version that is not served."""
    return PlainTextResponse("404 page not found\n", 404)
