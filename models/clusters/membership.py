"""Assign namespaces to workspaces by their labels or by a list.

A label value that is not a workspace name can only be a mistake: it names nobody who could receive
the namespace, which therefore stays in its workspace for a while. Everything else acts at once:
another valid name, a removed label, a removed workspace.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
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


class MembershipRules(FrozenModel):
    """What users entered about the namespaces of one cluster.

    Attributes:
        listed: by namespace, the workspaces that list it, each with the uid of the namespace that
            is meant; an empty uid means the one that is observed first.
        restrictions: clusters by workspace that its namespaces may be in; all if not contained.
    """

    listed: Mapping[str, Mapping[str, str]] = {}
    restrictions: Mapping[str, tuple[str, ...]] = {}

    def assigned_workspaces(self, namespace: str, uid: str) -> frozenset[str]:
        """Return the workspaces that list a namespace.

        One of the same name that was created again may belong to somebody else: it is not meant.
        """
        listed = self.listed.get(namespace, {})
        return frozenset(name for name, pin in listed.items() if pin in ("", uid))

    def allows(self, workspace: str, cluster: str) -> bool:
        """Return whether namespaces in a cluster may belong to a workspace."""
        return cluster in self.restrictions.get(workspace, (cluster,))

    def find_pins(self, observed: Iterable[Namespace]) -> tuple[tuple[str, str], ...]:
        """Return name and uid of listed namespaces that are observed for the first time."""
        return tuple(
            (namespace.name, namespace.uid)
            for namespace in observed
            if "" in self.listed.get(namespace.name, {}).values() and not namespace.terminating
        )


def assign_workspaces(
    cluster: str,
    observed: Iterable[ObservedNamespace],
    label_keys: Sequence[str],
    rules: MembershipRules,
) -> tuple[Namespace, ...]:
    """Assign each namespace to one workspace or to none.

    Args:
        cluster: name of the cluster.
        observed: all its namespaces.
        label_keys: keys of the workspace labels; if several are set, their values must be equal.
        rules: what users entered.
    """
    return tuple(
        _assign_workspace(cluster, namespace, label_keys, rules)
        for namespace in sorted(observed, key=lambda namespace: namespace.name)
    )


def _assign_workspace(
    cluster: str, observed: ObservedNamespace, label_keys: Sequence[str], rules: MembershipRules
) -> Namespace:
    label_values = dict(observed.labels)
    by_label = {key: label_values[key] for key in label_keys if label_values.get(key)}
    assignments = rules.assigned_workspaces(observed.name, observed.uid)
    workspaces = {*by_label.values(), *assignments}
    namespace = Namespace(
        cluster=cluster, name=observed.name, uid=observed.uid, terminating=observed.terminating
    )
    problem = (
        _name_problem(by_label.values())
        or _conflict_problem(by_label, assignments)
        or _cluster_problem(cluster, workspaces, rules)
        or _recreation_problem(workspaces, rules.listed.get(observed.name, {}))
    )
    if problem is not None:
        reason, message = problem
        return namespace.model_copy(update={"problem": reason, "message": message})
    if not workspaces:
        return namespace
    source = WorkspaceSource.LABEL if by_label else WorkspaceSource.LISTED
    return namespace.model_copy(update={"workspace": workspaces.pop(), "source": source})


def _name_problem(label_values: Iterable[str]) -> tuple[Reason, str] | None:
    invalid_names = sorted(value for value in label_values if not is_workspace_name(value))
    if not invalid_names:
        return None
    message = (
        f"the label value {invalid_names[0][:63]!r} is not a valid workspace name: use lower-case "
        "letters, digits and single inner hyphens"
    )
    return Reason.WORKSPACE_NAME_INVALID, message


def _conflict_problem(
    by_label: Mapping[str, str], assignments: Collection[str]
) -> tuple[Reason, str] | None:
    if len({*by_label.values(), *assignments}) <= 1:
        return None
    return Reason.WORKSPACE_CONFLICT, _conflict_message(by_label, assignments)


def _cluster_problem(
    cluster: str, workspaces: Iterable[str], rules: MembershipRules
) -> tuple[Reason, str] | None:
    for name in workspaces:
        if not rules.allows(name, cluster):
            clusters = ", ".join(rules.restrictions[name])
            message = (
                f"workspace {name} is restricted to namespaces in {clusters}: to include those in "
                f"{cluster}, run create-workspace with more clusters"
            )
            return Reason.WORKSPACE_RESTRICTED, message
    return None


def _recreation_problem(
    workspaces: Collection[str], listed: Mapping[str, str]
) -> tuple[Reason, str] | None:
    if workspaces or not listed:
        return None
    names = ", ".join(sorted(listed))
    message = (
        f"it was deleted and created again since it was listed for {names}, so it may belong to "
        f"somebody else. To confirm it, run create-workspace for {names} with it in the list"
    )
    return Reason.NAMESPACE_RECREATED, message


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


def leaving_members(
    namespaces: Iterable[Namespace],
    workspace: str,
    listed: Collection[tuple[str, str]],
    clusters: Collection[str],
) -> tuple[Namespace, ...]:
    """Return the namespaces that leave a workspace when its lists are replaced.

    Args:
        namespaces: namespaces on record.
        workspace: name of the workspace.
        listed: (cluster, namespace) of all namespaces listed for it then.
        clusters: the clusters that it is restricted to then; empty for none.
    """
    return tuple(
        namespace
        for namespace in namespaces
        if namespace.workspace == workspace
        and (
            _is_unlisted(namespace, listed)
            or (bool(clusters) and namespace.cluster not in clusters)
        )
    )


def _is_unlisted(namespace: Namespace, listed: Collection[tuple[str, str]]) -> bool:
    is_by_list = namespace.source is WorkspaceSource.LISTED
    return is_by_list and (namespace.cluster, namespace.name) not in listed


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


def keep_unreadable(
    before: Iterable[Namespace], after: Sequence[Namespace], unreadable: Collection[str]
) -> tuple[Namespace, ...]:
    """Return the namespaces, and those on record that could not be read.

    Args:
        before: namespaces on record.
        after: namespaces as just assigned.
        unreadable: names of namespaces that an otherwise complete list may lack.
    """
    listed = {namespace.name for namespace in after}
    missing = (
        namespace
        for namespace in before
        if namespace.name in unreadable and namespace.name not in listed
    )
    return tuple(sorted([*after, *missing], key=lambda namespace: namespace.name))


def keep_misspelled(
    before: Iterable[Namespace],
    after: Iterable[Namespace],
    observed: Iterable[ObservedNamespace],
    label_keys: Sequence[str],
    rules: MembershipRules,
    *,
    now: datetime,
    grace: timedelta,
) -> tuple[Namespace, ...]:
    """Return the namespaces, those with an invalid label in their workspace of before.

    Args:
        before: namespaces on record.
        after: namespaces as just assigned.
        observed: the same namespaces as observed.
        label_keys: keys of the workspace labels.
        rules: what users entered.
        now: time of the observation (UTC).
        grace: how long a namespace is kept after the invalid label was first observed.
    """
    members = {(namespace.name, namespace.uid): namespace for namespace in before}
    labels = {namespace.name: dict(namespace.labels) for namespace in observed}
    return tuple(
        _keep(
            members.get((namespace.name, namespace.uid)),
            namespace,
            _valid_names(labels.get(namespace.name, {}), label_keys),
            rules,
            now=now,
            grace=grace,
        )
        for namespace in after
    )


def _keep(
    before: Namespace | None,
    after: Namespace,
    labelled: Collection[str],
    rules: MembershipRules,
    *,
    now: datetime,
    grace: timedelta,
) -> Namespace:
    if after.problem is not Reason.WORKSPACE_NAME_INVALID:
        return after
    since = now if before is None or before.problem_since is None else before.problem_since
    after = after.model_copy(update={"problem_since": since})
    if before is None or before.workspace is None or now - since >= grace:
        return after
    listed = rules.assigned_workspaces(after.name, after.uid)
    if not rules.allows(before.workspace, after.cluster):
        return after  # restricted to other clusters
    if {*labelled, *listed} - {before.workspace}:
        return after  # a valid claim of another workspace
    if before.source is WorkspaceSource.LISTED and before.workspace not in listed:
        return after  # no longer listed
    message = (
        f"{after.message}. The namespace stays in workspace {before.workspace} until "
        f"{since + grace:%Y-%m-%d %H:%M} UTC"
    )
    update = {"workspace": before.workspace, "source": before.source, "message": message}
    return after.model_copy(update=update)


def _valid_names(labels: Mapping[str, str], label_keys: Sequence[str]) -> set[str]:
    values = (labels.get(key, "") for key in label_keys)
    return {value for value in values if value and is_workspace_name(value)}
