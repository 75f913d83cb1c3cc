"""Users and their RBAC rights.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from dataclasses import dataclass, field

from deployments.simulators.kubernetes import errors

ANONYMOUS_USER = "system:anonymous"
ADMIN_USER = "kubernetes-admin"
"""User with all rights, always."""


@dataclass(frozen=True)
class RbacRule:
    """A rule of a role: verbs on a resource; limited to names, if there are any."""

    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def allows(self, verb: str, resource: str, name: str) -> bool:
        """Return whether the rule allows a request."""
        if resource != self.resource or verb not in self.verbs:
            return False
        return not self.names or name in self.names


@dataclass
class ClusterRights:
    """Users with their tokens and rights.

    Attributes:
        users: users by token.
        rules: rights of all users except the administrator; None means all rights.
        denied: verbs and resources that are denied in spite of the rules.
    """

    users: dict[str, str]
    rules: tuple[RbacRule, ...] | None = None
    denied: set[tuple[str, str]] = field(default_factory=set)

    def authenticate(self, authorization: str) -> str:
        """Return the user of a token.

        Raises:
            KubernetesApiError: the token is unknown.
        """
        if not authorization:
            return ANONYMOUS_USER
        user = self.users.get(authorization.removeprefix("Bearer "))
        if user is None:
            raise errors.unauthorized()
        return user

    def is_allowed(self, user: str, verb: str, resource: str, name: str) -> bool:
        """Return whether a user has a right."""
        if user == ADMIN_USER:
            return True
        if user == ANONYMOUS_USER or (verb, resource) in self.denied:
            return False
        return self.rules is None or any(rule.allows(verb, resource, name) for rule in self.rules)

    def check(self, user: str, verb: str, resource: str, namespace: str, name: str) -> None:
        """Ensure that a user has a right.

        Raises:
            KubernetesApiError: the user does not have it.
        """
        if self.is_allowed(user, verb, resource, name):
            return
        within = namespace or (name if resource == "namespaces" else "")
        where = f'in the namespace "{within}"' if within else "at the cluster scope"
        group = errors.RESOURCE_GROUPS.get(resource, "")
        message = (
            f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
        )
        raise errors.forbidden(resource, name, message)
