"""Work out what the namespaces of each workspace log in to, with their passwords, when needed."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import SecretStr
from sqlmodel import Session

from models.access.entitlement import Puller, logins_by_workspace
from models.clusters.membership import Namespace
from models.clusters.pull_secret import Due, Login
from models.core.base import Value
from models.core.errors import (
    CredentialNotForOrigin,
    CredentialsMissing,
    CredentialsUnread,
    InputRefused,
)
from models.registries.registry import Kind, Registry
from models.registries.robots import Grant
from tasks.access.dockerconfig import Passwords, dockerconfigjson
from tasks.registries.protocol import Credential
from tasks.secrets.cipher import Vault, no_vault
from tasks.secrets.credentials import credentials_of, pick
from tasks.secrets.robot_secrets import open_vault
from tasks.store.access import bindings
from tasks.store.registries import registries, robots, statistics
from tasks.store.session import stored


@dataclass(frozen=True)
class Entitlement:
    """What is due, by workspace; "" stands for namespaces of none. It never leaves this process.

    Attributes:
        due: logins with their fingerprint; of an unknown workspace those whose password is known.
        contents: the text that a pull secret shall hold.
        unknown: workspaces of which it cannot be said now, and why; they keep what they have,
            unless that is a login which they are not entitled to.
        fingerprint: tells contents apart.
        entitled: the registries that a workspace is to log in to, passwords known or not.
    """

    due: Mapping[str, Due]
    contents: Mapping[str, str] = field(repr=False)
    unknown: Mapping[str, str]
    fingerprint: Callable[[bytes], str]
    entitled: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def wish(self, namespaces: Iterable[Namespace]) -> "Wish":
        """Return what is due in each namespace; one that nobody claims has what all have."""
        found = Wish({}, {}, {}, {})
        for one in namespaces:
            workspace = one.workspace or ""
            known = workspace if workspace in self.due or workspace in self.unknown else ""
            found.entitled[one.name] = self.entitled.get(known, frozenset())
            if known in self.unknown:
                found.unknown[one.name] = self.unknown[known]
            if known in self.due:
                found.due[one.name] = self.due[known]
                found.contents[one.name] = self.contents[known]
        return found


@dataclass(frozen=True)
class Wish:
    """What is due in one cluster, by namespace; see `Entitlement`."""

    due: dict[str, Due]
    contents: dict[str, str] = field(repr=False)
    unknown: dict[str, str]
    entitled: dict[str, frozenset[str]]


class _Facts(Value):
    registries: tuple[Registry, ...]
    bound: frozenset[tuple[str, str]]
    grants: tuple[Grant, ...]
    open_to_all: frozenset[str]


def _read(session: Session) -> tuple[_Facts, dict[tuple[str, int], str]]:
    facts = _Facts(
        registries=tuple(one.registry for one in registries.dossiers(session)),
        bound=bindings.bound_workspaces(session),
        grants=tuple(one for one in robots.grants(session) if one.workspace),
        open_to_all=statistics.with_public_spaces(session),
    )
    return facts, robots.sealed(session)


async def entitle() -> Entitlement:
    """Work it out from what is on record now.

    Raises:
        InputRefused: the key in force is not the one that secrets were sealed with.
    """
    facts, sealed = await stored(_read)
    pulled = {one.name: one for one in facts.registries if _has_puller(one)}
    if not (facts.grants or pulled):
        return Entitlement({}, {}, {}, no_vault().fingerprint)
    vault = await open_vault()
    users = await _pull_users(pulled.values())
    accounts = {name: users[name].username if name in users else "" for name in pulled}
    found = logins_by_workspace(
        facts.registries,
        facts.bound,
        facts.grants,
        [Puller(registry=name, account=account) for name, account in accounts.items()],
        facts.open_to_all & pulled.keys(),
    )
    passwords = {(name, None): user.password for name, user in users.items()}
    return _entitlement(found, _opened(found, sealed, vault) | passwords, vault)


def _opened(
    found: Mapping[str, tuple[Login, ...]], sealed: Mapping[tuple[str, int], str], vault: Vault
) -> dict[tuple[str, int | None], SecretStr]:
    """Open what is handed out; a secret that cannot be opened holds up its own workspace only."""
    opened: dict[tuple[str, int | None], SecretStr] = {}
    for login in (login for logins in found.values() for login in logins):
        if login.robot_id is not None and (login.registry, login.robot_id) in sealed:
            with suppress(InputRefused):
                text = sealed[login.registry, login.robot_id]
                opened[login.registry, login.robot_id] = vault.open(text)
    return opened


def _has_puller(registry: Registry) -> bool:
    return registry.kind is Kind.DOCKER and registry.pull_credential is not None


async def _pull_users(pulled: Iterable[Registry]) -> dict[str, Credential]:
    """Read the pull-only users, by registry.

    Left out is one whose block is gone, or was not given for where namespaces would send it.
    """
    asked = [one.model_copy(update={"credential": one.pull_credential}) for one in pulled]
    found = await credentials_of(asked)
    users: dict[str, Credential] = {}
    for one in asked:
        with suppress(CredentialsMissing, CredentialsUnread, CredentialNotForOrigin):
            user = pick(one, found)
            users |= {one.name: user} if user else {}
    return users


def _entitlement(
    found: Mapping[str, tuple[Login, ...]], passwords: Passwords, vault: Vault
) -> Entitlement:
    due, contents, unknown = {}, {}, {}
    for workspace, logins in found.items():
        missing = [one for one in logins if (one.registry, one.robot_id) not in passwords]
        if missing:
            unknown[workspace] = _told(missing)
        known = tuple(one for one in logins if one not in missing)
        if known:
            content = dockerconfigjson(known, passwords)
            octets = content.encode()
            contents[workspace] = content
            due[workspace] = Due(
                logins=known, fingerprint=vault.fingerprint(octets), size=len(octets)
            )
    entitled = {
        workspace: frozenset(one.registry for one in logins) for workspace, logins in found.items()
    }
    return Entitlement(due, contents, unknown, vault.fingerprint, entitled)


def _told(missing: Iterable[Login]) -> str:
    """Say which passwords are missing, and what to do about it."""
    robots = [one.registry for one in missing if one.robot_id is not None]
    users = [one.registry for one in missing if one.robot_id is None]
    told = []
    if robots:
        told.append(
            f"the robot account's secret on {', '.join(robots)} cannot be opened with the keys in "
            "force: run rotate-credentials, which makes a new one"
        )
    if users:
        told.append(
            f"the pull-only credentials of {', '.join(users)} cannot be read, or were not given "
            "for its address: save their block again, and run update-registry with it"
        )
    return "; ".join(told)
