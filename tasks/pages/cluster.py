"""Page of one cluster: its namespaces, their workspaces and their pull secrets."""

from collections.abc import Sequence

from models.clusters.cluster import (
    PULL_SECRET_NAME,
    SERVICE_ACCOUNT_NAME,
    Cluster,
    ClusterStatus,
)
from models.clusters.membership import Namespace, WorkspaceSource
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChange,
    ClusterChangeResult,
    PullSecretPlan,
    PullSecretStatus,
    RemoveImagePullSecret,
    WriteSecret,
)
from models.clusters.pull_secret import PullSecretState as Status
from models.clusters.rights import describe_missing_rights
from models.core.plural import pluralize
from models.core.reasons import Reason
from models.core.runs.counts import count_changes
from tasks.pages.markdown import (
    breakable,
    escape_markdown,
    inline_code,
    markdown_table,
    more_rows,
    short_timestamp,
    stack_lines,
    timestamp,
)
from tasks.store.access.clusters import ClusterRecord

_MAX_ROWS = 500
PULL_SECRET_ICON = {Status.DELIVERED: "✅", Status.PENDING: "⏳", Status.REFUSED: "❌"}
SOURCE_LABEL = {WorkspaceSource.LABEL: "label", WorkspaceSource.LISTED: "list"}
"""How a namespace joined its workspace: by its label, or listed in create-workspace."""


