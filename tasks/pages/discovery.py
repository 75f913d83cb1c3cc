"""Page of managed Harbors: their states, and the steps of one discovery run."""

from collections.abc import Sequence
from typing import Protocol

from models.discovery.managed_harbor import AdoptionState, ManagedHarborRecord
from models.discovery.steps import DiscoveryPlan, step_label, step_reason, step_ref
from tasks.pages.markdown import escape_markdown, markdown_table, short_timestamp

_STATE_ICON = {
    AdoptionState.ADOPTED: "✅",
    AdoptionState.WAITING: "⏳",
    AdoptionState.CONFLICT: "❌",
    AdoptionState.UNTRUSTED: "🔒",
    AdoptionState.UNCONFIRMED: "❓",
    AdoptionState.MOVED: "➡️",
    AdoptionState.EXCLUDED: "🚫",
    AdoptionState.MISSING: "❔",
}


class DiscoveryRun(Protocol):
    """Result of discovery in one cluster."""

    @property
    def cluster(self) -> str:
        """Name of the cluster."""

    @property
    def plan(self) -> DiscoveryPlan:
        """The planned steps."""

    @property
    def errors(self) -> tuple[str, ...]:
        """Everything that failed, and which safety limit prevented removals."""


def discovery_page(
    results: Sequence[DiscoveryRun], harbors: Sequence[ManagedHarborRecord], *, dry_run: bool
) -> str:
    """Return the page that lists all managed Harbors and the steps of this run."""
    word = " (dry run: nothing was changed)" if dry_run else ""
    parts = [
        f"# Managed Harbors{word}",
        _states_section(harbors),
        "## Changes in this run",
        _steps_section(results),
    ]
    parts += [
        f"- ❌ {escape_markdown(error, 600)}" for result in results for error in result.errors
    ]
    warnings = (text for result in results for text in result.plan.warnings)
    parts += [f"- ⚠️ {escape_markdown(text, 900)}" for text in warnings]
    for result in results:
        parts += [
            f"- ❔ {escape_markdown(failure.label)} could not be read; its Harbors keep their "
            f"state: {escape_markdown(failure.message, 600)}"
            for failure in result.plan.unavailable
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def discovery_digest_source(
    results: Sequence[DiscoveryRun], harbors: Sequence[ManagedHarborRecord]
) -> str:
    """Return the page content that justifies a new version."""
    parts = [harbor.model_dump_json() for harbor in harbors]
    parts += [f"{result.plan.model_dump_json()}{result.errors}" for result in results]
    return "\n".join(parts)


def _states_section(harbors: Sequence[ManagedHarborRecord]) -> str:
    if not harbors:
        return "No managed Harbor was found in a registered cluster."
    rows = (
        (
            escape_markdown(harbor.ref.cluster),
            escape_markdown(f"{harbor.ref.namespace}/{harbor.ref.name}"),
            harbor.ref.kind.value,
            f"{_STATE_ICON[harbor.state]} {harbor.state}",
            escape_markdown(harbor.registry or "–"),
            escape_markdown(harbor.message or "–", 900),
            short_timestamp(harbor.missing_since) if harbor.missing_since else "–",
        )
        for harbor in harbors
    )
    head = ("Cluster", "Harbor", "Source", "State", "Registry", "Message", "Missing since (UTC)")
    return markdown_table(head, rows)


def _steps_section(results: Sequence[DiscoveryRun]) -> str:
    rows = [
        (
            escape_markdown(step_ref(step)),
            step_label(step),
            escape_markdown(getattr(step, "registry", "") or "–"),
            escape_markdown(step_reason(step) or "–"),
        )
        for result in results
        for step in result.plan.steps
    ]
    return markdown_table(("Harbor", "Step", "Registry", "Reason"), rows) if rows else "No changes."
