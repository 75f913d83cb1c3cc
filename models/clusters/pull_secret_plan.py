"""Plan the pull secrets of one cluster, and update their statuses with the results."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial

from models.clusters.cluster import (
    Cluster,
    ClusterSnapshot,
    ObservedNamespace,
    ObservedPullSecret,
    ObservedServiceAccount,
)
from models.clusters.pull_secret import (
    MAX_SECRET_BYTES,
    AddImagePullSecret,
    ClusterChange,
    ClusterChangeResult,
    DeleteSecret,
    DesiredPullSecret,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
    RegistryLogin,
    RemoveImagePullSecret,
    WriteSecret,
    describe_foreign_secret,
)
from models.core.availability import Complete
from models.core.reasons import Reason


def plan_pull_secrets(
    cluster: Cluster,
    snapshot: ClusterSnapshot,
    desired: Mapping[str, DesiredPullSecret],
    pull_secrets: Iterable[PullSecretStatus],
    unresolved: Mapping[str, str] | None = None,
    entitled: Mapping[str, Collection[str]] | None = None,
) -> PullSecretPlan:
    """Compare the observed pull secrets with the desired ones.

    The plan is empty unless all three sections are complete. A foreign Secret with the name of the
    pull secret is not changed; the namespace's status reports it.

    Args:
        desired: desired pull secrets by namespace; other namespaces must have none.
        pull_secrets: statuses on record.
        unresolved: namespaces whose desired content is not known completely, with the reason. Their
            pull secret is kept unless it contains a login that they are not entitled to; then the
            known part in `desired` is written.
        entitled: registries by namespace that it may log in to, even if a password is not known.
    """
    namespaces, secrets = snapshot.namespaces, snapshot.secrets
    accounts = snapshot.service_accounts
    if not (
        isinstance(namespaces, Complete)
        and isinstance(secrets, Complete)
        and isinstance(accounts, Complete)
    ):
        return PullSecretPlan(cluster=cluster.name)
    secrets_by_namespace = {secret.namespace: secret for secret in secrets.items}
    accounts_by_namespace = {account.namespace: account for account in accounts.items}
    before = {pull_secret.namespace: pull_secret for pull_secret in pull_secrets}
    changes: list[ClusterChange] = []
    statuses: list[PullSecretStatus] = []
    for namespace in namespaces.items:
        name = namespace.name
        may_keep = _is_entitled(before.get(name), (entitled or {}).get(name))
        if unresolved and name in unresolved and may_keep:
            statuses.append(_keep_status(cluster, name, before, unresolved[name]))
            continue
        secret, account = secrets_by_namespace.get(name), accounts_by_namespace.get(name)
        namespace_secret = _NamespaceSecret(cluster, namespace, secret, account)
        steps, status = namespace_secret.plan(desired.get(name), before.get(name), snapshot)
        changes += steps
        statuses += [status] if status else []
    changes.sort(key=lambda change: not change.reduces_access)
    count = sum(secret.is_owned for secret in secrets.items)
    return PullSecretPlan(
        cluster=cluster.name, changes=tuple(changes), statuses=tuple(statuses), owned_count=count
    )


def _is_entitled(before: PullSecretStatus | None, entitled: Collection[str] | None) -> bool:
    """Return whether a namespace is entitled to all logins in its pull secret."""
    if before is None or entitled is None:
        return True
    return all(login.registry in entitled for login in before.logins)


def _keep_status(
    cluster: Cluster, namespace: str, before: Mapping[str, PullSecretStatus], why: str
) -> PullSecretStatus:
    update = {
        "status": PullSecretState.PENDING,
        "reason": Reason.CREDENTIALS_MISSING,
        "message": why,
    }
    if namespace in before:
        return before[namespace].model_copy(update=update)
    return PullSecretStatus(cluster=cluster.name, namespace=namespace, **update)


class _NamespaceSecret:
    """The pull secret of one namespace; used only by `plan_pull_secrets`."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: ObservedNamespace,
        secret: ObservedPullSecret | None,
        account: ObservedServiceAccount | None,
    ) -> None:
        self.cluster, self.namespace = cluster, namespace
        self.secret, self.service_account = secret, account

    def plan(
        self,
        desired: DesiredPullSecret | None,
        before: PullSecretStatus | None,
        snapshot: ClusterSnapshot,
    ) -> tuple[list[ClusterChange], PullSecretStatus | None]:
        if desired is None:
            deletions = self._delete_secret(is_recorded=before is not None)
            return deletions, before if deletions else None  # keep the record until it is deleted
        logins, fingerprint = self._current_logins(desired, before)
        make_status = partial(self._status, logins=logins, fingerprint=fingerprint)
        refusal = self._write_refusal(desired)
        if refusal:
            return [], make_status(*refusal)
        changes = self._write_secret(desired, before)
        if changes:
            return changes, make_status(PullSecretState.PENDING, changes[0].reason)
        since = (
            before.delivered_at if before and before.fingerprint == desired.fingerprint else None
        )
        delivered = PullSecretState.DELIVERED, Reason.DELIVERED
        return [], make_status(*delivered, delivered_at=since or snapshot.observed_at)

    def _write_refusal(
        self, desired: DesiredPullSecret
    ) -> tuple[PullSecretState, Reason, str] | None:
        """Return why the pull secret cannot be written."""
        if self.namespace.terminating:
            message = "the namespace is being deleted"
            return PullSecretState.REFUSED, Reason.NAMESPACE_TERMINATING, message
        if self.secret is not None and not self.secret.is_owned:
            namespace, installation = self.secret.namespace, self.secret.installation
            return PullSecretState.REFUSED, *describe_foreign_secret(namespace, installation)
        if desired.byte_size > MAX_SECRET_BYTES:
            message = (
                f"{len(desired.logins)} logins are {desired.byte_size} bytes, more than the "
                f"{MAX_SECRET_BYTES} that a Secret can hold; its content is not changed: unbind "
                "some registries"
            )
            return PullSecretState.REFUSED, Reason.SECRET_TOO_LARGE, message
        return None

    def _current_logins(
        self, desired: DesiredPullSecret, before: PullSecretStatus | None
    ) -> tuple[tuple[RegistryLogin, ...], str]:
        # These logins are in use until the Secret is written: a superseded robot account must not
        # be deleted while a namespace still has its login.
        if self.secret is not None and self.secret.is_owned:
            if self.secret.fingerprint == desired.fingerprint:
                return desired.logins, desired.fingerprint
            if before is not None:
                return before.logins, before.fingerprint
        return (), ""

    def _write_secret(
        self, desired: DesiredPullSecret, before: PullSecretStatus | None
    ) -> list[ClusterChange]:
        changes: list[ClusterChange] = []
        current = self.secret.fingerprint or "unreadable" if self.secret else ""
        has_labels = self.secret is None or self.secret.has_labels
        if current != desired.fingerprint or not has_labels:
            changes.append(
                WriteSecret(
                    namespace=self.namespace.name,
                    before=current,
                    after=desired.fingerprint,
                    registries=desired.registries,
                    reason=self._write_reason(current, before) if has_labels else Reason.MODIFIED,
                )
            )
        if self._needs_image_pull_secret:
            changes.append(AddImagePullSecret(namespace=self.namespace.name))
        return changes

    @property
    def _needs_image_pull_secret(self) -> bool:
        # Also true for a missing ServiceAccount: Kubernetes creates it soon after the namespace.
        return self.cluster.links_accounts and not (
            self.service_account and self.service_account.has_pull_secret
        )

    def _write_reason(self, current: str, before: PullSecretStatus | None) -> Reason:
        if before is None or not before.fingerprint:
            return Reason.MISSING
        return Reason.CONTENT_CHANGED if current == before.fingerprint else Reason.MODIFIED

    def _delete_secret(self, *, is_recorded: bool) -> list[ClusterChange]:
        # Kubernetes deletes the Secret of a terminating namespace. Remove the link before the
        # Secret: if the run is killed in between, the next run finds the owned Secret and retries.
        if self.secret is None or not self.secret.is_owned or self.namespace.terminating:
            return []
        deletion = DeleteSecret(
            namespace=self.namespace.name,
            uid=self.secret.uid,
            resource_version=self.secret.resource_version,
            before=self.secret.fingerprint or "unreadable",
            reason=Reason.NOT_DESIRED if is_recorded else Reason.ORPHANED,
        )
        account = self.service_account if self.cluster.links_accounts else None
        if account is None or not account.has_pull_secret:
            return [deletion]
        return [RemoveImagePullSecret(namespace=self.namespace.name), deletion]

    def _status(
        self,
        status: PullSecretState,
        reason: Reason,
        message: str = "",
        *,
        logins: tuple[RegistryLogin, ...] = (),
        fingerprint: str = "",
        delivered_at: datetime | None = None,
    ) -> PullSecretStatus:
        return PullSecretStatus(
            cluster=self.cluster.name,
            namespace=self.namespace.name,
            status=status,
            reason=reason,
            message=message,
            logins=logins,
            fingerprint=fingerprint,
            delivered_at=delivered_at,
        )