def cluster_page(
    record: ClusterRecord,
    plan: PullSecretPlan,
    results: Sequence[ClusterChangeResult],
    unsafe_reason: str,
    *,
    dry_run: bool,
) -> str:
    """Return the page of a cluster: its record, and the plan and results of the last run.

    Args:
        record: the saved record of the cluster.
        plan: planned changes of pull secrets.
        results: results of the applied changes.
        unsafe_reason: which safety limit kept namespaces in their workspaces; empty if none.
        dry_run: whether the plan was not applied.
    """
    parts = [
        f"# Cluster {record.cluster.name}: {_status_line(record)}",
        escape_markdown(record.cluster.description),
        _unavailable_note(record),
        f"**Safety limit:** {escape_markdown(unsafe_reason, 600)}" if unsafe_reason else "",
        _facts_section(record),
    ]
    if plan.changes:
        title = "## Changes (dry run: nothing was changed)" if dry_run else "## Changes"
        parts += [title, _changes_section(plan, results, dry_run=dry_run)]
    parts += [f"## Namespaces ({len(record.namespaces)})", _namespaces_section(record)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _status_line(record: ClusterRecord) -> str:
    if record.status.reachable is None:
        return "⏳ not observed yet"
    if record.status.reason is Reason.CLUSTER_REPLACED:
        return "❌ another cluster"
    return "✅ reachable" if record.status.reachable else "❌ unreachable"


def _unavailable_note(record: ClusterRecord) -> str:
    state = record.status
    if state.reachable is not False:
        return ""
    return (
        f"**{_unavailable_title(state.reason)}, so no pull secret is written or deleted:** "
        f"{escape_markdown(state.message, 600)} ({inline_code(state.reason)}, since "
        f"{timestamp(state.since)}). The data below is from the last complete observation: "
        f"{timestamp(state.seen_at)}."
    )


def _unavailable_title(reason: Reason) -> str:
    if reason in (Reason.CLUSTER_REPLACED, Reason.IDENTITY_UNPROVED):
        return "This may be another cluster"
    return "The cluster cannot be read"


def _facts_section(record: ClusterRecord) -> str:
    cluster, state = record.cluster, record.status
    members = sum(bool(namespace.workspace) for namespace in record.namespaces)
    delivered_count = sum(secret.status is Status.DELIVERED for secret in record.pull_secrets)
    problem_count = sum(namespace.problem is not None for namespace in record.namespaces)
    credential = (
        escape_markdown(str(cluster.credential)) if cluster.credential else "in-cluster (own pod)"
    )
    return markdown_table(
        ("", ""),
        (
            ("Credentials", credential),
            ("Identity", _identity_note(record)),
            ("State", f"{inline_code(state.reason)} since {timestamp(state.since)}"),
            ("Last observed", timestamp(state.looked_at)),
            ("Last complete observation", timestamp(state.seen_at)),
            ("Rights", _rights_note(state)),
            ("Added to ServiceAccounts", _link_note(cluster)),
            ("Namespaces in workspaces", f"{members} of {len(record.namespaces)}"),
            ("Namespaces with problems", str(problem_count)),
            ("Pull secrets", f"{delivered_count} of {len(record.pull_secrets)} delivered"),
        ),
    )


def _identity_note(record: ClusterRecord) -> str:
    if not record.cluster.uid:
        return "not observed yet"
    note = f"{inline_code(record.cluster.uid)} (uid of kube-system)"
    if not record.other_names:
        return note
    advice = "run remove-cluster for all names except one"
    return stack_lines(note, f"⚠️ also registered as {', '.join(record.other_names)}: {advice}")


def _rights_note(state: ClusterStatus) -> str:
    if state.missing_rights is None:
        return "not checked yet"
    if state.missing_rights:
        return f"❌ {escape_markdown(describe_missing_rights(state.missing_rights), 600)}"
    return f"✅ all, checked {timestamp(state.rights_checked_at)}"


def _link_note(cluster: Cluster) -> str:
    account, secret = inline_code(SERVICE_ACCOUNT_NAME), inline_code(PULL_SECRET_NAME)
    if cluster.links_accounts:
        return (
            f"yes: {secret} is in the imagePullSecrets of the ServiceAccount {account}, or of "
            "those that the workspace chooses"
        )
    return f"no: pods must list {secret} in their {inline_code('imagePullSecrets')}"


def _changes_section(
    plan: PullSecretPlan, results: Sequence[ClusterChangeResult], *, dry_run: bool
) -> str:
    by_change = {_change_key(result.change): result for result in results}
    rows = [
        (
            inline_code(change.namespace),
            _change_label(change),
            escape_markdown(", ".join(change.registries))
            if isinstance(change, WriteSecret)
            else "–",
            inline_code(change.reason),
            _result_cell(change, by_change.get(_change_key(change)), dry_run=dry_run),
        )
        for change in plan.changes[:_MAX_ROWS]
    ]
    counts = count_changes(plan.changes, results, plan.withheld_count)
    summary = counts.describe_plan() if dry_run else counts.summarize()
    head = ("Namespace", "Change", "Registries", "Reason", "Result")
    return f"{summary}.\n\n{markdown_table(head, rows)}{more_rows(len(plan.changes), _MAX_ROWS)}"


def _change_key(change: ClusterChange) -> tuple[str, str, str]:
    return change.namespace, change.kind, getattr(change, "service_account", "")


def _change_label(change: ClusterChange) -> str:
    if isinstance(change, AddImagePullSecret | RemoveImagePullSecret):
        return f"{change.kind} {inline_code(change.service_account)}"
    return change.kind


def _result_cell(
    change: ClusterChange, result: ClusterChangeResult | None, *, dry_run: bool
) -> str:
    if result is None:
        return "not applied (dry run)" if dry_run else "not applied"
    mark = "✅" if result.succeeded else "❌"
    return f"{mark} {inline_code(result.reason)} {escape_markdown(result.message)}".strip()


def _namespaces_section(record: ClusterRecord) -> str:
    # A cluster can have thousands of namespaces: those without a workspace are only counted.
    pull_secrets = {pull_secret.namespace: pull_secret for pull_secret in record.pull_secrets}
    namespaces = [
        namespace
        for namespace in record.namespaces
        if namespace.workspace
        or namespace.problem
        or namespace.name in pull_secrets
        or namespace.terminating
    ]
    unlisted_count = len(record.namespaces) - len(namespaces)
    footer = (
        f"Not listed: {pluralize(unlisted_count, 'namespace')} without a workspace and pull secret."
        * (unlisted_count > 0)
    )
    if not namespaces:
        return footer or "No namespaces observed."
    head = ("Namespace", "Workspace, source", "Pull secret", "Registries", "Since (UTC)")
    namespaces.sort(
        key=lambda namespace: (
            namespace.problem is None,
            _status_rank(pull_secrets.get(namespace.name)),
            namespace.name,
        )
    )
    rows = (
        _namespace_row(namespace, pull_secrets.get(namespace.name))
        for namespace in namespaces[:_MAX_ROWS]
    )
    body = markdown_table(head, rows) + more_rows(len(namespaces), _MAX_ROWS)
    return f"{body}\n\n{footer}" if footer else body


def _status_rank(pull_secret: PullSecretStatus | None) -> int:
    # Namespaces that need attention come first.
    order = (Status.REFUSED, Status.PENDING, Status.DELIVERED)
    return order.index(pull_secret.status) if pull_secret else len(order)


def _namespace_row(namespace: Namespace, pull_secret: PullSecretStatus | None) -> tuple[str, ...]:
    return (
        stack_lines(inline_code(namespace.name), "terminating" if namespace.terminating else ""),
        membership_cell(namespace),
        pull_secret_cell(pull_secret),
        escape_markdown(", ".join(login.registry for login in pull_secret.logins))
        if pull_secret
        else "–",
        short_timestamp(pull_secret.delivered_at)
        if pull_secret and pull_secret.delivered_at
        else "–",
    )


def membership_cell(namespace: Namespace) -> str:
    """Return a table cell with the workspace of a namespace, or why it has none."""
    if namespace.problem:
        mark = "⚠️" if namespace.workspace else "❌"
        return stack_lines(
            f"{mark} {breakable(namespace.problem)}", escape_markdown(namespace.message)
        )
    return (
        f"{escape_markdown(namespace.workspace)}, {SOURCE_LABEL[namespace.source]}"
        if namespace.workspace and namespace.source
        else "–"
    )


def pull_secret_cell(pull_secret: PullSecretStatus | None) -> str:
    """Return a table cell with the state of a pull secret, and the reason if not delivered."""
    if pull_secret is None:
        return "not needed"
    reason = "" if pull_secret.status is Status.DELIVERED else breakable(pull_secret.reason)
    mark = f"{PULL_SECRET_ICON[pull_secret.status]} {pull_secret.status}"
    return stack_lines(mark, reason, escape_markdown(pull_secret.message))
