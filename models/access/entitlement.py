"""Decide which registries a namespace logs in to: decision 7 in one place."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from models.access.binding import Binding
from models.access.rotation import held_robots, youngest
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Delivery, DeliveryStatus, Login
from models.core.base import Value
from models.registries.registry import Kind, Registry
from models.registries.robots import Grant


class Puller(Value):
    """The pull-only user of a Docker Registry, without its password."""

    registry: str
    account: str


def logins_by_workspace(
    registries: Iterable[Registry],
    bound: Collection[tuple[str, str]],
    grants: Iterable[Grant],
    pullers: Iterable[Puller],
    open_to_all: Collection[str],
) -> dict[str, tuple[Login, ...]]:
    """Return what the namespaces of each workspace log in to; "" stands for those of none.

    Without a binding there is no login, whatever became of a robot account. A Harbor refuses by
    itself what is not granted: a bound workspace gets the robot account that was made for it, and
    nobody else gets anything, since public spaces need no login. A Docker Registry
    refuses nobody who holds its pull-only user: the workspaces bound to any of its spaces get it,
    and every namespace does once one of its spaces is public.

    Args:
        registries: all of them.
        bound: (registry, workspace) bound to any space.
        grants: all robot accounts on record.
        pullers: pull-only users, for Docker Registries that have one.
        open_to_all: names of the Docker Registries with a public space.
    """
    by_name = {registry.name: registry for registry in registries}
    found: dict[str, list[Login]] = defaultdict(list)
    for (name, workspace), grant in youngest(grants).items():
        if name in by_name and (name, workspace) in bound:
            host = by_name[name].where.netloc
            found[workspace].append(
                Login(registry=name, host=host, account=grant.login, robot_id=grant.robot_id)
            )
    shared: list[Login] = []
    for puller in pullers:
        host = by_name[puller.registry].where.netloc
        login = Login(registry=puller.registry, host=host, account=puller.account)
        if puller.registry in open_to_all:
            shared.append(login)
            continue
        for workspace in {each for registry, each in bound if registry == puller.registry}:
            found[workspace].append(login)
    return {
        workspace: tuple(sorted((*logins, *shared), key=lambda login: login.registry))
        for workspace, logins in {"": [], **found}.items()
    }


def logins_of(
    namespace: Namespace, by_workspace: Mapping[str, tuple[Login, ...]]
) -> tuple[Login, ...]:
    """Return what one namespace logs in to."""
    return by_workspace.get(namespace.workspace or "", by_workspace.get("", ()))


def effective(
    bindings: Iterable[Binding],
    registries: Iterable[Registry],
    grants: Iterable[Grant],
    namespaces: Iterable[Namespace],
    deliveries: Iterable[Delivery],
) -> tuple[Binding, ...]:
    """Return the bindings that have reached every namespace of their workspace.

    On a Harbor the robot account may pull the space and every namespace holds it. On a Docker
    Registry with a pull-only user every namespace holds that; without one there is nothing to hold.
    """
    by_name = {registry.name: registry for registry in registries}
    in_use = youngest(grants)
    held = held_robots(one for one in deliveries if one.status is DeliveryStatus.DELIVERED)
    members: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in namespaces:
        if one.workspace and not one.terminating:
            members[one.workspace].append((one.cluster, one.name))

    def reached(binding: Binding) -> bool:
        registry = by_name.get(binding.registry)
        grant = in_use.get((binding.registry, binding.workspace))
        if registry is None:
            return False
        if registry.kind is Kind.HARBOR and (grant is None or binding.space not in grant.spaces):
            return False
        if registry.kind is Kind.DOCKER and registry.pull_credential is None:
            return True
        wanted = binding.registry, grant.robot_id if grant else None
        return all(wanted in held.get(place, ()) for place in members[binding.workspace])

    return tuple(binding for binding in bindings if reached(binding))
