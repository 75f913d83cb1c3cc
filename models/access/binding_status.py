"""Say what a binding waits for, in the same steps in which `effective` asks whether it is there."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from models.access.binding import Binding
from models.access.rotation import held_robots, youngest
from models.clusters.cluster import ClusterState
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery, DeliveryStatus
from models.registries.condition import Health
from models.registries.record import Dossier
from models.registries.registry import Kind
from models.registries.robots import Grant
from models.registries.space import Space


class Waiting:
    """What is on record, at hand for asking about many bindings.

    Args:
        dossiers: registries by name.
        grants: robot accounts on record.
        namespaces, deliveries: of all clusters.
        clusters: how they were last found, by name.
        failures: what was last said when a grant failed, by registry and workspace.
    """

    def __init__(
        self,
        dossiers: Mapping[str, Dossier],
        grants: Iterable[Grant],
        namespaces: Iterable[Namespace],
        deliveries: Iterable[Delivery],
        clusters: Mapping[str, ClusterState],
        failures: Mapping[tuple[str, str], str],
    ) -> None:
        self._dossiers, self._clusters, self._failures = dossiers, clusters, failures
        self._in_use = youngest(grants)
        self._granted = {key: frozenset(one.spaces) for key, one in self._in_use.items()}
        left = tuple(deliveries)
        self._held = held_robots(left)
        self._left = {(one.cluster, one.namespace): one for one in left}
        self._members: dict[str, list[Namespace]] = defaultdict(list)
        for one in namespaces:
            if one.workspace and not one.terminating:
                self._members[one.workspace].append(one)
        self._behind: dict[tuple[str, str], str] = {}

    def of(self, binding: Binding, space: Space | None) -> str:
        """Name the first thing that a binding waits for; empty if it waits for nothing.

        Args:
            space: as it is known; None if it is not.
        """
        if binding.is_held:
            return f"held: {binding.held_reason}"
        dossier = self._dossiers.get(binding.registry)
        if dossier is None:
            return f"there is no registry {binding.registry} here"
        if dossier.registry.kind is Kind.HARBOR:
            missing = self._ungranted(binding, space, dossier)
            if missing:
                return missing
        elif dossier.registry.pull_credential is None:
            return ""
        return self._undelivered(binding)

    def _ungranted(self, binding: Binding, space: Space | None, dossier: Dossier) -> str:
        key = binding.registry, binding.workspace
        if binding.space in self._granted.get(key, ()):
            return ""
        if space is None or space.declared or space.missing_since:
            return "the space is not in the registry"
        if key in self._failures:
            return f"the robot account: {self._failures[key]}"
        found = dossier.diagnosis
        if found.health is not Health.HEALTHY:
            return f"the registry is {found.health}: {found.reason}"
        what = "may not pull the space yet" if key in self._granted else "is not made yet"
        return f"the robot account {what}; the next run on the registry sees to it"

    def _undelivered(self, binding: Binding) -> str:
        key = binding.registry, binding.workspace
        if key not in self._behind:
            grant = self._in_use.get(key)
            wanted = binding.registry, grant.robot_id if grant else None
            behind = (
                one
                for one in self._members[binding.workspace]
                if wanted not in self._held.get((one.cluster, one.name), ())
            )
            first = next(behind, None)
            self._behind[key] = self._why(first) if first else ""
        return self._behind[key]

    def _why(self, one: Namespace) -> str:
        place = f"{one.cluster}/{one.name}"
        state = self._clusters.get(one.cluster)
        if state is not None and state.reachable is False:
            return f"{place}: the cluster is out of reach ({state.reason})"
        left = self._left.get((one.cluster, one.name))
        if left is None:
            return f"{place}: not delivered yet"
        if left.status is DeliveryStatus.DELIVERED:
            return f"{place}: what is due has changed; the next sync delivers it"
        return f"{place}: {left.reason}" + (f", {left.message}" if left.message else "")
