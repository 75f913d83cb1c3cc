"""One cluster, as a page: its namespaces, whom they belong to, and their pull secrets."""

from collections.abc import Sequence

from models.clusters.cluster import ACCOUNT_NAME, SECRET_NAME
from models.clusters.membership import Namespace, Source
from models.clusters.pull_secret import (
    ClusterChange,
    ClusterOutcome,
    Deliver,
    Delivery,
    DeliveryPlan,
)
from models.clusters.pull_secret import DeliveryStatus as Status
from models.core.plural import amount
from tasks.pages.markdown import code, folding, left_out, minute, moment, plain, stacked, table
from tasks.store.access.clusters import Known

_MOST = 500
DELIVERY_MARK = {Status.DELIVERED: "✅", Status.PENDING: "⏳", Status.REFUSED: "❌"}
BY = {Source.LABEL: "label", Source.DECLARED: "list"}
"""By what a namespace belongs to a workspace: its label, or the list of create-workspace."""


def cluster_page(
    known: Known,
    plan: DeliveryPlan,
    outcomes: Sequence[ClusterOutcome],
    refused: str,
    *,
    dry_run: bool,
) -> str:
    """Tell everything that is known of one cluster, and what the last run did there.

    Args:
        known: the cluster as it was saved.
        plan: what was to be done about pull secrets.
        outcomes: what became of it.
        refused: why the brakes let nobody leave a workspace.
        dry_run: whether nothing was done.
    """
    parts = [
        f"# Cluster {known.cluster.name}: {_state(known)}",
        plain(known.cluster.description),
        _unread(known),
        f"**Refused:** {plain(refused, 600)}" if refused else "",
        _facts(known),
    ]
    if plan.changes:
        title = "## Changes (dry run: nothing was changed)" if dry_run else "## Changes"
        parts += [title, _changes(plan, outcomes, dry_run=dry_run)]
    parts += [f"## Namespaces ({len(known.namespaces)})", _namespaces(known)]
    return "\n\n".join(part for part in parts if part) + "\n"


def cluster_news(
    known: Known, plan: DeliveryPlan, outcomes: Sequence[ClusterOutcome], refused: str
) -> str:
    """Return the part of the page that is worth a new version: all but its times."""
    state = known.state
    deliveries = (one.model_dump_json(exclude={"delivered_at"}) for one in known.deliveries)
    namespaces = (one.model_dump_json() for one in known.namespaces)
    return "\n".join(
        [
            known.cluster.model_dump_json(),
            f"{state.reachable} {state.reason} {state.message}",
            *namespaces,
            *deliveries,
            *(one.model_dump_json() for one in plan.changes),
            *(one.model_dump_json() for one in outcomes),
            refused,
        ]
    )


def _state(known: Known) -> str:
    if known.state.reachable is None:
        return "⏳ not looked at yet"
    return "✅ reachable" if known.state.reachable else "❌ out of reach"


def _unread(known: Known) -> str:
    state = known.state
    if state.reachable is not False:
        return ""
    return (
        f"**It could not be read, so nothing is delivered and nothing withdrawn:** "
        f"{plain(state.message, 600)} ({code(state.reason)}, since {moment(state.since)}). "
        f"What follows was seen {moment(state.seen_at)}."
    )


def _facts(known: Known) -> str:
    cluster, state = known.cluster, known.state
    linked = (
        f"the ServiceAccount {code(ACCOUNT_NAME)} of each namespace hands out the pull secret"
        if cluster.links_accounts
        else f"no: pods name {code(SECRET_NAME)} in their {code('imagePullSecrets')} themselves"
    )
    members = sum(bool(one.workspace) for one in known.namespaces)
    delivered = sum(one.status is Status.DELIVERED for one in known.deliveries)
    problems = sum(one.problem is not None for one in known.namespaces)
    credential = plain(cluster.credential.name) if cluster.credential else "of the pod we run in"
    return table(
        ("", ""),
        (
            ("Credentials", credential),
            ("State", f"{code(state.reason)} since {moment(state.since)}"),
            ("Last look", moment(state.looked_at)),
            ("Last seen completely", moment(state.seen_at)),
            ("ServiceAccounts linked", linked),
            ("Namespaces in workspaces", f"{members} of {len(known.namespaces)}"),
            ("Disputed namespaces", str(problems)),
            ("Pull secrets", f"{delivered} of {len(known.deliveries)} delivered"),
        ),
    )


