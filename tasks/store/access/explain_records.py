"""What is on record about one namespace and one image, for explaining."""

from sqlmodel import Session

from models.access.binding import Binding
from models.access.image import Image, first_of, registry_of, space_of
from models.core.base import Value
from models.registries.record import Dossier
from models.registries.robots import Grant
from models.registries.space import Space
from models.tables import SpaceRow
from tasks.store import views
from tasks.store.access import bindings, clusters, workspaces
from tasks.store.access.clusters import Known
from tasks.store.installation import installation
from tasks.store.registries import registries, robots

_SPACE = set(Space.model_fields)


class ClusterRecord(Value):
    """A cluster, who we are, and which workspaces its namespaces were given to by hand."""

    installation: str
    known: Known
    listed: dict[str, frozenset[str]]


class RegistryRecord(Value):
    """A registry, and what a workspace may pull there."""

    dossier: Dossier
    space_name: str
    space: Space | None = None
    binding: Binding | None = None
    grants: tuple[Grant, ...] = ()
    failure: str = ""


def cluster_record(session: Session, cluster: str) -> ClusterRecord:
    """Return what is on record of a cluster.

    Raises:
        InputRefused: there is none of that name.
    """
    return ClusterRecord(
        installation=installation(session),
        known=clusters.known(session, cluster),
        listed=workspaces.listed(session, cluster),
    )


def registry_record(
    session: Session, image: Image, workspace: str | None
) -> tuple[RegistryRecord | None, tuple[str, ...]]:
    """Return what is on record of an image's registry and space, and which registries there are.

    Raises:
        InputRefused: the image can be in no space there.
    """
    known = {one.registry.name: one for one in registries.dossiers(session)}
    registry = registry_of(image, (one.registry for one in known.values()))
    if registry is None:
        return None, tuple(known)
    first = session.get(SpaceRow, (registry.name, first_of(image)))
    name = space_of(image, registry.kind, {first.name} if first else ())
    row = session.get(SpaceRow, (registry.name, name))
    found = RegistryRecord(
        dossier=known[registry.name],
        space_name=name,
        space=Space.model_validate(row.model_dump(include=_SPACE)) if row else None,
    )
    if workspace is None:
        return found, tuple(known)
    bound = bindings.bindings(session, registry=registry.name, workspace=workspace)
    made = robots.grants(session, registry.name)
    more = {
        "binding": next((one for one in bound if one.space == name), None),
        "grants": tuple(one for one in made if one.workspace == workspace),
        "failure": views.grant_failures(session).get((registry.name, workspace), ""),
    }
    return found.model_copy(update=more), tuple(known)
