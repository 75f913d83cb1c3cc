"""Records of several tables that one decision needs."""

from sqlmodel import Session

from models.access.binding_change import BindingRecords
from models.access.robot_state import RobotState
from models.access.rotation import Departure
from models.core.base import FrozenModel
from models.registries.credential_origin import CredentialOrigin
from models.registries.record import RegistryRecord
from models.registries.registry import RegistryOrigin
from models.registries.robots import RobotAccount
from models.registries.space import Space
from tasks.store.access import bindings, clusters, departures, workspaces
from tasks.store.installation import get_installation, get_key_check
from tasks.store.registries import credential_origins, registries, robots, runs, spaces


class RegistryState(FrozenModel):
    """A registry with its spaces and robot accounts.

    Attributes:
        record: the registry.
        spaces: all its spaces; None if they are not loaded.
        failures: (subject, kind, reason) of changes whose last attempt failed.
        robot_state: bindings and robot accounts.
        encrypted_observer_secret: encrypted secret of the observer robot account; empty if the
            registry has none.
        credential_origins: origins that its credential may be sent to.
    """

    record: RegistryRecord
    spaces: tuple[Space, ...] | None
    failures: frozenset[tuple[str, str, str]]
    robot_state: RobotState
    encrypted_observer_secret: str = ""
    credential_origins: tuple[CredentialOrigin, ...] = ()

    def retry_pull_user(self) -> "RegistryState":
        """Return the state with a refused pull-only user to try now, because a person asks."""
        attempts = self.record.pull_user_attempts.tried_again()
        record = self.record.model_copy(update={"pull_user_attempts": attempts})
        return self.model_copy(update={"record": record})


def load_registry_state(
    session: Session, name: str, *, with_origins: bool = True, with_spaces: bool = True
) -> RegistryState:
    """Return the state of a registry.

    Args:
        session: the transaction.
        name: name of the registry.
        with_origins: whether to load the origins that its credential may be sent to.
        with_spaces: whether to load the spaces, even if there is a baseline to compare lists with.

    Raises:
        InvalidRequest: there is no registry with this name.
    """
    registry_record = registries.get_registry(session, name)
    robot_state = _load_robot_state(session, registry_record)
    observer = robot_state.observer
    return RegistryState(
        record=registry_record,
        spaces=spaces.list_spaces(session, name)
        if with_spaces or registry_record.baseline is None
        else None,
        failures=runs.list_failures(session, name),
        robot_state=robot_state,
        encrypted_observer_secret=robots.get_encrypted_secret(session, observer)
        if observer
        else "",
        credential_origins=credential_origins.list_origins(
            session, registry_record.registry.permitted_blocks
        )
        if with_origins
        else (),
    )


def _load_robot_state(session: Session, registry_record: RegistryRecord) -> RobotState:
    name = registry_record.registry.name
    robot_departures = departures.list_departures(session, name)
    return RobotState(
        registry=name,
        installation=get_installation(session),
        other_registries=registries.list_names(session) - {name},
        is_managed=registry_record.registry.origin is RegistryOrigin.MANAGED,
        bound_spaces=bindings.spaces_by_workspace(session, name),
        has_bindings=bindings.count_bindings(session, name) > 0,
        robots=robots.list_robots(session, name),
        departures=robot_departures,
        pull_secrets=tuple(clusters.list_pull_secrets(session)) if robot_departures else (),
        namespaces=tuple(clusters.list_namespaces(session)) if robot_departures else (),
        key_check=get_key_check(session),
    )


def load_rotation_records(
    session: Session,
) -> tuple[tuple[RobotAccount, ...], tuple[Departure, ...]]:
    """Return all robot accounts and departures."""
    return robots.list_robots(session), departures.list_departures(session)


def load_binding_records(session: Session, registry: str) -> BindingRecords:
    """Return what is on record about the bindings of a registry.

    Raises:
        InvalidRequest: there is no registry with this name.
    """
    return BindingRecords(
        registry=registry,
        capabilities=registries.get_registry(session, registry).registry.capabilities,
        spaces=tuple(space.name for space in spaces.list_spaces(session, registry)),
        bindings=bindings.list_bindings(session, registry=registry),
        workspaces=workspaces.list_names(session),
        namespaces=clusters.list_namespaces(session),
        key_check=get_key_check(session),
    )
