"""The checks of the cluster: workspace, pull secret and ServiceAccount of the namespace."""

from models.access.explain.evidence import ClusterEvidence, Evidence, RegistryEvidence
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
    ObservedPullSecret,
)
from models.clusters.pull_secret import (
    MAX_SECRET_BYTES,
    PullSecretState,
    describe_foreign_secret,
)
from models.core.availability import Unavailable
from models.core.errors import CREDENTIAL_REASONS
from models.core.reasons import Reason

_NOT_SOLVED_BY_SYNC = frozenset(
    {Reason.ADMISSION_DENIED, Reason.QUOTA_EXCEEDED, Reason.FORBIDDEN, Reason.CONTESTED}
)
"""Reasons of a failed change that a person must solve in the cluster; the message says how."""

CLUSTER_ADVICE = f"see {AccessCheckName.CLUSTER}"
"""The fix of a check that depends on an unreachable cluster."""


def cluster_check(evidence: Evidence) -> AccessCheck:
    """Check that the cluster can be read."""
    cluster, name = evidence.cluster, AccessCheckName.CLUSTER
    why = cluster.unavailable
    if why is None:
        return passed_check(name, "registered and reachable", cluster.snapshot.observed_at)
    at = cluster.snapshot.observed_at
    return unknown_check(name, f"{why.message} ({why.reason})", _cluster_fix(cluster, why), at)


def _cluster_fix(cluster: ClusterEvidence, why: Unavailable) -> str:
    spec = cluster.cluster
    if why.reason in CREDENTIAL_REASONS and spec.credential is not None:
        return f"put a new kubeconfig into {spec.kubeconfig_place}"
    return (
        "make the cluster reachable; if its address or permissions changed, run register-cluster "
        f'with name="{spec.name}" and a new kubeconfig'
    )


def namespace_check(evidence: Evidence) -> AccessCheck:
    """Check that the namespace exists."""
    cluster, name = evidence.cluster, AccessCheckName.NAMESPACE
    if cluster.unavailable:
        record_note = "it is on record" if cluster.namespace else "it is not on record"
        message, at = f"cannot be read now; {record_note}", cluster.status.seen_at
        return unknown_check(name, message, CLUSTER_ADVICE, at)
    at = cluster.snapshot.observed_at
    if cluster.namespace is None:
        return failed_check(
            name, "the namespace does not exist", "create it, or check the name", at
        )
    if cluster.namespace.terminating:
        return failed_check(
            name, "it is being deleted", "wait for the deletion, then create it again", at
        )
    return passed_check(name, "it exists", at)


def workspace_check(evidence: Evidence) -> AccessCheck:
    """Check that the namespace belongs to a workspace."""
    cluster, name = evidence.cluster, AccessCheckName.WORKSPACE
    if evidence.no_binding_needed:
        return passed_check(name, evidence.no_binding_needed)
    namespace = cluster.namespace
    if cluster.unavailable:
        workspace = namespace.workspace if namespace else None
        message, at = f"on record it belongs to {workspace or 'none'}", cluster.status.seen_at
        return unknown_check(name, message, CLUSTER_ADVICE, at)
    if namespace is None:
        return blocked_check(name, AccessCheckName.NAMESPACE)
    at = cluster.snapshot.observed_at
    if namespace.problem is not None and namespace.workspace is None:
        fix = (
            "assign one workspace with a valid name by its labels and lists; the next sync reads it"
        )
        if namespace.problem in (Reason.NAMESPACE_RECREATED, Reason.WORKSPACE_RESTRICTED):
            fix = "run create-workspace for the workspace as the message says"
        return failed_check(name, f"{namespace.message} ({namespace.problem})", fix, at)
    if namespace.workspace is None:
        return failed_check(name, "it belongs to no workspace", _label_advice(evidence), at)
    source = f"it belongs to {namespace.workspace}, by {namespace.source}"
    return passed_check(name, f"{source}; {namespace.message}".removesuffix("; "), at)


def pull_secret_check(evidence: Evidence) -> AccessCheck:
    """Check that the namespace has the pull secret with the desired content."""
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
        return _foreign_secret_check(evidence, secret)
    fingerprint = secret.fingerprint if secret else None
    if cluster.desired_error and not (fingerprint and _has_login(evidence, registry, fingerprint)):
        fix = "fix this error; the next sync writes the pull secret"
        return unknown_check(name, cluster.desired_error, fix)
    return _content_check(evidence, registry, secret)


