"""The links on the cluster's side: whose is the namespace, and does it hand out the login?"""

from models.access.explain.evidence import Evidence, RegistryEvidence
from models.access.explain.explanation import ChainLink, LinkName, depends, fails, holds, unsure
from models.clusters.cluster import ACCOUNT_NAME, SECRET_NAME, ObservedAccount, ObservedSecret
from models.clusters.pull_secret import LARGEST, DeliveryStatus
from models.core.availability import Seen, Unseen


def cluster_link(evidence: Evidence) -> ChainLink:
    """Can the cluster be read?"""
    side, name = evidence.cluster, LinkName.CLUSTER
    why = side.out_of_reach
    if why is None:
        return holds(name, "it is registered, and answers", side.look.taken_at)
    fix = (
        "bring it back in reach; if its address or its rights changed, run register-cluster with "
        f'name="{side.cluster.name}" and a new kubeconfig'
    )
    return unsure(name, f"{why.message} ({why.reason})", fix, side.look.taken_at)


def namespace_link(evidence: Evidence) -> ChainLink:
    """Is the namespace there?"""
    side, name = evidence.cluster, LinkName.NAMESPACE
    if side.out_of_reach:
        known = "it is on record" if side.namespace else "it is not on record"
        return unsure(name, f"not seen now; {known}", f"see {LinkName.CLUSTER}", side.state.seen_at)
    at = side.look.taken_at
    if side.namespace is None:
        return fails(name, "the cluster has no such namespace", "create it, or check its name", at)
    if side.namespace.terminating:
        return fails(name, "it is being deleted", "wait until it is gone, and create it anew", at)
    return holds(name, "it is there", at)


def workspace_link(evidence: Evidence) -> ChainLink:
    """Does the namespace belong to a workspace?"""
    side, name = evidence.cluster, LinkName.WORKSPACE
    if evidence.unbound:
        return holds(name, evidence.unbound)
    one = side.namespace
    if side.out_of_reach:
        known = one.workspace if one else None
        said = f"on record it belongs to {known}" if known else "on record it belongs to none"
        return unsure(name, said, f"see {LinkName.CLUSTER}", side.state.seen_at)
    if one is None:
        return depends(name, LinkName.NAMESPACE)
    at = side.look.taken_at
    if one.problem is not None:
        fix = "let its labels and the list name one workspace, by a valid name; the next sync sees"
        return fails(name, f"{one.message} ({one.problem})", fix, at)
    if one.workspace is None:
        label = side.labels[0] if side.labels else "its workspace"
        fix = (
            f"label the namespace with {label}=<workspace>, or list "
            f"{evidence.question.place} with create-workspace"
        )
        return fails(name, "it belongs to no workspace", fix, at)
    return holds(name, f"it belongs to {one.workspace}, by {one.source}", at)


def secret_link(evidence: Evidence) -> ChainLink:
    """Does the namespace hold our pull secret, with what is due now?"""
    found, name = evidence.registry, LinkName.PULL_SECRET
    if found is None:
        return depends(name, LinkName.REGISTRY)
    if evidence.free:
        return holds(name, evidence.free)
    return _secret(evidence, found)


def _secret(evidence: Evidence, found: RegistryEvidence) -> ChainLink:
    side, name = evidence.cluster, LinkName.PULL_SECRET
    if isinstance(side.look.secrets, Unseen):
        return _unread(evidence, side.look.secrets)
    if side.namespace is None:
        return depends(name, LinkName.NAMESPACE)
    secret = next(iter(side.look.secrets.items), None)
    if secret is not None and not secret.ours:
        said = f"a Secret {SECRET_NAME} is there that this service did not make"
        fix = f"delete or rename the Secret {SECRET_NAME}; the next sync delivers ours"
        return fails(name, said, fix, side.look.taken_at)
    held = secret.fingerprint if secret else None
    if side.due_unknown and not (held and _served(evidence, found, held)):
        return unsure(name, side.due_unknown, "mend that, and the next sync delivers")
    return _compared(evidence, found, secret)


