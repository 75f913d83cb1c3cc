"""Checked names: every name a person may type is checked here, before anything is changed."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

ROOT_SPACE = "/"
"""The space of those repositories of a Docker Registry that have no path prefix."""

_REGISTRY_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_PROJECT_PATTERN = r"^[a-z0-9]+(?:[._-][a-z0-9]+)*$"
_WORKSPACE_PATTERN = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
_PREFIX_PATTERN = r"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$"

MAX_NAME_LENGTH = 255
"""Characters of a space's name, or of a pattern for names."""
_MAX_LABEL_LENGTH = 63
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""


def _name_validator(compiled: re.Pattern[str], longest: int, rule: str) -> AfterValidator:
    """Build a validator that says in words what it refuses."""

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
"""A registry's name in this service: a DNS label, since artifact keys and events carry it."""


WorkspaceName = Annotated[
    str,
    _name_validator(
        re.compile(_WORKSPACE_PATTERN),
        63,
        "1 to 63 lower-case letters, digits and single inner hyphens",
    ),
    Field(examples=["team-a"], json_schema_extra={"pattern": _WORKSPACE_PATTERN, "maxLength": 63}),
]
"""A workspace's name: fit for a namespace label, a robot account of Harbor and an artifact key."""

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
"""A namespace's name within its cluster (a DNS label, as Kubernetes demands)."""


def is_workspace_name(text: str) -> bool:
    """Whether a text, say a label's value, can name a workspace."""
    return len(text) <= _MAX_LABEL_LENGTH and re.fullmatch(_WORKSPACE_PATTERN, text) is not None


def is_namespace_name(text: str) -> bool:
    """Whether a text can be a namespace's name."""
    return len(text) <= _MAX_LABEL_LENGTH and re.fullmatch(_REGISTRY_PATTERN, text) is not None


def check_prefix(name: str) -> str:
    """Check a space of a Docker Registry: the first path segment of a repository, or `/`.

    Grammar: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests

    Raises:
        ValueError: the name is no path segment; the message says what is allowed.
    """
    if name == ROOT_SPACE or (len(name) <= MAX_NAME_LENGTH and re.fullmatch(_PREFIX_PATTERN, name)):
        return name
    raise ValueError(
        f"{name[:80]!r} is not a valid space of a Docker Registry: use one path segment of "
        f"lower-case letters and digits, parted by '.', '_', '__' or hyphens, or {ROOT_SPACE!r} "
        "for repositories without a prefix"
    )


def check_project(name: str) -> str:
    """Check the name of a Harbor project.

    Raises:
        ValueError: Harbor would refuse the name; the message says what is allowed.
    """
    if 1 <= len(name) <= MAX_NAME_LENGTH and re.fullmatch(_PROJECT_PATTERN, name):
        return name
    raise ValueError(
        f"{name[:80]!r} is not a valid Harbor project: use 1 to 255 lower-case letters and digits, "
        "parted by single '.', '_' or '-'"
    )


def parse_patterns(text: str) -> tuple[str, ...]:
    """Return the patterns of a comma-separated list."""
    return tuple(pattern.strip() for pattern in text.split(",") if pattern.strip())


def check_patterns(text: str) -> str:
    """Return a list of patterns as it is.

    Raises:
        ValueError: one of them is not `cluster/namespace`.
    """
    for pattern in parse_patterns(text):
        if [bool(part) for part in pattern.split("/")] != [True, True]:
            raise ValueError(f"invalid pattern {pattern!r}: expected cluster/namespace")
    return text