def _foreign_secret_check(evidence: Evidence, secret: ObservedPullSecret) -> AccessCheck:
    name, at = AccessCheckName.PULL_SECRET, evidence.cluster.snapshot.observed_at
    if secret.installation:
        _, message = describe_foreign_secret(secret.namespace, secret.installation)
        fix = "assign the namespace to a workspace in only one of the two installations"
        return failed_check(name, message, fix, at)
    message = f"a Secret {PULL_SECRET_NAME} exists that this service did not create"
    fix = f"delete or rename the Secret {PULL_SECRET_NAME}; the next sync creates the right one"
    return failed_check(name, message, fix, at)


def _recorded_secret_check(evidence: Evidence, why: Unavailable) -> AccessCheck:
    cluster = evidence.cluster
    pull_secret = cluster.pull_secret_status
    record_note = (
        f"on record it is {pull_secret.status} ({pull_secret.reason})"
        if pull_secret
        else "none is on record"
    )
    message = f"cannot be read now: {why.message}; {record_note}"
    fix = CLUSTER_ADVICE if cluster.unavailable else why.message
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
            return passed_check(name, "it has the desired content", at)
    elif fingerprint and _has_login(evidence, registry, fingerprint):
        return passed_check(name, "it contains a valid login; the next sync updates it", at)
    if not any(login.registry == registry.name for login in logins):
        if registry.requires_auth() is None:
            return blocked_check(name, AccessCheckName.ROBOT)
        fix = f"see {AccessCheckName.ROBOT} and {AccessCheckName.BINDING}: they provide the login"
        return failed_check(name, "the namespace is not entitled to a login", fix, at)
    if cluster.desired and cluster.desired.byte_size > MAX_SECRET_BYTES:
        message = f"{len(logins)} logins are {cluster.desired.byte_size} bytes"
        message += f", more than the {MAX_SECRET_BYTES} that a Secret can hold"
        fix = "run unbind-space for registries that are not needed"
        return failed_check(name, message, fix, at)
    return failed_check(name, _outdated_reason(evidence, secret), repair_advice(evidence), at)


def _has_login(evidence: Evidence, registry: RegistryEvidence, fingerprint: str) -> bool:
    """Return whether an outdated pull secret still contains a valid login to this registry."""
    pull_secret = evidence.cluster.pull_secret_status
    if pull_secret is None or pull_secret.fingerprint != fingerprint:
        return False
    valid = (
        {robot_account.robot_id for robot_account in registry.robots}
        if registry.capabilities.has_robot_accounts
        else {None}
    )
    return any(
        login.registry == registry.name and login.robot_id in valid for login in pull_secret.logins
    )


def _outdated_reason(evidence: Evidence, secret: ObservedPullSecret | None) -> str:
    pull_secret = evidence.cluster.pull_secret_status
    why = ""
    if pull_secret is not None and pull_secret.status is not PullSecretState.DELIVERED:
        outcome = f"{pull_secret.status} ({pull_secret.reason})"
        if pull_secret.reason not in _NOT_SOLVED_BY_SYNC:  # then the advice has the message
            outcome = f"{outcome} {pull_secret.message}".rstrip()
        why = f"; state after the last sync: {outcome}"
    if secret is None:
        return f"the Secret {PULL_SECRET_NAME} does not exist{why}"
    if (
        pull_secret is not None
        and pull_secret.fingerprint
        and pull_secret.fingerprint != secret.fingerprint
    ):
        return f"the Secret {PULL_SECRET_NAME} was modified by another client{why}"
    return f"the Secret {PULL_SECRET_NAME} does not have the desired content{why}"


def repair_advice(evidence: Evidence) -> str:
    """Return how to get what is missing written: by the cluster's owner, or by a sync."""
    pull_secret = evidence.cluster.pull_secret_status
    if pull_secret is not None and pull_secret.reason in _NOT_SOLVED_BY_SYNC:
        return f"{pull_secret.message}. The next sync after that tries again"
    return sync_advice(evidence)


def sync_advice(evidence: Evidence) -> str:
    """Return how to sync the cluster now."""
    return f'run sync-namespaces with only=["{evidence.cluster.cluster.name}"]'
