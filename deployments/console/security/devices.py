"""Browsers in which someone has logged in before, known by a signed cookie.

See "Slow Down Online Guessing Attacks with Device Cookies" (OWASP): such a browser has its own
limit of attempts, so an attacker elsewhere cannot keep it out. The cookie opens nothing by itself.
"""

import secrets
from datetime import timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

COOKIE_NAME = "console_device"
MAX_AGE = timedelta(days=90)
_PATH = "/login"


class DeviceCookies:
    """Signs and reads the cookies of browsers.

    Args:
        key: the secret key that all consoles share.
    """

    def __init__(self, key: bytes) -> None:
        self._serializer = URLSafeTimedSerializer(key, salt="console.device")

    def read(self, connection: HTTPConnection) -> str:
        """Return the id of a browser; empty if nobody has logged in there, or too long ago."""
        cookie = connection.cookies.get(COOKIE_NAME, "")
        try:
            return str(self._serializer.loads(cookie, max_age=int(MAX_AGE.total_seconds())))
        except BadSignature:
            return ""

    def set(self, response: Response, *, secure: bool) -> None:
        """Give a browser a new id."""
        response.set_cookie(
            COOKIE_NAME,
            str(self._serializer.dumps(secrets.token_urlsafe(24))),
            max_age=int(MAX_AGE.total_seconds()),
            path=_PATH,
            httponly=True,
            samesite="lax",
            secure=secure,
        )
