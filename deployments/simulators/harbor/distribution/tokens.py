"""Bearer tokens for /v2, issued by /service/token.

They are signed with a key of this simulator (HS256; a real Harbor uses RS256). As in a real one,
they are not checked against robots, users or visibility later.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from deployments.simulators.harbor.state.core import HarborCore
from deployments.simulators.harbor.web.request import ANONYMOUS, Caller

# A token may be this much older than its project, to tolerate clock skew.
LEEWAY_SECONDS = 60


def _encode_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signature(harbor: HarborCore, text: str) -> bytes:
    return hmac.new(harbor.token_key, text.encode(), hashlib.sha256).digest()


def issue_token(harbor: HarborCore, subject: str, access: list[dict[str, object]]) -> str:
    """Return a token with these claims, valid for `token_expiration` minutes."""
    now = harbor.clock().timestamp()
    claims: dict[str, object] = {
        "iss": "harbor-token-issuer",
        "aud": "harbor-registry",
        "exp": int(now + harbor.settings.token_expiration * 60),
        "nbf": int(now),
        "iat": int(now),
        "jti": secrets.token_urlsafe(12),
        "access": access,
    }
    if subject:
        claims["sub"] = subject
    header = {"typ": "JWT", "alg": "HS256"}
    text = ".".join(_encode_base64(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{_encode_base64(_signature(harbor, text))}"


def authenticate_bearer(harbor: HarborCore, token: str) -> Caller:
    """Return the caller of a token; anonymous if it is invalid or expired."""
    claims = _read_claims(harbor, token)
    if claims is None or float(claims["exp"]) <= harbor.clock().timestamp():
        return ANONYMOUS
    access = {
        str(entry["name"]): tuple(entry.get("actions") or ()) for entry in claims["access"] or ()
    }
    return Caller(str(claims.get("sub", "")), token_access=access, issued_at=float(claims["iat"]))


def _read_claims(harbor: HarborCore, token: str) -> dict[str, Any] | None:
    text, _, signature = token.rpartition(".")
    try:
        is_valid = hmac.compare_digest(_decode_base64(signature), _signature(harbor, text))
        claims: dict[str, Any] = (
            json.loads(_decode_base64(text.partition(".")[2])) if is_valid else {}
        )
    except ValueError:
        return None
    return claims or None
