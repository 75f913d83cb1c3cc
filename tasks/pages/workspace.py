"""Page of one workspace: its bindings, namespaces and registries."""

from collections.abc import Sequence
from datetime import datetime

from models.access.rotation import RobotDeletion, current_robots, schedule_robot_deletions
from models.clusters.membership import WorkspaceSource
from models.clusters.pull_secret import PullSecretState
from models.clusters.service_account_choice import DEFAULT_ACCOUNTS
from models.core.plural import pluralize
from models.core.settings import get_settings
from models.overview.views import BoundRegistry, BoundSpace, WorkspaceNamespace, WorkspaceView
from models.registries.registry import Registry
from models.registries.robots import RobotAccount
from tasks.pages.cluster import SOURCE_LABEL, membership_cell, pull_secret_cell
from tasks.pages.history import history_section
from tasks.pages.markdown import (
    escape_markdown,
    format_age,
    inline_code,
    markdown_table,
    more_rows,
    short_timestamp,
    stack_lines,
    timestamp,
)

_MAX_ROWS = 500


def workspace_page(view: WorkspaceView) -> str:
    """Return the page of a workspace: bindings, namespaces, registries and history."""
    parts = [
        f"# Workspace {view.workspace.name}: {_rollout_icon(view)}",
        escape_markdown(view.workspace.description),
        _summary_line(view),
        f"## Spaces ({len(view.spaces)})",
        _spaces_section(view),
        f"## Namespaces ({len(view.members)})",
        _namespaces_section(view),
        _refused_section(view),
        _registries_section(view),
        history_section(view.history, view.workspace.name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def workspace_digest_source(view: WorkspaceView) -> str:
    """Return the page content that justifies a new version: everything except times."""
    members = (
        f"{member.namespace.model_dump_json()} "
        + (
            member.pull_secret.model_dump_json(exclude={"delivered_at"})
            if member.pull_secret
            else ""
        )
        for member in view.members
    )
    registries = (_registry_digest_source(registry) for registry in view.registries)
    spaces = (
        f"{space.binding.model_dump_json()} {space.space and space.space.visibility} "
        f"{space.pending_reason}"
        for space in view.spaces
    )
    refused = (namespace.model_dump_json() for namespace in view.refused)
    return "\n".join([view.workspace.model_dump_json(), *spaces, *members, *refused, *registries])


def _registry_digest_source(bound_registry: BoundRegistry) -> str:
    registry = bound_registry.registry
    robots = [
        (robot.login, robot.spaces, robot.secret_created_at) for robot in bound_registry.robots
    ]
    has_pull_user, problem = registry.pull_credential is not None, bound_registry.pull_user_problem
    return f"{registry.name} {registry.kind} {has_pull_user} {problem} {robots}"


def _summary_line(view: WorkspaceView) -> str:
    spaces, members = (
        pluralize(len(view.spaces), "space"),
        pluralize(len(view.members), "namespace"),
    )
    registries = pluralize(len(view.registries), "registry")
    from_label = view.workspace.source is WorkspaceSource.LABEL
    origin_note = (
        "Created from a namespace label." if from_label else "Created by create-workspace."
    )
    if view.workspace.clusters:
        names = escape_markdown(", ".join(view.workspace.clusters))
        origin_note += f" Restricted to namespaces in {names}."
    choice = view.workspace.service_accounts
    accounts_note = (
        ""
        if choice == DEFAULT_ACCOUNTS
        else f"ServiceAccounts with the pull secret: {inline_code(choice)}. "
    )
    return (
        f"{spaces} in {registries}, {members}. {origin_note} {accounts_note}"
        f"As of {timestamp(view.at)}."
    )


def _rollout_icon(view: WorkspaceView) -> str:
    pending_count = sum(bool(bound_space.pending_reason) for bound_space in view.spaces)
    if not view.spaces:
        return "no bindings yet"
    if pending_count:
        return f"⚠️ {pending_count} of {pluralize(len(view.spaces), 'space')} not in force"
    return "✅ all in force" if view.members else "✅ bound, no namespaces yet"


def _spaces_section(view: WorkspaceView) -> str:
    if not view.spaces:
        return "None. Run bind-space to grant access to a space."
    by_need = sorted(view.spaces, key=lambda bound_space: not bound_space.pending_reason)
    rows = (_space_row(bound_space) for bound_space in by_need[:_MAX_ROWS])
    head = ("Registry", "Space", "Visibility", "Bound (UTC)", "In force")
    return markdown_table(head, rows) + more_rows(len(view.spaces), _MAX_ROWS)


def _space_row(bound_space: BoundSpace) -> tuple[str, ...]:
    space = bound_space.space
    is_missing = space is None or space.missing_since or space.declared
    return (
        escape_markdown(bound_space.binding.registry),
        escape_markdown(bound_space.binding.space),
        stack_lines(
            f"**{space.visibility}**" if space else "unknown", "missing" if is_missing else ""
        ),
        short_timestamp(bound_space.binding.bound_at),
        _rollout_cell(bound_space),
    )


def _rollout_cell(bound_space: BoundSpace) -> str:
    if bound_space.binding.is_held:
        fix = "run resolve-held-bindings to restore or drop it"
        return stack_lines(f"⏸️ {escape_markdown(bound_space.pending_reason)}", fix)
    delay = (
        "" if bound_space.rollout_seconds is None else f"after {bound_space.rollout_seconds:.1f} s"
    )
    if not bound_space.pending_reason:
        return f"✅ {delay}" if delay else "✅ time recorded at the next sync"
    if delay:
        return stack_lines(
            f"⚠️ in force {delay}, but not now:", escape_markdown(bound_space.pending_reason)
        )
    return stack_lines("❌ not yet:", escape_markdown(bound_space.pending_reason))


def _namespaces_section(view: WorkspaceView) -> str:
    if not view.members:
        return (
            "None. Label a namespace with the name of the workspace, or list it in "
            "create-workspace."
        )
    order = [PullSecretState.REFUSED, PullSecretState.PENDING, PullSecretState.DELIVERED]
    by_need = sorted(
        view.members,
        key=lambda member: (
            order.index(member.pull_secret.status) if member.pull_secret else len(order)
        ),
    )
    rows = (_namespace_row(member, view.at) for member in by_need[:_MAX_ROWS])
    head = ("Namespace", "Source", "Pull secret", "Registries", "Since (UTC), age")
    return markdown_table(head, rows) + more_rows(len(view.members), _MAX_ROWS)


def _namespace_row(member: WorkspaceNamespace, now: datetime) -> tuple[str, ...]:
    namespace, pull_secret = member.namespace, member.pull_secret
    since = pull_secret.delivered_at if pull_secret else None
    return (
        stack_lines(
            inline_code(f"{namespace.cluster}/{namespace.name}"),
            "terminating" if namespace.terminating else "",
            f"⚠️ {escape_markdown(namespace.message)}" if namespace.problem else "",
        ),
        SOURCE_LABEL[namespace.source] if namespace.source else "–",
        pull_secret_cell(pull_secret),
        escape_markdown(", ".join(login.registry for login in pull_secret.logins))
        if pull_secret
        else "–",
        stack_lines(short_timestamp(since), format_age(since, now)) if since else "–",
    )


def _refused_section(view: WorkspaceView) -> str:
    if not view.refused:
        return ""
    rows = (
        (inline_code(f"{namespace.cluster}/{namespace.name}"), membership_cell(namespace))
        for namespace in view.refused[:_MAX_ROWS]
    )
    table = markdown_table(("Listed, but not a member", "Why"), rows)
    return table + more_rows(len(view.refused), _MAX_ROWS)


def _registries_section(view: WorkspaceView) -> str:
    if not view.registries:
        return ""
    rows = (
        (
            escape_markdown(bound_registry.registry.name),
            str(bound_registry.space_count),
            _login_cell(bound_registry),
            _secret_age_cell(bound_registry.robots, view.at),
            privacy_note(bound_registry.registry),
        )
        for bound_registry in view.registries
    )
    head = ("Registry", "Spaces", "Login", "Secret created (UTC), age", "Privacy")
    return "## Registries\n\n" + markdown_table(head, rows)


def _login_cell(bound_registry: BoundRegistry) -> str:
    if bound_registry.registry.capabilities.has_robot_accounts:
        return robot_accounts_cell(bound_registry.robots)
    if bound_registry.registry.has_pull_user:
        problem = escape_markdown(bound_registry.pull_user_problem)
        warning = [f"⚠️ not delivered: {problem}"] if problem else []
        return stack_lines("the registry's pull-only user", *warning)
    return "none: no pull-only credentials are configured"


def privacy_note(registry: Registry) -> str:
    """Return a table cell that says whether private spaces are protected from all other pulls."""
    if registry.capabilities.enforces_privacy:
        return "enforced: the registry rejects unauthorized pulls from private spaces"
    return "advisory: anyone with the registry's credential can pull everything"


def robot_accounts_cell(robot_accounts: Sequence[RobotAccount]) -> str:
    """Return a table cell with a workspace's robot accounts on a registry, current ones first."""
    if not robot_accounts:
        return "no robot account yet"
    in_use = current_robots(robot_accounts).values()
    by_use = sorted(robot_accounts, key=lambda robot: robot not in in_use)
    retention = get_settings().superseded_retention
    deletions = schedule_robot_deletions(robot_accounts, (), retention)
    lines = []
    for robot in by_use:
        text = pluralize(len(robot.spaces), "space")
        if robot not in in_use:
            text += f", {_deletion_note(deletions[robot.registry, robot.robot_id])}"
        lines.append(f"{inline_code(robot.login)} ({text})")
    return stack_lines(*lines)


def _deletion_note(retirement: RobotDeletion) -> str:
    """Return how long a superseded robot account is kept."""
    if retirement.scheduled_at is None:
        return "being replaced"
    return f"superseded, to be deleted by {short_timestamp(retirement.scheduled_at)} UTC"


def _secret_age_cell(robot_accounts: Sequence[RobotAccount], now: datetime) -> str:
    in_use = current_robots(robot_accounts).values()
    return (
        stack_lines(
            *(
                stack_lines(
                    short_timestamp(robot_account.secret_created_at),
                    format_age(robot_account.secret_created_at, now),
                )
                for robot_account in in_use
            )
        )
        or "–"
    )
