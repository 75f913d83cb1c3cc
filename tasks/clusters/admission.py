"""Recognize denials by admission control: policies, webhooks and resource quotas.

A denial can have any status from 400 to 499: a ValidatingAdmissionPolicy has 422 unless it names
another reason (Unauthorized is 401, RequestEntityTooLarge is 413), a webhook chooses its own, a
quota has 403. Only the text tells a denial from a missing right or an invalid object. See
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/ and
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.core.text import to_single_line

_MAX_QUOTE_LENGTH = 300
_REDACTED = "[redacted]"

_POLICY_PATTERN = re.compile(
    r"(?P<kind>(?:Validating|Mutating)AdmissionPolicy) '(?P<name>[^']{1,253})'"
    r"(?: with binding '(?P<binding>[^']{1,253})')? denied request: (?P<text>.*)",
    re.DOTALL,
)
_WEBHOOK_PATTERN = re.compile(
    r'(?P<kind>admission webhook) "(?P<name>[^"]{1,253})" denied the request(?:: (?P<text>.*))?',
    re.DOTALL,
)
_QUOTA_PATTERN = re.compile(
    r"is forbidden: (?:exceeded|failed|status unknown for) (?P<kind>quota): "
    r"(?P<name>[a-z0-9.-]{1,253})(?:, (?P<text>.*))?",
    re.DOTALL,
)
_UNREACHABLE_WEBHOOK_PATTERN = re.compile(r'failed calling webhook "(?P<name>[^"]{1,253})"')

_FIELD_PATTERN = re.compile(
    r"""(?P<key>["']?(?:password|auth|\.?dockerconfigjson|identitytoken)["']?\s*[:=]\s*)"""
    r"""(?:"[^"]*"?|'[^']*'?|[^\s,}\]]+)""",
    re.IGNORECASE,
)
_OPAQUE_PATTERN = re.compile(
    r"(?<![A-Za-z0-9+/=])(?=[A-Za-z0-9+/=]*[0-9])(?=[A-Za-z0-9+/=]*[A-Z])(?=[A-Za-z0-9+/=]*[a-z])"
    r"[A-Za-z0-9+/=]{16,}"
)
"""Base64 and generated passwords: digits, capitals and small letters in one long word."""


class Denial(NamedTuple):
    """A denial: its reason, and a message that names who denied it and whom to ask."""

    reason: Reason
    message: str


def find_denial(message: str, subject: str) -> Denial | None:
    """Return the denial that a message of the API server describes; None if it describes none.

    Args:
        message: message of the Status.
        subject: the object of the request, for the advice.
    """
    if match := _POLICY_PATTERN.search(message):
        binding = f' (binding "{match["binding"]}")' if match["binding"] else ""
        advice = f"ask the owner of this policy to exempt {subject}"
        return Denial(Reason.ADMISSION_DENIED, _describe(match, match["kind"], binding, advice))
    if match := _WEBHOOK_PATTERN.search(message):
        advice = f"ask the owner of this webhook to exempt {subject}"
        return Denial(Reason.ADMISSION_DENIED, _describe(match, match["kind"], "", advice))
    if match := _QUOTA_PATTERN.search(message):
        advice = "ask the owner of this quota to raise it, or delete objects that are not needed"
        return Denial(Reason.QUOTA_EXCEEDED, _describe(match, "resource quota", "", advice))
    return None


def find_unreachable_webhook(message: str) -> str:
    """Return the name of the webhook that the API server could not call; empty if there is none."""
    match = _UNREACHABLE_WEBHOOK_PATTERN.search(message)
    return match["name"] if match else ""


def redact_content(error: RemoteError, content: str) -> RemoteError:
    """Return an error whose message has no part of a dockerconfigjson.

    A policy or webhook can quote the Secret that it denies.
    """
    message = error.message
    for secret in sorted(_secret_values(content), key=len, reverse=True):
        message = message.replace(secret, _REDACTED)
    error.message = message
    error.args = (str(error),)
    return error


def _describe(match: re.Match[str], kind: str, binding: str, advice: str) -> str:
    quote = _quote(match["text"] or "")
    text = f": {quote}" if quote else ""
    return (
        f'the {kind} "{match["name"]}"{binding} of the cluster denied the request{text}; {advice}'
    )


def _quote(text: str) -> str:
    text = _OPAQUE_PATTERN.sub(_REDACTED, text)
    text = _FIELD_PATTERN.sub(rf"\g<key>{_REDACTED}", text)
    line = to_single_line(text, _MAX_QUOTE_LENGTH).rstrip(".")
    return f'"{line}"' if line else ""


def _secret_values(content: str) -> Iterator[str]:
    try:
        document = json.loads(content)
    except ValueError:
        return
    auths = document.get("auths") if isinstance(document, dict) else None
    entries: Any = auths.values() if isinstance(auths, dict) else ()
    for entry in entries:
        for key in ("password", "auth"):
            value = entry.get(key) if isinstance(entry, dict) else None
            if isinstance(value, str) and value:
                yield value
                yield json.dumps(value)[1:-1]
