"""One registry, as a page: how it is, and its spaces by size."""

from collections.abc import Sequence

from models.overview.overview import RegistryFigures, SpaceFigures
from models.overview.views import RegistryAccess
from models.registries.condition import Status
from models.tables import AuditRow
from tasks.pages.history import history_section
from tasks.pages.markdown import folding, limit, minute, moment, plain, size, table
from tasks.pages.overview import MARK
from tasks.pages.registry_access import access_news, access_section
from tasks.pages.workspace import PRIVACY

_MOST = 500
_STATUS = {Status.TRUE: "✅ true", Status.FALSE: "❌ false", Status.UNKNOWN: "❓ unknown"}


def registry_page(
    one: RegistryFigures,
    spaces: Sequence[SpaceFigures],
    history: Sequence[AuditRow],
    access: RegistryAccess,
) -> str:
    """Tell everything that is known of one registry."""
    dossier, found = one.dossier, one.dossier.diagnosis
    parts = [
        f"# {one.name}: {MARK[found.health]} {found.health}",
        plain(dossier.registry.description),
        _facts(one),
        "## Conditions",
        _conditions(one),
        access_section(dossier.registry, access),
        f"## Spaces, by size ({len(spaces)})",
        _spaces(spaces) if spaces else "None known.",
        history_section(history, one.name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def registry_news(
    one: RegistryFigures, spaces: Sequence[SpaceFigures], access: RegistryAccess
) -> str:
    """Return the part of the page that is worth a new version: all but its times."""
    conditions = ((each.type, each.status, each.reason) for each in one.dossier.conditions)
    rows = "\n".join(sorted(space.model_dump_json() for space in spaces))
    registry = one.dossier.registry.model_dump_json()
    return f"{registry}\n{list(conditions)}\n{one.storage}\n{access_news(access)}\n{rows}"


def _facts(one: RegistryFigures) -> str:
    dossier, registry = one.dossier, one.dossier.registry
    note = f" ({plain(dossier.storage_note)})" if dossier.storage_note else ""
    by_space = size(one.totals.used)
    return table(
        ("", ""),
        (
            ("Type", registry.kind.label),
            ("Address", plain(registry.address)),
            ("Origin", f"{registry.origin}, integrated {moment(dossier.integrated_at)}"),
            ("Credentials", plain(registry.credential.name) if registry.credential else "none"),
            ("TLS", registry.tls.mode),
            ("Privacy", PRIVACY[registry.privacy]),
            ("Drift policy", registry.drift_policy),
            ("Storage used", f"{size(one.storage)}; summed by space {by_space}{note}"),
            ("Quota", limit(one.totals.limits)),
            ("Spaces as of", moment(dossier.spaces_read_at)),
            ("Storage as of", moment(dossier.storage_read_at)),
            ("Last look", f"{moment(dossier.track.looked_at)}, {dossier.track.seconds:.1f} s"),
        ),
    )


def _conditions(one: RegistryFigures) -> str:
    rows = (
        (
            each.type,
            _STATUS[each.status],
            folding(each.reason),
            plain(each.message),
            minute(each.since),
        )
        for each in one.dossier.conditions
    )
    return table(("Condition", "Status", "Reason", "Message", "Since (UTC)"), rows)


def _spaces(spaces: Sequence[SpaceFigures]) -> str:
    by_size = sorted(spaces, key=lambda each: (-(each.storage_used or 0), each.space.name))
    head = (
        "Space",
        "Visibility",
        "Set here",
        "In the registry",
        "Repositories",
        "Storage used",
        "Quota",
        "State",
    )
    left = len(spaces) - _MOST
    more = f"\n\n… and {left} smaller ones, which are not shown here." if left > 0 else ""
    return table(head, (_space(each) for each in by_size[:_MOST])) + more


def _space(each: SpaceFigures) -> tuple[str, ...]:
    space = each.space
    return (
        plain(space.name),
        f"**{space.visibility}**",
        space.desired or "follows",
        space.observed or "–",
        "unknown" if space.repositories is None else str(space.repositories),
        size(each.storage_used),
        limit(each.storage_limit),
        _state(each),
    )


def _state(each: SpaceFigures) -> str:
    space = each.space
    if space.missing_since:
        return f"missing since {minute(space.missing_since)} UTC"
    if space.declared:
        return "asked for, not yet there"
    if space.observed and space.desired and space.observed is not space.desired:
        return "drifted"
    return "as desired" if space.desired else "as found"
