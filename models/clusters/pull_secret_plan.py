"""Decide what to do about the pull secrets of one cluster, and conclude what became of it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial

from models.clusters.cluster import (
    SECRET_NAME,
    Cluster,
    ClusterSnapshot,
    ObservedAccount,
    ObservedNamespace,
    ObservedSecret,
)
from models.clusters.pull_secret import (
    LARGEST,
    ClusterChange,
    ClusterOutcome,
    Deliver,
    Delivery,
    DeliveryPlan,
    DeliveryStatus,
    Due,
    Link,
    Login,
    Unlink,
    Withdraw,
)
from models.core.availability import Seen
from models.core.reasons import Reason


def plan_deliveries(
    cluster: Cluster,
    snapshot: ClusterSnapshot,
    due: Mapping[str, Due],
    known: Iterable[Delivery],
    unknown: Mapping[str, str] | None = None,
    entitled: Mapping[str, Collection[str]] | None = None,
) -> DeliveryPlan:
    """Compare the pull secrets there are with those there shall be.

    Nothing is planned unless all three lists were read. A Secret of our name without our mark is
    left alone and told of.

    Args:
        cluster: where.
        snapshot: what was seen there.
        due: what each namespace's secret shall hold; a namespace that is not in it shall have none.
        known: how the deliveries were last left, for their times.
        unknown: namespaces of which it cannot be said now, and why; they keep what they have,
            unless that is a login which they are not entitled to. Then `due` is what is known.
        entitled: the registries that each namespace is to log in to, passwords known or not.
    """
    namespaces, secrets, accounts = snapshot.namespaces, snapshot.secrets, snapshot.accounts
    if not (
        isinstance(namespaces, Seen) and isinstance(secrets, Seen) and isinstance(accounts, Seen)
    ):
        return DeliveryPlan(cluster=cluster.name)
    at_hand = {secret.namespace: secret for secret in secrets.items}
    linking = {account.namespace: account for account in accounts.items}
    before = {delivery.namespace: delivery for delivery in known}
    changes: list[ClusterChange] = []
    states: list[Delivery] = []
    for namespace in namespaces.items:
        may_keep = _entitled(before.get(namespace.name), (entitled or {}).get(namespace.name))
        if unknown and namespace.name in unknown and may_keep:
            states.append(_kept(cluster, namespace.name, before, unknown[namespace.name]))
            continue
        secret = at_hand.get(namespace.name)
        case = _Case(cluster, namespace, secret, linking.get(namespace.name))
        made, state = case.decide(due.get(namespace.name), before.get(namespace.name), snapshot)
        changes += made
        states += [state] if state else []
    changes.sort(key=lambda change: not change.narrows)
    ours = sum(secret.ours for secret in secrets.items)
    return DeliveryPlan(
        cluster=cluster.name, changes=tuple(changes), states=tuple(states), ours=ours
    )


def _entitled(before: Delivery | None, entitled: Collection[str] | None) -> bool:
    """Whether a namespace may log in to all that its pull secret holds."""
    if before is None or entitled is None:
        return True
    return all(login.registry in entitled for login in before.logins)


def _kept(cluster: Cluster, namespace: str, before: Mapping[str, Delivery], why: str) -> Delivery:
    told = {"status": DeliveryStatus.PENDING, "reason": Reason.CREDENTIALS_MISSING, "message": why}
    if namespace in before:
        return before[namespace].model_copy(update=told)
    return Delivery(cluster=cluster.name, namespace=namespace, **told)


class _Case:
    """One namespace; lives no longer than `plan_deliveries`."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: ObservedNamespace,
        secret: ObservedSecret | None,
        account: ObservedAccount | None,
    ) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.secret, self.account = secret, account

    def decide(
        self, due: Due | None, before: Delivery | None, snapshot: ClusterSnapshot
    ) -> tuple[list[ClusterChange], Delivery | None]:
        if due is None:
            withdrawal = self._withdraw(known=before is not None)
            return withdrawal, before if withdrawal else None  # on record until it is gone
        logins, fingerprint = self._held(due, before)
        held = partial(self._state, logins=logins, fingerprint=fingerprint)
        hindrance = self._hindrance(due)
        if hindrance:
            return [], held(*hindrance)
        changes = self._deliver(due, before)
        if changes:
            return changes, held(DeliveryStatus.PENDING, changes[0].reason)
        since = before.delivered_at if before and before.fingerprint == due.fingerprint else None
        delivered = DeliveryStatus.DELIVERED, Reason.DELIVERED
        return [], held(*delivered, delivered_at=since or snapshot.taken_at)

    def _hindrance(self, due: Due) -> tuple[DeliveryStatus, Reason, str] | None:
        """Say what speaks against a delivery."""
        if self.namespace.terminating:
            said = "the namespace is being deleted"
            return DeliveryStatus.REFUSED, Reason.NAMESPACE_TERMINATING, said
        if self.secret is not None and not self.secret.ours:
            said = (
                f"a Secret {self.secret.namespace}/{SECRET_NAME} is there without our mark "
                "and is left alone: delete or rename it"
            )
            return DeliveryStatus.REFUSED, Reason.FOREIGN_SECRET, said
        if due.size > LARGEST:
            said = (
                f"{len(due.logins)} logins are {due.size} bytes, more than the {LARGEST} that a "
                "Secret holds; what it holds now is left: unbind some registries"
            )
            return DeliveryStatus.REFUSED, Reason.SECRET_TOO_LARGE, said
        return None

    def _held(self, due: Due, before: Delivery | None) -> tuple[tuple[Login, ...], str]:
        """Say what the secret holds until it is written; older robots wait for who holds them."""
        if self.secret is not None and self.secret.ours:
            if self.secret.fingerprint == due.fingerprint:
                return due.logins, due.fingerprint
            if before is not None:
                return before.logins, before.fingerprint
        return (), ""

    def _deliver(self, due: Due, before: Delivery | None) -> list[ClusterChange]:
        changes: list[ClusterChange] = []
        held = self.secret.fingerprint or "unreadable" if self.secret else ""
        if held != due.fingerprint:
            changes.append(
                Deliver(
                    namespace=self.namespace.name,
                    before=held,
                    after=due.fingerprint,
                    registries=due.registries,
                    reason=self._why(held, before),
                )
            )
        if self._unlinked:
            changes.append(Link(namespace=self.namespace.name))
        return changes

    @property
    def _unlinked(self) -> bool:
        """Whether the ServiceAccount is to be linked; one that is not there yet comes soon."""
        return self.cluster.links_accounts and not (self.account and self.account.linked)

    def _why(self, held: str, before: Delivery | None) -> Reason:
        if before is None or not before.fingerprint:
            return Reason.DUE
        return Reason.CONTENT_CHANGED if held == before.fingerprint else Reason.EDITED_BY_HAND

    def _withdraw(self, *, known: bool) -> list[ClusterChange]:
        """Remove what is ours, unless the namespace goes anyway.

        The link goes first: a run that is killed in between leaves the mark for the next.
        """
        if self.secret is None or not self.secret.ours or self.namespace.terminating:
            return []
        withdraw = Withdraw(
            namespace=self.namespace.name,
            uid=self.secret.uid,
            version=self.secret.version,
            before=self.secret.fingerprint or "unreadable",
            reason=Reason.NOTHING_DUE if known else Reason.UNWANTED,
        )
        linked = self.cluster.links_accounts and self.account is not None and self.account.linked
        return [*([Unlink(namespace=self.namespace.name)] if linked else []), withdraw]

    def _state(
        self,
        status: DeliveryStatus,
        reason: Reason,
        message: str = "",
        *,
        logins: tuple[Login, ...] = (),
        fingerprint: str = "",
        delivered_at: datetime | None = None,
    ) -> Delivery:
        return Delivery(
            cluster=self.cluster.name,
            namespace=self.namespace.name,
            status=status,
            reason=reason,
            message=message,
            logins=logins,
            fingerprint=fingerprint,
            delivered_at=delivered_at,
        )


