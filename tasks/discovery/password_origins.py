"""Permit admin passwords of managed Harbors for the addresses that their objects have."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlmodel import Session

from models.clusters.cluster import Cluster
from models.clusters.identity import identity_objection
from models.core.availability import Unavailable
from models.core.errors import InvalidRequest, RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.discovery.observation import ClusterHarbors
from models.discovery.password_origins import claimed_origins, claims_objection
from models.discovery.trust import DiscoveryTrust
from models.registries.credential_origin import (
    CredentialOrigin,
    permitted_origins,
    registry_origins,
)
from models.registries.registry import Registry, SecretRef
from tasks import clock
from tasks.clusters.connect import open_cluster
from tasks.concurrency import Deadline, DeadlineExceeded
from tasks.discovery.admin_passwords import read_admin_passwords, unread_password
from tasks.discovery.trust import load_discovery_trust
from tasks.http.limits import ClientLimits
from tasks.registries.protocol import Credential, SavedCredential
from tasks.secrets.cipher import Cipher, cipher_from, ephemeral_cipher
from tasks.store import installation
from tasks.store.access import clusters
from tasks.store.registries import credential_origins
from tasks.store.session import in_transaction

_Sections = Mapping[str, ClusterHarbors | Unavailable]


async def read_permitted_passwords(registries: Iterable[Registry]) -> dict[str, SavedCredential]:
    """Read the admin passwords of managed Harbors, with the origins that they may be sent to.

    An object can change its address and its password at once. So a password whose fingerprint is
    not on record for an address is permitted for it only if the object, read after the Secret,
    still has that address. This takes the lists of one discovery for each cluster with such a
    password, and no request when nothing has changed.

    Args:
        registries: the registries, with the addresses that their passwords are for.

    Returns:
        Credentials by reference key; those that cannot be used have an error.
    """
    wanted: dict[SecretRef, set[str]] = defaultdict(set)
    for registry in registries:
        if isinstance(registry.credential, SecretRef):
            wanted[registry.credential].update(registry_origins(registry))
    if not wanted:
        return {}
    passwords = await read_admin_passwords(wanted)
    fingerprints, recorded = await _load_origins(passwords)
    permitted = {key: frozenset[str]() for key in passwords}
    permitted |= permitted_origins(fingerprints, recorded)
    unknown = {
        ref: frozenset(origins) - permitted[ref.ref_key]
        for ref, origins in wanted.items()
        if not passwords[ref.ref_key].error and origins - permitted[ref.ref_key]
    }
    sections = await _read_sections({ref.cluster for ref in unknown})
    claims = {
        ref.ref_key: origins & _claimed(ref, sections[ref.cluster])
        for ref, origins in unknown.items()
    }
    await _save(claims, fingerprints)
    permitted |= {key: permitted[key] | origins for key, origins in claims.items()}
    return {
        ref.ref_key: _permit(ref, passwords[ref.ref_key], permitted[ref.ref_key], sections)
        for ref in wanted
    }


async def _load_origins(
    passwords: Mapping[str, Credential],
) -> tuple[dict[str, str], tuple[CredentialOrigin, ...]]:
    """Return keyed digests of the passwords, and the origins on record for the same keys.

    Both are empty without a key, so that none is on record.
    """
    try:
        cipher = cipher_from(get_settings())
        fingerprints = {
            key: cipher.fingerprint(
                json.dumps([password.username, password.password.get_secret_value()]).encode()
            )
            for key, password in passwords.items()
            if not password.error
        }
        return fingerprints, await in_transaction(_list_origins, cipher, fingerprints)
    except InvalidRequest:  # reported where a robot account is created
        return {}, ()


def _list_origins(
    session: Session, cipher: Cipher, keys: Iterable[str]
) -> tuple[CredentialOrigin, ...]:
    installation.check_key(session, cipher)
    return credential_origins.list_origins(session, keys)


def _claimed(ref: SecretRef, section: ClusterHarbors | Unavailable) -> frozenset[str]:
    return claimed_origins(ref, section.items if isinstance(section, ClusterHarbors) else ())


async def _save(claims: Mapping[str, frozenset[str]], fingerprints: Mapping[str, str]) -> None:
    origins = [
        CredentialOrigin(block=key, document_id=fingerprints[key], origin=origin)
        for key, key_origins in claims.items()
        if key in fingerprints
        for origin in key_origins
    ]
    if origins:
        await in_transaction(credential_origins.replace_documents, origins)


def _permit(
    ref: SecretRef, password: Credential, origins: frozenset[str], sections: _Sections
) -> SavedCredential:
    section = sections.get(ref.cluster)
    if section is not None and not origins and not password.error:
        objection = claims_objection(ref, section)
        if objection is not None:
            password = unread_password(ref, objection.message, objection.reason)
    return SavedCredential(password, origins)


async def _read_sections(names: Iterable[str]) -> dict[str, ClusterHarbors | Unavailable]:
    names = list(names)
    return dict(zip(names, await asyncio.gather(*map(_read_section, names)), strict=True))


def _load_cluster(session: Session, name: str, now: datetime) -> tuple[Cluster, DiscoveryTrust]:
    return clusters.get_cluster(session, name).cluster, load_discovery_trust(session, name, now)


async def _read_section(name: str) -> ClusterHarbors | Unavailable:
    try:
        cluster, trust = await in_transaction(_load_cluster, name, clock.now())
        async with open_cluster(
            cluster, fingerprint=ephemeral_cipher().fingerprint, installation=""
        ) as client:
            # The timeout of one request, since the runs of all registries wait for this.
            seconds = ClientLimits.for_cluster(get_settings()).request_seconds
            deadline = Deadline("reading the objects of managed Harbors", seconds)
            section = await deadline.run(client.list_harbors(trust, get_settings().helm_selector))
    except RemoteError as error:
        return Unavailable(reason=error.reason, message=error.message)
    except InvalidRequest as error:  # removed meanwhile
        return Unavailable(reason=Reason.NOT_FOUND, message=str(error))
    except DeadlineExceeded as timeout:
        return Unavailable(reason=Reason.TIMED_OUT, message=str(timeout))
    if isinstance(section, Unavailable):
        return section
    return identity_objection(cluster, section.cluster_uid) or section
