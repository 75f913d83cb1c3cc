"""Sessions: a signed cookie that names the user. Nothing is stored, so consoles can share a key."""

import hashlib
import hmac
import secrets
from datetime import timedelta

from itsdangerous import BadSignature, TimestampSigner, URLSafeTimedSerializer
from pydantic import ValidationError

from models.core.base import FrozenModel

COOKIE_NAME = "console_session"


class User(FrozenModel):
    """Who uses the console.

    Attributes:
        name: name of the person, for the audit.
        role: what the person may do; there is one role so far.
    """

    name: str
    role: str = "administrator"


class Session(FrozenModel):
    """One login.

    Attributes:
        id: random, new at each login; CSRF tokens belong to it.
    """

    id: str
    user: User


def new_session(user: User) -> Session:
    """Return a session with a new id."""
    return Session(id=secrets.token_urlsafe(24), user=user)


class SessionCookies:
    """Signs and reads session cookies, and makes CSRF tokens.

    Args:
        key: the secret key that all consoles share.
        max_age: how long a session is valid.
    """

    def __init__(self, key: bytes, max_age: timedelta) -> None:
        self.max_age = max_age
        self._serializer = URLSafeTimedSerializer(
            key,
            salt="console.session",
            signer=TimestampSigner,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
        self._csrf_key = hmac.digest(key, b"console.csrf", "sha256")

    def sign(self, session: Session) -> str:
        """Return the value of the cookie."""
        return str(self._serializer.dumps(session.model_dump(mode="json")))

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if it is forged, expired or empty."""
        try:
            content = self._serializer.loads(cookie, max_age=int(self.max_age.total_seconds()))
            return Session.model_validate(content)
        except (BadSignature, ValidationError):
            return None

    def csrf_token(self, session: Session) -> str:
        """Return the token that each form of this session must send."""
        return hmac.new(self._csrf_key, session.id.encode(), hashlib.sha256).hexdigest()

    def is_csrf_token(self, session: Session, token: str) -> bool:
        """Return whether a form sent the token of its session."""
        return hmac.compare_digest(self.csrf_token(session).encode(), token.encode())
