"""Decide which workspace a namespace belongs to: by its labels, by a list, or to none."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

from models.clusters.cluster import ObservedNamespace
from models.core.base import Value
from models.core.errors import PlanRefused
from models.core.limits import Limits
from models.core.names import is_workspace_name
from models.core.reasons import Reason


class Source(StrEnum):
    """Where a workspace or a membership comes from."""

    DECLARED = "declared"
    LABEL = "label"


class Namespace(Value):
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
    source: Source | None = None
    problem: Reason | None = None
    message: str = ""
    terminating: bool = False


def settle_namespaces(
    cluster: str,
    observed: Iterable[ObservedNamespace],
    labels: Sequence[str],
    listed: Mapping[str, Collection[str]],
) -> tuple[Namespace, ...]:
    """Give each namespace its one workspace, or none.

    Args:
        cluster: whose namespaces they are.
        observed: all of them.
        labels: the label keys that may name a workspace; if several do, they must agree.
        listed: workspaces by namespace, as listed by hand.
    """
    return tuple(
        _settle(cluster, one, labels, listed.get(one.name, ()))
        for one in sorted(observed, key=lambda one: one.name)
    )


def _settle(
    cluster: str, one: ObservedNamespace, labels: Sequence[str], listed: Collection[str]
) -> Namespace:
    found = dict(one.labels)
    named = {key: found[key] for key in labels if found.get(key)}
    told = {*named.values(), *listed}
    settled = Namespace(cluster=cluster, name=one.name, uid=one.uid, terminating=one.terminating)
    wrong = sorted(value for value in named.values() if not is_workspace_name(value))
    if wrong:
        return settled.model_copy(
            update={
                "problem": Reason.WORKSPACE_NAME_INVALID,
                "message": f"the label's value {wrong[0][:63]!r} cannot name a workspace: use "
                "lower-case letters, digits and single inner hyphens",
            }
        )
    if len(told) > 1:
        return settled.model_copy(
            update={"problem": Reason.WORKSPACE_CONFLICT, "message": _conflict(named, listed)}
        )
    if not told:
        return settled
    source = Source.LABEL if named else Source.DECLARED
    return settled.model_copy(update={"workspace": told.pop(), "source": source})


def _conflict(named: Mapping[str, str], listed: Collection[str]) -> str:
    claims = [f"label {key} says {value}" for key, value in sorted(named.items())]
    claims += [f"the list says {value}" for value in sorted(listed)]
    return f"{', '.join(claims)}; a namespace belongs to one workspace: leave one claim"


def departures(before: Iterable[Namespace], after: Iterable[Namespace]) -> dict[str, list[str]]:
    """Return the namespaces that left each workspace: for another, for none, or by deletion.

    One that was deleted and made again is another one: whoever had the first may hold its secret.
    """
    now = {(one.name, one.uid): one.workspace for one in after}
    gone: dict[str, list[str]] = defaultdict(list)
    for one in before:
        if one.workspace and now.get((one.name, one.uid)) != one.workspace:
            gone[one.workspace].append(one.name)
    return dict(gone)


def check_leaving(
    cluster: str, before: Iterable[Namespace], after: Iterable[Namespace], limits: Limits
) -> None:
    """Refuse to take too many namespaces out of their workspaces at once.

    Namespaces that were deleted, and perhaps made again, took their pull secrets with them and do
    not count.

    Raises:
        PlanRefused: with the numbers and the way out.
    """
    members = {(one.name, one.uid): one.workspace for one in before if one.workspace}
    now = {(one.name, one.uid): one.workspace for one in after}
    leaving = sum(now[key] != workspace for key, workspace in members.items() if key in now)
    if leaving >= limits.floor and leaving > limits.share * len(members):
        raise PlanRefused(
            f"cluster {cluster}: {leaving} of {len(members)} namespaces would leave their "
            f"workspace at once ({leaving / len(members):.0%}), more than the limit of "
            f"{limits.share:.0%}; they keep what they have. If it is right, run sync-namespaces "
            "with 'Allow a large change' on; if not, look at their labels and at the configured "
            "label keys"
        )


def unmoved(before: Iterable[Namespace], after: Iterable[Namespace]) -> tuple[Namespace, ...]:
    """Return what is left after a refusal: nobody leaves a workspace, newcomers join."""
    members = {(one.name, one.uid): one for one in before if one.workspace}
    return tuple(
        members[one.name, one.uid].model_copy(update={"terminating": one.terminating})
        if (one.name, one.uid) in members
        else one
        for one in after
    )
