"""Decide whether a binding is in force: the workspace can pull the space in all its namespaces."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from models.access.binding import Binding
from models.access.rotation import current_robots, robots_by_namespace
from models.clusters.membership import Namespace
from models.clusters.pull_secret import PullSecretState, PullSecretStatus
from models.core.base import FrozenModel
from models.registries.registry import Registry
from models.registries.robots import RobotAccount


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