def update_statuses(
    plan: PullSecretPlan,
    outcomes: Iterable[ClusterChangeResult],
    desired: Mapping[str, DesiredPullSecret],
    *,
    now: datetime,
) -> tuple[PullSecretStatus, ...]:
    """Return the statuses of the plan, updated with the results of its changes."""
    outcomes_by_namespace: dict[str, list[ClusterChangeResult]] = defaultdict(list)
    for outcome in outcomes:
        outcomes_by_namespace[outcome.change.namespace].append(outcome)
    pull_secrets = (
        _update_status(
            status, outcomes_by_namespace[status.namespace], desired.get(status.namespace), now
        )
        if status.namespace in outcomes_by_namespace
        else status
        for status in plan.statuses
    )
    return tuple(status for status in pull_secrets if status is not None)


def _update_status(
    status: PullSecretStatus,
    outcomes: Collection[ClusterChangeResult],
    desired: DesiredPullSecret | None,
    now: datetime,
) -> PullSecretStatus | None:
    update: dict[str, object] = {"status": PullSecretState.PENDING}
    if desired and any(
        outcome.succeeded and isinstance(outcome.change, WriteSecret | AddImagePullSecret)
        for outcome in outcomes
    ):
        update |= {"logins": desired.logins, "fingerprint": desired.fingerprint}
    failure = next((outcome for outcome in outcomes if not outcome.succeeded), None)
    if failure is not None:
        update |= {"reason": failure.reason, "message": failure.message}
        return status.model_copy(update=update)
    if desired is None:
        return None
    update |= {"status": PullSecretState.DELIVERED, "reason": Reason.DELIVERED, "delivered_at": now}
    return status.model_copy(update=update)