def _unread(evidence: Evidence, why: Unseen) -> ChainLink:
    """Tell what is on record of a pull secret that could not be read."""
    side = evidence.cluster
    left = side.delivery
    known = f"on record it is {left.status} ({left.reason})" if left else "none is on record"
    said = f"not read now: {why.message}; {known}"
    fix = f"see {LinkName.CLUSTER}" if side.out_of_reach else why.message
    return unsure(LinkName.PULL_SECRET, said, fix, side.state.seen_at)


def _compared(
    evidence: Evidence, found: RegistryEvidence, secret: ObservedSecret | None
) -> ChainLink:
    side, name, at = evidence.cluster, LinkName.PULL_SECRET, evidence.cluster.look.taken_at
    logins = side.due.logins if side.due else ()
    held = secret.fingerprint if secret else None
    if held and side.due and held == side.due.fingerprint:
        if any(login.registry == found.name for login in logins):
            return holds(name, "it is delivered, and holds what is due", at)
    elif held and _served(evidence, found, held):
        return holds(name, "it holds a login that is valid; the next sync renews it", at)
    if not any(login.registry == found.name for login in logins):
        if not found.harbor and found.asks() is None:
            return depends(name, LinkName.GRANT)
        fix = f"see {LinkName.GRANT} and {LinkName.BINDING}: the login follows them"
        return fails(name, "no login to this registry is due in the namespace", fix, at)
    if side.due and side.due.size > LARGEST:
        said = f"{len(logins)} logins are {side.due.size} bytes, and a Secret holds {LARGEST}"
        return fails(name, said, "run unbind-space for registries that are not needed", at)
    return fails(name, _behind(evidence, secret), _sync(evidence), at)


def _served(evidence: Evidence, found: RegistryEvidence, held: str) -> bool:
    """Whether what the namespace holds, though not all that is due, logs in to this registry."""
    left = evidence.cluster.delivery
    if left is None or left.fingerprint != held:
        return False
    valid = {grant.robot_id for grant in found.grants} if found.harbor else {None}
    return any(one.registry == found.name and one.robot_id in valid for one in left.logins)


def _behind(evidence: Evidence, secret: ObservedSecret | None) -> str:
    left = evidence.cluster.delivery
    why = ""
    if left is not None and left.status is not DeliveryStatus.DELIVERED:
        why = f"; the last sync left it {left.status} ({left.reason}) {left.message}".rstrip()
    if secret is None:
        return f"there is no Secret {SECRET_NAME}{why}"
    if left is not None and left.fingerprint and left.fingerprint != secret.fingerprint:
        return f"the Secret {SECRET_NAME} was edited by hand{why}"
    return f"the Secret {SECRET_NAME} does not hold what is due now{why}"


def _sync(evidence: Evidence) -> str:
    return f'run sync-namespaces with only=["{evidence.cluster.cluster.name}"]'


def account_link(evidence: Evidence) -> ChainLink:
    """Does the default ServiceAccount hand out the pull secret?"""
    side, name = evidence.cluster, LinkName.SERVICE_ACCOUNT
    if evidence.free:
        return holds(name, evidence.free)
    if not side.cluster.links_accounts:
        said = (
            "ServiceAccounts are left alone in this cluster, so the pod must name the Secret "
            f"{SECRET_NAME} in its imagePullSecrets"
        )
        return holds(name, said)
    if not isinstance(side.look.accounts, Seen):
        fix = f"see {LinkName.CLUSTER}" if side.out_of_reach else side.look.accounts.message
        return unsure(name, f"not read now: {side.look.accounts.message}", fix)
    if side.namespace is None:
        return depends(name, LinkName.NAMESPACE)
    return _linked(evidence, next(iter(side.look.accounts.items), None))


def _linked(evidence: Evidence, account: ObservedAccount | None) -> ChainLink:
    name, at = LinkName.SERVICE_ACCOUNT, evidence.cluster.look.taken_at
    if account is None:
        said = f"there is no ServiceAccount {ACCOUNT_NAME} (yet)"
        return fails(name, said, f"wait a moment, then {_sync(evidence)}", at)
    if not account.linked:
        if evidence.cluster.due is None:  # then there is nothing to hand out
            return depends(name, LinkName.PULL_SECRET)
        said = f"the ServiceAccount {ACCOUNT_NAME} does not name the Secret {SECRET_NAME}"
        return fails(name, said, _sync(evidence), at)
    return holds(name, f"the ServiceAccount {ACCOUNT_NAME} hands it out", at)
