"""Explain why a binding is not in force yet; `models.access.rollout` decides whether it is."""

from collections.abc import Iterable, Mapping

from models.access.binding import Binding
from models.access.pull_user import pull_user_problem
from models.access.rollout import Rollout, RolloutStep
from models.clusters.cluster import ClusterStatus
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus
from models.registries.condition import Health
from models.registries.record import RegistryRecord
from models.registries.robots import RobotAccount
from models.registries.space import Space


class BindingStatus:
    """The indexed records for the status of many bindings.

    Args:
        records: registry records by name.
        robot_accounts: robot accounts on record.
        namespaces, pull_secrets: records of all clusters.
        clusters: cluster statuses by name.
        failures: last error of a robot account by registry and workspace.
    """

    def __init__(
        self,
        records: Mapping[str, RegistryRecord],
        robot_accounts: Iterable[RobotAccount],
        namespaces: Iterable[Namespace],
        pull_secrets: Iterable[PullSecretStatus],
        clusters: Mapping[str, ClusterStatus],
        failures: Mapping[tuple[str, str], str],
    ) -> None:
        self._records, self._clusters, self._failures = records, clusters, failures
        secrets = tuple(pull_secrets)
        registries = {name: record.registry for name, record in records.items()}
        self._rollout = Rollout(registries, robot_accounts, namespaces, secrets)
        self._pull_secrets = {(secret.cluster, secret.namespace): secret for secret in secrets}

    def pending_reason(self, binding: Binding, space: Space | None) -> str:
        """Return the first reason why a binding is not in force; empty if it is.

        Args:
            binding: the binding.
            space: its space on record; None if there is none.
        """
        gap = self._rollout.find_gap(binding)
        if gap is None:
            return ""
        if gap.namespace is not None:
            problem = self._pull_user_problem(binding.registry)
            return problem or self._namespace_pending_reason(gap.namespace)
        if gap.step is RolloutStep.HELD:
            return f"held: {binding.held_reason}"
        if gap.step is RolloutStep.REGISTRY:
            return f"registry {binding.registry} is not integrated"
        return self._robot_pending_reason(binding, space)

    def _pull_user_problem(self, registry: str) -> str:
        record = self._records[registry]
        problem = pull_user_problem(record.conditions) if record.registry.has_pull_user else ""
        return f"the pull-only user of {registry} is not delivered: {problem}" if problem else ""

    def _robot_pending_reason(self, binding: Binding, space: Space | None) -> str:
        key = binding.registry, binding.workspace
        if space is None or space.declared or space.missing_since:
            return "the space is not in the registry"
        if key in self._failures:
            return f"robot account error: {self._failures[key]}"
        health = self._records[binding.registry].health_summary
        if health.health is not Health.HEALTHY:
            return f"the registry is {health.health}: {health.reason}"
        detail = (
            "cannot pull the space yet" if key in self._rollout.robots else "does not exist yet"
        )
        return f"the robot account {detail}; the next run on the registry changes that"

    def _namespace_pending_reason(self, namespace: Namespace) -> str:
        namespace_path = f"{namespace.cluster}/{namespace.name}"
        state = self._clusters.get(namespace.cluster)
        if state is not None and state.reachable is False:
            return f"{namespace_path}: the cluster is unreachable ({state.reason})"
        pull_secret = self._pull_secrets.get((namespace.cluster, namespace.name))
        if pull_secret is None:
            return f"{namespace_path}: the pull secret is not written yet"
        if pull_secret.status is PullSecretState.DELIVERED:
            return f"{namespace_path}: the pull secret is outdated; the next sync updates it"
        return f"{namespace_path}: {pull_secret.reason}" + (
            f", {pull_secret.message}" if pull_secret.message else ""
        )
