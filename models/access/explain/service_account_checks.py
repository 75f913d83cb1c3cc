"""The check of pods and ServiceAccounts: whether pods receive the pull secret."""

from collections.abc import Sequence

from models.access.explain.cluster_checks import CLUSTER_ADVICE, repair_advice, sync_advice
from models.access.explain.evidence import Evidence
from models.access.explain.explanation import (
    AccessCheck,
    AccessCheckName,
    blocked_check,
    failed_check,
    passed_check,
    unknown_check,
)
from models.clusters.cluster import (
    PULL_SECRET_NAME,
    SERVICE_ACCOUNT_NAME,
    ObservedPod,
    ObservedServiceAccount,
)
from models.core.availability import Complete, Unavailable

_NAME = AccessCheckName.SERVICE_ACCOUNT
_OWN_LIST_ADVICE = f"add {PULL_SECRET_NAME} to the imagePullSecrets of the pod template"
_MAX_NAMES = 5


def service_account_check(evidence: Evidence) -> AccessCheck:
    """Check that pods receive the pull secret: the pod itself, or its ServiceAccount."""
    if evidence.no_login_needed:
        return passed_check(_NAME, evidence.no_login_needed)
    if evidence.cluster.namespace is not None and evidence.cluster.pod is not None:
        return _pod_check(evidence, evidence.cluster.pod)
    return _account_check(evidence)


def _pod_check(evidence: Evidence, section: Complete[ObservedPod] | Unavailable) -> AccessCheck:
    name, at = evidence.question.pod, evidence.cluster.snapshot.observed_at
    if isinstance(section, Unavailable):
        fix = "grant this right, or ask with service_account instead of pod"
        return unknown_check(_NAME, f"the pod {name} cannot be read: {section.message}", fix)
    if not section.items:
        fix = "check the name: a pod that was replaced has another one"
        return failed_check(_NAME, f"there is no pod {name} in the namespace", fix, at)
    (pod,) = section.items
    if PULL_SECRET_NAME in pod.pull_secrets:
        return passed_check(_NAME, f"the imagePullSecrets of the pod {name} include it", at)
    message = f"the imagePullSecrets of the pod {name} do not include {PULL_SECRET_NAME}"
    if not evidence.cluster.cluster.links_accounts:
        return failed_check(_NAME, message, _OWN_LIST_ADVICE, at)
    account_check = _account_check(evidence)
    if account_check.fix:
        observation = f"pod {name}: {account_check.observation}"
        return account_check.model_copy(update={"observation": observation})
    others = f" (but {', '.join(pod.pull_secrets[:_MAX_NAMES])})" if pod.pull_secrets else ""
    message += (
        f"{others}, although its ServiceAccount {pod.service_account} has it: the pod is older, or "
        "lists its own"
    )
    fix = f"delete the pod, so that it is created again; if it lists its own, {_OWN_LIST_ADVICE}"
    return failed_check(_NAME, message, fix, at)


def _account_check(evidence: Evidence) -> AccessCheck:
    cluster = evidence.cluster
    if not cluster.cluster.links_accounts:
        message = (
            "ServiceAccounts are not changed in this cluster: pods need the Secret "
            f"{PULL_SECRET_NAME} in their own imagePullSecrets"
        )
        return passed_check(_NAME, message)
    accounts = cluster.snapshot.service_accounts
    if not isinstance(accounts, Complete):
        fix = CLUSTER_ADVICE if cluster.unavailable else accounts.message
        return unknown_check(_NAME, f"cannot be read now: {accounts.message}", fix)
    if cluster.namespace is None:
        return blocked_check(_NAME, AccessCheckName.NAMESPACE)
    if cluster.service_account:
        account = next(
            (item for item in accounts.items if item.name == cluster.service_account), None
        )
        return _one_account_check(evidence, cluster.service_account, account)
    return _chosen_accounts_check(evidence, accounts.items)


def _one_account_check(
    evidence: Evidence, name: str, account: ObservedServiceAccount | None
) -> AccessCheck:
    cluster, at = evidence.cluster, evidence.cluster.snapshot.observed_at
    if account is None:
        if name == SERVICE_ACCOUNT_NAME:
            fix = f"wait a moment, then {sync_advice(evidence)}"
            return failed_check(_NAME, f"the ServiceAccount {name} does not exist (yet)", fix, at)
        fix = "check the name, or create the ServiceAccount"
        return failed_check(_NAME, f"there is no ServiceAccount {name} in the namespace", fix, at)
    if account.has_pull_secret:
        message = f"the imagePullSecrets of the ServiceAccount {name} include it"
        return passed_check(_NAME, message, at)
    if cluster.desired is None:  # there is no pull secret to add
        return blocked_check(_NAME, AccessCheckName.PULL_SECRET)
    if not cluster.choice.includes(account):
        return _not_chosen_check(evidence, name)
    message = f"the imagePullSecrets of the ServiceAccount {name} do not include {PULL_SECRET_NAME}"
    return failed_check(_NAME, message, repair_advice(evidence), at)


def _not_chosen_check(evidence: Evidence, name: str) -> AccessCheck:
    cluster, at = evidence.cluster, evidence.cluster.snapshot.observed_at
    message = (
        f"the ServiceAccount {name} is not among those that get the pull secret: the choice is "
        f'"{cluster.choice.text}"'
    )
    if cluster.workspace is None:
        return failed_check(_NAME, message, _OWN_LIST_ADVICE, at)
    fix = (
        f'run update-workspace with name="{cluster.workspace}" and service_accounts="all" or a '
        f"label selector, or {_OWN_LIST_ADVICE}"
    )
    return failed_check(_NAME, message, fix, at)


def _chosen_accounts_check(
    evidence: Evidence, accounts: Sequence[ObservedServiceAccount]
) -> AccessCheck:
    cluster, at = evidence.cluster, evidence.cluster.snapshot.observed_at
    chosen = cluster.choice.select(accounts)
    linked = {account.name for account in accounts if account.has_pull_secret}
    if not chosen:
        message = f'no ServiceAccount of the namespace has the labels "{cluster.choice.text}"'
        fix = "label the ServiceAccounts of the pods, or change the selector with update-workspace"
        return failed_check(_NAME, message, fix, at)
    missing = sorted(chosen - linked)
    if not missing:
        message = f"the imagePullSecrets of all {len(chosen)} chosen ServiceAccounts include it"
        return passed_check(_NAME, message, at)
    if cluster.desired is None:
        return blocked_check(_NAME, AccessCheckName.PULL_SECRET)
    names = ", ".join(missing[:_MAX_NAMES]) + ", …" * (len(missing) > _MAX_NAMES)
    message = (
        f"the imagePullSecrets of {len(missing)} of {len(chosen)} chosen ServiceAccounts ({names}) "
        f"do not include {PULL_SECRET_NAME}"
    )
    return failed_check(_NAME, message, repair_advice(evidence), at)
