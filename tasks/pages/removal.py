"""Pages of remove-registry: what is deleted, and what remains in the registry."""

from collections import defaultdict
from collections.abc import Sequence

from models.access.binding import Binding
from models.clusters.membership import Namespace
from models.core.plural import pluralize
from models.registries.record import RegistryRecord
from models.registries.robots import RobotAccount
from models.registries.space import Space
from tasks.pages.binding import join_names
from tasks.pages.markdown import escape_markdown, inline_code, markdown_table, more_rows, timestamp

_MAX_ROWS = 200


def removal_page(
    record: RegistryRecord,
    spaces: Sequence[Space],
    bindings: Sequence[Binding],
    robot_accounts: Sequence[RobotAccount],
    namespaces: Sequence[Namespace],
    *,
    confirmed: bool,
) -> str:
    """Return the page that lists what a removal deletes, and what it leaves untouched.

    Args:
        record: record of the registry.
        spaces, bindings, robot_accounts: everything on record for the registry.
        namespaces: namespaces whose pull secret loses its login.
        confirmed: whether the removal is carried out; otherwise it is a preview.
    """
    registry = record.registry
    word = "is removed" if confirmed else "would be removed (preview: nothing was changed)"
    parts = [
        f"# {registry.name} {word}",
        f"{registry.capabilities.label} at {escape_markdown(registry.address)}, integrated "
        f"{timestamp(record.integrated_at)}, with {pluralize(len(spaces), 'space')}, "
        f"{pluralize(len(bindings), 'binding')}, {pluralize(len(robot_accounts), 'robot account')} "
        f"of this installation and {pluralize(len(namespaces), 'namespace')} with a login for it.",
        "The registry itself, its spaces and images are not touched. The audit log is kept.",
    ]
    for title, section in (
        ("Bindings that are deleted", _bindings_section(bindings)),
        ("Robot accounts that are deleted in the registry", _robots_section(robot_accounts)),
        ("Namespaces that lose their login", _namespaces_section(namespaces)),
        ("Spaces that are removed from the record", _spaces_section(spaces)),
    ):
        parts += [f"## {title}", section] if section else []
    return "\n\n".join(parts) + "\n"


def orphaned_robots_page(
    registry_name: str, robot_accounts: Sequence[RobotAccount], error: str
) -> str:
    """Return the page of robot accounts that remain in a removed registry.

    Args:
        registry_name: name of the registry.
        robot_accounts: the robot accounts.
        error: why they could not be deleted: it was unreachable or read-only.
    """
    if not robot_accounts:
        return f"# {registry_name} is removed\n\nNo robot accounts remain in the registry.\n"
    count_text = pluralize(len(robot_accounts), "robot account")
    parts = [
        f"# {registry_name} is removed; {count_text} left in the registry",
        f"These robot accounts could not be deleted: {escape_markdown(error, 600)}. Their secrets "
        "are deleted from the database and from every reachable cluster.",
        "**What to do:** when the registry accepts changes again, delete them in its console "
        f"(search for {inline_code('ri-')} among its robot accounts), or integrate it again with "
        "integrate-registry: the first reconcile deletes robot accounts that are not needed.",
        _robots_section(robot_accounts),
    ]
    return "\n\n".join(parts) + "\n"


def _bindings_section(bindings: Sequence[Binding]) -> str:
    by_workspace: dict[str, list[str]] = defaultdict(list)
    for binding in bindings:
        by_workspace[binding.workspace].append(binding.space)
    rows = [
        (
            escape_markdown(workspace),
            str(len(spaces)),
            escape_markdown(join_names(sorted(spaces), 50), 3000),
        )
        for workspace, spaces in sorted(by_workspace.items())[:_MAX_ROWS]
    ]
    if not rows:
        return ""
    return markdown_table(("Workspace", "Spaces", "Names"), rows) + more_rows(
        len(by_workspace), _MAX_ROWS
    )


def _robots_section(robot_accounts: Sequence[RobotAccount]) -> str:
    rows = [
        (
            inline_code(robot.login),
            escape_markdown(robot.workspace) if robot.workspace else "this service (observer)",
            pluralize(len(robot.spaces), "space"),
            timestamp(robot.secret_created_at),
        )
        for robot in robot_accounts[:_MAX_ROWS]
    ]
    if not rows:
        return ""
    head = ("Robot account", "For", "May pull", "Secret created")
    return markdown_table(head, rows) + more_rows(len(robot_accounts), _MAX_ROWS)


def _namespaces_section(namespaces: Sequence[Namespace]) -> str:
    rows = [
        (
            inline_code(f"{namespace.cluster}/{namespace.name}"),
            escape_markdown(namespace.workspace or "–"),
        )
        for namespace in namespaces[:_MAX_ROWS]
    ]
    if not rows:
        return ""
    return markdown_table(("Namespace", "Workspace"), rows) + more_rows(len(namespaces), _MAX_ROWS)


def _spaces_section(spaces: Sequence[Space]) -> str:
    rows = [
        (
            escape_markdown(space.name),
            space.visibility.value,
            space.desired.value if space.desired else "–",
        )
        for space in spaces[:_MAX_ROWS]
    ]
    if not rows:
        return ""
    return markdown_table(("Space", "Visibility", "Desired"), rows) + more_rows(
        len(spaces), _MAX_ROWS
    )
