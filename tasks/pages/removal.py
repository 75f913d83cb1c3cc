"""What removing a registry means, as a page."""

from collections import defaultdict
from collections.abc import Sequence

from models.access.binding import Binding
from models.clusters.membership import Namespace
from models.core.plural import amount
from models.registries.record import Dossier
from models.registries.robots import Grant
from models.registries.space import Space
from tasks.pages.binding import named
from tasks.pages.markdown import code, left_out, moment, plain, table

_MOST = 200


def removal_page(
    dossier: Dossier,
    spaces: Sequence[Space],
    bindings: Sequence[Binding],
    grants: Sequence[Grant],
    namespaces: Sequence[Namespace],
    *,
    confirmed: bool,
) -> str:
    """List what is forgotten and taken away, and say what is not touched.

    Args:
        dossier: the registry.
        spaces, bindings, grants: all that are on record for it.
        namespaces: those whose pull secret loses its login.
        confirmed: whether it is done.
    """
    registry = dossier.registry
    word = "is forgotten" if confirmed else "would be forgotten (preview: nothing was changed)"
    parts = [
        f"# {registry.name} {word}",
        f"{registry.kind.label} at {plain(registry.address)}, integrated "
        f"{moment(dossier.integrated_at)}, with {amount(len(spaces), 'space')}, "
        f"{amount(len(bindings), 'binding')}, {amount(len(grants), 'robot account')} of ours and "
        f"{amount(len(namespaces), 'namespace')} that log in to it.",
        "The registry itself, its spaces and images are not touched. The audit is kept.",
    ]
    for title, listed in (
        ("Bindings that end", _bindings(bindings)),
        ("Robot accounts of ours that are deleted there", _grants(grants)),
        ("Namespaces that lose their login", _namespaces(namespaces)),
        ("Spaces that are forgotten", _spaces(spaces)),
    ):
        parts += [f"## {title}", listed] if listed else []
    return "\n\n".join(parts) + "\n"


def left_behind_page(registry_name: str, grants: Sequence[Grant]) -> str:
    """Tell what stays in a registry that was out of reach when it was removed here."""
    if not grants:
        return f"# {registry_name} is forgotten\n\nNothing of ours stays in it.\n"
    behind = amount(len(grants), "robot account")
    parts = [
        f"# {registry_name} is forgotten; what stays there: {behind}",
        "The registry was out of reach, so that these could not be deleted there. Their secrets "
        "are forgotten here, and withdrawn from every cluster in reach.",
        f"**What to do:** once it is back, delete them in its console (search for {code('ri-')} "
        "among its robot accounts), or integrate it again with integrate-registry: the first "
        "reconcile then deletes those that nobody wants.",
        _grants(grants),
    ]
    return "\n\n".join(parts) + "\n"


def _bindings(bindings: Sequence[Binding]) -> str:
    by_workspace: dict[str, list[str]] = defaultdict(list)
    for one in bindings:
        by_workspace[one.workspace].append(one.space)
    rows = [
        (plain(workspace), str(len(spaces)), plain(named(sorted(spaces), 50), 3000))
        for workspace, spaces in sorted(by_workspace.items())[:_MOST]
    ]
    if not rows:
        return ""
    return table(("Workspace", "Spaces", "Which"), rows) + left_out(len(by_workspace), _MOST)


def _grants(grants: Sequence[Grant]) -> str:
    rows = [
        (
            code(one.login),
            plain(one.workspace) if one.workspace else "this service, to observe",
            amount(len(one.spaces), "space"),
            moment(one.made_at),
        )
        for one in grants[:_MOST]
    ]
    if not rows:
        return ""
    head = ("Robot account", "For", "May pull", "Secret made")
    return table(head, rows) + left_out(len(grants), _MOST)


def _namespaces(namespaces: Sequence[Namespace]) -> str:
    rows = [
        (code(f"{one.cluster}/{one.name}"), plain(one.workspace or "–"))
        for one in namespaces[:_MOST]
    ]
    if not rows:
        return ""
    return table(("Namespace", "Workspace"), rows) + left_out(len(namespaces), _MOST)


def _spaces(spaces: Sequence[Space]) -> str:
    rows = [
        (plain(space.name), space.visibility.value, space.desired.value if space.desired else "–")
        for space in spaces[:_MOST]
    ]
    if not rows:
        return ""
    return table(("Space", "Visibility", "Set here"), rows) + left_out(len(spaces), _MOST)
