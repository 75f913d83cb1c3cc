"""What becomes of held bindings, as a page."""

from collections.abc import Sequence

from models.access.binding import Binding
from models.core.plural import pluralize
from tasks.pages.markdown import escape_markdown
from tasks.pages.registry_access import held_bindings_table


def held_bindings_page(
    registry: str,
    action: str,
    bindings: Sequence[Binding],
    eligible: Sequence[Binding],
    *,
    dry_run: bool,
) -> str:
    """List the held bindings that are restored or dropped, and those that stay held.

    Args:
        action: `restore` or `drop`.
        bindings: those that were asked for.
        eligible: those among them that the action can be done to.
    """
    verb = {"restore": "restored", "drop": "dropped"}[action]
    effect = f"would be {verb} (dry run: nothing was changed)" if dry_run else f"are {verb}"
    parts = [
        f"# {pluralize(len(eligible), 'held binding')} of {escape_markdown(registry)} {effect}"
    ]
    if eligible:
        parts.append(held_bindings_table(eligible))
    keys = {(binding.space, binding.workspace) for binding in eligible}
    remaining = [binding for binding in bindings if (binding.space, binding.workspace) not in keys]
    if remaining:
        note = "The registry has no space of these names now, so nothing can be restored."
        parts += [f"## Stay held ({len(remaining)})", note, held_bindings_table(remaining)]
    return "\n\n".join(parts) + "\n"
