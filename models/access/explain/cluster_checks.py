"""The links on the cluster's side: whose is the namespace, and does it hand out the login?"""

from models.access.explain.evidence import Evidence, RegistryEvidence
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
    ObservedPullSecret,
    ObservedServiceAccount,
)
from models.clusters.pull_secret import MAX_SECRET_BYTES, PullSecretState
from models.core.availability import Complete, Unavailable

_CLUSTER_ADVICE = f"see {AccessCheckName.CLUSTER}"


def cluster_check(evidence: Evidence) -> AccessCheck:
    """Can the cluster be read?"""
    cluster, name = evidence.cluster, AccessCheckName.CLUSTER
    why = cluster.unavailable
    if why is None:
        return passed_check(name, "it is registered, and answers", cluster.snapshot.observed_at)
    fix = (
        "bring it back in reach; if its address or its rights changed, run register-cluster with "
        f'name="{cluster.cluster.name}" and a new kubeconfig'
    )
    return unknown_check(name, f"{why.message} ({why.reason})", fix, cluster.snapshot.observed_at)


def namespace_check(evidence: Evidence) -> AccessCheck:
    """Is the namespace there?"""
    cluster, name = evidence.cluster, AccessCheckName.NAMESPACE
    if cluster.unavailable:
        record_note = "it is on record" if cluster.namespace else "it is not on record"
        message, at = f"not seen now; {record_note}", cluster.status.seen_at
        return unknown_check(name, message, _CLUSTER_ADVICE, at)
    at = cluster.snapshot.observed_at
    if cluster.namespace is None:
        return failed_check(
            name, "the cluster has no such namespace", "create it, or check its name", at
        )
    if cluster.namespace.terminating:
        return failed_check(
            name, "it is being deleted", "wait until it is gone, and create it anew", at
        )
    return passed_check(name, "it is there", at)


def workspace_check(evidence: Evidence) -> AccessCheck:
    """Does the namespace belong to a workspace?"""
    cluster, name = evidence.cluster, AccessCheckName.WORKSPACE
    if evidence.no_binding_needed:
        return passed_check(name, evidence.no_binding_needed)
    namespace = cluster.namespace
    if cluster.unavailable:
        workspace = namespace.workspace if namespace else None
        message, at = f"on record it belongs to {workspace or 'none'}", cluster.status.seen_at
        return unknown_check(name, message, _CLUSTER_ADVICE, at)
    if namespace is None:
        return blocked_check(name, AccessCheckName.NAMESPACE)
    at = cluster.snapshot.observed_at
    if namespace.problem is not None:
        fix = "let its labels and the list name one workspace, by a valid name; the next sync sees"
        return failed_check(name, f"{namespace.message} ({namespace.problem})", fix, at)
    if namespace.workspace is None:
        return failed_check(name, "it belongs to no workspace", _label_advice(evidence), at)
    return passed_check(name, f"it belongs to {namespace.workspace}, by {namespace.source}", at)


def pull_secret_check(evidence: Evidence) -> AccessCheck:
    """Does the namespace hold our pull secret, with what is due now?"""
    registry, name = evidence.registry, AccessCheckName.PULL_SECRET
    if registry is None:
        return blocked_check(name, AccessCheckName.REGISTRY)
    if evidence.no_login_needed:
        return passed_check(name, evidence.no_login_needed)
    return _observed_secret_check(evidence, registry)


def _observed_secret_check(evidence: Evidence, registry: RegistryEvidence) -> AccessCheck:
    cluster, name = evidence.cluster, AccessCheckName.PULL_SECRET
    if isinstance(cluster.snapshot.secrets, Unavailable):
        return _recorded_secret_check(evidence, cluster.snapshot.secrets)
    if cluster.namespace is None:
        return blocked_check(name, AccessCheckName.NAMESPACE)
    secret = next(iter(cluster.snapshot.secrets.items), None)
    if secret is not None and not secret.is_owned:
        message = f"a Secret {PULL_SECRET_NAME} is there that this service did not make"
        fix = f"delete or rename the Secret {PULL_SECRET_NAME}; the next sync delivers ours"
        return failed_check(name, message, fix, cluster.snapshot.observed_at)
    fingerprint = secret.fingerprint if secret else None
    if cluster.desired_error and not (fingerprint and _has_login(evidence, registry, fingerprint)):
        return unknown_check(name, cluster.desired_error, "mend that, and the next sync delivers")
    return _content_check(evidence, registry, secret)


def _recorded_secret_check(evidence: Evidence, why: Unavailable) -> AccessCheck:
    """Tell what is on record of a pull secret that could not be read."""
    cluster = evidence.cluster
    pull_secret = cluster.pull_secret_status
    record_note = (
        f"on record it is {pull_secret.status} ({pull_secret.reason})"
        if pull_secret
        else "none is on record"
    )
    message = f"not read now: {why.message}; {record_note}"
    fix = _CLUSTER_ADVICE if cluster.unavailable else why.message
    return unknown_check(AccessCheckName.PULL_SECRET, message, fix, cluster.status.seen_at)


