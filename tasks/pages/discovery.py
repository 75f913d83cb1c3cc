"""Managed Harbors, as a page: what clusters show, and what became of it."""

from collections.abc import Sequence
from typing import Protocol

from models.discovery.managed_harbor import Managed, Standing
from models.discovery.steps import DiscoveryPlan, place_of, why_of, word_of
from tasks.pages.markdown import minute, plain, table

_MARK = {
    Standing.ADOPTED: "✅",
    Standing.WAITING: "⏳",
    Standing.CONFLICT: "❌",
    Standing.UNTRUSTED: "🔒",
    Standing.UNPROVED: "❓",
    Standing.MOVED: "➡️",
    Standing.KEPT_OUT: "🚫",
    Standing.MISSING: "❔",
}


class Finding(Protocol):
    """How discovery in one cluster ended."""

    @property
    def cluster(self) -> str:
        """Its name."""

    @property
    def plan(self) -> DiscoveryPlan:
        """What was to be done."""

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be done."""

    @property
    def refused(self) -> str:
        """Why nothing was forgotten."""


def discovery_page(found: Sequence[Finding], known: Sequence[Managed], *, dry_run: bool) -> str:
    """Tell which managed Harbors there are and how they stand, and what this run did."""
    word = " (dry run: nothing was changed)" if dry_run else ""
    parts = [f"# Managed Harbors{word}", _standing(known), "## What this run found", _steps(found)]
    problems = [text for each in found for text in (*each.failures, each.refused) if text]
    parts += [f"- ❌ {plain(text, 600)}" for text in problems]
    for each in found:
        parts += [
            f"- ❔ cluster {plain(name)} was not read, nothing is concluded: {plain(why)}"
            for name, why in each.plan.unseen.items()
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def discovery_news(found: Sequence[Finding], known: Sequence[Managed]) -> str:
    """Return the part of the page that is worth a new version."""
    told = [one.model_dump_json() for one in known]
    told += [f"{each.plan.model_dump_json()}{each.failures}{each.refused}" for each in found]
    return "\n".join(told)


def _standing(known: Sequence[Managed]) -> str:
    if not known:
        return "None known: no registered cluster shows one."
    rows = (
        (
            plain(one.place.cluster),
            plain(f"{one.place.namespace}/{one.place.name}"),
            one.place.kind.value,
            f"{_MARK[one.standing]} {one.standing}",
            plain(one.registry or "–"),
            plain(one.message or "–", 600),
            minute(one.missing_since) if one.missing_since else "–",
        )
        for one in known
    )
    head = ("Cluster", "Harbor", "Source", "Standing", "Registry", "Why", "Missing since (UTC)")
    return table(head, rows)


def _steps(found: Sequence[Finding]) -> str:
    rows = [
        (
            plain(place_of(step)),
            word_of(step),
            plain(getattr(step, "registry", "") or "–"),
            plain(why_of(step) or "–"),
        )
        for each in found
        for step in each.plan.steps
    ]
    return table(("Harbor", "Step", "Registry", "Why"), rows) if rows else "Nothing new."
