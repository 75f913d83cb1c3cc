"""Admin passwords of managed Harbors: read from their Secrets when used, never copied."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from models.clusters.cluster import Cluster
from models.clusters.identity import identity_objection
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.discovery.managed_harbor import SecretKeyRef
from models.registries.registry import SecretRef
from tasks.clusters.connect import open_cluster
from tasks.clusters.protocol import ClusterReader
from tasks.concurrency import Deadline, DeadlineExceeded
from tasks.http.limits import ClientLimits
from tasks.registries.protocol import Credential, unusable_credential
from tasks.secrets.cipher import ephemeral_cipher
from tasks.store.access import clusters
from tasks.store.session import in_transaction

_PERMANENT_REASONS = {
    Reason.FORBIDDEN: Reason.CREDENTIALS_FORBIDDEN,
    Reason.NOT_FOUND: Reason.CREDENTIALS_MISSING,
    Reason.REJECTED: Reason.CREDENTIALS_MISSING,
}
"""Reasons of credentials by reason of the Secret; of any other one, the cluster is the cause."""


async def read_admin_passwords(refs: Iterable[SecretRef]) -> dict[str, Credential]:
    """Read credentials from Secrets in clusters, concurrently.

    Args:
        refs: references to the keys of the Secrets.

    Returns:
        Credentials by reference key; those that could not be read have an error.
    """
    by_cluster: dict[str, list[SecretRef]] = defaultdict(list)
    for ref in refs:
        by_cluster[ref.cluster].append(ref)
    if not by_cluster:
        return {}
    registered_clusters = {
        cluster.name: cluster for cluster in await in_transaction(clusters.list_clusters)
    }
    results = await asyncio.gather(
        *(
            _read_cluster_passwords(registered_clusters.get(name), cluster_refs)
            for name, cluster_refs in by_cluster.items()
        )
    )
    return {key: credential for credentials in results for key, credential in credentials.items()}


async def _read_cluster_passwords(
    cluster: Cluster | None, refs: Sequence[SecretRef]
) -> dict[str, Credential]:
    if cluster is None:
        message = "the cluster is not registered: run register-cluster for it"
        return {ref.ref_key: unread_password(ref, message) for ref in refs}
    credentials: dict[str, Credential] = {}
    try:
        async with open_cluster(
            cluster, fingerprint=ephemeral_cipher().fingerprint, installation=""
        ) as client:
            # The timeout of one request, since the runs of all registries wait for this.
            deadline = Deadline(
                "reading passwords", ClientLimits.for_cluster(get_settings()).request_seconds
            )
            objection = identity_objection(cluster, await deadline.run(client.read_uid()))
            if objection is not None:  # a password of another cluster must not be tried
                return {ref.ref_key: unread_password(ref, objection.message) for ref in refs}
            await _read_secrets(client, refs, credentials, deadline)
    except RemoteError as error:
        message = error.message
    except DeadlineExceeded as timeout:
        message = str(timeout)
    else:
        return credentials
    missing = {ref.ref_key: unread_password(ref, message) for ref in refs}
    return missing | credentials


async def _read_secrets(
    client: ClusterReader,
    refs: Sequence[SecretRef],
    credentials: dict[str, Credential],
    deadline: Deadline,
) -> None:
    """Add the credentials to `credentials`, one by one.

    Raises:
        RemoteError: the cluster cannot be read, so that no further Secret is tried.
        DeadlineExceeded: the cluster took too long.
    """
    for ref in refs:
        key = SecretKeyRef(namespace=ref.namespace, name=ref.name, key=ref.key)
        try:
            secret = await deadline.run(client.read_secret_key(key))
        except RemoteError as error:
            if error.reason is Reason.UNAUTHORIZED:
                raise
            reason = _PERMANENT_REASONS.get(error.reason, Reason.CREDENTIALS_UNPROVED)
            credentials[ref.ref_key] = unread_password(ref, error.message, reason)
        else:
            credentials[ref.ref_key] = Credential(ref.username, secret)


def unread_password(
    ref: SecretRef, message: str, reason: Reason = Reason.CREDENTIALS_UNPROVED
) -> Credential:
    """Return the credential for a password that is not used.

    Args:
        ref: the key of its Secret.
        message: why it is not used, and what to do.
        reason: reason of the error.
    """
    error = (
        f"cannot read its password: key {ref.key} of Secret {ref.namespace}/{ref.name} in cluster "
        f"{ref.cluster}: {message}"
    )
    return unusable_credential(error, reason)
