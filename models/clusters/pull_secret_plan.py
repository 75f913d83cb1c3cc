"""Plan the pull secrets of one cluster."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from models.clusters.cluster import (
    SERVICE_ACCOUNT_NAME,
    Cluster,
    ClusterSnapshot,
    ObservedNamespace,
    ObservedPullSecret,
    ObservedServiceAccount,
)
from models.clusters.contest import Contest, describe_contest
from models.clusters.link_plan import LinkPlan, plan_link_removals, plan_links
from models.clusters.partial_secret import as_partial, must_keep_secret
from models.clusters.pull_secret import (
    MAX_SECRET_BYTES,
    AddImagePullSecret,
    ClusterChange,
    DeleteSecret,
    DesiredPullSecret,
    LoginKey,
    PullSecretPlan,
    PullSecretState,
    PullSecretStatus,
    RegistryLogin,
    WriteSecret,
    describe_foreign_secret,
    pending_update,
)
from models.clusters.service_account_choice import ServiceAccountChoice
from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason

_DEFAULT_CHOICE = ServiceAccountChoice()
_ACCOUNTS_ADVICE = (
    f"The workspace chooses other ServiceAccounts than {SERVICE_ACCOUNT_NAME}: that needs the "
    "permissions of deployments/kubernetes/rbac-service-accounts.yaml"
)


def plan_pull_secrets(
    cluster: Cluster,
    snapshot: ClusterSnapshot,
    desired: Mapping[str, DesiredPullSecret],
    pull_secrets: Iterable[PullSecretStatus],
    unresolved: Mapping[str, str] | None = None,
    entitled: Mapping[str, Collection[LoginKey]] | None = None,
    choices: Mapping[str, ServiceAccountChoice] | None = None,
) -> PullSecretPlan:
    """Compare the observed pull secrets with the desired ones.

    The plan is empty unless all three sections are complete. A namespace that could not be read
    keeps its state. A foreign Secret with the pull secret's name is reported, not changed.

    Args:
        desired: desired pull secrets by namespace; other namespaces must have none.
        pull_secrets: statuses on record.
        unresolved: namespaces whose desired content is not known completely, with the reason. Their
            pull secret is kept if `desired` lacks a login that it has and they are entitled to all
            of its logins; otherwise `desired` is written.
        entitled: logins by namespace that it may have, even if a password is not known.
        choices: ServiceAccounts by namespace that must list the pull secret; else the default one.
    """
    observed_by_namespace = _by_namespace(snapshot)
    if observed_by_namespace is None:
        return PullSecretPlan(cluster=cluster.name)
    before = {pull_secret.namespace: pull_secret for pull_secret in pull_secrets}
    changes: list[ClusterChange] = []
    expected = {*desired, *(unresolved or ()), *_entitled_names(entitled or {})}
    unreadable = _keep_unreadable(cluster, snapshot, before, expected)
    statuses = [*unreadable]
    for name, observed in observed_by_namespace.items():
        if unresolved and name in unresolved:
            allowed = (entitled or {}).get(name)
            if must_keep_secret(before.get(name), observed.secret, desired.get(name), allowed):
                statuses.append(_keep_unresolved(cluster, name, before, unresolved[name]))
                continue
        choice = (choices or {}).get(name, _DEFAULT_CHOICE)
        secret = _NamespaceSecret(cluster, observed, choice, before.get(name))
        steps, status = secret.plan(desired.get(name))
        changes += steps
        if status is not None:
            statuses.append(as_partial(status, (unresolved or {}).get(name)))
    return PullSecretPlan(
        cluster=cluster.name,
        changes=tuple(sorted(changes, key=lambda change: not change.reduces_access)),
        statuses=tuple(statuses),
        owned_count=_count_owned(observed_by_namespace.values()),
        left_behind=_left_behind(unreadable, entitled or {}),
    )


def _count_owned(namespaces: Iterable["_Observed"]) -> int:
    secrets = (observed.secret for observed in namespaces)
    return sum(secret.is_owned for secret in secrets if secret)


class _Observed(NamedTuple):
    """What was observed in one namespace."""

    namespace: ObservedNamespace
    secret: ObservedPullSecret | None
    accounts: Sequence[ObservedServiceAccount]
    accounts_unavailable: Unavailable | None
    at: datetime


def _by_namespace(snapshot: ClusterSnapshot) -> dict[str, _Observed] | None:
    """Return what was observed, by namespace; None unless all sections are complete."""
    namespaces, secrets = snapshot.namespaces, snapshot.secrets
    accounts = snapshot.service_accounts
    if not (
        isinstance(namespaces, Complete)
        and isinstance(secrets, Complete)
        and isinstance(accounts, Complete)
    ):
        return None
    unreadable = snapshot.unreadable_messages
    secret_by_namespace = {secret.namespace: secret for secret in secrets.items}
    accounts_by_namespace: dict[str, list[ObservedServiceAccount]] = defaultdict(list)
    for account in accounts.items:
        accounts_by_namespace[account.namespace].append(account)
    return {
        namespace.name: _Observed(
            namespace,
            secret_by_namespace.get(namespace.name),
            accounts_by_namespace.get(namespace.name, ()),
            snapshot.accounts_unavailable,
            snapshot.observed_at,
        )
        for namespace in namespaces.items
        if namespace.name not in unreadable
    }


def _keep_status(
    cluster: Cluster,
    namespace: str,
    before: Mapping[str, PullSecretStatus],
    update: Mapping[str, object],
) -> PullSecretStatus:
    if namespace in before:
        return before[namespace].model_copy(update=update)
    values = {"cluster": cluster.name, "namespace": namespace, **update}
    return PullSecretStatus.model_validate(values)


def _keep_unresolved(
    cluster: Cluster, namespace: str, before: Mapping[str, PullSecretStatus], message: str
) -> PullSecretStatus:
    update = pending_update(Reason.CREDENTIALS_MISSING, message)
    return _keep_status(cluster, namespace, before, update)


def _keep_unreadable(
    cluster: Cluster,
    snapshot: ClusterSnapshot,
    before: Mapping[str, PullSecretStatus],
    expected: Collection[str],
) -> list[PullSecretStatus]:
    return [
        _keep_status(
            cluster,
            namespace.name,
            before,
            pending_update(
                Reason.NAMESPACE_UNREADABLE,
                f"the namespace could not be read and is not changed: {namespace.message}",
            ),
        )
        for namespace in snapshot.unreadable
        if namespace.name in before or namespace.name in expected
    ]


def _entitled_names(entitled: Mapping[str, Collection[LoginKey]]) -> Iterator[str]:
    return (name for name, logins in entitled.items() if logins)


def _left_behind(
    unreadable: Iterable[PullSecretStatus], entitled: Mapping[str, Collection[LoginKey]]
) -> tuple[str, ...]:
    """Return the namespaces whose login is to be taken away when they can be read again."""
    return tuple(
        status.namespace
        for status in unreadable
        if not {login.key for login in status.logins} <= set(entitled.get(status.namespace, ()))
    )


def _describe_accounts(unavailable: Unavailable) -> str:
    if unavailable.reason is not Reason.FORBIDDEN:
        return f"the ServiceAccounts could not be listed: {unavailable.message}"
    return f"{unavailable.message}. {_ACCOUNTS_ADVICE}"


class _NamespaceSecret:
    """The pull secret of one namespace; used only by `plan_pull_secrets`."""

    def __init__(
        self,
        cluster: Cluster,
        observed: _Observed,
        choice: ServiceAccountChoice,
        before: PullSecretStatus | None,
    ) -> None:
        self.cluster, self.namespace = cluster, observed.namespace
        self.secret, self.accounts = observed.secret, observed.accounts
        unavailable = observed.accounts_unavailable
        self.accounts_error = _describe_accounts(unavailable) if unavailable else ""
        self.accounts_reason = unavailable.reason if unavailable else Reason.DELIVERED
        self.has_all_accounts = unavailable is None
        self.needs_all_accounts = not choice.is_default
        self.choice, self.before, self.now = choice, before, observed.at
        self.recorded_links = before.links if before else ()
        self.contest = Contest(before.repairs if before else (), observed.at)

    def plan(
        self, desired: DesiredPullSecret | None
    ) -> tuple[Sequence[ClusterChange], PullSecretStatus | None]:
        if desired is None:
            return self._withdraw()
        refusal = self._write_refusal(desired)
        if refusal:
            return [], self._status(desired, *refusal, links=self.recorded_links)
        writes = self._write_secret(desired)
        is_waiting = bool(writes) and self.contest.must_wait("", desired.fingerprint)
        if is_waiting:
            return [], self._status(desired, *self._contested, links=self.recorded_links)
        links = self._plan_links()
        additions: list[WriteSecret | AddImagePullSecret] = [*writes, *links.additions]
        is_partial = self.needs_all_accounts and not self.has_all_accounts
        if additions:
            # The message is what remains when these changes are made.
            reason = self.accounts_reason if is_partial else additions[0].reason
            message = self.accounts_error if is_partial else ""
            state = (PullSecretState.PENDING, reason, message)
        elif self.contest.contested:
            state = self._contested
        elif is_partial:
            state = (PullSecretState.PENDING, self.accounts_reason, self.accounts_error)
        else:
            state = (PullSecretState.DELIVERED, Reason.DELIVERED, "")
        return [*links.removals, *additions], self._status(desired, *state, links=links.links)

    @property
    def _contested(self) -> tuple[PullSecretState, Reason, str]:
        message = describe_contest(self.namespace.name, self.contest.contested)
        return PullSecretState.PENDING, Reason.CONTESTED, message

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

    def _current_logins(self, desired: DesiredPullSecret) -> tuple[tuple[RegistryLogin, ...], str]:
        # These logins are in use until the Secret is written: a superseded robot account must not
        # be deleted while a namespace still has its login.
        if self.secret is not None and self.secret.is_owned:
            if self.secret.fingerprint == desired.fingerprint:
                return desired.logins, desired.fingerprint
            if self.before is not None:
                return self.before.logins, self.before.fingerprint
        return (), ""

    def _write_secret(self, desired: DesiredPullSecret) -> list[WriteSecret]:
        current = self.secret.fingerprint or "unreadable" if self.secret else ""
        has_labels = self.secret is None or self.secret.has_labels
        if current == desired.fingerprint and has_labels:
            self.contest.note_intact("")
            return []
        reason = self._write_reason(current) if has_labels else Reason.MODIFIED
        change = WriteSecret(
            namespace=self.namespace.name,
            manager=self.secret.other_manager if self.secret else "",
            before=current,
            after=desired.fingerprint,
            registries=desired.registries,
            reason=reason,
        )
        return [change]

    def _write_reason(self, current: str) -> Reason:
        if self.contest.is_known(""):
            return Reason.MODIFIED
        if self.before is None or not self.before.fingerprint:
            return Reason.MISSING
        return Reason.CONTENT_CHANGED if current == self.before.fingerprint else Reason.MODIFIED

    def _plan_links(self) -> LinkPlan:
        if not self.cluster.links_accounts:
            return LinkPlan(links=self.recorded_links)
        selected = self.choice.select(self.accounts)
        name = self.namespace.name
        return plan_links(
            name,
            self.accounts,
            selected,
            self.recorded_links,
            self.contest,
            is_complete=self.has_all_accounts,
        )

    def _withdraw(self) -> tuple[Sequence[ClusterChange], PullSecretStatus | None]:
        deletions = self._delete_secret()
        listed = {account.name: account for account in self.accounts}
        unlisted = set(self.recorded_links) - set(listed)
        if (
            self.before is None
            or self.has_all_accounts
            or self.namespace.terminating
            or not unlisted
        ):
            return deletions, self.before if deletions else None  # kept until it is deleted
        # Who creates a Secret of this name later would get it used, if nobody knew of these links.
        message = (
            f"the imagePullSecrets of {len(unlisted):,} ServiceAccounts may still name the pull "
            f"secret: {self.accounts_error}"
        )
        links = unlisted | {
            name for name in self.recorded_links if name in listed and listed[name].has_pull_secret
        }
        update = pending_update(Reason.LINKS_PENDING, message) | {"links": tuple(sorted(links))}
        if self.secret is None or not self.secret.is_owned:
            update |= {"logins": (), "fingerprint": ""}
        return deletions, self.before.model_copy(update=update)

    def _delete_secret(self) -> list[ClusterChange]:
        # Kubernetes deletes the Secret of a terminating namespace. Remove the link before the
        # Secret: if the run is killed in between, the next run finds the owned Secret and retries.
        if self.namespace.terminating:
            return []
        secret = self.secret if self.secret is not None and self.secret.is_owned else None
        changes: list[ClusterChange] = []
        if self.cluster.links_accounts and (secret or self.secret is None):
            changes += plan_link_removals(
                self.namespace.name,
                self.accounts,
                self.recorded_links,
                has_own_secret=secret is not None,
            )
        if secret is None:
            return changes
        deletion = DeleteSecret(
            namespace=self.namespace.name,
            uid=secret.uid,
            resource_version=secret.resource_version,
            before=secret.fingerprint or "unreadable",
            reason=Reason.ORPHANED if self.before is None else Reason.NOT_DESIRED,
        )
        return [*changes, deletion]

    def _status(
        self,
        desired: DesiredPullSecret,
        status: PullSecretState,
        reason: Reason,
        message: str,
        *,
        links: Sequence[str],
    ) -> PullSecretStatus:
        logins, fingerprint = self._current_logins(desired)
        delivered_at = None
        if status is PullSecretState.DELIVERED:
            is_same = self.before is not None and self.before.fingerprint == desired.fingerprint
            since = self.before.delivered_at if self.before and is_same else None
            delivered_at = since or self.now
        return PullSecretStatus(
            cluster=self.cluster.name,
            namespace=self.namespace.name,
            status=status,
            reason=reason,
            message=message,
            logins=logins,
            fingerprint=fingerprint,
            delivered_at=delivered_at,
            links=tuple(links),
            repairs=self.contest.histories,
        )
