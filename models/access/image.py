"""Read an image as people write it: which registry, which space."""

import re
from collections.abc import Collection, Iterable

from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from models.core.names import ROOT_SPACE, check_prefix, check_project
from models.registries.registry import Kind, Registry

IMAGE_PATTERN = r"^[A-Za-z0-9\[\]][A-Za-z0-9._:/\[\]-]*(@sha256:[0-9a-f]{64})?$"
"""What may be typed: no user name and no password before the host."""

MAX_IMAGE_LENGTH = 700
"""Characters: a host, a path of 255, a tag of 128 and a digest."""

_TAG_PATTERN = re.compile(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")


class Image(FrozenModel):
    """An image, or a whole space.

    Attributes:
        registry: what it begins with: a registry's name here, or its host.
        path: what follows, without tag and digest; `team-a/` is the whole space.
        has_reference: whether a tag or a digest was given, so that it can be no space.
    """

    registry: str
    path: str
    has_reference: bool = False


def parse_image(text: str) -> Image:
    """Split an image into its registry and its path.

    Raises:
        InputRefused: it does not begin with a registry; the message says how to write it.
    """
    if len(text) > MAX_IMAGE_LENGTH:
        raise InvalidRequest(f"this is no image: it is longer than {MAX_IMAGE_LENGTH} characters")
    reference = text.strip().removeprefix("https://").removeprefix("http://")
    bare, at, _ = reference.partition("@")
    registry, slash, path = bare.partition("/")
    tagless = _TAG_PATTERN.sub("", path)
    if not re.fullmatch(IMAGE_PATTERN, reference) or not slash or not tagless.strip("/"):
        raise InvalidRequest(
            "this is no image: write registry/space or registry/space/image:tag, beginning with "
            "the registry's name here or its host, e.g. harbor-prod/team-a/app:1.0"
        )
    has_reference = bool(at) or tagless != path
    return Image(registry=registry.lower(), path=tagless.lstrip("/"), has_reference=has_reference)


def first_segment(image: Image) -> str:
    """Return the first segment of an image's path."""
    return image.path.partition("/")[0]


def find_registry(image: Image, registries: Iterable[Registry]) -> Registry | None:
    """Return the registry that an image begins with: by its name here, else by its host."""
    candidates = list(registries)
    by_name = (registry for registry in candidates if registry.name == image.registry)
    by_host = (registry for registry in candidates if image.registry in _registry_hosts(registry))
    return next(by_name, None) or next(by_host, None)


def _registry_hosts(registry: Registry) -> Collection[str]:
    where = registry.parsed_address
    host = f"[{where.host}]" if ":" in where.host else where.host
    return {where.netloc, f"{host}:{where.port}"}


def space_name(image: Image, kind: Kind, spaces: Collection[str]) -> str:
    """Return the space that an image is in.

    In a Docker Registry a single segment is an image without a space, unless it is a known space
    and no tag follows.

    Args:
        kind: the registry's.
        spaces: its spaces.

    Raises:
        InputRefused: no space can have that name there.
    """
    first, slash, _ = image.path.partition("/")
    check = check_project if kind is Kind.HARBOR else check_prefix
    if kind is Kind.DOCKER and not slash and (image.has_reference or first not in spaces):
        return ROOT_SPACE
    if kind is Kind.HARBOR and not slash and image.has_reference:
        raise InvalidRequest(
            f"{image.path[:80]!r} is in no space: in a Harbor an image is project/image"
        )
    try:
        return check(first)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
