"""Who asks, and what they may, as RBAC has it.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from dataclasses import dataclass, field

from deployments.simulators.kubernetes import errors

ANONYMOUS = "system:anonymous"
ADMIN = "kubernetes-admin"
"""May do everything, always."""


@dataclass(frozen=True)
class Rule:
    """A rule of a role: these verbs on this resource; on these names only, if there are any."""

    resource: str
    verbs: tuple[str, ...]
    names: tuple[str, ...] = ()

    def grants(self, verb: str, resource: str, name: str) -> bool:
        """Whether it allows a request."""
        if resource != self.resource or verb not in self.verbs:
            return False
        return not self.names or name in self.names


@dataclass
class Rights:
    """Tokens, whose they are, and what the users may do.

    Attributes:
        users: by token.
        rules: what users but the administrator may do; None means everything.
        withheld: verbs and resources that are taken away from that again.
    """

    users: dict[str, str]
    rules: tuple[Rule, ...] | None = None
    withheld: set[tuple[str, str]] = field(default_factory=set)

    def user(self, authorization: str) -> str:
        """Say who asks.

        Raises:
            Refused: the token is not known.
        """
        if not authorization:
            return ANONYMOUS
        user = self.users.get(authorization.removeprefix("Bearer "))
        if user is None:
            raise errors.unauthorized()
        return user

    def may(self, user: str, verb: str, resource: str, name: str) -> bool:
        """Whether a user may do this."""
        if user == ADMIN:
            return True
        if user == ANONYMOUS or (verb, resource) in self.withheld:
            return False
        return self.rules is None or any(rule.grants(verb, resource, name) for rule in self.rules)

    def check(self, user: str, verb: str, resource: str, namespace: str, name: str) -> None:
        """Let a request pass.

        Raises:
            Refused: the user may not.
        """
        if self.may(user, verb, resource, name):
            return
        within = namespace or (name if resource == "namespaces" else "")
        where = f'in the namespace "{within}"' if within else "at the cluster scope"
        group = errors.GROUPS.get(resource, "")
        said = f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
        raise errors.forbidden(resource, name, said)
