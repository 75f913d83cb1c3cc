"""Read an image as people write it: which registry, which space."""

import re
from collections.abc import Collection, Iterable

from models.core.base import Value
from models.core.errors import InputRefused
from models.core.names import ROOT_SPACE, check_prefix, check_project
from models.registries.registry import Kind, Registry

IMAGE_PATTERN = r"^[A-Za-z0-9\[\]][A-Za-z0-9._:/\[\]-]*(@sha256:[0-9a-f]{64})?$"
"""What may be typed: no user name and no password before the host."""

LONGEST_IMAGE = 700
"""Characters: a host, a path of 255, a tag of 128 and a digest."""

_TAG = re.compile(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")


class Image(Value):
    """An image, or a whole space.

    Attributes:
        registry: what it begins with: a registry's name here, or its host.
        path: what follows, without tag and digest; `team-a/` is the whole space.
        named: whether a tag or a digest was given, so that it can be no space.
    """

    registry: str
    path: str
    named: bool = False


def read_image(text: str) -> Image:
    """Split an image into its registry and its path.

    Raises:
        InputRefused: it does not begin with a registry; the message says how to write it.
    """
    if len(text) > LONGEST_IMAGE:
        raise InputRefused(f"this is no image: it is longer than {LONGEST_IMAGE} characters")
    told = text.strip().removeprefix("https://").removeprefix("http://")
    bare, at, _ = told.partition("@")
    registry, slash, path = bare.partition("/")
    tagless = _TAG.sub("", path)
    if not re.fullmatch(IMAGE_PATTERN, told) or not slash or not tagless.strip("/"):
        raise InputRefused(
            "this is no image: write registry/space or registry/space/image:tag, beginning with "
            "the registry's name here or its host, e.g. harbor-prod/team-a/app:1.0"
        )
    named = bool(at) or tagless != path
    return Image(registry=registry.lower(), path=tagless.lstrip("/"), named=named)


def first_of(image: Image) -> str:
    """Return the first segment of an image's path."""
    return image.path.partition("/")[0]


def registry_of(image: Image, registries: Iterable[Registry]) -> Registry | None:
    """Return the registry that an image begins with: by its name here, else by its host."""
    known = list(registries)
    by_name = (one for one in known if one.name == image.registry)
    by_host = (one for one in known if image.registry in _hosts(one))
    return next(by_name, None) or next(by_host, None)


def _hosts(registry: Registry) -> Collection[str]:
    where = registry.where
    host = f"[{where.host}]" if ":" in where.host else where.host
    return {where.netloc, f"{host}:{where.port}"}


def space_of(image: Image, kind: Kind, known: Collection[str]) -> str:
    """Return the space that an image is in.

    In a Docker Registry a single segment is an image without a space, unless it is a known space
    and no tag follows.

    Args:
        kind: the registry's.
        known: its spaces.

    Raises:
        InputRefused: no space can have that name there.
    """
    first, slash, _ = image.path.partition("/")
    check = check_project if kind is Kind.HARBOR else check_prefix
    if kind is Kind.DOCKER and not slash and (image.named or first not in known):
        return ROOT_SPACE
    if kind is Kind.HARBOR and not slash and image.named:
        raise InputRefused(
            f"{image.path[:80]!r} is in no space: in a Harbor an image is project/image"
        )
    try:
        return check(first)
    except ValueError as error:
        raise InputRefused(str(error)) from None