def conclude_deliveries(
    plan: DeliveryPlan,
    outcomes: Iterable[ClusterOutcome],
    due: Mapping[str, Due],
    *,
    now: datetime,
) -> tuple[Delivery, ...]:
    """Return how each namespace's pull secret was left, once the plan was carried out."""
    became: dict[str, list[ClusterOutcome]] = defaultdict(list)
    for outcome in outcomes:
        became[outcome.change.namespace].append(outcome)
    left = (
        _concluded(state, became[state.namespace], due.get(state.namespace), now)
        if state.namespace in became
        else state
        for state in plan.states
    )
    return tuple(state for state in left if state is not None)


def _concluded(
    state: Delivery, outcomes: Collection[ClusterOutcome], due: Due | None, now: datetime
) -> Delivery | None:
    """Say how one was left; None if it was withdrawn."""
    told: dict[str, object] = {"status": DeliveryStatus.PENDING}
    if due and any(one.done and isinstance(one.change, Deliver | Link) for one in outcomes):
        told |= {"logins": due.logins, "fingerprint": due.fingerprint}
    failed = next((outcome for outcome in outcomes if not outcome.done), None)
    if failed is not None:
        told |= {"reason": failed.reason, "message": failed.message}
        return state.model_copy(update=told)
    if due is None:
        return None
    told |= {"status": DeliveryStatus.DELIVERED, "reason": Reason.DELIVERED, "delivered_at": now}
    return state.model_copy(update=told)
