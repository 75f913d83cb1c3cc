"""Small builders for who may pull what: each gives a sound value and takes what a test is about."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from models.access.binding import Binding
from models.clusters.cluster import (
    Cluster,
    ClusterSnapshot,
    ObservedAccount,
    ObservedNamespace,
    ObservedSecret,
)
from models.clusters.membership import Namespace, Source
from models.clusters.pull_secret import ClusterOutcome, Delivery, DeliveryStatus, Due, Login
from models.core.availability import Seen, Unseen
from models.core.reasons import Reason
from models.registries.changes import EditGrant, MakeGrant, RevokeGrant
from models.registries.robots import Grant, Mark, ObservedRobot, robot_name
from tests.support.builders import NOW

US = "0a1b2c3d"
"""Our installation."""

_UNBOUND = (Reason.BINDINGS_CHANGED, Reason.SPACES_MISSING)


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
    return prefix + robot_name(US, workspace, number)


def grant(
    id: int = 1,
    *spaces: str,
    workspace: str = "team-a",
    registry: str = "prod",
    login: str = "",
    made_at: datetime = NOW,
    rolled_out_at: datetime | None = None,
) -> Grant:
    return Grant(
        registry=registry,
        workspace=workspace,
        robot_id=id,
        login=login or login_of(workspace),
        spaces=spaces,
        made_at=made_at,
        rolled_out_at=rolled_out_at,
    )


def robot(
    id: int = 1,
    *spaces: str,
    workspace: str = "team-a",
    installation: str = US,
    login: str = "",
    exact: bool = True,
    disabled: bool = False,
    expires: bool = False,
) -> ObservedRobot:
    return ObservedRobot(
        id=id,
        login=login or login_of(workspace),
        mark=Mark(installation=installation, workspace=workspace),
        spaces=spaces,
        exact=exact,
        disabled=disabled,
        expires=expires,
    )


def robots(*found: ObservedRobot) -> Seen[ObservedRobot]:
    return Seen[ObservedRobot](items=found)


def made(
    *spaces: str,
    workspace: str = "team-a",
    number: int = 1,
    reason: Reason = Reason.BINDINGS_CHANGED,
    before: tuple[str, ...] = (),
    replaces: int | None = None,
) -> MakeGrant:
    return MakeGrant(
        workspace=workspace,
        name=robot_name(US, workspace, number),
        replaces=replaces,
        before=before,
        after=spaces,
        reason=reason,
    )


def edited(
    id: int,
    before: tuple[str, ...],
    after: tuple[str, ...],
    *,
    workspace: str = "team-a",
    login: str = "",
    reason: Reason = Reason.BINDINGS_CHANGED,
) -> EditGrant:
    whose = login or login_of(workspace)
    return EditGrant(
        workspace=workspace, robot_id=id, login=whose, before=before, after=after, reason=reason
    )


def revoked(
    id: int,
    *before: str,
    workspace: str = "team-a",
    login: str = "",
    reason: Reason = Reason.BINDINGS_CHANGED,
    urgent: bool | None = None,
) -> RevokeGrant:
    """Unless `urgent` says otherwise, one that is no longer bound to what it can pull must go."""
    return RevokeGrant(
        workspace=workspace,
        robot_id=id,
        login=login or login_of(workspace),
        before=before,
        reason=reason,
        urgent=bool(before) and reason in _UNBOUND if urgent is None else urgent,
    )


def cluster(name: str = "eu", *, links_accounts: bool = True) -> Cluster:
    return Cluster(name=name, links_accounts=links_accounts)


def labelled(
    name: str = "shop",
    labels: Mapping[str, str] | None = None,
    *,
    uid: str = "",
    terminating: bool = False,
) -> ObservedNamespace:
    """A namespace as the cluster shows it."""
    told = tuple(sorted((labels or {}).items()))
    return ObservedNamespace(
        name=name, uid=uid or f"uid-{name}", labels=told, terminating=terminating
    )


def namespace(
    name: str = "shop",
    workspace: str | None = "team-a",
    *,
    cluster: str = "eu",
    uid: str = "",
    source: Source | None = Source.LABEL,
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
    namespace: str = "shop", fingerprint: str | None = "print", *, ours: bool = True
) -> ObservedSecret:
    uid = f"secret-{namespace}"
    return ObservedSecret(
        namespace=namespace, uid=uid, version="5", ours=ours, fingerprint=fingerprint
    )


def account(namespace: str = "shop", *, linked: bool = True) -> ObservedAccount:
    return ObservedAccount(namespace=namespace, linked=linked)


def cluster_snapshot(
    namespaces: Iterable[ObservedNamespace] | Unseen = (),
    secrets: Iterable[ObservedSecret] | Unseen = (),
    accounts: Iterable[ObservedAccount] | Unseen = (),
    *,
    taken_at: datetime = NOW,
) -> ClusterSnapshot:
    sections = {"namespaces": namespaces, "secrets": secrets, "accounts": accounts}
    told = {
        name: one if isinstance(one, Unseen) else {"items": tuple(one)}
        for name, one in sections.items()
    }
    return ClusterSnapshot.model_validate({"cluster": "eu", "taken_at": taken_at, **told})


def login(
    registry: str = "prod",
    robot_id: int | None = 1,
    *,
    account: str = "",
    host: str = "registry.test",
) -> Login:
    return Login(registry=registry, host=host, account=account or login_of(), robot_id=robot_id)


def due(*logins: Login, fingerprint: str = "print", size: int = 100) -> Due:
    return Due(logins=logins or (login(),), fingerprint=fingerprint, size=size)


def delivery(
    namespace: str = "shop",
    status: DeliveryStatus = DeliveryStatus.DELIVERED,
    reason: Reason = Reason.DELIVERED,
    message: str = "",
    *,
    cluster: str = "eu",
    logins: tuple[Login, ...] | None = None,
    fingerprint: str = "print",
    delivered_at: datetime | None = NOW,
) -> Delivery:
    return Delivery(
        cluster=cluster,
        namespace=namespace,
        status=status,
        fingerprint=fingerprint,
        logins=(login(),) if logins is None else logins,
        reason=reason,
        message=message,
        delivered_at=delivered_at,
    )


def went(
    change: object, reason: Reason = Reason.DONE, message: str = "", *, well: bool = True
) -> ClusterOutcome:
    return ClusterOutcome.model_validate(
        {"change": change, "done": well, "reason": reason, "message": message}
    )
