"""Page of a binding change: which namespaces gain or lose access to which spaces."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from models.access.binding import Binding
from models.access.binding_change import BindingChange
from models.clusters.membership import Namespace
from models.core.plural import add_article, pluralize
from models.registries.registry import Capabilities
from tasks.pages.markdown import (
    escape_markdown,
    inline_code,
    markdown_table,
    more_rows,
    stack_lines,
)

_MAX_ROWS = 500
_MAX_NAMES = 10
"""Names listed in one sentence or cell; the rest is counted."""

_PUBLIC_NOTE = "Every namespace of the platform can still pull from public spaces."


def binding_change_page(
    registry: str, binding_change: BindingChange, *, gain: bool, dry_run: bool
) -> str:
    """Return the page that lists which namespaces gain or lose which spaces.

    Args:
        registry: name of the registry that has the spaces.
        binding_change: the bindings that are added or removed.
        gain: whether the bindings are added (true) or removed (false).
        dry_run: whether the change is only previewed.
    """
    state = "bound" if gain else "unbound"
    verb = f"would be {state} (dry run: nothing was changed)" if dry_run else f"are {state}"
    total_count = pluralize(binding_change.total_count, "binding")
    total_note = f"in addition to the {total_count} of" if gain else f"out of {total_count} of"
    if gain and not binding_change.total_count:
        total_note = "the first of"
    spaces = _spaces_by_workspace(binding_change.bindings)
    namespaces_by_workspace = _namespaces_by_workspace(binding_change.namespaces)
    parts = [
        f"# Spaces of {registry} {verb}",
        f"{summarize_change(binding_change).capitalize()}, {total_note} this registry.",
        _privacy_note(binding_change.capabilities),
        "" if gain else _PUBLIC_NOTE,
        held_bindings_note(registry, binding_change.held_count),
        _no_namespaces_note(spaces, namespaces_by_workspace),
    ]
    if spaces:
        word = "Gains" if gain else "Loses"
        parts += ["## By workspace", _workspaces_section(spaces, namespaces_by_workspace, word)]
        parts += ["## By namespace", _namespaces_section(spaces, binding_change.namespaces, word)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _privacy_note(capabilities: Capabilities) -> str:
    if capabilities.enforces_privacy:
        return ""
    return (
        f"**Privacy is advisory:** {add_article(capabilities.label)} has no permissions per space. "
        "Anyone with its pull-only credential can pull everything in it, and a namespace that "
        "received the credential may have kept a copy."
    )


def held_bindings_note(registry: str, count: int) -> str:
    """Return how many bindings of a registry are held and what to do; empty if none is held."""
    if not count:
        return ""
    verb = "grants" if count == 1 else "grant"
    return (
        f"**Held:** {pluralize(count, 'other binding')} of {escape_markdown(registry)} {verb} "
        f"no access until restored or dropped. See the page of the registry in the console, and "
        "run resolve-held-bindings."
    )


def summarize_change(binding_change: BindingChange) -> str:
    """Count the affected objects, e.g. `6 bindings (2 spaces, 3 workspaces, 7 namespaces)`."""
    if not binding_change.bindings:
        return "no bindings (already as requested)"
    workspaces = {binding.workspace for binding in binding_change.bindings}
    spaces = {binding.space for binding in binding_change.bindings}
    namespaces = sum(namespace.workspace in workspaces for namespace in binding_change.namespaces)
    return (
        f"{pluralize(len(binding_change.bindings), 'binding')} ({pluralize(len(spaces), 'space')}, "
        f"{pluralize(len(workspaces), 'workspace')}, {pluralize(namespaces, 'namespace')})"
    )


def summarize_bindings(bindings: Iterable[Binding]) -> str:
    """List bindings in one line, e.g. `harbor-prod: shop, team-a and 3 more; docker-dev: x`."""
    by_registry: dict[str, set[str]] = defaultdict(set)
    for binding in bindings:
        by_registry[binding.registry].add(binding.space)
    phrases = [
        f"{name}: {join_names(sorted(spaces))}" for name, spaces in sorted(by_registry.items())
    ]
    extra_count = len(phrases) - _MAX_NAMES
    return "; ".join(phrases[:_MAX_NAMES]) + (
        f"; and {extra_count} more registries" if extra_count > 0 else ""
    )


def join_names(names: Sequence[str], limit: int = _MAX_NAMES) -> str:
    """Join the first `limit` names and count the others."""
    extra_count = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {extra_count} more" if extra_count > 0 else "")


def _spaces_by_workspace(bindings: Iterable[Binding]) -> dict[str, list[str]]:
    spaces: dict[str, list[str]] = defaultdict(list)
    for binding in sorted(bindings, key=lambda binding: (binding.workspace, binding.space)):
        spaces[binding.workspace].append(binding.space)
    return dict(spaces)


def _namespaces_by_workspace(namespaces: Iterable[Namespace]) -> dict[str, list[Namespace]]:
    members: dict[str, list[Namespace]] = defaultdict(list)
    for namespace in namespaces:
        members[namespace.workspace or ""].append(namespace)
    return members


def _no_namespaces_note(
    spaces: dict[str, list[str]], namespaces_by_workspace: dict[str, list[Namespace]]
) -> str:
    empty = [workspace for workspace in spaces if not namespaces_by_workspace.get(workspace)]
    if not empty:
        return ""
    return (
        f"**Workspaces without namespaces:** {escape_markdown(join_names(empty))}. "
        "A namespace that joins later gets the bindings of its workspace."
    )


def _workspaces_section(
    spaces: dict[str, list[str]], namespaces_by_workspace: dict[str, list[Namespace]], word: str
) -> str:
    rows = [
        (
            escape_markdown(workspace),
            stack_lines(
                f"{pluralize(len(space_names), 'space')}:",
                escape_markdown(join_names(space_names, 50), 3000),
            ),
            str(len(namespaces_by_workspace.get(workspace, ())))
            if namespaces_by_workspace.get(workspace)
            else "none",
        )
        for workspace, space_names in list(spaces.items())[:_MAX_ROWS]
    ]
    return markdown_table(("Workspace", word, "Namespaces"), rows) + more_rows(
        len(spaces), _MAX_ROWS
    )


def _namespaces_section(
    spaces: dict[str, list[str]], namespaces: Iterable[Namespace], word: str
) -> str:
    members = [namespace for namespace in namespaces if namespace.workspace in spaces]
    if not members:
        return "No namespaces."
    rows = [
        (
            inline_code(f"{namespace.cluster}/{namespace.name}"),
            escape_markdown(namespace.workspace),
            escape_markdown(join_names(spaces[namespace.workspace or ""])),
            "terminating" if namespace.terminating else "",
        )
        for namespace in members[:_MAX_ROWS]
    ]
    head = ("Namespace", "Workspace", word, "")
    return markdown_table(head, rows) + more_rows(len(members), _MAX_ROWS)