def _label_advice(evidence: Evidence) -> str:
    label = evidence.cluster.labels[0] if evidence.cluster.labels else "its workspace"
    path = evidence.question.namespace_path
    return f"label the namespace with {label}=<workspace>, or list {path} with create-workspace"


def _content_check(
    evidence: Evidence, registry: RegistryEvidence, secret: ObservedPullSecret | None
) -> AccessCheck:
    cluster, name = evidence.cluster, AccessCheckName.PULL_SECRET
    at = cluster.snapshot.observed_at
    logins = cluster.desired.logins if cluster.desired else ()
    fingerprint = secret.fingerprint if secret else None
    if fingerprint and cluster.desired and fingerprint == cluster.desired.fingerprint:
        if any(login.registry == registry.name for login in logins):
            return passed_check(name, "it is delivered, and holds what is due", at)
    elif fingerprint and _has_login(evidence, registry, fingerprint):
        return passed_check(name, "it holds a login that is valid; the next sync renews it", at)
    if not any(login.registry == registry.name for login in logins):
        if not registry.enforces_privacy and registry.requires_auth() is None:
            return blocked_check(name, AccessCheckName.ROBOT)
        fix = f"see {AccessCheckName.ROBOT} and {AccessCheckName.BINDING}: the login follows them"
        return failed_check(name, "no login to this registry is due in the namespace", fix, at)
    if cluster.desired and cluster.desired.byte_size > MAX_SECRET_BYTES:
        message = f"{len(logins)} logins are {cluster.desired.byte_size} bytes"
        message += f", and a Secret holds {MAX_SECRET_BYTES}"
        fix = "run unbind-space for registries that are not needed"
        return failed_check(name, message, fix, at)
    return failed_check(name, _outdated_reason(evidence, secret), _sync_advice(evidence), at)


def _has_login(evidence: Evidence, registry: RegistryEvidence, fingerprint: str) -> bool:
    """Whether what the namespace holds, though not all that is due, logs in to this registry."""
    pull_secret = evidence.cluster.pull_secret_status
    if pull_secret is None or pull_secret.fingerprint != fingerprint:
        return False
    valid = (
        {robot_account.robot_id for robot_account in registry.robots}
        if registry.enforces_privacy
        else {None}
    )
    return any(
        login.registry == registry.name and login.robot_id in valid for login in pull_secret.logins
    )


def _outdated_reason(evidence: Evidence, secret: ObservedPullSecret | None) -> str:
    pull_secret = evidence.cluster.pull_secret_status
    why = ""
    if pull_secret is not None and pull_secret.status is not PullSecretState.DELIVERED:
        outcome = f"{pull_secret.status} ({pull_secret.reason}) {pull_secret.message}"
        why = f"; the last sync left it {outcome}".rstrip()
    if secret is None:
        return f"there is no Secret {PULL_SECRET_NAME}{why}"
    if (
        pull_secret is not None
        and pull_secret.fingerprint
        and pull_secret.fingerprint != secret.fingerprint
    ):
        return f"the Secret {PULL_SECRET_NAME} was edited by hand{why}"
    return f"the Secret {PULL_SECRET_NAME} does not hold what is due now{why}"


def _sync_advice(evidence: Evidence) -> str:
    return f'run sync-namespaces with only=["{evidence.cluster.cluster.name}"]'


def service_account_check(evidence: Evidence) -> AccessCheck:
    """Does the default ServiceAccount hand out the pull secret?"""
    cluster, name = evidence.cluster, AccessCheckName.SERVICE_ACCOUNT
    if evidence.no_login_needed:
        return passed_check(name, evidence.no_login_needed)
    if not cluster.cluster.links_accounts:
        message = (
            "ServiceAccounts are left alone in this cluster, so the pod must name the Secret "
            f"{PULL_SECRET_NAME} in its imagePullSecrets"
        )
        return passed_check(name, message)
    accounts = cluster.snapshot.service_accounts
    if not isinstance(accounts, Complete):
        fix = _CLUSTER_ADVICE if cluster.unavailable else accounts.message
        return unknown_check(name, f"not read now: {accounts.message}", fix)
    if cluster.namespace is None:
        return blocked_check(name, AccessCheckName.NAMESPACE)
    return _image_pull_secret_check(evidence, next(iter(accounts.items), None))


def _image_pull_secret_check(
    evidence: Evidence, account: ObservedServiceAccount | None
) -> AccessCheck:
    name, at = AccessCheckName.SERVICE_ACCOUNT, evidence.cluster.snapshot.observed_at
    if account is None:
        message = f"there is no ServiceAccount {SERVICE_ACCOUNT_NAME} (yet)"
        return failed_check(name, message, f"wait a moment, then {_sync_advice(evidence)}", at)
    if not account.has_pull_secret:
        if evidence.cluster.desired is None:  # then there is nothing to hand out
            return blocked_check(name, AccessCheckName.PULL_SECRET)
        message = (
            f"the ServiceAccount {SERVICE_ACCOUNT_NAME} does not name the Secret {PULL_SECRET_NAME}"
        )
        return failed_check(name, message, _sync_advice(evidence), at)
    return passed_check(name, f"the ServiceAccount {SERVICE_ACCOUNT_NAME} hands it out", at)
