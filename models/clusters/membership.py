"""Assign namespaces to workspaces by their labels or by a list."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from models.clusters.cluster import ObservedNamespace
from models.core.base import FrozenModel
from models.core.limits import ChangeLimits, LimitExceeded, is_limit_exceeded
from models.core.names import is_workspace_name
from models.core.reasons import Reason


class WorkspaceSource(StrEnum):
    """The source of a workspace or of a namespace's membership."""

    LISTED = "declared"
    LABEL = "label"


class Namespace(FrozenModel):
    """The record of a namespace.

    Attributes:
        workspace: its workspace; None without an assignment or with conflicting ones.
        source: source of the assignment.
        problem, message: why an assignment is not valid, and how to fix it.
        problem_since: since when its label is not a workspace name (UTC); see `keep_misspelled`.
    """

    cluster: str
    name: str
    uid: str
    workspace: str | None = None
    source: WorkspaceSource | None = None
    problem: Reason | None = None
    message: str = ""
    problem_since: datetime | None = None
    terminating: bool = False


def assign_workspaces(
    cluster: str,
    observed: Iterable[ObservedNamespace],
    label_keys: Sequence[str],
    assignments: Mapping[str, Collection[str]],
) -> tuple[Namespace, ...]:
    """Assign each namespace to one workspace or to none.

    Args:
        cluster: name of the cluster.
        observed: all its namespaces.
        label_keys: keys of the workspace labels; if several are set, their values must be equal.
        assignments: workspaces by namespace, as listed by users.
    """
    return tuple(
        _assign_workspace(cluster, namespace, label_keys, assignments.get(namespace.name, ()))
        for namespace in sorted(observed, key=lambda namespace: namespace.name)
    )


def _assign_workspace(
    cluster: str,
    observed: ObservedNamespace,
    label_keys: Sequence[str],
    assignments: Collection[str],
) -> Namespace:
    label_values = dict(observed.labels)
    workspaces_by_label = {key: label_values[key] for key in label_keys if label_values.get(key)}
    workspaces = {*workspaces_by_label.values(), *assignments}
    namespace = Namespace(
        cluster=cluster, name=observed.name, uid=observed.uid, terminating=observed.terminating
    )
    invalid_names = sorted(
        value for value in workspaces_by_label.values() if not is_workspace_name(value)
    )
    if invalid_names:
        return namespace.model_copy(
            update={
                "problem": Reason.WORKSPACE_NAME_INVALID,
                "message": f"the label value {invalid_names[0][:63]!r} is not a valid workspace "
                "name: use lower-case letters, digits and single inner hyphens",
            }
        )
    if len(workspaces) > 1:
        return namespace.model_copy(
            update={
                "problem": Reason.WORKSPACE_CONFLICT,
                "message": _conflict_message(workspaces_by_label, assignments),
            }
        )
    if not workspaces:
        return namespace
    source = WorkspaceSource.LABEL if workspaces_by_label else WorkspaceSource.LISTED
    return namespace.model_copy(update={"workspace": workspaces.pop(), "source": source})


def _conflict_message(workspaces_by_label: Mapping[str, str], assignments: Collection[str]) -> str:
    claims = [f"label {key}={value}" for key, value in sorted(workspaces_by_label.items())]
    claims += [f"listed for {value}" for value in sorted(assignments)]
    return f"conflicting workspaces: {', '.join(claims)}; keep only one of them"


def departures_by_workspace(
    before: Iterable[Namespace], after: Iterable[Namespace]
) -> dict[str, list[str]]:
    """Return the namespaces that left each workspace: reassigned, unassigned or deleted.

    A recreated namespace counts as left: a user of the old one may have copied the secret.
    """
    current = {(namespace.name, namespace.uid): namespace.workspace for namespace in after}
    names_by_workspace: dict[str, list[str]] = defaultdict(list)
    for namespace in before:
        if (
            namespace.workspace
            and current.get((namespace.name, namespace.uid)) != namespace.workspace
        ):
            names_by_workspace[namespace.workspace].append(namespace.name)
    return dict(names_by_workspace)


def has_unlisted_member(
    namespaces: Iterable[Namespace], workspace: str, listed: Collection[tuple[str, str]]
) -> bool:
    """Return whether a namespace leaves a workspace because it is not listed any more.

    Args:
        namespaces: namespaces on record.
        workspace: name of the workspace.
        listed: (cluster, namespace) of all namespaces listed for it.
    """
    return any(
        (namespace.cluster, namespace.name) not in listed
        for namespace in namespaces
        if (namespace.workspace, namespace.source) == (workspace, WorkspaceSource.LISTED)
    )


def exceeded_departure_limit(
    cluster: str, before: Iterable[Namespace], after: Iterable[Namespace], limits: ChangeLimits
) -> LimitExceeded | None:
    """Return the exceeded limit if too many namespaces leave their workspaces in one run.

    Deleted and recreated namespaces do not count: their pull secrets were deleted with them.
    """
    members = {
        (namespace.name, namespace.uid): namespace.workspace
        for namespace in before
        if namespace.workspace
    }
    current = {(namespace.name, namespace.uid): namespace.workspace for namespace in after}
    count, total = (
        sum(current[key] != workspace for key, workspace in members.items() if key in current),
        len(members),
    )
    if not is_limit_exceeded(count, total, limits):
        return None
    message = (
        f"cluster {cluster}: {count} of {total} namespaces would leave their workspace at once "
        f"({count / max(total, 1):.0%}), more than the limit of {limits.max_share:.0%}; their "
        "assignments are kept. If this is intended, run sync-namespaces with 'Allow a large "
        "change' on; if not, check their labels and the configured label keys"
    )
    return LimitExceeded(count=count, total=total, message=message)


def keep_assignments(
    before: Iterable[Namespace], after: Iterable[Namespace]
) -> tuple[Namespace, ...]:
    """Return the safe subset of the assignments: no namespace leaves, new ones join."""
    members = {
        (namespace.name, namespace.uid): namespace for namespace in before if namespace.workspace
    }
    return tuple(
        members[namespace.name, namespace.uid].model_copy(
            update={"terminating": namespace.terminating}
        )
        if (namespace.name, namespace.uid) in members
        else namespace
        for namespace in after
    )
