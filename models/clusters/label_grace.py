"""Keep a namespace in its workspace for a while if somebody misspells its workspace label.

A value that is not a workspace name can only be a mistake: it names nobody who could receive the
namespace. Everything else acts at once: another valid name, a removed label, a removed workspace.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from models.clusters.cluster import ObservedNamespace
from models.clusters.membership import MembershipRules, Namespace, WorkspaceSource
from models.core.names import is_workspace_name
from models.core.reasons import Reason


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
