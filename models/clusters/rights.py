"""Advice about missing rights in a cluster: the smallest grant, as commands to copy."""

import re

_NAME_PATTERN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names"""

_SERVICE_ACCOUNT_PATTERN = re.compile(
    r"system:serviceaccount:(?P<namespace>[a-z0-9.-]{1,253}):(?P<name>[a-z0-9.-]{1,253})"
)
_USER_PATTERN = re.compile(r"[A-Za-z0-9@:._/-]{1,253}")


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
