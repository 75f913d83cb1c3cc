"""The overview as a table for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from models.overview.overview import RegistryFigures
from models.registries.condition import Health
from tasks.pages.markdown import limit, size

_COLOUR = {
    Health.HEALTHY: "green",
    Health.DEGRADED: "yellow",
    Health.UNHEALTHY: "red",
    Health.UNKNOWN: "dim",
}

_HEAD = (
    "Registry",
    "Address",
    "Health",
    "Reason",
    "Public / private",
    "Repositories",
    "Storage",
    "Quota",
)


def overview_table(registries: Sequence[RegistryFigures]) -> Table:
    """Return the overview of all registries."""
    table = Table(title="Registries (simulated)")
    for head in _HEAD:
        table.add_column(head, no_wrap=True)
    for one in registries:
        found = one.dossier.diagnosis
        table.add_row(
            one.name,
            one.dossier.registry.address,
            f"[{_COLOUR[found.health]}]{found.health}[/]",
            found.reason,
            f"{one.totals.public} / {one.totals.private}",
            "unknown" if one.totals.repositories is None else str(one.totals.repositories),
            size(one.storage),
            limit(one.totals.limits),
        )
    return table
