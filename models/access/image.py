"""Parse image references: find the registry and the space."""

import re
from collections.abc import Collection, Iterable

from models.core.base import FrozenModel
from models.core.errors import InvalidRequest
from models.core.names import ROOT_SPACE
from models.core.plural import add_article
from models.registries.registry import Capabilities, Registry

IMAGE_PATTERN = r"^[A-Za-z0-9\[\]][A-Za-z0-9._:/\[\]-]*(@sha256:[0-9a-f]{64})?$"
"""Allowed image references; a user name or password before the host is not allowed."""

MAX_IMAGE_LENGTH = 700
"""Maximum length in characters: a host, a path of 255, a tag of 128 and a digest."""

_TAG_PATTERN = re.compile(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")


class Image(FrozenModel):
    """A parsed reference to an image or a space.

    Attributes:
        registry: first part: the name of a registry in this service, or its host.
        path: path without tag and digest; `team-a/` is a whole space.
        has_reference: whether the text contains a tag or digest, so it cannot be a space.
    """

    registry: str
    path: str
    has_reference: bool = False


def parse_image(text: str) -> Image:
    """Split an image reference into registry and path.

    Raises:
        InvalidRequest: the reference is invalid; the message contains the expected form.
    """
    if len(text) > MAX_IMAGE_LENGTH:
        raise InvalidRequest(f"invalid image reference: longer than {MAX_IMAGE_LENGTH} characters")
    reference = text.strip().removeprefix("https://").removeprefix("http://")
    bare, at, _ = reference.partition("@")
    registry, slash, path = bare.partition("/")
    tagless = _TAG_PATTERN.sub("", path)
    if not re.fullmatch(IMAGE_PATTERN, reference) or not slash or not tagless.strip("/"):
        raise InvalidRequest(
            "invalid image reference: expected registry/space[/image:tag], where registry is the "
            "name of a registry in this service or its host, e.g. harbor-prod/team-a/app:1.0"
        )
    has_reference = bool(at) or tagless != path
    return Image(registry=registry.lower(), path=tagless.lstrip("/"), has_reference=has_reference)


def first_segment(image: Image) -> str:
    """Return the first segment of the image's path."""
    return image.path.partition("/")[0]


def find_registry(image: Image, registries: Iterable[Registry]) -> Registry | None:
    """Return the registry of an image, by its name in this service or else by its host."""
    candidates = list(registries)
    by_name = (registry for registry in candidates if registry.name == image.registry)
    by_host = (registry for registry in candidates if image.registry in registry.image_hosts)
    return next(by_name, None) or next(by_host, None)


def space_name(image: Image, capabilities: Capabilities, spaces: Collection[str]) -> str:
    """Return the space of an image.

    In a registry with a root space, a path with a single segment is an image in it, unless it is
    the name of an existing space and has no tag or digest.

    Args:
        image: the parsed image.
        capabilities: the capabilities of the registry.
        spaces: names of its existing spaces.

    Raises:
        InvalidRequest: the path contains no valid space name for this kind of registry.
    """
    first, slash, _ = image.path.partition("/")
    rule = capabilities.space_names
    if rule.has_root and not slash and (image.has_reference or first not in spaces):
        return ROOT_SPACE
    if not slash and image.has_reference:
        raise InvalidRequest(
            f"{image.path[:80]!r} contains no space: expected {rule.image_form} for "
            f"{add_article(capabilities.label)}"
        )
    try:
        return rule.check(first)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
