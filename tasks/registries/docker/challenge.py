"""Authentication challenges of a registry, without I/O.

Grammar: https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
Bearer: https://distribution.github.io/distribution/spec/auth/token/
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urljoin, urlsplit

from models.core.base import FrozenModel

_MAX_HEADER_LENGTH = 16_384
_TOKEN = r"[\w!#$%&'*+.^`|~-]++"  # noqa: S105 - a token of the grammar
_PARAMETER_PATTERN = re.compile(
    rf"[\s,]*+({_TOKEN})\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s,\"]++))"
)
_SCHEME_PATTERN = re.compile(rf"[\s,]*+({_TOKEN})(?=[\s,]|$)(?:\s++[\w.~+/-]++=*+(?=\s*+(?:,|$)))?")
"""A scheme, and the credentials in base64 that may follow it instead of parameters."""

_ESCAPE_PATTERN = re.compile(r"\\(.)")
_HARBOR_SERVICE = "harbor-registry"
_SCHEMES = ("bearer", "basic")
"""The schemes that this service can answer, in order of preference."""


class Challenge(FrozenModel):
    """One challenge of a `WWW-Authenticate` header.

    Attributes:
        scheme: lower-case name of the scheme, for example `basic`.
        realm: for Bearer, the URL of the token service; may be relative.
        service: name of the registry at its token service.
        scope: scope that the request requires; empty if the challenge names none.
        error: error code, for example `insufficient_scope`.
    """

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""
    error: str = ""

    @property
    def is_harbor(self) -> bool:
        """Whether the challenge comes from Harbor, which uses its own service name."""
        return self.service == _HARBOR_SERVICE


class TokenEndpoint(FrozenModel):
    """The URL of a token service, in the parts that a request needs.

    Attributes:
        origin: scheme, host and port; empty if the realm is not a URL.
        path: path of the URL.
        query: query parameters of the URL itself.
    """

    origin: str
    path: str = "/"
    query: Mapping[str, str] = {}


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Parse a `WWW-Authenticate` header, or several that are joined by commas.

    The first value of a repeated parameter is used. The rest of a malformed header is ignored; a
    header that is too long has no challenges. Takes linear time.
    """
    if len(header) > _MAX_HEADER_LENGTH:
        return ()
    challenges: list[tuple[str, dict[str, str]]] = []
    position = 0
    while match := _next_match(header, position, has_scheme=bool(challenges)):
        position = match.end()
        if match.re is _SCHEME_PATTERN:
            challenges.append((match[1].lower(), {}))
        else:
            challenges[-1][1].setdefault(match[1].lower(), _parameter_value(match))
    return tuple(_build_challenge(scheme, parameters) for scheme, parameters in challenges)


def _next_match(header: str, position: int, *, has_scheme: bool) -> re.Match[str] | None:
    parameter = _PARAMETER_PATTERN.match(header, position) if has_scheme else None
    return parameter or _SCHEME_PATTERN.match(header, position)


def _parameter_value(match: re.Match[str]) -> str:
    quoted, bare = match[2], match[3]
    return bare if quoted is None else _ESCAPE_PATTERN.sub(r"\1", quoted)


def _build_challenge(scheme: str, parameters: dict[str, str]) -> Challenge:
    known = {name: parameters[name] for name in Challenge.model_fields if name in parameters}
    return Challenge(**{**known, "scheme": scheme})


def select_challenge(header: str) -> Challenge | None:
    """Return the challenge to answer: Bearer before Basic; None if there is neither."""
    challenges = parse_challenges(header)
    for scheme in _SCHEMES:
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    return None


def parse_realm(realm: str, origin: str) -> TokenEndpoint:
    """Return the endpoint that a Bearer realm names.

    Args:
        realm: the realm; a relative one belongs to the registry itself.
        origin: origin of the registry.
    """
    try:
        parts = urlsplit(urljoin(f"{origin}/v2/", realm)) if realm.strip() else None
    except ValueError:
        parts = None
    if parts is None or not parts.netloc:
        return TokenEndpoint(origin="")
    return TokenEndpoint(
        origin=f"{parts.scheme}://{parts.netloc}",
        path=parts.path or "/",
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
    )
