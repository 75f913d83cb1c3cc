"""One cluster, as a page: its namespaces, whom they belong to, and their pull secrets."""

from collections.abc import Sequence

from models.clusters.cluster import PULL_SECRET_NAME, SERVICE_ACCOUNT_NAME, Cluster
from models.clusters.membership import Namespace, WorkspaceSource
from models.clusters.pull_secret import (
    ClusterChange,
    ClusterChangeResult,
    PullSecretPlan,
    PullSecretStatus,
    WriteSecret,
)
from models.clusters.pull_secret import PullSecretState as Status
from models.core.plural import pluralize
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
"""By what a namespace belongs to a workspace: its label, or the list of create-workspace."""


def cluster_page(
    record: ClusterRecord,
    plan: PullSecretPlan,
    results: Sequence[ClusterChangeResult],
    unsafe_reason: str,
    *,
    dry_run: bool,
) -> str:
    """Tell everything that is known of one cluster, and what the last run did there.

    Args:
        record: the cluster as it was saved.
        plan: what was to be done about pull secrets.
        results: what became of it.
        unsafe_reason: why the brakes let nobody leave a workspace.
        dry_run: whether nothing was done.
    """
    parts = [
        f"# Cluster {record.cluster.name}: {_status_line(record)}",
        escape_markdown(record.cluster.description),
        _unavailable_note(record),
        f"**Refused:** {escape_markdown(unsafe_reason, 600)}" if unsafe_reason else "",
        _facts_section(record),
    ]
    if plan.changes:
        title = "## Changes (dry run: nothing was changed)" if dry_run else "## Changes"
        parts += [title, _changes_section(plan, results, dry_run=dry_run)]
    parts += [f"## Namespaces ({len(record.namespaces)})", _namespaces_section(record)]
    return "\n\n".join(part for part in parts if part) + "\n"


def cluster_digest_source(
    record: ClusterRecord,
    plan: PullSecretPlan,
    results: Sequence[ClusterChangeResult],
    unsafe_reason: str,
) -> str:
    """Return the part of the page that is worth a new version: all but its times."""
    state = record.status
    secrets = (secret.model_dump_json(exclude={"delivered_at"}) for secret in record.pull_secrets)
    namespaces = (namespace.model_dump_json() for namespace in record.namespaces)
    return "\n".join(
        [
            record.cluster.model_dump_json(),
            f"{state.reachable} {state.reason} {state.message}",
            *namespaces,
            *secrets,
            *(change.model_dump_json() for change in plan.changes),
            *(result.model_dump_json() for result in results),
            unsafe_reason,
        ]
    )


def _status_line(record: ClusterRecord) -> str:
    if record.status.reachable is None:
        return "⏳ not looked at yet"
    return "✅ reachable" if record.status.reachable else "❌ out of reach"


def _unavailable_note(record: ClusterRecord) -> str:
    state = record.status
    if state.reachable is not False:
        return ""
    return (
        f"**It could not be read, so nothing is delivered and nothing withdrawn:** "
        f"{escape_markdown(state.message, 600)} ({inline_code(state.reason)}, since "
        f"{timestamp(state.since)}). What follows was seen {timestamp(state.seen_at)}."
    )


def _facts_section(record: ClusterRecord) -> str:
    cluster, state = record.cluster, record.status
    members = sum(bool(namespace.workspace) for namespace in record.namespaces)
    delivered_count = sum(secret.status is Status.DELIVERED for secret in record.pull_secrets)
    problem_count = sum(namespace.problem is not None for namespace in record.namespaces)
    credential = (
        escape_markdown(cluster.credential.name) if cluster.credential else "of the pod we run in"
    )
    return markdown_table(
        ("", ""),
        (
            ("Credentials", credential),
            ("State", f"{inline_code(state.reason)} since {timestamp(state.since)}"),
            ("Last look", timestamp(state.looked_at)),
            ("Last seen completely", timestamp(state.seen_at)),
            ("ServiceAccounts linked", _link_note(cluster)),
            ("Namespaces in workspaces", f"{members} of {len(record.namespaces)}"),
            ("Disputed namespaces", str(problem_count)),
            ("Pull secrets", f"{delivered_count} of {len(record.pull_secrets)} delivered"),
        ),
    )


def _link_note(cluster: Cluster) -> str:
    account, secret = inline_code(SERVICE_ACCOUNT_NAME), inline_code(PULL_SECRET_NAME)
    if cluster.links_accounts:
        return f"the ServiceAccount {account} of each namespace hands out the pull secret"
    return f"no: pods name {secret} in their {inline_code('imagePullSecrets')} themselves"


def _changes_section(
    plan: PullSecretPlan, results: Sequence[ClusterChangeResult], *, dry_run: bool
) -> str:
    by_change = {(result.change.namespace, result.change.kind): result for result in results}
    rows = [
        (
            inline_code(change.namespace),
            change.kind,
            escape_markdown(", ".join(change.registries))
            if isinstance(change, WriteSecret)
            else "–",
            inline_code(change.reason),
            _result_cell(change, by_change.get((change.namespace, change.kind)), dry_run=dry_run),
        )
        for change in plan.changes[:_MAX_ROWS]
    ]
    done_count = sum(result.succeeded for result in results)
    summary = f"{pluralize(len(plan.changes), 'change')} planned"
    summary += "" if dry_run else f", {done_count} made, {len(results) - done_count} failed"
    head = ("Namespace", "Change", "Registries", "Reason", "Outcome")
    return f"{summary}.\n\n{markdown_table(head, rows)}{more_rows(len(plan.changes), _MAX_ROWS)}"


def _result_cell(
    change: ClusterChange, result: ClusterChangeResult | None, *, dry_run: bool
) -> str:
    if result is None:
        return "not made (dry run)" if dry_run else "not made"
    mark = "✅" if result.succeeded else "❌"
    return f"{mark} {inline_code(result.reason)} {escape_markdown(result.message)}".strip()


def _namespaces_section(record: ClusterRecord) -> str:
    """List those that somebody claims or that have a pull secret; others are counted."""
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
        f"{pluralize(unlisted_count, 'namespace')} without a workspace and without a pull secret."
        * (unlisted_count > 0)
    )
    if not namespaces:
        return footer or "None known."
    head = ("Namespace", "Workspace, by", "Pull secret", "Registries", "Since (UTC)")
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
    """Put first what a person must look at."""
    order = (Status.REFUSED, Status.PENDING, Status.DELIVERED)
    return order.index(pull_secret.status) if pull_secret else len(order)


def _namespace_row(namespace: Namespace, pull_secret: PullSecretStatus | None) -> tuple[str, ...]:
    return (
        stack_lines(
            inline_code(namespace.name), "is being deleted" if namespace.terminating else ""
        ),
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
    """Tell whom a namespace belongs to, or why to nobody."""
    if namespace.problem:
        return stack_lines(f"❌ {breakable(namespace.problem)}", escape_markdown(namespace.message))
    return (
        f"{escape_markdown(namespace.workspace)}, {SOURCE_LABEL[namespace.source]}"
        if namespace.workspace and namespace.source
        else "–"
    )


def pull_secret_cell(pull_secret: PullSecretStatus | None) -> str:
    """Tell how a pull secret is, and why if it is not delivered."""
    if pull_secret is None:
        return "none due"
    reason = "" if pull_secret.status is Status.DELIVERED else breakable(pull_secret.reason)
    mark = f"{PULL_SECRET_ICON[pull_secret.status]} {pull_secret.status}"
    return stack_lines(mark, reason, escape_markdown(pull_secret.message))
