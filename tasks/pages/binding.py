"""What binding or unbinding means, as a page: which namespaces gain or lose which spaces."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from models.access.binding import Binding
from models.clusters.membership import Namespace
from models.core.plural import amount
from models.registries.registry import Kind
from tasks.pages.markdown import code, left_out, plain, stacked, table
from tasks.store.access.binding_change import Asked

_MOST = 500
_NAMES = 10
"""Names in one sentence or cell; more are counted."""

_ADVISORY = (
    "**Privacy is advisory here:** this is a Docker Registry, which knows no rights for single "
    "spaces. Who holds its pull-only user can pull everything in it, and a namespace that had it "
    "may have kept it."
)
_PUBLIC = "A space that is public stays pullable for every namespace of the platform."


def binding_page(registry: str, asked: Asked, *, gain: bool, dry_run: bool) -> str:
    """Tell which namespaces gain or lose which spaces.

    Args:
        registry: whose spaces they are.
        asked: the bindings that come or go.
        gain: whether they come.
        dry_run: whether nothing is done about it.
    """
    doing = "bound" if gain else "unbound"
    verb = f"would be {doing} (dry run: nothing was changed)" if dry_run else f"are {doing}"
    whole = f"{'besides' if gain else 'of'} the {asked.whole} that the registry had"
    if gain and not asked.whole:
        whole = "the registry's first"
    spaces = _spaces_by_workspace(asked.bindings)
    members = _members(asked.namespaces)
    parts = [
        f"# Spaces of {registry} {verb}",
        f"{counted(asked).capitalize()}, {whole}.",
        _ADVISORY if asked.kind is Kind.DOCKER else "",
        "" if gain else _PUBLIC,
        held_note(registry, asked.held),
        _without_namespaces(spaces, members),
    ]
    if spaces:
        word = "Gains" if gain else "Loses"
        parts += ["## By workspace", _workspaces(spaces, members, word)]
        parts += ["## By namespace", _namespaces(spaces, asked.namespaces, word)]
    return "\n\n".join(part for part in parts if part) + "\n"


def held_note(registry: str, many: int) -> str:
    """Say how many bindings of a registry are held, and what to do; empty if none is."""
    if not many:
        return ""
    are = "grants" if many == 1 else "grant"
    return (
        f"**Held:** {amount(many, 'other binding')} of {plain(registry)} {are} nothing until it is "
        f"restored or dropped: see the artifact `registry-{registry}`, and run "
        "resolve-held-bindings."
    )


def counted(asked: Asked) -> str:
    """Count what comes or goes, e.g. `6 bindings (2 spaces, 3 workspaces, 7 namespaces)`."""
    if not asked.bindings:
        return "no bindings (all is so already)"
    workspaces = {one.workspace for one in asked.bindings}
    spaces = {one.space for one in asked.bindings}
    namespaces = sum(one.workspace in workspaces for one in asked.namespaces)
    return (
        f"{amount(len(asked.bindings), 'binding')} ({amount(len(spaces), 'space')}, "
        f"{amount(len(workspaces), 'workspace')}, {amount(namespaces, 'namespace')})"
    )


def bindings_told(bindings: Iterable[Binding]) -> str:
    """Tell bindings in a sentence, e.g. `harbor-prod: shop, team-a and 3 more; docker-dev: x`."""
    by_registry: dict[str, set[str]] = defaultdict(set)
    for one in bindings:
        by_registry[one.registry].add(one.space)
    told = [f"{name}: {named(sorted(spaces))}" for name, spaces in sorted(by_registry.items())]
    rest = len(told) - _NAMES
    return "; ".join(told[:_NAMES]) + (f"; and {rest} more registries" if rest > 0 else "")


def named(names: Sequence[str], most: int = _NAMES) -> str:
    """Name the first few and count the others."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _spaces_by_workspace(bindings: Iterable[Binding]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in sorted(bindings, key=lambda one: (one.workspace, one.space)):
        found[one.workspace].append(one.space)
    return dict(found)


def _members(namespaces: Iterable[Namespace]) -> dict[str, list[Namespace]]:
    found: dict[str, list[Namespace]] = defaultdict(list)
    for one in namespaces:
        found[one.workspace or ""].append(one)
    return found


def _without_namespaces(spaces: dict[str, list[str]], members: dict[str, list[Namespace]]) -> str:
    empty = [workspace for workspace in spaces if not members.get(workspace)]
    if not empty:
        return ""
    return (
        f"**Without a namespace so far:** {plain(named(empty))}. Once a namespace belongs to them, "
        "it gets what they are bound to."
    )


def _workspaces(
    spaces: dict[str, list[str]], members: dict[str, list[Namespace]], word: str
) -> str:
    rows = [
        (
            plain(workspace),
            stacked(f"{amount(len(each), 'space')}:", plain(named(each, 50), 3000)),
            str(len(members.get(workspace, ()))) if members.get(workspace) else "none",
        )
        for workspace, each in list(spaces.items())[:_MOST]
    ]
    return table(("Workspace", word, "Namespaces"), rows) + left_out(len(spaces), _MOST)


def _namespaces(spaces: dict[str, list[str]], namespaces: Iterable[Namespace], word: str) -> str:
    concerned = [one for one in namespaces if one.workspace in spaces]
    if not concerned:
        return "None."
    rows = [
        (
            code(f"{one.cluster}/{one.name}"),
            plain(one.workspace),
            plain(named(spaces[one.workspace or ""])),
            "is being deleted" if one.terminating else "",
        )
        for one in concerned[:_MOST]
    ]
    head = ("Namespace", "Workspace", word, "")
    return table(head, rows) + left_out(len(concerned), _MOST)
