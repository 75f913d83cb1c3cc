"""Commands to push and pull images of a space, ready to copy."""

from models.core.names import ROOT_SPACE
from models.registries.registry import Registry


def image_commands(registry: Registry, space: str) -> tuple[tuple[str, str], ...]:
    """Return what each command does, and the command.

    Args:
        registry: the registry.
        space: name of one of its spaces.
    """
    host = registry.image_hosts[0]
    image = f"{host}/IMAGE:TAG" if space == ROOT_SPACE else f"{host}/{space}/IMAGE:TAG"
    return (
        ("Log in, to push", f"docker login {host}"),
        ("Push", f"docker tag IMAGE:TAG {image}\ndocker push {image}"),
        ("Pull", f"docker pull {image}"),
    )
