"""Decide which workspace a namespace belongs to: by its labels, by a list, or to none."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from models.clusters.cluster import ObservedNamespace
from models.core.base import FrozenModel
from models.core.errors import UnsafePlan
from models.core.limits import ChangeLimits
from models.core.names import is_workspace_name
from models.core.reasons import Reason


class WorkspaceSource(StrEnum):
    """Where a workspace or a membership comes from."""

    LISTED = "declared"
    LABEL = "label"


class Namespace(FrozenModel):
    """A namespace as this service knows it.

    Attributes:
        workspace: whom it belongs to; None while nobody says so, or they disagree.
        source: whether a label or the list says so.
        problem, message: why it belongs to nobody although somebody says so, and what to do.
    """

    cluster: str
    name: str
    uid: str
    workspace: str | None = None
    source: WorkspaceSource | None = None
    problem: Reason | None = None
    message: str = ""
    terminating: bool = False


def assign_workspaces(
    cluster: str,
    observed: Iterable[ObservedNamespace],
    labels: Sequence[str],
    assignments: Mapping[str, Collection[str]],
) -> tuple[Namespace, ...]:
    """Give each namespace its one workspace, or none.

    Args:
        cluster: whose namespaces they are.
        observed: all of them.
        labels: the label keys that may name a workspace; if several do, they must agree.
        assignments: workspaces by namespace, as listed by hand.
    """
    return tuple(
        _assign_workspace(cluster, namespace, labels, assignments.get(namespace.name, ()))
        for namespace in sorted(observed, key=lambda namespace: namespace.name)
    )


def _assign_workspace(
    cluster: str, observed: ObservedNamespace, labels: Sequence[str], assignments: Collection[str]
) -> Namespace:
    label_values = dict(observed.labels)
    workspaces_by_label = {key: label_values[key] for key in labels if label_values.get(key)}
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
                "message": f"the label's value {invalid_names[0][:63]!r} cannot name a workspace: "
                "use lower-case letters, digits and single inner hyphens",
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
    claims = [f"label {key} says {value}" for key, value in sorted(workspaces_by_label.items())]
    claims += [f"the list says {value}" for value in sorted(assignments)]
    return f"{', '.join(claims)}; a namespace belongs to one workspace: leave one claim"


def departures_by_workspace(
    before: Iterable[Namespace], after: Iterable[Namespace]
) -> dict[str, list[str]]:
    """Return the namespaces that left each workspace: for another, for none, or by deletion.

    One that was deleted and made again is another one: whoever had the first may hold its secret.
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


def check_departures(
    cluster: str, before: Iterable[Namespace], after: Iterable[Namespace], limits: ChangeLimits
) -> None:
    """Refuse to take too many namespaces out of their workspaces at once.

    Namespaces that were deleted, and perhaps made again, took their pull secrets with them and do
    not count.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    members = {
        (namespace.name, namespace.uid): namespace.workspace
        for namespace in before
        if namespace.workspace
    }
    current = {(namespace.name, namespace.uid): namespace.workspace for namespace in after}
    leaving_count = sum(
        current[key] != workspace for key, workspace in members.items() if key in current
    )
    if leaving_count >= limits.min_count and leaving_count > limits.max_share * len(members):
        raise UnsafePlan(
            f"cluster {cluster}: {leaving_count} of {len(members)} namespaces would leave their "
            f"workspace at once ({leaving_count / len(members):.0%}), more than the limit of "
            f"{limits.max_share:.0%}; they keep what they have. If it is right, run "
            "sync-namespaces with 'Allow a large change' on; if not, look at their labels "
            "and at the configured label keys"
        )


def keep_assignments(
    before: Iterable[Namespace], after: Iterable[Namespace]
) -> tuple[Namespace, ...]:
    """Return what is left after a refusal: nobody leaves a workspace, newcomers join."""
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
