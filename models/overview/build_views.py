"""Build the access views of pages from the records."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TypeVar

from models.access.pull_user import pull_user_problem
from models.access.rollout import BindingStatus
from models.clusters.membership import Namespace
from models.overview.views import (
    AccessFacts,
    BoundRegistry,
    BoundSpace,
    RegistryAccessView,
    WorkspaceAccess,
    WorkspaceNamespace,
    WorkspaceView,
)

T = TypeVar("T")


def build_bound_spaces(facts: AccessFacts) -> tuple[BoundSpace, ...]:
    """Return the bound spaces, with the reason for each binding that is not in effect."""
    waiting = BindingStatus(
        {record.registry.name: record for record in facts.registries},
        facts.robots,
        facts.namespaces,
        facts.pull_secrets,
        facts.cluster_statuses,
        facts.robot_failures,
    )
    result = []
    for binding in facts.bindings:
        space = facts.spaces.get((binding.registry, binding.space))
        reason = waiting.pending_reason(binding, space)
        result.append(BoundSpace(binding=binding, space=space, pending_reason=reason))
    return tuple(result)


def build_workspace_views(facts: AccessFacts) -> tuple[WorkspaceView, ...]:
    """Return the view of each workspace in `facts.workspaces`."""
    spaces = _group_by(build_bound_spaces(facts), lambda space: space.binding.workspace)
    members = _group_by(facts.namespaces, lambda namespace: namespace.workspace or "")
    pull_secrets = {(secret.cluster, secret.namespace): secret for secret in facts.pull_secrets}
    return tuple(
        WorkspaceView(
            at=facts.at,
            workspace=workspace,
            spaces=tuple(spaces[workspace.name]),
            registries=_bound_registries(facts, workspace.name, spaces[workspace.name]),
            members=tuple(
                WorkspaceNamespace(
                    namespace=namespace,
                    pull_secret=pull_secrets.get((namespace.cluster, namespace.name)),
                )
                for namespace in members[workspace.name]
            ),
            refused=_refused_namespaces(facts, workspace.name),
            history=facts.history.get(workspace.name, ()),
        )
        for workspace in facts.workspaces
    )


def _refused_namespaces(facts: AccessFacts, workspace: str) -> tuple[Namespace, ...]:
    listed = facts.listed.get(workspace, frozenset())
    return tuple(
        namespace
        for namespace in facts.namespaces
        if namespace.problem
        and not namespace.workspace
        and (namespace.cluster, namespace.name) in listed
    )


def _bound_registries(
    facts: AccessFacts, workspace: str, spaces: Iterable[BoundSpace]
) -> tuple[BoundRegistry, ...]:
    # Include registries without a binding where the workspace still has a robot account.
    space_counts = Counter(space.binding.registry for space in spaces)
    robot_accounts = _group_by(
        (robot_account for robot_account in facts.robots if robot_account.workspace == workspace),
        lambda robot_account: robot_account.registry,
    )
    return tuple(
        BoundRegistry(
            registry=record.registry,
            space_count=space_counts[name],
            robots=tuple(robot_accounts[name]),
            pull_user_problem=pull_user_problem(record.conditions),
        )
        for record in facts.registries
        if (name := record.registry.name) in space_counts or name in robot_accounts
    )


def build_registry_access_views(
    facts: AccessFacts, names: Iterable[str]
) -> dict[str, RegistryAccessView]:
    """Return the access views of the named registries."""
    spaces = _group_by(build_bound_spaces(facts), lambda space: space.binding.registry)
    return {name: _registry_access_view(facts, name, spaces[name]) for name in names}


def _registry_access_view(
    facts: AccessFacts, name: str, bound: Sequence[BoundSpace]
) -> RegistryAccessView:
    spaces = [space for space in bound if not space.binding.is_held]
    durations = [space.rollout_seconds for space in spaces if space.rollout_seconds is not None]
    robot_accounts = [robot for robot in facts.robots if robot.registry == name]
    by_workspace = _group_by(spaces, lambda space: space.binding.workspace)
    return RegistryAccessView(
        at=facts.at,
        workspaces=tuple(
            WorkspaceAccess(
                workspace=workspace,
                space_count=len(by_workspace[workspace]),
                robots=tuple(
                    account for account in robot_accounts if account.workspace == workspace
                ),
                pending_count=sum(bool(space.pending_reason) for space in by_workspace[workspace]),
                pending_reason=next(
                    (
                        space.pending_reason
                        for space in by_workspace[workspace]
                        if space.pending_reason
                    ),
                    "",
                ),
            )
            for workspace in sorted(
                by_workspace.keys()
                | {
                    robot_account.workspace
                    for robot_account in robot_accounts
                    if robot_account.workspace
                }
            )
        ),
        held_bindings=tuple(space.binding for space in bound if space.binding.is_held),
        effective_count=len(durations),
        median_seconds=median(durations) if durations else None,
        max_seconds=max(durations, default=None),
        observer=next(
            (robot_account for robot_account in robot_accounts if not robot_account.workspace), None
        ),
    )


def _group_by(items: Iterable[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
