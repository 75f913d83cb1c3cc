"""Access section of a registry page: workspaces, robot accounts and held bindings."""

from collections.abc import Sequence

from models.access.binding import Binding
from models.access.requests import count_opened_spaces
from models.access.rotation import current_robots
from models.core.plural import pluralize
from models.overview.views import RegistryAccessView, WorkspaceAccess
from models.registries.registry import Registry
from models.registries.space import Space, Visibility
from tasks.pages.binding import join_names
from tasks.pages.markdown import (
    escape_markdown,
    format_age,
    inline_code,
    markdown_table,
    more_rows,
    short_timestamp,
    stack_lines,
)
from tasks.pages.workspace import robot_accounts_cell

_MAX_ROWS = 200


def access_section(
    registry: Registry,
    access: RegistryAccessView,
    spaces: Sequence[Space] = (),
    pull_user_problem: str = "",
) -> str:
    """Return the section: bound workspaces, their logins, and how long bindings took.

    Args:
        registry: the registry.
        access: its view.
        spaces: its spaces on record.
        pull_user_problem: why namespaces receive no pull-only user; empty if they do.
    """
    parts = [
        "## Access",
        _pull_user_note(registry),
        _open_spaces_warning(registry, spaces),
        _pull_user_warning(pull_user_problem),
        _rollout_note(access),
        _workspaces_table(registry, access),
        _held_section(access),
        _observer_note(access),
    ]
    return "\n\n".join(part for part in parts if part)


def access_digest_source(access: RegistryAccessView) -> str:
    """Return the section content that justifies a new version: everything except times."""
    return access.model_dump_json(exclude={"at"})


def _pull_user_note(registry: Registry) -> str:
    if registry.capabilities.has_robot_accounts:
        return ""
    if registry.pull_credential is None:
        return (
            "No pull-only credentials are configured, so namespaces receive no login: they can "
            "pull only what the registry allows anonymously. To configure them, save a "
            "registry-credentials block and run update-registry with *Pull credentials*."
        )
    return (
        f"Namespaces of bound workspaces receive the pull-only user of the block "
        f"{inline_code(registry.pull_credential.name)}. Privacy is advisory: anyone with this "
        "credential can pull everything in this registry. A namespace that leaves may have kept a "
        "copy, and this service cannot rotate the password: change it in the registry and in the "
        "block."
    )


def _open_spaces_warning(registry: Registry, spaces: Sequence[Space]) -> str:
    public = [
        space.name for space in spaces if space.is_present and space.visibility is Visibility.PUBLIC
    ]
    if not public or not registry.shares_pull_user:
        return ""
    count = count_opened_spaces(registry, spaces, public)
    return (
        f"⚠️ **Every namespace of every cluster can pull from all spaces**, "
        f"{pluralize(count, 'private space')} included: {escape_markdown(join_names(public))} is "
        "public, so all namespaces receive the pull-only user."
    )


def _pull_user_warning(problem: str) -> str:
    if not problem:
        return ""
    return (
        f"⚠️ **The pull-only user is not delivered:** {escape_markdown(problem)}. Pull secrets that "
        "have the last accepted login keep it."
    )


def _rollout_note(access: RegistryAccessView) -> str:
    spaces = sum(workspace_access.space_count for workspace_access in access.workspaces)
    if not spaces:
        return "No workspace is bound to any space."
    parts = [f"{pluralize(spaces, 'binding')} of {pluralize(len(access.workspaces), 'workspace')}"]
    if access.median_seconds is not None and access.max_seconds is not None:
        parts.append(
            f"time from binding until in force in every namespace: median "
            f"**{access.median_seconds:.1f} s**, maximum **{access.max_seconds:.1f} s** "
            f"(measured for {pluralize(access.effective_count, 'binding')})"
        )
    parts.append(
        f"⚠️ {access.pending_count} not in force" if access.pending_count else "✅ all in force"
    )
    return "; ".join(parts) + "."


def _workspaces_table(registry: Registry, access: RegistryAccessView) -> str:
    if not access.workspaces:
        return ""
    by_need = sorted(
        access.workspaces, key=lambda workspace_access: not workspace_access.pending_count
    )
    rows = (
        (
            escape_markdown(workspace_access.workspace),
            str(workspace_access.space_count),
            robot_accounts_cell(workspace_access.robots)
            if registry.capabilities.has_robot_accounts
            else "the pull-only user",
            _secret_cell(workspace_access, access),
            _access_state(workspace_access),
        )
        for workspace_access in by_need[:_MAX_ROWS]
    )
    head = ("Workspace", "Spaces", "Robot account", "Secret created (UTC), age", "In force")
    return markdown_table(head, rows) + more_rows(len(access.workspaces), _MAX_ROWS)


def _held_section(access: RegistryAccessView) -> str:
    if not access.held_bindings:
        return ""
    note = (
        "Held bindings grant no access: their space is missing or was replaced, or their registry "
        "was replaced by another one. Run resolve-held-bindings: *restore* the bindings that "
        "should apply to the current space, and *drop* the others."
    )
    table = held_bindings_table(access.held_bindings)
    return f"### Held bindings ({len(access.held_bindings)})\n\n{note}\n\n{table}"


def held_bindings_table(bindings: Sequence[Binding]) -> str:
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


def _secret_cell(workspace_access: WorkspaceAccess, access: RegistryAccessView) -> str:
    robots = current_robots(workspace_access.robots).values()
    times = (robot.secret_created_at for robot in robots)
    ages = (f"{short_timestamp(time)}, {format_age(time, access.at)}" for time in times)
    return stack_lines(*ages) or "–"


def _access_state(workspace_access: WorkspaceAccess) -> str:
    if not workspace_access.pending_count:
        return "✅ all" if workspace_access.space_count else "being revoked"
    return stack_lines(
        f"⚠️ {workspace_access.pending_count} not yet, e.g.:",
        escape_markdown(workspace_access.pending_reason),
    )


def _observer_note(access: RegistryAccessView) -> str:
    if access.observer is None:
        return ""
    return (
        f"This service observes the registry as {inline_code(access.observer.login)}, which has "
        "no permission to pull."
    )
