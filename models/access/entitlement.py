"""Decide which registries a namespace gets logins for.

A login requires a binding of the namespace's workspace. The exception is a registry that requires
a login for public spaces, too: while it has one, its pull-only user is given to all namespaces.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from models.access.rotation import current_robots
from models.clusters.pull_secret import LoginKey, RegistryLogin
from models.core.base import FrozenModel
from models.registries.registry import Registry
from models.registries.robots import RobotAccount


class PullUser(FrozenModel):
    """The pull-only user of a registry, without its password."""

    registry: str
    username: str


def logins_by_workspace(
    registries: Iterable[Registry],
    bound_workspaces: Collection[tuple[str, str]],
    robot_accounts: Iterable[RobotAccount],
    pull_users: Iterable[PullUser],
    public_registries: Collection[str],
) -> dict[str, tuple[RegistryLogin, ...]]:
    """Return the logins by workspace; the key "" is for namespaces without a workspace.

    In a registry with robot accounts, a bound workspace gets the login of its robot account, and
    namespaces of other workspaces get none, because public spaces need no login. Elsewhere, all
    workspaces with a binding get the pull-only user, which cannot be limited to a space; and if
    public spaces need a login, all namespaces get it while one of the spaces is public.

    Args:
        registries: all registries.
        bound_workspaces: pairs (registry, workspace) with at least one binding that is not held.
        robot_accounts: all robot accounts on record.
        pull_users: pull-only users of registries without robot accounts.
        public_registries: names of the registries with a public space.
    """
    by_name = {registry.name: registry for registry in registries}
    own_logins: dict[str, list[RegistryLogin]] = defaultdict(list)
    for (name, workspace), robot_account in current_robots(robot_accounts).items():
        if name in by_name and (name, workspace) in bound_workspaces:
            login = _login(by_name[name], robot_account.login, robot_account.robot_id)
            own_logins[workspace].append(login)
    shared: list[RegistryLogin] = []
    for pull_user in pull_users:
        registry = by_name[pull_user.registry]
        login = _login(registry, pull_user.username)
        if registry.name in public_registries and not registry.capabilities.serves_public_spaces:
            shared.append(login)
            continue
        for workspace in {
            workspace for name, workspace in bound_workspaces if name == registry.name
        }:
            own_logins[workspace].append(login)
    return {
        workspace: tuple(sorted((*logins, *shared), key=lambda login: login.registry))
        for workspace, logins in {"": [], **own_logins}.items()
    }


def entitled_logins(
    workspace_logins: Mapping[str, Iterable[RegistryLogin]], robot_accounts: Iterable[RobotAccount]
) -> dict[str, frozenset[LoginKey]]:
    """Return the logins by workspace that its namespaces may have now.

    They include superseded robot accounts of the workspace that are still on record.

    Args:
        workspace_logins: see `logins_by_workspace`.
        robot_accounts: all robot accounts on record.
    """
    entitled = {
        workspace: {login.key for login in logins} for workspace, logins in workspace_logins.items()
    }
    for robot in robot_accounts:
        keys = entitled.get(robot.workspace, set())
        if any(registry == robot.registry for registry, id in keys if id is not None):
            keys.add((robot.registry, robot.robot_id))
    return {workspace: frozenset(keys) for workspace, keys in entitled.items()}


def _login(registry: Registry, account: str, robot_id: int | None = None) -> RegistryLogin:
    host, *other_hosts = registry.image_hosts
    return RegistryLogin(
        registry=registry.name,
        host=host,
        account=account,
        robot_id=robot_id,
        other_hosts=tuple(other_hosts),
    )
