"""Messages that end the cluster flows' runs."""

from collections.abc import Mapping, Sequence

from models.clusters.cluster import INSTALLATION_LABEL, PULL_SECRET_NAME
from models.clusters.membership import Namespace
from models.core.plural import pluralize
from models.core.runs.counts import ChangeCounts

_MAX_ERRORS = 5
_MAX_NAMESPACES = 50


def registered(name: str, namespaces: int, notes: Sequence[str]) -> str:
    """Return the message of a registration; the notes say why pull secrets may not be in place."""
    message = f"cluster {name} is registered: {pluralize(namespaces, 'namespace')}"
    return "; ".join([message, *(note for note in notes if note)])


def replacement_note(uid: str) -> str:
    """Return the note that another cluster was replaced; empty without its identity."""
    if not uid:
        return ""
    return (
        f"the cluster with the uid {uid} was not changed: if it still exists, delete the Secrets "
        f"{PULL_SECRET_NAME} in it by hand"
    )


def sync_summary(
    clusters: int,
    members: int,
    counts: ChangeCounts,
    errors: Sequence[str],
    skipped: Sequence[str],
    *,
    dry_run: bool,
    remark: str,
) -> str:
    """Return the message of a synchronization.

    Args:
        clusters: how many clusters were synchronized.
        members: how many of their namespaces are in workspaces.
        counts: the counts of the changes.
        errors: what failed, or else why clusters could not be read.
        skipped: why clusters were left to other runs.
        remark: what departures mean for pulls.
    """
    changes = counts.describe_plan() if dry_run else counts.summarize()
    summary = (
        f"{pluralize(clusters, 'cluster')}, {pluralize(members, 'namespace')} in workspaces, "
        f"{changes}"
    )
    remarks = [remark] if remark else []
    return "; ".join([summary, *remarks, *errors[:_MAX_ERRORS], *skipped[:_MAX_ERRORS]])


def namespace_problems(namespaces: Sequence[Namespace]) -> str:
    """Return the note about namespaces that belong to no workspace because of a problem."""
    if not namespaces:
        return ""
    names = [f"{item.cluster}/{item.name} ({item.problem})" for item in namespaces[:_MAX_ERRORS]]
    more = len(namespaces) - len(names)
    text = ", ".join(names) + (f" and {more} more" if more else "")
    return f"in no workspace because of a problem, see the pages of the clusters: {text}"


def would_be_removed(
    name: str, pull_secrets: int, other_names: Sequence[str], lockout_note: str
) -> str:
    """Return the message of a removal that is not confirmed."""
    content = f" with {pluralize(pull_secrets, 'pull secret')}"
    if other_names:
        content = f" from this service; {pull_secrets_stay(other_names)}"
    return (
        f"cluster {name} would be removed{content}{lockout_note}; nothing was changed. To remove "
        "it, run remove-cluster again with 'Confirm' on"
    )


def removed(name: str, error: str, other_names: Sequence[str], lockout_note: str) -> str:
    """Return the message of a removal; `error` is why pull secrets remain in the cluster."""
    if error:
        return f"cluster {name} was removed, but {error}{lockout_note}"
    if other_names:
        return f"cluster {name} was removed; {pull_secrets_stay(other_names)}{lockout_note}"
    return f"cluster {name} was removed and its pull secrets were deleted{lockout_note}"


def pull_secrets_stay(other_names: Sequence[str]) -> str:
    """Return the note that another name of the cluster still needs its pull secrets."""
    return (
        f"it is also registered as {', '.join(other_names)}, which keeps the pull secrets that it "
        "needs"
    )


def possible_duplicates(name: str, others: Sequence[str]) -> str:
    """Return the error about clusters that may be the same as the one to remove."""
    return (
        f"cluster {name} was not removed: it may be the same cluster as {', '.join(others)}, which "
        "would lose its pull secrets. Run sync-namespaces, then remove-cluster again. If "
        f"{', '.join(others)} cannot be read any more, run remove-cluster for it first"
    )


def duplicate_name(name: str, other_names: Sequence[str]) -> str:
    """Return the warning about a cluster that is registered under several names."""
    return (
        f"cluster {name} is the same cluster as {', '.join(other_names)}: run remove-cluster for "
        "all names except one, and list its namespaces under that one"
    )


def lockout_note(registries: str) -> str:
    """Return the warning about managed Harbors whose passwords are Secrets in the cluster."""
    return (
        f"; the passwords of managed Harbors are stored in this cluster: {registries} cannot be "
        "accessed until the cluster is registered again or update-registry sets credentials"
    )


def secrets_may_remain(reason: str, namespaces: Sequence[str], installation: str) -> str:
    """Return the error about pull secrets in a cluster that cannot be read."""
    names = ", ".join(namespaces[:_MAX_NAMESPACES]) or "none"
    return (
        f"nothing was changed in the cluster itself ({reason}); the Secret {PULL_SECRET_NAME} may "
        f"remain in: {names}. {_deletion_advice(installation)}"
    )


def secrets_remain(errors: Mapping[str, str], installation: str) -> str:
    """Return the error about pull secrets that could not be deleted, with why, by namespace."""
    first = list(errors.items())[:_MAX_NAMESPACES]
    details = ", ".join(f"{namespace} ({message})" for namespace, message in first)
    return (
        f"the Secret {PULL_SECRET_NAME} was not deleted in: {details}. "
        f"{_deletion_advice(installation)}"
    )


def _deletion_advice(installation: str) -> str:
    return (
        "To delete it by hand, run there: kubectl delete secrets --all-namespaces --selector "
        f"{INSTALLATION_LABEL}={installation} (a ServiceAccount that still names it in "
        "imagePullSecrets is harmless)"
    )