def _changes(plan: DeliveryPlan, outcomes: Sequence[ClusterOutcome], *, dry_run: bool) -> str:
    became = {(one.change.namespace, one.change.kind): one for one in outcomes}
    rows = [
        (
            code(change.namespace),
            change.kind,
            plain(", ".join(change.registries)) if isinstance(change, Deliver) else "–",
            code(change.reason),
            _became(change, became.get((change.namespace, change.kind)), dry_run=dry_run),
        )
        for change in plan.changes[:_MOST]
    ]
    done = sum(one.done for one in outcomes)
    told = f"{amount(len(plan.changes), 'change')} planned"
    told += "" if dry_run else f", {done} made, {len(outcomes) - done} failed"
    head = ("Namespace", "Change", "Registries", "Reason", "Outcome")
    return f"{told}.\n\n{table(head, rows)}{left_out(len(plan.changes), _MOST)}"


def _became(change: ClusterChange, outcome: ClusterOutcome | None, *, dry_run: bool) -> str:
    if outcome is None:
        return "not made (dry run)" if dry_run else "not made"
    mark = "✅" if outcome.done else "❌"
    return f"{mark} {code(outcome.reason)} {plain(outcome.message)}".strip()


def _namespaces(known: Known) -> str:
    """List those that somebody claims or that have a pull secret; others are counted."""
    delivered = {one.namespace: one for one in known.deliveries}
    told = [
        one
        for one in known.namespaces
        if one.workspace or one.problem or one.name in delivered or one.terminating
    ]
    silent = len(known.namespaces) - len(told)
    rest = f"{amount(silent, 'namespace')} without a workspace and without a pull secret." * (
        silent > 0
    )
    if not told:
        return rest or "None known."
    head = ("Namespace", "Workspace, by", "Pull secret", "Registries", "Since (UTC)")
    told.sort(key=lambda one: (one.problem is None, _rank(delivered.get(one.name)), one.name))
    rows = (_namespace(one, delivered.get(one.name)) for one in told[:_MOST])
    shown = table(head, rows) + left_out(len(told), _MOST)
    return f"{shown}\n\n{rest}" if rest else shown


def _rank(delivery: Delivery | None) -> int:
    """Put first what a person must look at."""
    order = (Status.REFUSED, Status.PENDING, Status.DELIVERED)
    return order.index(delivery.status) if delivery else len(order)


def _namespace(one: Namespace, delivery: Delivery | None) -> tuple[str, ...]:
    return (
        stacked(code(one.name), "is being deleted" if one.terminating else ""),
        membership_cell(one),
        delivery_cell(delivery),
        plain(", ".join(login.registry for login in delivery.logins)) if delivery else "–",
        minute(delivery.delivered_at) if delivery and delivery.delivered_at else "–",
    )


def membership_cell(one: Namespace) -> str:
    """Tell whom a namespace belongs to, or why to nobody."""
    if one.problem:
        return stacked(f"❌ {folding(one.problem)}", plain(one.message))
    return f"{plain(one.workspace)}, {BY[one.source]}" if one.workspace and one.source else "–"


def delivery_cell(delivery: Delivery | None) -> str:
    """Tell how a pull secret is, and why if it is not delivered."""
    if delivery is None:
        return "none due"
    why = "" if delivery.status is Status.DELIVERED else folding(delivery.reason)
    mark = f"{DELIVERY_MARK[delivery.status]} {delivery.status}"
    return stacked(mark, why, plain(delivery.message))
