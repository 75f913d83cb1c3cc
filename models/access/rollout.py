"""Decide whether a binding is in force, which is when the workspace can pull the space in all its
namespaces, and explain why it is not.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from models.access.binding import Binding
from models.access.pull_user import pull_user_problem
from models.access.rotation import current_robots, robots_by_namespace
from models.clusters.cluster import ClusterStatus
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus
from models.core.base import FrozenModel
from models.registries.condition import Health
from models.registries.record import RegistryRecord
from models.registries.registry import Registry
from models.registries.robots import RobotAccount
from models.registries.space import Space


class RolloutStep(StrEnum):
    """A step from a saved binding to a pull, in order."""

    HELD = "held"
    REGISTRY = "registry"
    ROBOT = "robot"
    NAMESPACE = "namespace"


class RolloutGap(FrozenModel):
    """The first step of a binding that is not done.

    Attributes:
        step: the step.
        namespace: the namespace without the login, for the step `NAMESPACE`.
    """

    step: RolloutStep
    namespace: Namespace | None = None


class Rollout:
    """The indexed records that decide which bindings are in force.

    Args:
        registries: registries by name.
        robot_accounts: robot accounts on record.
        namespaces, pull_secrets: records of all clusters.
    """

    def __init__(
        self,
        registries: Mapping[str, Registry],
        robot_accounts: Iterable[RobotAccount],
        namespaces: Iterable[Namespace],
        pull_secrets: Iterable[PullSecretStatus],
    ) -> None:
        self._registries = registries
        self.robots = current_robots(robot_accounts)
        self._spaces = {key: frozenset(robot.spaces) for key, robot in self.robots.items()}
        self._namespace_robots = robots_by_namespace(
            secret for secret in pull_secrets if secret.status is PullSecretState.DELIVERED
        )
        self._members: dict[str, list[Namespace]] = defaultdict(list)
        for namespace in namespaces:
            if namespace.workspace and not namespace.terminating:
                self._members[namespace.workspace].append(namespace)
        self._incomplete: dict[tuple[str, str], Namespace | None] = {}

    def find_gap(self, binding: Binding) -> RolloutGap | None:
        """Return the first step that is not done; None if the binding is in force.

        A robot account, if the registry has them, must be able to pull the space, and all
        namespaces must have its login. Elsewhere, all namespaces must have the login of the
        pull-only user; without such a user no login is needed.
        """
        if binding.is_held:
            return RolloutGap(step=RolloutStep.HELD)
        gap = self.find_shared_gap(binding.registry, binding.workspace)
        if gap is not None and gap.step is not RolloutStep.NAMESPACE:
            return gap
        return gap if self._is_granted(binding) else RolloutGap(step=RolloutStep.ROBOT)

    def find_shared_gap(self, registry: str, workspace: str) -> RolloutGap | None:
        """Return the step that is not done for all bindings of a workspace to a registry.

        None if a binding is in force unless it is held, or the robot account cannot pull its space.
        """
        spec = self._registries.get(registry)
        if spec is None:
            return RolloutGap(step=RolloutStep.REGISTRY)
        if spec.capabilities.has_robot_accounts:
            if (registry, workspace) not in self.robots:
                return RolloutGap(step=RolloutStep.ROBOT)
        elif not spec.has_pull_user:
            return None
        namespace = self._find_incomplete(registry, workspace)
        return RolloutGap(step=RolloutStep.NAMESPACE, namespace=namespace) if namespace else None

    def _is_granted(self, binding: Binding) -> bool:
        key = binding.registry, binding.workspace
        if not self._registries[binding.registry].capabilities.has_robot_accounts:
            return True
        return binding.space in self._spaces[key]

    def _find_incomplete(self, registry: str, workspace: str) -> Namespace | None:
        # The same for all spaces of a registry: a workspace can have a thousand bindings.
        key = registry, workspace
        if key not in self._incomplete:
            robot = self.robots.get(key)
            login = registry, robot.robot_id if robot else None
            self._incomplete[key] = next(
                (
                    namespace
                    for namespace in self._members[workspace]
                    if login not in self._namespace_robots.get(_path(namespace), ())
                ),
                None,
            )
        return self._incomplete[key]


def first_ungranted(rollout: Rollout, bindings: Iterable[Binding]) -> str:
    """Return the first binding that the registry does not grant, and why; empty if there is none.

    Args:
        rollout: the records after the run on the registry.
        bindings: bindings on record.
    """
    gaps = ((binding, rollout.find_gap(binding)) for binding in bindings)
    ungranted = [
        (binding, gap.step)
        for binding, gap in gaps
        if gap is not None and gap.step is not RolloutStep.NAMESPACE
    ]
    if not ungranted:
        return ""
    binding, step = ungranted[0]
    why = {
        RolloutStep.HELD: f"the binding is held: {binding.held_reason}",
        RolloutStep.REGISTRY: "the registry is not integrated",
        RolloutStep.ROBOT: "the robot account cannot pull it; is it in the registry?",
    }[step]
    others = f" (and {len(ungranted) - 1} more)" if len(ungranted) > 1 else ""
    return f"space {binding.space} for workspace {binding.workspace}{others}: {why}"


def _path(namespace: Namespace) -> tuple[str, str]:
    return namespace.cluster, namespace.name


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
