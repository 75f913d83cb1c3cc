"""The rights that this service needs in a cluster, and the advice about missing ones.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

import re
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from models.clusters.cluster import (
    PULL_SECRET_NAME,
    SERVICE_ACCOUNT_NAME,
    Cluster,
    ClusterRight,
    ClusterSnapshot,
    ClusterStatus,
)
from models.clusters.pull_secret import PullSecretStatus
from models.core.availability import Unavailable
from models.core.reasons import Reason

RIGHTS_MANIFEST = "deployments/kubernetes/rbac.yaml"
"""Grants exactly `REQUIRED_RIGHTS`; a test compares the two."""

_HARBORS_MANIFEST = "deployments/kubernetes/rbac-harbors.yaml"
_OPTIONAL_MANIFESTS = dict.fromkeys(
    ("serviceaccounts", "pods"), "deployments/kubernetes/rbac-service-accounts.yaml"
)
_RIGHTS_MAX_AGE = timedelta(days=1)
_NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names"""

_SERVICE_ACCOUNT_PATTERN = re.compile(
    r"system:serviceaccount:(?P<namespace>[a-z0-9.-]{1,253}):(?P<name>[a-z0-9.-]{1,253})"
)
_USER_PATTERN = re.compile(r"[A-Za-z0-9@:._/-]{1,253}")

REQUIRED_RIGHTS = (
    ClusterRight(verb="list", resource="namespaces"),
    *(
        ClusterRight(verb=verb, resource="secrets", name=PULL_SECRET_NAME)
        for verb in ("list", "create", "patch", "delete")
    ),
    *(
        ClusterRight(verb=verb, resource="serviceaccounts", name=SERVICE_ACCOUNT_NAME)
        for verb in ("get", "list", "patch")
    ),
)
"""All rights that pull secrets need. Secrets are read by lists with the name as field selector."""


def required_rights(cluster: Cluster) -> tuple[ClusterRight, ...]:
    """Return the rights that pull secrets need in a cluster with its settings."""
    return tuple(
        right
        for right in REQUIRED_RIGHTS
        if cluster.links_accounts or (right.resource, right.verb) != ("serviceaccounts", "patch")
    )


def is_rights_check_due(
    status: ClusterStatus,
    snapshot: ClusterSnapshot,
    pull_secrets: Iterable[PullSecretStatus],
    now: datetime,
) -> bool:
    """Return whether a run asks the cluster for the rights of this service again.

    That is once a day, and in each run while a right is missing or something was denied.

    Args:
        status: status of the cluster on record.
        snapshot: current observation.
        pull_secrets: statuses of its pull secrets on record.
        now: current time (UTC).
    """
    if isinstance(snapshot.namespaces, Unavailable):
        return False  # it may be another cluster
    if status.rights_checked_at is None or now - status.rights_checked_at >= _RIGHTS_MAX_AGE:
        return True
    unavailable = snapshot.first_unavailable
    denied = unavailable is not None and unavailable.reason is Reason.FORBIDDEN
    return (
        bool(status.missing_rights)
        or denied
        or any(secret.reason is Reason.FORBIDDEN for secret in pull_secrets)
    )


def describe_missing_rights(missing_rights: Iterable[str]) -> str:
    """Return the message about missing rights; empty if there are none."""
    text = ", ".join(missing_rights)
    if not text:
        return ""
    return (
        f"its kubeconfig does not have these rights in all namespaces: {text}. Run: kubectl apply "
        f"-f {RIGHTS_MANIFEST}"
    )


def missing_rules(missing_rights: Collection[str]) -> str:
    """Return the rules of a ClusterRole that grant missing rights, as YAML.

    Args:
        missing_rights: `str()` of each missing right, as in the status of the cluster; what is not
            one of `REQUIRED_RIGHTS` is left out.
    """
    verbs: dict[tuple[str, str, str], list[str]] = {}
    for right in REQUIRED_RIGHTS:
        if str(right) in missing_rights:
            verbs.setdefault((right.group, right.resource, right.name), []).append(right.verb)
    return "".join(
        f'- apiGroups: ["{group}"]\n  resources: [{resource}]\n'
        + (f"  resourceNames: [{name}]\n" if name else "")
        + f"  verbs: [{', '.join(words)}]\n"
        for (group, resource, name), words in verbs.items()
    )


def manifest_advice(right: ClusterRight, user: str = "") -> str:
    """Return the manifest that grants a right, and the rule, limited to the name that is needed.

    Args:
        right: the missing right; nobody is advised to grant it for all Secrets.
        user: the user that lacks it, if the cluster names it.
    """
    name = right.name or (PULL_SECRET_NAME if right.resource == "secrets" else "")
    group = f' of apiGroup "{right.group}"' if right.group else ""
    limit = f' with resourceNames ["{name}"]' if name else ""
    recipient = f" to {user}" if user else ""
    required = {(own.resource, own.name) for own in REQUIRED_RIGHTS}
    manifest = _OPTIONAL_MANIFESTS.get(right.resource, _HARBORS_MANIFEST)
    if (right.resource, name) in required:
        manifest = RIGHTS_MANIFEST
    return (
        f'grant the verb "{right.verb}" on "{right.resource}"{group}{limit}{recipient}: run: '
        f"kubectl apply -f {manifest}"
    )


def grant_advice(resource: str, namespace: str, name: str, user: str) -> str:
    """Return how to allow a user to read one object, and no other one.

    A role without resourceNames would allow reading all objects of the kind.

    Args:
        resource: plural resource name, as in roles.
        namespace: namespace of the object.
        name: name of the object.
        user: user name in the cluster, for example of a ServiceAccount; empty if unknown.
    """
    subject = _subject(user)
    if not (subject and _NAME_PATTERN.fullmatch(name) and _NAME_PATTERN.fullmatch(namespace)):
        # Names come from objects in the cluster and must not become part of a command.
        return (
            f'grant the verb "get" on "{resource}" with this name in resourceNames, in a Role of '
            "that namespace"
        )
    role = f"registry-integration-{resource}-{name}"
    return (
        f"to allow it, run: kubectl create role {role} --namespace={namespace} --verb=get "
        f"--resource={resource} --resource-name={name} && kubectl create rolebinding {role} "
        f"--namespace={namespace} --role={role} {subject}"
    )


def _subject(user: str) -> str:
    if account := _SERVICE_ACCOUNT_PATTERN.fullmatch(user):
        return f"--serviceaccount={account['namespace']}:{account['name']}"
    return f"--user={user}" if _USER_PATTERN.fullmatch(user) else ""
