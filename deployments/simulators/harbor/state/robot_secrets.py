"""Secrets of robot accounts."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def is_valid_secret(secret: str) -> bool:
    """Return whether it has 8 to 128 characters, with upper case, lower case and a digit."""
    tests = (str.isupper, str.islower, str.isdigit)
    return 8 <= len(secret) <= 128 and all(any(map(test, secret)) for test in tests)


def generate_secret() -> str:
    """Return 32 letters and digits, with at least one of each kind."""
    while True:
        secret = "".join(secrets.choice(ALPHABET) for _ in range(32))
        if is_valid_secret(secret):
            return secret
