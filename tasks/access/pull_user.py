"""Prove the pull-only user of a registry, before namespaces receive it."""

import asyncio
import json
from collections.abc import Mapping

from models.access.pull_user import (
    is_same_user,
    not_separate_check,
    pull_user_checks,
    unproved_checks,
)
from models.core.errors import CredentialError, InvalidRequest, RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.condition import CheckResult
from models.registries.observation import Snapshot
from models.registries.record import RegistryRecord
from models.registries.registry import Registry
from tasks.registries.protocol import Credential, RegistryReader, SavedCredential
from tasks.secrets.cipher import Cipher
from tasks.secrets.credentials import pick_credential
from tasks.secrets.robot_secrets import load_cipher


def pull_user_fingerprint(cipher: Cipher, registry: Registry, credential: Credential) -> str:
    """Return a keyed digest of a pull-only user, its password, and where it was proved."""
    password = credential.password.get_secret_value()
    content = json.dumps([registry.address, credential.username, password])
    return cipher.fingerprint(content.encode())


async def prove_pull_user(
    registry: Registry, credentials: Mapping[str, SavedCredential], client: RegistryReader
) -> tuple[CheckResult, ...]:
    """Compare the pull-only user with the registry's own user, and log in with it.

    Args:
        registry: the registry.
        credentials: both credentials, see `read_credentials`.
        client: client of the registry.

    Returns:
        The check results; none if the registry has no pull-only user. Errors are check results.
    """
    if not registry.has_pull_user:
        return ()
    try:
        own, pull_user = _pick_both(registry, credentials)
        if pull_user is None:
            return ()
        if own is not None and is_same_user(own.username, pull_user.username):
            return (not_separate_check(pull_user.username),)
        async with asyncio.timeout(get_settings().operation_seconds):
            login = await client.log_in_pull_user(pull_user)
    except RemoteError as error:
        return unproved_checks(error)
    except TimeoutError:
        message = "the login of the pull-only user took too long"
        address, reason = registry.address, Reason.TIMED_OUT
        return unproved_checks(RemoteError(registry.name, "GET", address, message, reason))
    return pull_user_checks(registry, pull_user.username, login)


def _pick_both(
    registry: Registry, credentials: Mapping[str, SavedCredential]
) -> tuple[Credential | None, Credential | None]:
    own = pick_credential(registry, credentials)
    return own, pick_credential(registry.as_pull_user(), credentials)


async def observe_pull_user(
    snapshot: Snapshot,
    record: RegistryRecord,
    credentials: Mapping[str, SavedCredential],
    client: RegistryReader,
    key_check: str,
) -> Snapshot:
    """Return the snapshot with the checks of the pull-only user, if the registry has one.

    A user that was refused is tried less and less often, unless it changes; in between, the
    snapshot has no checks of it, and what is on record stays.

    Args:
        snapshot: the observation, in which the registry responded.
        record: the record of the registry.
        credentials, client: see `prove_pull_user`.
        key_check: see `load_cipher`.
    """
    if not record.registry.has_pull_user:
        return snapshot
    fingerprint = await _fingerprint(record.registry, credentials, key_check)
    policy = get_settings().poll_policy
    if not record.pull_user_attempts.is_due(fingerprint, policy, snapshot.observed_at):
        return snapshot
    checks = await prove_pull_user(record.registry, credentials, client)
    update = {"checks": (*snapshot.checks, *checks), "pull_user_fingerprint": fingerprint}
    return snapshot.model_copy(update=update)


async def _fingerprint(
    registry: Registry, credentials: Mapping[str, SavedCredential], key_check: str
) -> str:
    try:
        pull_user = pick_credential(registry.as_pull_user(), credentials)
        if pull_user is not None:
            return pull_user_fingerprint(await load_cipher(key_check), registry, pull_user)
    except (CredentialError, InvalidRequest):
        pass  # the checks have the reason; without a key, pull secrets are not written either
    return ""
