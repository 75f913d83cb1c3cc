"""Small builders for who may pull what: each gives a sound value and takes what a test is about."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from models.access.binding import Binding
from models.clusters.cluster import (
    Cluster,
    ClusterSnapshot,
    ObservedNamespace,
    ObservedPullSecret,
    ObservedServiceAccount,
)
from models.clusters.membership import Namespace, WorkspaceSource
from models.clusters.pull_secret import (
    ClusterChangeResult,
    DesiredPullSecret,
    PullSecretState,
    PullSecretStatus,
    RegistryLogin,
    RepairHistory,
)
from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from models.registries.changes import CreateRobot, DeleteRobot, UpdateRobot
from models.registries.robots import ObservedRobot, OwnershipMark, RobotAccount, robot_name
from tests.support.builders import NOW

INSTALLATION_ID = "0a1b2c3d"
"""Our installation."""

_UNBINDING_REASONS = (Reason.BINDINGS_CHANGED, Reason.SPACES_MISSING)


def binding(
    space: str = "team",
    workspace: str = "team-a",
    registry: str = "prod",
    *,
    bound_at: datetime = NOW,
    effective_at: datetime | None = None,
    held_since: datetime | None = None,
    held_reason: str = "",
) -> Binding:
    return Binding(
        registry=registry,
        space=space,
        workspace=workspace,
        bound_at=bound_at,
        effective_at=effective_at,
        held_since=held_since,
        held_reason=held_reason,
    )


def login_of(workspace: str = "team-a", number: int = 1, prefix: str = "robot$") -> str:
    return prefix + robot_name(INSTALLATION_ID, workspace, number)


def robot_account(
    id: int = 1,
    *spaces: str,
    workspace: str = "team-a",
    registry: str = "prod",
    login: str = "",
    made_at: datetime = NOW,
    rolled_out_at: datetime | None = None,
    created_at: datetime | None = None,
    proved_at: datetime | None = None,
) -> RobotAccount:
    return RobotAccount(
        registry=registry,
        workspace=workspace,
        robot_id=id,
        login=login or login_of(workspace),
        spaces=spaces,
        secret_created_at=made_at,
        rolled_out_at=rolled_out_at,
        created_at=created_at,
        proved_at=proved_at,
    )


def robot(
    id: int = 1,
    *spaces: str,
    workspace: str = "team-a",
    installation: str = INSTALLATION_ID,
    login: str = "",
    exact: bool = True,
    disabled: bool = False,
    expires: bool = False,
    created_at: datetime | None = None,
    updated_at: datetime | None = None,
    accepted: bool | None = None,
) -> ObservedRobot:
    return ObservedRobot(
        id=id,
        login=login or login_of(workspace),
        mark=OwnershipMark(installation=installation, workspace=workspace),
        spaces=spaces,
        pull_only=exact,
        disabled=disabled,
        has_expiry=expires,
        created_at=created_at,
        updated_at=updated_at,
        secret_accepted=accepted,
    )


def robots(*observed_robots: ObservedRobot) -> Complete[ObservedRobot]:
    return Complete[ObservedRobot](items=observed_robots)


def create_robot(
    *spaces: str,
    workspace: str = "team-a",
    number: int = 1,
    reason: Reason = Reason.BINDINGS_CHANGED,
    before: tuple[str, ...] = (),
    replaces: int | None = None,
) -> CreateRobot:
    return CreateRobot(
        workspace=workspace,
        name=robot_name(INSTALLATION_ID, workspace, number),
        replaces=replaces,
        before=before,
        after=spaces,
        reason=reason,
    )


def update_robot(
    id: int,
    before: tuple[str, ...],
    after: tuple[str, ...],
    *,
    workspace: str = "team-a",
    login: str = "",
    reason: Reason = Reason.BINDINGS_CHANGED,
) -> UpdateRobot:
    robot_login = login or login_of(workspace)
    return UpdateRobot(
        workspace=workspace,
        robot_id=id,
        login=robot_login,
        before=before,
        after=after,
        reason=reason,
    )


def delete_robot(
    id: int,
    *before: str,
    workspace: str = "team-a",
    login: str = "",
    reason: Reason = Reason.BINDINGS_CHANGED,
    urgent: bool | None = None,
) -> DeleteRobot:
    """Unless `urgent` says otherwise, one that is no longer bound to what it can pull must go."""
    return DeleteRobot(
        workspace=workspace,
        robot_id=id,
        login=login or login_of(workspace),
        before=before,
        reason=reason,
        is_urgent=bool(before) and reason in _UNBINDING_REASONS if urgent is None else urgent,
    )


def cluster(name: str = "eu", uid: str = "", *, links_accounts: bool = True) -> Cluster:
    return Cluster(name=name, links_accounts=links_accounts, uid=uid)


def observed_namespace(
    name: str = "shop",
    labels: Mapping[str, str] | None = None,
    *,
    uid: str = "",
    terminating: bool = False,
) -> ObservedNamespace:
    """A namespace as the cluster shows it."""
    label_pairs = tuple(sorted((labels or {}).items()))
    return ObservedNamespace(
        name=name, uid=uid or f"uid-{name}", labels=label_pairs, terminating=terminating
    )


def namespace(
    name: str = "shop",
    workspace: str | None = "team-a",
    *,
    cluster: str = "eu",
    uid: str = "",
    source: WorkspaceSource | None = WorkspaceSource.LABEL,
    problem: Reason | None = None,
    message: str = "",
    terminating: bool = False,
) -> Namespace:
    return Namespace(
        cluster=cluster,
        name=name,
        uid=uid or f"uid-{name}",
        workspace=workspace,
        source=source if workspace else None,
        problem=problem,
        message=message,
        terminating=terminating,
    )


def secret(
    namespace: str = "shop",
    fingerprint: str | None = "print",
    *,
    ours: bool = True,
    labelled: bool | None = None,
    installation: str = "",
) -> ObservedPullSecret:
    """Unless `labelled` says otherwise, our Secret has our labels."""
    return ObservedPullSecret(
        namespace=namespace,
        uid=f"secret-{namespace}",
        resource_version="5",
        is_owned=ours,
        has_labels=ours if labelled is None else labelled,
        installation=installation,
        fingerprint=fingerprint,
    )


def service_account(
    namespace: str = "shop",
    name: str = "default",
    labels: Mapping[str, str] | None = None,
    *,
    linked: bool = True,
    manager: str = "",
    other_manager: str = "",
) -> ObservedServiceAccount:
    return ObservedServiceAccount(
        namespace=namespace,
        name=name,
        has_pull_secret=linked,
        labels=tuple(sorted((labels or {}).items())),
        manager=manager,
        other_manager=other_manager,
    )


def cluster_snapshot(
    namespaces: Iterable[ObservedNamespace] | Unavailable = (),
    secrets: Iterable[ObservedPullSecret] | Unavailable = (),
    accounts: Iterable[ObservedServiceAccount] | Unavailable = (),
    *,
    taken_at: datetime = NOW,
) -> ClusterSnapshot:
    sections = {"namespaces": namespaces, "secrets": secrets, "service_accounts": accounts}
    fields = {
        name: section if isinstance(section, Unavailable) else {"items": tuple(section)}
        for name, section in sections.items()
    }
    return ClusterSnapshot.model_validate({"cluster": "eu", "observed_at": taken_at, **fields})


def login(
    registry: str = "prod",
    robot_id: int | None = 1,
    *,
    account: str = "",
    host: str = "registry.test",
    other_hosts: tuple[str, ...] = (),
) -> RegistryLogin:
    return RegistryLogin(
        registry=registry,
        host=host,
        account=account or login_of(),
        robot_id=robot_id,
        other_hosts=other_hosts,
    )


def desired_pull_secret(
    *logins: RegistryLogin, fingerprint: str = "print", size: int = 100
) -> DesiredPullSecret:
    return DesiredPullSecret(logins=logins or (login(),), fingerprint=fingerprint, byte_size=size)


def pull_secret_status(
    namespace: str = "shop",
    status: PullSecretState = PullSecretState.DELIVERED,
    reason: Reason = Reason.DELIVERED,
    message: str = "",
    *,
    cluster: str = "eu",
    logins: tuple[RegistryLogin, ...] | None = None,
    fingerprint: str = "print",
    delivered_at: datetime | None = NOW,
    links: tuple[str, ...] = (),
    repairs: tuple[RepairHistory, ...] = (),
) -> PullSecretStatus:
    return PullSecretStatus(
        cluster=cluster,
        namespace=namespace,
        status=status,
        fingerprint=fingerprint,
        logins=(login(),) if logins is None else logins,
        reason=reason,
        message=message,
        delivered_at=delivered_at,
        links=links,
        repairs=repairs,
    )


def cluster_result(
    change: object, reason: Reason = Reason.DONE, message: str = "", *, is_done: bool = True
) -> ClusterChangeResult:
    return ClusterChangeResult.model_validate(
        {"change": change, "succeeded": is_done, "reason": reason, "message": message}
    )
