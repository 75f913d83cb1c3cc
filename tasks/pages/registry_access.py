"""Who may pull from one registry, as a section of its page."""

from collections.abc import Sequence

from models.access.binding import Binding
from models.access.rotation import current_robots
from models.core.plural import pluralize
from models.overview.views import RegistryAccessView, WorkspaceAccess
from models.registries.registry import Kind, Registry
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


def access_section(registry: Registry, access: RegistryAccessView) -> str:
    """Tell which workspaces are bound, who logs in for them, and how quickly that came about."""
    parts = [
        "## Access",
        _pull_user_note(registry),
        _rollout_note(access),
        _workspaces_table(registry, access),
        _held_section(access),
        _observer_note(access),
    ]
    return "\n\n".join(part for part in parts if part)


def access_digest_source(access: RegistryAccessView) -> str:
    """Return the part of the section that is worth a new version: all but its times."""
    return access.model_dump_json(exclude={"at"})


def _pull_user_note(registry: Registry) -> str:
    if registry.kind is not Kind.DOCKER:
        return ""
    if registry.pull_credential is None:
        return (
            "No pull-only credentials are given, so namespaces receive no login: they can pull "
            "only what the registry lets everybody pull. To give one, save it as a "
            "registry-credentials block and run update-registry with *Pull credentials*."
        )
    return (
        f"Entitled namespaces receive the pull-only user of the block "
        f"{inline_code(registry.pull_credential.name)}. Privacy is advisory: who holds it can pull "
        "everything here. A namespace that leaves may have copied it, and this service cannot "
        "change it: do so in the registry and in the block."
    )


def _rollout_note(access: RegistryAccessView) -> str:
    spaces = sum(workspace_access.space_count for workspace_access in access.workspaces)
    if not spaces:
        return "No workspace is bound to any space."
    parts = [f"{pluralize(spaces, 'binding')} of {pluralize(len(access.workspaces), 'workspace')}"]
    if access.median_seconds is not None and access.max_seconds is not None:
        parts.append(
            f"from binding until every namespace had it: median **{access.median_seconds:.1f} s**, "
            f"worst **{access.max_seconds:.1f} s** (measured on {access.effective_count})"
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
            if registry.kind is Kind.HARBOR
            else "the pull-only user",
            _secret_cell(workspace_access, access),
            _access_state(workspace_access),
        )
        for workspace_access in by_need[:_MAX_ROWS]
    )
    head = ("Workspace", "Spaces", "Robot account", "Secret made (UTC), age", "In force")
    return markdown_table(head, rows) + more_rows(len(access.workspaces), _MAX_ROWS)


def _held_section(access: RegistryAccessView) -> str:
    if not access.held_bindings:
        return ""
    note = (
        "These bindings grant nothing: what they were made for is not what is there now. Run "
        "resolve-held-bindings with *restore* for those that are meant for it, and with *drop* for "
        "the others."
    )
    table = held_bindings_table(access.held_bindings)
    return f"### Held bindings ({len(access.held_bindings)})\n\n{note}\n\n{table}"


def held_bindings_table(bindings: Sequence[Binding]) -> str:
    """List held bindings, and why each is held."""
    rows = (
        (
            escape_markdown(binding.space),
            escape_markdown(binding.workspace),
            short_timestamp(binding.held_since),
            escape_markdown(binding.held_reason),
        )
        for binding in bindings[:_MAX_ROWS]
    )
    head = ("Space", "Workspace", "Held since (UTC)", "Why")
    return markdown_table(head, rows) + more_rows(len(bindings), _MAX_ROWS)


def _secret_cell(workspace_access: WorkspaceAccess, access: RegistryAccessView) -> str:
    robots = current_robots(workspace_access.robots).values()
    times = (robot.secret_created_at for robot in robots)
    ages = (f"{short_timestamp(time)}, {format_age(time, access.at)}" for time in times)
    return stack_lines(*ages) or "–"


def _access_state(workspace_access: WorkspaceAccess) -> str:
    if not workspace_access.pending_count:
        return "✅ all" if workspace_access.space_count else "is being taken away"
    return stack_lines(
        f"⚠️ {workspace_access.pending_count} not yet, e.g.:",
        escape_markdown(workspace_access.pending_reason),
    )


def _observer_note(access: RegistryAccessView) -> str:
    if access.observer is None:
        return ""
    return (
        f"This service reads its lists as {inline_code(access.observer.login)}, which may not pull."
    )
