"""Explain why a binding is not in effect yet.

The steps are those of `models.access.entitlement.rolled_out_bindings`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from models.access.binding import Binding
from models.access.rotation import current_robots, robots_by_namespace
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
        self._registries, self._clusters, self._failures = records, clusters, failures
        self._current_robots = current_robots(robot_accounts)
        self._robot_spaces = {
            key: frozenset(robot.spaces) for key, robot in self._current_robots.items()
        }
        secrets = tuple(pull_secrets)
        self._namespace_robots = robots_by_namespace(secrets)
        self._pull_secrets = {(secret.cluster, secret.namespace): secret for secret in secrets}
        self._members: dict[str, list[Namespace]] = defaultdict(list)
        for namespace in namespaces:
            if namespace.workspace and not namespace.terminating:
                self._members[namespace.workspace].append(namespace)
        self._incomplete_rollouts: dict[tuple[str, str], str] = {}

    def pending_reason(self, binding: Binding, space: Space | None) -> str:
        """Return the first reason why a binding is not in effect; empty if it is.

        Args:
            binding: the binding.
            space: its space on record; None if there is none.
        """
        if binding.is_held:
            return f"held: {binding.held_reason}"
        record = self._registries.get(binding.registry)
        if record is None:
            return f"registry {binding.registry} is not integrated"
        if record.registry.capabilities.has_robot_accounts:
            missing = self._robot_pending_reason(binding, space, record)
            if missing:
                return missing
        elif not record.registry.has_pull_user:
            return ""
        return self._pull_secret_pending_reason(binding)

    def _robot_pending_reason(
        self, binding: Binding, space: Space | None, record: RegistryRecord
    ) -> str:
        key = binding.registry, binding.workspace
        if binding.space in self._robot_spaces.get(key, ()):
            return ""
        if space is None or space.declared or space.missing_since:
            return "the space is not in the registry"
        if key in self._failures:
            return f"robot account error: {self._failures[key]}"
        health = record.health_summary
        if health.health is not Health.HEALTHY:
            return f"the registry is {health.health}: {health.reason}"
        detail = "cannot pull the space yet" if key in self._robot_spaces else "does not exist yet"
        return f"the robot account {detail}; the next run on the registry changes that"

    def _pull_secret_pending_reason(self, binding: Binding) -> str:
        key = binding.registry, binding.workspace
        if key not in self._incomplete_rollouts:
            robot_account = self._current_robots.get(key)
            robot_key = binding.registry, robot_account.robot_id if robot_account else None
            pending = (
                namespace
                for namespace in self._members[binding.workspace]
                if robot_key
                not in self._namespace_robots.get((namespace.cluster, namespace.name), ())
            )
            first = next(pending, None)
            self._incomplete_rollouts[key] = self._namespace_pending_reason(first) if first else ""
        return self._incomplete_rollouts[key]

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
