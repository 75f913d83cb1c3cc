"""Replace characters in JSON responses that cannot be stored or displayed safely.

Every response of a registry or cluster passes through here before it is parsed.
"""

import json
import re
from typing import Any

from models.core.text import replace_invisible
from tasks.http.api_model import MAX_VALUES, count_values

_ESCAPES = (b"\\u", b"\\b", b"\\f", b"\x7f")
_SUSPECT_PATTERN = re.compile(
    rb"[\x7f\xc2\xd8\xe1\xe2\xef\xf3]|\\[bf]"
    rb"|\\u(?:00[01789aA]|061|180|20[026]|[dD][89a-fA-F]|[fF][eEfF][fF])"
)
"""First bytes of characters to replace, as UTF-8 or JSON escape; most bodies do not match."""


def sanitize_json(body: bytes) -> bytes:
    """Replace control and invisible characters in all strings and keys of a JSON text.

    Returns:
        The JSON text. A body that is not JSON is returned unchanged if it contains no suspicious
        character, else empty.
    """
    if body.isascii() and not any(escape in body for escape in _ESCAPES):
        return body
    # A body with too many values is never parsed, see `check_values`.
    if not _SUSPECT_PATTERN.search(body) or count_values(body) > MAX_VALUES:
        return body
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return b""
    clean = _sanitize_value(value)
    return body if clean == value else json.dumps(clean).encode()


def _sanitize_value(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return replace_invisible(value)
    if isinstance(value, list):
        return [_sanitize_value(item) for item in value]
    if isinstance(value, dict):
        return {replace_invisible(key): _sanitize_value(item) for key, item in value.items()}
    return value
