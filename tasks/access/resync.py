"""Collect what decides whether an observation is compared in full with the records."""

import json
from collections.abc import Mapping
from datetime import datetime

from models.access.resync import ResyncInputs, has_rotation
from models.access.robot_state import RobotState
from models.core.errors import InvalidRequest
from models.core.settings import get_settings
from models.registries.registry import Registry
from models.registries.runs.baseline import digest_values
from tasks.code_digest import code_digest
from tasks.registries.protocol import Credential, SavedCredential
from tasks.secrets.cipher import Cipher, cipher_from
from tasks.store.state import RegistryState


def collect_resync_inputs(
    registry_state: RegistryState,
    robot_state: RobotState,
    credentials: Mapping[str, SavedCredential],
    now: datetime,
    *,
    is_requested: bool,
) -> ResyncInputs:
    """Return what decides whether an observation is compared in full.

    Args:
        registry_state: the records, as loaded.
        robot_state: those of bindings and robot accounts, with what is due now.
        credentials: credentials by reference key.
        now: time of the run (UTC).
        is_requested: see `ResyncInputs`.
    """
    record = registry_state.record
    return ResyncInputs(
        is_requested=is_requested,
        baseline=record.baseline,
        basis=_digest_basis(registry_state, credentials),
        may_be_stale=record.poll_history.may_be_stale,
        has_rotation=has_rotation(robot_state),
        now=now,
    )


def _digest_basis(registry_state: RegistryState, credentials: Mapping[str, SavedCredential]) -> str:
    """Return the digest of all that a plan depends on, see `Baseline`; empty without a key."""
    try:
        cipher = cipher_from(get_settings())
    except InvalidRequest:
        return ""
    registry = registry_state.record.registry
    return digest_values(
        code_digest(),
        get_settings().model_dump(mode="json"),
        registry,
        registry_state.robot_state,
        registry_state.encrypted_observer_secret,
        _fingerprints(cipher, registry, credentials),
    )


def _fingerprints(
    cipher: Cipher, registry: Registry, credentials: Mapping[str, SavedCredential]
) -> list[str]:
    """Return a keyed digest of each credential of a registry, and of where it may be sent."""
    fingerprints = []
    for ref in registry.credential_refs:
        saved = credentials.get(ref.ref_key)
        content = [ref.ref_key, *(_content(saved) if saved else ())]
        fingerprints.append(cipher.fingerprint(json.dumps(content).encode()))
    return fingerprints


def _content(saved: SavedCredential) -> list[str]:
    credential = saved.credential
    if isinstance(credential, Credential):
        values = [credential.username, credential.password.get_secret_value(), credential.error]
    else:
        values = [credential.certificate, credential.key.get_secret_value(), credential.error]
    return [*values, *sorted(saved.origins)]
