"""Records for explain-access: of one namespace and of one image."""

from sqlmodel import Session

from models.access.binding import Binding
from models.access.image import Image, find_registry, first_segment, space_name
from models.clusters.membership import MembershipRules
from models.clusters.service_account_choice import ServiceAccountChoice
from models.core.base import FrozenModel
from models.registries.record import RegistryRecord
from models.registries.robots import RobotAccount
from models.registries.space import Space
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.access.clusters import ClusterRecord
from tasks.store.installation import get_installation
from tasks.store.registries import registries, robots, runs, spaces


class ExplainClusterRecord(FrozenModel):
    """The installation id, a cluster, and what users entered about its namespaces."""

    installation: str
    record: ClusterRecord
    rules: MembershipRules
    choices: dict[str, ServiceAccountChoice]


class ExplainRegistryRecord(FrozenModel):
    """A registry, and the access of one workspace to one space."""

    record: RegistryRecord
    space_name: str
    space: Space | None = None
    binding: Binding | None = None
    robots: tuple[RobotAccount, ...] = ()
    robot_failure: str = ""


def get_explain_cluster_record(session: Session, cluster: str) -> ExplainClusterRecord:
    """Return the records of a cluster.

    Raises:
        InvalidRequest: there is no cluster with this name.
    """
    return ExplainClusterRecord(
        installation=get_installation(session),
        record=clusters.get_cluster(session, cluster),
        rules=workspaces.get_membership_rules(session, cluster),
        choices=workspaces.list_choices(session),
    )


def get_explain_registry_record(
    session: Session, image: Image, workspace: str | None
) -> tuple[ExplainRegistryRecord | None, tuple[str, ...]]:
    """Return the records of an image's registry and space, and the names of all registries.

    Raises:
        InvalidRequest: the image reference has no valid space for this registry.
    """
    records_by_name = {
        record.registry.name: record for record in registries.list_registries(session)
    }
    registry = find_registry(image, (record.registry for record in records_by_name.values()))
    if registry is None:
        return None, tuple(records_by_name)
    first = spaces.get_space(session, registry.name, first_segment(image))
    name = space_name(image, registry.capabilities, {first.name} if first else ())
    explain_record = ExplainRegistryRecord(
        record=records_by_name[registry.name],
        space_name=name,
        space=spaces.get_space(session, registry.name, name),
    )
    if workspace is None:
        return explain_record, tuple(records_by_name)
    workspace_bindings = bindings.list_bindings(
        session, registry=registry.name, workspace=workspace
    )
    robot_accounts = robots.list_robots(session, registry.name)
    updates = {
        "binding": next((binding for binding in workspace_bindings if binding.space == name), None),
        "robots": tuple(robot for robot in robot_accounts if robot.workspace == workspace),
        "robot_failure": runs.list_robot_failures(session, (registry.name,)).get(
            (registry.name, workspace), ""
        ),
    }
    return explain_record.model_copy(update=updates), tuple(records_by_name)
