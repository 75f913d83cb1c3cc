"""Overview as a table for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from models.overview.overview import RegistryStatistics
from models.registries.condition import Health
from tasks.pages.markdown import format_quota, format_storage

_HEALTH_COLOUR = {
    Health.HEALTHY: "green",
    Health.DEGRADED: "yellow",
    Health.UNHEALTHY: "red",
    Health.UNKNOWN: "dim",
}

_COLUMN_TITLES = (
    "Registry",
    "Address",
    "Health",
    "Reason",
    "Public / private",
    "Repositories",
    "Storage",
    "Quota",
)


def overview_table(registries: Sequence[RegistryStatistics]) -> Table:
    """Return the overview table of all registries."""
    table = Table(title="Registries (simulated)")
    for head in _COLUMN_TITLES:
        table.add_column(head, no_wrap=True)
    for registry in registries:
        health = registry.record.health_summary
        table.add_row(
            registry.name,
            registry.record.registry.address,
            f"[{_HEALTH_COLOUR[health.health]}]{health.health}[/]",
            health.reason,
            f"{registry.totals.public_count} / {registry.totals.private_count}",
            "unknown"
            if registry.totals.repository_count is None
            else str(registry.totals.repository_count),
            format_storage(registry.storage_used, registry.record.storage_coverage),
            format_quota(registry.totals.storage_limit),
        )
    return table
