"""API models and parsing of a Docker Registry, without I/O.

Vendor: https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
https://distribution.github.io/distribution/spec/api/
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import Field, TypeAdapter

from models.core.names import ROOT_SPACE
from models.registries.space import ObservedSpace
from tasks.registries.wire import RegistryModel

_RepositoryName = Annotated[str, Field(pattern=r"^[^/\s\x00-\x1f\x7f\ufffd]{1,255}(/|$)")]
"""Loose, since registries differ; the first segment must be usable as a space name."""

_TokenText = Annotated[str, Field(pattern=r"^[\x21-\x7e]*$")]
"""Characters that are allowed in a header."""


class Catalog(RegistryModel):
    """One page of GET /v2/_catalog; `repositories` is null in some empty registries."""

    repositories: tuple[_RepositoryName, ...] | None = None


class Token(RegistryModel):
    """Response of a token service; either field may be used (https://distribution.github.io/distribution/spec/auth/token/)."""

    token: _TokenText = ""
    access_token: _TokenText = ""

    @property
    def bearer(self) -> str:
        """The token, from either field."""
        return self.token or self.access_token


class Challenge(RegistryModel):
    """A `WWW-Authenticate` header: `basic`, or `bearer` with the token service."""

    scheme: str
    realm: str = ""
    service: str = ""

    @property
    def is_harbor(self) -> bool:
        """Whether the challenge comes from Harbor, which uses its own service name."""
        return self.service == "harbor-registry"


CATALOG_ADAPTER = TypeAdapter(Catalog)
TOKEN_ADAPTER = TypeAdapter(Token)

CATALOG_PAGE_SIZE = 1000
"""Maximum page size of the catalog since docker-registry 2.8.2; more is refused with 400."""


_MAX_HEADER_LENGTH = 16_384
_PARAMETER_PATTERN = re.compile(
    r"[\s,]*+([\w!#$%&'*+.^`|~-]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s,\"]++))"
)
_ESCAPE_PATTERN = re.compile(r"\\(.)")
_LINK_PATTERN = re.compile(r"[\s,]*+<([^>]*+)>([^<]*+)")
_NEXT_PATTERN = re.compile(r'\brel="?next\b')


def parse_challenge(header: str) -> Challenge:
    """Parse a `WWW-Authenticate` header (https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1).

    The first of several challenges is used, and the first value of a repeated parameter. A header
    that is too long gives an empty challenge.
    """
    if len(header) > _MAX_HEADER_LENGTH:
        return Challenge(scheme="")
    scheme, _, parameter_text = header.strip().partition(" ")
    parameters: dict[str, str] = {}
    for match in _match_successively(_PARAMETER_PATTERN, parameter_text):
        quoted, bare = match[2], match[3]
        value = bare if quoted is None else _ESCAPE_PATTERN.sub(r"\1", quoted)
        parameters.setdefault(match[1].lower(), value)
    return Challenge(
        scheme=scheme.lower(),
        realm=parameters.get("realm", ""),
        service=parameters.get("service", ""),
    )


def next_page_query(link: str) -> dict[str, str] | None:
    """Return the query of the next page from a Link header; None on the last page.

    Returns:
        The query; empty if the header is too long or has no query, which is an error and not the
        end of the list.
    """
    # Only the query is used, so that a Link can never lead to another host; and the whole query,
    # since not every registry names the continuation parameter `last`.
    if len(link) > _MAX_HEADER_LENGTH:
        return {}
    for match in _match_successively(_LINK_PATTERN, link):
        if _NEXT_PATTERN.search(match[2]):
            return dict(parse_qsl(match[1].partition("#")[0].partition("?")[2]))
    return None


def _match_successively(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    # Unlike `finditer`, this stops at the first position without a match: linear time.
    match = pattern.match(text)
    while match:
        yield match
        match = pattern.match(text, match.end())


def group_into_spaces(repositories: Iterable[str]) -> tuple[ObservedSpace, ...]:
    """Group repositories by first path segment; those without one belong to the space `/`."""
    counts = Counter(
        repository.partition("/")[0] if "/" in repository else ROOT_SPACE
        for repository in repositories
    )
    return tuple(
        ObservedSpace(name=name, repositories=count) for name, count in sorted(counts.items())
    )
