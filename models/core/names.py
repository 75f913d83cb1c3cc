"""Validated names. Every name that a user can enter is validated before anything is changed."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

ROOT_SPACE = "/"
"""The space for repositories without a path prefix."""

_REGISTRY_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_WORKSPACE_PATTERN = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"

MAX_NAME_LENGTH = 255
"""Maximum length of a space name or a name pattern, in characters."""
_MAX_LABEL_LENGTH = 63
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""


def _name_validator(compiled: re.Pattern[str], longest: int, rule: str) -> AfterValidator:
    def check(value: str) -> str:
        if len(value) <= longest and compiled.fullmatch(value):
            return value
        excerpt = value if len(value) <= 80 else f"{value[:80]}… ({len(value)} characters)"
        raise ValueError(f"{excerpt!r} is not a valid name: use {rule}")

    return AfterValidator(check)


RegistryName = Annotated[
    str,
    _name_validator(
        re.compile(_REGISTRY_PATTERN), 63, "1 to 63 lower-case letters, digits and inner hyphens"
    ),
    Field(
        examples=["harbor-prod"], json_schema_extra={"pattern": _REGISTRY_PATTERN, "maxLength": 63}
    ),
]
"""A registry's name in this service: a DNS label, because artifact keys and events contain it."""


WorkspaceName = Annotated[
    str,
    _name_validator(
        re.compile(_WORKSPACE_PATTERN),
        63,
        "1 to 63 lower-case letters, digits and single inner hyphens",
    ),
    Field(examples=["team-a"], json_schema_extra={"pattern": _WORKSPACE_PATTERN, "maxLength": 63}),
]
"""A workspace's name: valid as a namespace label, a Harbor robot account and an artifact key."""

ClusterName = Annotated[
    str,
    _name_validator(
        re.compile(_REGISTRY_PATTERN), 63, "1 to 63 lower-case letters, digits and inner hyphens"
    ),
    Field(examples=["prod-eu"], json_schema_extra={"pattern": _REGISTRY_PATTERN, "maxLength": 63}),
]
"""A Kubernetes cluster's name in this service."""

NamespaceName = Annotated[
    str,
    _name_validator(
        re.compile(_REGISTRY_PATTERN), 63, "1 to 63 lower-case letters, digits and inner hyphens"
    ),
    Field(examples=["shop"], json_schema_extra={"pattern": _REGISTRY_PATTERN, "maxLength": 63}),
]
"""A namespace's name in its cluster: a DNS label, as Kubernetes requires."""


def is_workspace_name(text: str) -> bool:
    """Return whether a text, e.g. a label value, is a valid workspace name."""
    return len(text) <= _MAX_LABEL_LENGTH and re.fullmatch(_WORKSPACE_PATTERN, text) is not None


def is_namespace_name(text: str) -> bool:
    """Return whether a text is a valid namespace name."""
    return len(text) <= _MAX_LABEL_LENGTH and re.fullmatch(_REGISTRY_PATTERN, text) is not None


def parse_patterns(text: str) -> tuple[str, ...]:
    """Return the patterns of a comma-separated list."""
    return tuple(pattern.strip() for pattern in text.split(",") if pattern.strip())


def check_patterns(text: str) -> str:
    """Validate a comma-separated list of patterns and return it unchanged.

    Raises:
        ValueError: a pattern does not have the form `cluster/namespace`.
    """
    for pattern in parse_patterns(text):
        if [bool(part) for part in pattern.split("/")] != [True, True]:
            raise ValueError(f"invalid pattern {pattern!r}: expected cluster/namespace")
    return text
