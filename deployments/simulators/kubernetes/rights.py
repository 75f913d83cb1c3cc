"""Who asks, and what they may, as RBAC has it.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from dataclasses import dataclass, field

from deployments.simulators.kubernetes import errors

ANONYMOUS_USER = "system:anonymous"
ADMIN_USER = "kubernetes-admin"
"""May do everything, always."""


@dataclass(frozen=True)
class RbacRule:
    """A rule of a role: these verbs on this resource; on these names only, if there are any."""

    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def allows(self, verb: str, resource: str, name: str) -> bool:
        """Whether it allows a request."""
        if resource != self.resource or verb not in self.verbs:
            return False
        return not self.names or name in self.names


@dataclass
class ClusterRights:
    """Tokens, whose they are, and what the users may do.

    Attributes:
        users: by token.
        rules: what users but the administrator may do; None means everything.
        denied: verbs and resources that are taken away from that again.
    """

    users: dict[str, str]
    rules: tuple[RbacRule, ...] | None = None
    denied: set[tuple[str, str]] = field(default_factory=set)

    def authenticate(self, authorization: str) -> str:
        """Say who asks.

        Raises:
            Refused: the token is not known.
        """
        if not authorization:
            return ANONYMOUS_USER
        user = self.users.get(authorization.removeprefix("Bearer "))
        if user is None:
            raise errors.unauthorized()
        return user

    def is_allowed(self, user: str, verb: str, resource: str, name: str) -> bool:
        """Whether a user may do this."""
        if user == ADMIN_USER:
            return True
        if user == ANONYMOUS_USER or (verb, resource) in self.denied:
            return False
        return self.rules is None or any(rule.allows(verb, resource, name) for rule in self.rules)

    def check(self, user: str, verb: str, resource: str, namespace: str, name: str) -> None:
        """Let a request pass.

        Raises:
            Refused: the user may not.
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
