"""Page of resolve-held-bindings."""

from collections.abc import Sequence

from models.access.binding import Binding
from models.core.plural import pluralize
from tasks.pages.markdown import escape_markdown, markdown_table, more_rows, short_timestamp

_MAX_ROWS = 200


def held_bindings_page(
    registry: str,
    action: str,
    bindings: Sequence[Binding],
    eligible: Sequence[Binding],
    *,
    dry_run: bool,
) -> str:
    """Return the page that lists the bindings restored or dropped, and those that stay held.

    Args:
        action: `restore` or `drop`.
        bindings: the selected held bindings.
        eligible: the selected bindings that the action applies to.
    """
    verb = {"restore": "restored", "drop": "dropped"}[action]
    effect = f"would be {verb} (dry run: nothing was changed)" if dry_run else f"are {verb}"
    parts = [
        f"# {pluralize(len(eligible), 'held binding')} of {escape_markdown(registry)} {effect}"
    ]
    if eligible:
        parts.append(_bindings_table(eligible))
    keys = {(binding.space, binding.workspace) for binding in eligible}
    remaining = [binding for binding in bindings if (binding.space, binding.workspace) not in keys]
    if remaining:
        note = "The registry has no space with these names, so these bindings cannot be restored."
        parts += [f"## Still held ({len(remaining)})", note, _bindings_table(remaining)]
    return "\n\n".join(parts) + "\n"


def _bindings_table(bindings: Sequence[Binding]) -> str:
    """Return a table of held bindings with their reasons."""
    rows = (
        (
            escape_markdown(binding.space),
            escape_markdown(binding.workspace),
            short_timestamp(binding.held_since),
            escape_markdown(binding.held_reason),
        )
        for binding in bindings[:_MAX_ROWS]
    )
    head = ("Space", "Workspace", "Held since (UTC)", "Reason")
    return markdown_table(head, rows) + more_rows(len(bindings), _MAX_ROWS)
