"""Log records of requests, with the id under which the server logged them."""

import logging

from models.core.text import to_single_line
from tasks.http.fence import SAFE_METHODS
from tasks.http.response import Response

_HEADER = "x-request-id"
"""Harbor sends it: https://github.com/goharbor/harbor, src/server/middleware/requestid."""

_FIRST_ERROR_STATUS = 400
_UNAUTHORIZED, _NOT_FOUND = 401, 404

_MAX_ID_LENGTH = 128
_MAX_URL_LENGTH = 300

_log = logging.getLogger(__name__)


def log_request(registry: str, response: Response, *, is_anonymous: bool) -> None:
    """Log a request that changes something or fails, if the server gave it an id.

    The record has the fields `registry` and `request_id`. It contains no body and no other header.

    Args:
        registry: name of the registry.
        response: the response.
        is_anonymous: whether the request had no credentials: then 401 only says how to log in.
    """
    request_id = response.headers.get(_HEADER, "")
    is_change = response.method not in SAFE_METHODS
    answers = {_NOT_FOUND, _UNAUTHORIZED} if is_anonymous else {_NOT_FOUND}
    is_error = response.status >= _FIRST_ERROR_STATUS and response.status not in answers
    if not request_id or not (is_change or is_error):
        return
    url = to_single_line(response.url, _MAX_URL_LENGTH)
    _log.info(
        "%s: %s %s: HTTP status %d in %.2f s",
        *(registry, response.method, url, response.status, response.seconds),
        extra={"registry": registry, "request_id": to_single_line(request_id, _MAX_ID_LENGTH)},
    )
