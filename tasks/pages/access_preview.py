"""Pages of dry runs: what a change of visibility or of a workspace would take away."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from models.access.binding import Binding, Workspace
from models.clusters.membership import Namespace
from models.core.plural import pluralize
from models.registries.registry import Registry
from models.registries.space import Space, Visibility
from tasks.pages.binding import join_names
from tasks.pages.markdown import escape_markdown, inline_code, markdown_table, more_rows

_MAX_ROWS = 500
_PUBLIC = "every namespace"


def visibility_preview_page(
    registry: Registry, desired: Sequence[Space], bindings: Iterable[Binding], opened_count: int
) -> str:
    """Return who can pull from spaces before and after a change of their visibility.

    Args:
        registry: the registry.
        desired: the spaces with their desired visibility.
        bindings: bindings of the registry.
        opened_count: how many private spaces the change opens to all namespaces.
    """
    workspaces: dict[str, set[str]] = defaultdict(set)
    for binding in bindings:
        if not binding.is_held:
            workspaces[binding.space].add(binding.workspace)
    rows = [
        (
            escape_markdown(space.name),
            space.observed or "–",
            f"**{space.desired}**",
            escape_markdown(_pullers(space, workspaces[space.name])),
        )
        for space in desired[:_MAX_ROWS]
    ]
    head = ("Space", "Now", "Then", "Who can pull from it then")
    parts = [
        f"# Visibility in {registry.name} (dry run: nothing was changed)",
        f"{pluralize(len(desired), 'space')}.",
        f"⚠️ This opens {pluralize(opened_count, 'private space')} to every namespace."
        if opened_count
        else "",
        markdown_table(head, rows) + more_rows(len(desired), _MAX_ROWS),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _pullers(space: Space, workspaces: Collection[str]) -> str:
    if space.desired is Visibility.PUBLIC:
        return _PUBLIC
    if not workspaces:
        return "no namespace: no workspace is bound to it"
    return f"only namespaces of {join_names(sorted(workspaces))}"


def workspace_removal_page(
    name: str, bindings: Sequence[Binding], namespaces: Sequence[Namespace]
) -> str:
    """Return what removing a workspace takes away: its bindings, for which namespaces."""
    rows = [
        (escape_markdown(binding.registry), escape_markdown(binding.space))
        for binding in bindings[:_MAX_ROWS]
    ]
    paths = [f"{namespace.cluster}/{namespace.name}" for namespace in namespaces]
    parts = [
        f"# Removal of workspace {name} (dry run: nothing was changed)",
        f"{pluralize(len(bindings), 'binding')} would be removed; "
        f"{pluralize(len(namespaces), 'namespace')} would lose access"
        + (f": {escape_markdown(join_names(paths))}." if paths else "."),
    ]
    if rows:
        table = markdown_table(("Registry", "Space"), rows) + more_rows(len(bindings), _MAX_ROWS)
        parts += ["## Loses", table]
    return "\n\n".join(parts) + "\n"


def workspace_change_page(
    before: Workspace | None,
    after: Workspace,
    listed: Collection[tuple[str, str]],
    listed_then: Collection[tuple[str, str]],
    leaving: Sequence[Namespace],
) -> str:
    """Return what replacing the lists of a workspace changes.

    Args:
        before: the workspace on record; None if it is new.
        after: the workspace as it would be.
        listed: (cluster, namespace) of the namespaces that are listed for it now.
        listed_then: those that would be listed.
        leaving: namespaces that would leave it, and lose its access.
    """
    old = before or Workspace(name=after.name)
    rows = [
        ("Description", escape_markdown(old.description), escape_markdown(after.description)),
        ("Clusters", *(", ".join(item.clusters) or "all" for item in (old, after))),
        ("ServiceAccounts", *(inline_code(item.service_accounts) for item in (old, after))),
        ("Added to the list", "", _paths(set(listed_then) - set(listed))),
        ("Removed from the list", _paths(set(listed) - set(listed_then)), ""),
    ]
    paths = [(namespace.cluster, namespace.name) for namespace in leaving]
    parts = [
        f"# Workspace {after.name} (dry run: nothing was changed)",
        f"**{pluralize(len(paths), 'namespace')} would leave and lose its access:** {_paths(paths)}"
        if paths
        else "No namespace would leave.",
        markdown_table(("", "Now", "Then"), rows),
    ]
    return "\n\n".join(parts) + "\n"


def _paths(pairs: Collection[tuple[str, str]]) -> str:
    names = [f"{cluster}/{namespace}" for cluster, namespace in sorted(pairs)]
    return escape_markdown(join_names(names, 50), 3000) if names else "–"
