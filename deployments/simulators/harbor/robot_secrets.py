"""Secrets of robot accounts."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def is_valid_secret(secret: str) -> bool:
    """8 to 128 characters with an upper-case letter, a lower-case letter and a digit."""
    tests = (str.isupper, str.islower, str.isdigit)
    return 8 <= len(secret) <= 128 and all(any(map(test, secret)) for test in tests)


def generate_secret() -> str:
    """32 letters and digits, with one of each kind for certain."""
    while True:
        secret = "".join(secrets.choice(ALPHABET) for _ in range(32))
        if is_valid_secret(secret):
            return secret
