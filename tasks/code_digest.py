"""Digest of the code of this service: another version may decide differently."""

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("models", "tasks", "flows")


@cache
def code_digest() -> str:
    """Return the digest of all modules that decide and act; read once in a process."""
    digest = hashlib.sha256()
    files = (file for package in _PACKAGES for file in (_ROOT / package).rglob("*.py"))
    for file in sorted(files):
        digest.update(f"{file.relative_to(_ROOT)}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()
