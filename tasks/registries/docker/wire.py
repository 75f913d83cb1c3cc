"""API models and parsing of a Docker Registry, without I/O.

Vendor: https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
https://distribution.github.io/distribution/spec/api/
"""

import base64
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import Field, TypeAdapter

from models.core.names import ROOT_SPACE
from models.registries.space import ObservedSpace
from tasks.registries.wire import RegistryModel

_REPOSITORY_PATTERN = re.compile(r"[^/\s\x00-\x1f\x7f\ufffd]{1,255}(/|\Z)")
"""Loose, since registries differ; the first segment must be usable as a space name."""

_TokenText = Annotated[str, Field(pattern=r"^[\x21-\x7e]*$")]
"""Characters that are allowed in a header."""


class Catalog(RegistryModel):
    """One page of GET /v2/_catalog.

    Attributes:
        repositories: names, valid or not; null in some empty registries. A body
            without them is not a catalog, but for example the answer of a proxy.
        next: the next page; some registries name it in the body instead of a Link header.
    """

    repositories: tuple[object, ...] | None
    next: str | None = None


class Token(RegistryModel):
    """Response of a token service; either field may be used (https://distribution.github.io/distribution/spec/auth/token/)."""

    token: _TokenText | None = None
    access_token: _TokenText | None = None

    @property
    def bearer(self) -> str:
        """The token, from either field."""
        return self.token or self.access_token or ""


class _Grant(RegistryModel):
    type: str = ""
    name: str = ""
    actions: tuple[str, ...] | None = None


class _Claims(RegistryModel):
    """The part of a token that says what it grants (https://distribution.github.io/distribution/spec/auth/jwt/)."""

    access: tuple[_Grant, ...] | None


CATALOG_ADAPTER = TypeAdapter(Catalog)
TOKEN_ADAPTER = TypeAdapter(Token)

CATALOG_PAGE_SIZE = 1000
"""Maximum page size of the catalog since docker-registry 2.8.2; more is refused with 400."""


_MAX_SAMPLES = 10
_UNUSED_REPOSITORY = "registry-integration/rights"


def is_repository_name(name: str) -> bool:
    """Return whether a name of the catalog can be used."""
    return _REPOSITORY_PATTERN.match(name) is not None


def group_into_spaces(repositories: Iterable[str]) -> tuple[ObservedSpace, ...]:
    """Group repositories by first path segment; those without one belong to the space `/`."""
    counts = Counter(
        repository.partition("/")[0] if "/" in repository else ROOT_SPACE
        for repository in repositories
    )
    return tuple(
        ObservedSpace(name=name, repositories=count) for name, count in sorted(counts.items())
    )


def sample_repositories(repositories: Iterable[str]) -> tuple[str, ...]:
    """Return one repository of each of the first spaces, to ask about the rights of a user."""
    by_space: dict[str, str] = {}
    for repository in repositories:
        by_space.setdefault(repository.partition("/")[0], repository)
        if len(by_space) == _MAX_SAMPLES:
            break
    return tuple(by_space.values())


def push_scope(repositories: Iterable[str]) -> str:
    """Return the scope of a token to pull from and push to repositories.

    A registry without repositories is asked about one that does not exist.
    """
    names = tuple(repositories) or (_UNUSED_REPOSITORY,)
    return " ".join(f"repository:{name}:pull,push" for name in names)


def pushable_repositories(token: str) -> tuple[str, ...] | None:
    """Return the repositories that a token lets push to; None if it is opaque.

    The token comes straight from the token service, so its signature need not be verified.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        grants = _Claims.model_validate_json(payload).access or ()
    except ValueError:
        return None
    return tuple(
        sorted(
            {
                grant.name
                for grant in grants
                if grant.type.startswith("repository") and {"push", "*"} & set(grant.actions or ())
            }
        )
    )
