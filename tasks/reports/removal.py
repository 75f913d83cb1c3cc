"""What removing a registry means, as a page."""

from collections.abc import Sequence

from models.dossier import Dossier
from models.space import Space
from tasks.reports.markdown import moment, plain, table

_MOST = 200


def removal_page(dossier: Dossier, spaces: Sequence[Space], *, confirmed: bool) -> str:
    """List what is forgotten, and say what is not touched."""
    registry = dossier.registry
    word = "is forgotten" if confirmed else "would be forgotten (preview: nothing was changed)"
    rows = [
        (plain(space.name), space.visibility.value, space.desired.value if space.desired else "–")
        for space in spaces[:_MOST]
    ]
    left = len(spaces) - _MOST
    return "\n\n".join(
        [
            f"# {registry.name} {word}",
            f"{registry.kind.label} at {plain(registry.address)}, integrated "
            f"{moment(dossier.integrated_at)}, with {len(spaces)} spaces.",
            "The registry itself, its spaces and images are not touched. The audit is kept.",
            table(("Space", "Visibility", "Set here"), rows),
            f"… and {left} more." if left > 0 else "",
        ]
    )
