"""What becomes of held bindings, as a page."""

from collections.abc import Sequence

from models.access.binding import Binding
from models.core.plural import amount
from tasks.pages.markdown import plain
from tasks.pages.registry_access import held_table


def held_page(
    registry: str,
    action: str,
    found: Sequence[Binding],
    chosen: Sequence[Binding],
    *,
    dry_run: bool,
) -> str:
    """List the held bindings that are restored or dropped, and those that stay held.

    Args:
        action: `restore` or `drop`.
        found: those that were asked for.
        chosen: those among them that the action can be done to.
    """
    verb = {"restore": "restored", "drop": "dropped"}[action]
    done = f"would be {verb} (dry run: nothing was changed)" if dry_run else f"are {verb}"
    parts = [f"# {amount(len(chosen), 'held binding')} of {plain(registry)} {done}"]
    if chosen:
        parts.append(held_table(chosen))
    keys = {(one.space, one.workspace) for one in chosen}
    behind = [one for one in found if (one.space, one.workspace) not in keys]
    if behind:
        why = "The registry has no space of these names now, so nothing can be restored."
        parts += [f"## Stay held ({len(behind)})", why, held_table(behind)]
    return "\n\n".join(parts) + "\n"
