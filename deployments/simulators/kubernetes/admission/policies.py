"""Validating admission: policies, webhooks and resource quotas that deny a write.

A real server evaluates expressions; here a policy denies the writes that its fields select. See
https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from deployments.simulators.kubernetes import errors
from deployments.simulators.kubernetes.errors import KubernetesApiError
from deployments.simulators.kubernetes.object_store import ObjectStore

_STATUS_BY_REASON = {
    "Forbidden": 403,
    "Unauthorized": 401,
    "RequestEntityTooLarge": 413,
    "Invalid": 422,
}


@dataclass(frozen=True)
class AdmissionRule:
    """Denies operations on the objects of a resource.

    Attributes:
        name: name of the policy or webhook.
        binding: name of the policy's binding; empty for a webhook.
        message: message of the denial.
        reason: reason of the denial.
        status: status that a webhook answers.
        operations: `CREATE`, `UPDATE` and `DELETE`, or some of them.
        namespaces: namespaces; empty for all.
    """

    name: str
    binding: str = ""
    message: str = ""
    reason: str = "Invalid"
    status: int = 403
    resource: str = "secrets"
    operations: tuple[str, ...] = ("CREATE", "UPDATE")
    namespaces: tuple[str, ...] = ()

    def applies_to(self, operation: str, resource: str, namespace: str) -> bool:
        """Return whether the rule denies a write."""
        is_selected = not self.namespaces or namespace in self.namespaces
        return is_selected and resource == self.resource and operation in self.operations

    def denial(self, name: str) -> KubernetesApiError:
        """Return the error for a denied write of an object."""
        if not self.binding:
            return _webhook_denial(self)
        message = (
            f"ValidatingAdmissionPolicy '{self.name}' with binding '{self.binding}' denied "
            f"request: {self.message}"
        )
        error = errors.forbidden(self.resource, name, message, [{"message": message}])
        error.status, error.reason = _STATUS_BY_REASON[self.reason], self.reason
        return error


@dataclass
class Admission:
    """The rules and quotas of a cluster.

    Attributes:
        rules: policies and webhooks, in the order of evaluation.
        secret_quotas: (name, maximum number of Secrets) by namespace.
    """

    rules: list[AdmissionRule] = field(default_factory=list)
    secret_quotas: dict[str, tuple[str, int]] = field(default_factory=dict)

    def check(
        self, store: ObjectStore, operation: str, resource: str, key: tuple[str, str]
    ) -> None:
        """Ensure that a write is admitted.

        Args:
            store: the objects, which quotas count.
            operation: `CREATE`, `UPDATE` or `DELETE`.
            resource: plural resource name.
            key: namespace and name of the object.

        Raises:
            KubernetesApiError: a policy, a webhook or a quota denies it.
        """
        namespace, name = key
        for rule in self.rules:
            if rule.applies_to(operation, resource, namespace):
                raise rule.denial(name)
        if operation == "CREATE":
            for message in self._exceeded_quotas(store, resource, namespace):
                raise errors.forbidden(resource, name, message)

    def _exceeded_quotas(self, store: ObjectStore, resource: str, namespace: str) -> Iterator[str]:
        if resource != "secrets" or namespace not in self.secret_quotas:
            return
        quota, maximum = self.secret_quotas[namespace]
        used = sum(1 for _ in store.list_objects(resource, namespace))
        if used >= maximum:
            yield (
                f"exceeded quota: {quota}, requested: secrets=1, used: secrets={used}, "
                f"limited: secrets={maximum}"
            )


def _webhook_denial(rule: AdmissionRule) -> KubernetesApiError:
    text = f": {rule.message}" if rule.message else " without explanation"
    message = f'admission webhook "{rule.name}" denied the request{text}'
    return KubernetesApiError(rule.status, "Forbidden" if rule.status == 403 else "", message)
