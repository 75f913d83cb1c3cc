"""Build the pull secret contents of each workspace: logins with passwords.

Contents are built when they are needed; they stay in this process and are never stored.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from pydantic import SecretStr
from sqlmodel import Session

from models.access.entitlement import PullUser, entitled_logins, logins_by_workspace
from models.access.pull_user import pull_user_problem
from models.clusters.membership import Namespace
from models.clusters.pull_secret import (
    DesiredPullSecret,
    LoginKey,
    PullSecretStatus,
    RegistryLogin,
)
from models.core.errors import (
    CredentialError,
    InvalidRequest,
)
from models.registries.credential_origin import CredentialOrigin
from models.registries.registry import Registry
from models.registries.robots import RobotAccount
from tasks.access.kept_logins import KeptEntries, KeptLogins
from tasks.access.own_logins import OwnLogins
from tasks.access.pull_user import pull_user_fingerprint
from tasks.clusters.objects import ContentCheck, recognize_nothing
from tasks.registries.protocol import Credential
from tasks.secrets.cipher import Cipher, ephemeral_cipher
from tasks.secrets.credentials import pick_credential, read_credentials
from tasks.secrets.robot_secrets import load_cipher
from tasks.store.access import bindings
from tasks.store.installation import get_key_check
from tasks.store.registries import credential_origins, registries, robots, statistics
from tasks.store.session import in_transaction

Passwords = Mapping[LoginKey, SecretStr]
"""Passwords by registry and robot account id; the id of a pull-only user is None."""


def build_dockerconfigjson(logins: Iterable[RegistryLogin], passwords: Passwords) -> str:
    """Return the dockerconfigjson text for some logins; equal logins give equal text.

    See https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/

    Raises:
        KeyError: the password of a login is missing.
    """
    auths: dict[str, dict[str, str]] = {}
    for login in logins:
        password = passwords[login.registry, login.robot_id].get_secret_value()
        auth = base64.b64encode(f"{login.account}:{password}".encode()).decode()
        entry = {"username": login.account, "password": password, "auth": auth}
        auths |= dict.fromkeys((login.host, *login.other_hosts), entry)
    return json.dumps({"auths": auths}, sort_keys=True)


def add_entries(content: str, entries: Mapping[str, object]) -> str:
    """Return a dockerconfigjson text with entries added; equal logins give equal text.

    Args:
        content: the text; empty for one without logins.
        entries: entries of other hosts.
    """
    auths = json.loads(content)["auths"] if content else {}
    return json.dumps({"auths": {**entries, **auths}}, sort_keys=True)


@dataclass(frozen=True)
class PullSecretContents:
    """Desired pull secrets by workspace; the key "" is for namespaces without a workspace.

    Attributes:
        desired: logins with their fingerprint; for an unresolved workspace only the logins whose
            password is available.
        contents: dockerconfigjson texts; secret, never stored or logged.
        unresolved: workspaces with a missing password, with the reason. Their namespaces keep the
            login that they have, see `KeptLogins`; if it cannot be read from their pull secret,
            they keep all of it, unless it has a login that they are not entitled to.
        fingerprint: keyed digest that detects changed contents.
        entitled: logins that the namespaces of a workspace may have, whether or not the passwords
            are available.
        missing: registries of which a workspace's password is missing.
        is_own_content: recognizes a content of this installation, see `OwnLogins`.
    """

    desired: Mapping[str, DesiredPullSecret]
    contents: Mapping[str, str] = field(repr=False)
    unresolved: Mapping[str, str]
    fingerprint: Callable[[bytes], str]
    entitled: Mapping[str, frozenset[LoginKey]] = field(default_factory=dict)
    missing: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_own_content: ContentCheck = recognize_nothing

    def keep_logins(self, pull_secrets: Iterable[PullSecretStatus]) -> KeptLogins:
        """Return what collects the logins with a missing password from listed Secrets.

        Args:
            pull_secrets: statuses on record in the cluster whose Secrets are listed.
        """
        return KeptLogins(pull_secrets, frozenset[str]().union(*self.missing.values()))

    def for_namespaces(
        self, namespaces: Iterable[Namespace], kept_logins: KeptLogins | None = None
    ) -> "NamespaceContents":
        """Return the contents by namespace; the key "" is used where a workspace has none.

        Args:
            namespaces: the namespaces.
            kept_logins: logins that namespaces have already, for those with a missing password.
        """
        namespace_contents = NamespaceContents({}, {}, {}, {})
        for namespace in namespaces:
            workspace = namespace.workspace or ""
            key = workspace if workspace in self.desired or workspace in self.unresolved else ""
            entitled = self.entitled.get(key, frozenset())
            namespace_contents.entitled[namespace.name] = entitled
            if key in self.unresolved:
                namespace_contents.unresolved[namespace.name] = self.unresolved[key]
            if key in self.desired:
                namespace_contents.desired[namespace.name] = self.desired[key]
                namespace_contents.contents[namespace.name] = self.contents[key]
            if kept_logins is not None and key in self.missing:
                kept = kept_logins.select(namespace.name, self.missing[key], entitled)
                self._add_kept(namespace_contents, namespace.name, key, kept)
        return namespace_contents

    def _add_kept(
        self, namespace_contents: "NamespaceContents", namespace: str, key: str, kept: KeptEntries
    ) -> None:
        if not kept.logins:
            return
        content = add_entries(self.contents.get(key, ""), kept.entries)
        known_logins = self.desired[key].logins if key in self.desired else ()
        logins = sorted((*known_logins, *kept.logins), key=lambda login: login.registry)
        namespace_contents.contents[namespace] = content
        namespace_contents.desired[namespace] = DesiredPullSecret(
            logins=tuple(logins),
            fingerprint=self.fingerprint(content.encode()),
            byte_size=len(content.encode()),
        )


@dataclass(frozen=True)
class NamespaceContents:
    """Desired pull secrets of one cluster by namespace; see `PullSecretContents`."""

    desired: dict[str, DesiredPullSecret]
    contents: dict[str, str] = field(repr=False)
    unresolved: dict[str, str]
    entitled: dict[str, frozenset[LoginKey]]


@dataclass(frozen=True)
class PullAccess:
    """The records that decide who may pull from where.

    Attributes:
        registries: all registries.
        pull_user_proofs: fingerprint of the pull-only user that was proved last, by registry.
        pull_user_problems: why a registry's pull-only user is not valid, by registry.
        bound_workspaces: each (registry, workspace) with a binding that is not held.
        robots: robot accounts of workspaces.
        public_registries: registries with a public space.
        origins: origins that credentials may be sent to.
        encrypted_secrets: secrets of robot accounts by registry and robot id.
        key_check: text that the key of these secrets decrypts.
    """

    registries: tuple[Registry, ...]
    pull_user_proofs: Mapping[str, str]
    pull_user_problems: Mapping[str, str]
    bound_workspaces: frozenset[tuple[str, str]]
    robots: tuple[RobotAccount, ...]
    public_registries: frozenset[str]
    origins: tuple[CredentialOrigin, ...]
    encrypted_secrets: Mapping[tuple[str, int], str] = field(repr=False)
    key_check: str = field(repr=False)


def load_pull_access(session: Session) -> PullAccess:
    """Return the current records."""
    records = registries.list_registries(session)
    specs = tuple(record.registry for record in records)
    blocks = {block for spec in specs if spec.has_pull_user for block in spec.permitted_blocks}
    return PullAccess(
        registries=specs,
        pull_user_proofs={record.registry.name: record.pull_user_fingerprint for record in records},
        pull_user_problems={
            record.registry.name: pull_user_problem(record.conditions) for record in records
        },
        bound_workspaces=bindings.list_bound_workspaces(session),
        robots=tuple(robot for robot in robots.list_robots(session) if robot.workspace),
        public_registries=statistics.registries_with_public_spaces(session),
        origins=credential_origins.list_origins(session, blocks),
        encrypted_secrets=robots.encrypted_secrets(session),
        key_check=get_key_check(session),
    )


async def load_available_contents() -> tuple[PullSecretContents, str]:
    """Return the current contents; empty ones, and why, without the right encryption key."""
    try:
        return await build_pull_secret_contents(await in_transaction(load_pull_access)), ""
    except InvalidRequest as error:
        return PullSecretContents({}, {}, {}, ephemeral_cipher().fingerprint), str(error)


async def build_pull_secret_contents(access: PullAccess) -> PullSecretContents:
    """Build the contents for all workspaces.

    Raises:
        InvalidRequest: the encryption key is missing, or is not the key that the secrets were
            encrypted with.
    """
    pull_user_registries = {
        registry.name: registry for registry in access.registries if registry.has_pull_user
    }
    if not (access.robots or pull_user_registries):
        cipher = await _load_cipher_if_any(access.key_check)
        return PullSecretContents({}, {}, {}, cipher.fingerprint)
    cipher = await load_cipher(access.key_check)
    pull_users = await _read_pull_users(pull_user_registries.values(), access, cipher)
    user_names = {
        name: pull_users[name].username if name in pull_users else ""
        for name in pull_user_registries
    }
    workspace_logins = logins_by_workspace(
        access.registries,
        access.bound_workspaces,
        access.robots,
        [PullUser(registry=name, username=user_name) for name, user_name in user_names.items()],
        access.public_registries,
    )
    passwords = {(name, None): user.password for name, user in pull_users.items()}
    contents = _build_contents(
        workspace_logins,
        _decrypt_passwords(workspace_logins, access.encrypted_secrets, cipher) | passwords,
        cipher,
        access.pull_user_problems,
        access.robots,
    )
    own_logins = OwnLogins(access.robots, access.encrypted_secrets, pull_users.values(), cipher)
    return replace(contents, is_own_content=own_logins.is_own_content)


async def _load_cipher_if_any(key_check: str) -> Cipher:
    # Nothing has to be decrypted, so a missing key is no error. With the key, what was written
    # before the last robot account was deleted is still recognized.
    try:
        return await load_cipher(key_check) if key_check else ephemeral_cipher()
    except InvalidRequest:
        return ephemeral_cipher()


def _decrypt_passwords(
    workspace_logins: Mapping[str, tuple[RegistryLogin, ...]],
    encrypted_secrets: Mapping[tuple[str, int], str],
    cipher: Cipher,
) -> dict[tuple[str, int | None], SecretStr]:
    # A secret that cannot be decrypted makes only its own workspace unresolved.
    passwords: dict[tuple[str, int | None], SecretStr] = {}
    for login in (login for logins in workspace_logins.values() for login in logins):
        if login.robot_id is not None and (login.registry, login.robot_id) in encrypted_secrets:
            with suppress(InvalidRequest):
                text = encrypted_secrets[login.registry, login.robot_id]
                passwords[login.registry, login.robot_id] = cipher.decrypt(text)
    return passwords


async def _read_pull_users(
    pull_user_registries: Iterable[Registry], access: PullAccess, cipher: Cipher
) -> dict[str, Credential]:
    # A user is skipped if its block is missing or not approved for the address of the registry:
    # namespaces would send the password to that address. The same if the registry has not accepted
    # it as it is now: a wrong password would replace one that works in every namespace.
    registry_copies = [registry.as_pull_user() for registry in pull_user_registries]
    credentials = await read_credentials(registry_copies, access.origins)
    users: dict[str, Credential] = {}
    for registry in registry_copies:
        with suppress(CredentialError):
            user = pick_credential(registry, credentials)
            proof = access.pull_user_proofs[registry.name]
            if user and proof == pull_user_fingerprint(cipher, registry, user):
                users[registry.name] = user
    return users


def _build_contents(
    workspace_logins: Mapping[str, tuple[RegistryLogin, ...]],
    passwords: Passwords,
    cipher: Cipher,
    pull_user_problems: Mapping[str, str],
    robot_accounts: Iterable[RobotAccount] = (),
) -> PullSecretContents:
    desired, contents, unresolved, missing_registries = {}, {}, {}, {}
    for workspace, logins in workspace_logins.items():
        missing = [login for login in logins if (login.registry, login.robot_id) not in passwords]
        if missing:
            unresolved[workspace] = _missing_passwords_message(missing, pull_user_problems)
            missing_registries[workspace] = frozenset(login.registry for login in missing)
        usable_logins = tuple(login for login in logins if login not in missing)
        if usable_logins:
            content = build_dockerconfigjson(usable_logins, passwords)
            content_bytes = content.encode()
            contents[workspace] = content
            desired[workspace] = DesiredPullSecret(
                logins=usable_logins,
                fingerprint=cipher.fingerprint(content_bytes),
                byte_size=len(content_bytes),
            )
    return PullSecretContents(
        desired,
        contents,
        unresolved,
        cipher.fingerprint,
        entitled_logins(workspace_logins, robot_accounts),
        missing_registries,
    )


def _missing_passwords_message(
    missing: Iterable[RegistryLogin], pull_user_problems: Mapping[str, str]
) -> str:
    robot_registries = [login.registry for login in missing if login.robot_id is not None]
    user_registries = [login.registry for login in missing if login.robot_id is None]
    messages = []
    if robot_registries:
        messages.append(
            f"the robot account's secret on {', '.join(robot_registries)} cannot be decrypted "
            "with the current keys: run rotate-credentials to create a new secret"
        )
    for name in user_registries:
        problem = pull_user_problems.get(name) or (
            "its block cannot be read, is not approved for the address, or was not tried yet: run "
            "reconcile-registry; if that fails, run update-registry with the block"
        )
        messages.append(f"the pull-only user of {name} is not delivered: {problem}")
    return "; ".join(messages)
