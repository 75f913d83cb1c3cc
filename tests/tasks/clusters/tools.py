"""What the tests of the cluster's client share."""

import hashlib
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from deployments.simulators.kubernetes import SimulatedCluster
from models.clusters.cluster import (
    FIELD_MANAGER,
    INSTALLATION_LABEL,
    MANAGED_BY_LABEL,
    PULL_SECRET_NAME,
    Cluster,
    ClusterSnapshot,
    ObservedPullSecret,
    ObservedServiceAccount,
)
from models.clusters.pull_secret import (
    AddImagePullSecret,
    ClusterChangeResult,
    DeleteSecret,
    RemoveImagePullSecret,
    WriteSecret,
)
from models.core.availability import Complete
from models.core.labels import WORKSPACE_LABEL
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from tasks.clusters.factory import create_cluster_client
from tasks.clusters.protocol import ClusterClient
from tasks.http.limits import ClientLimits

QUICK = ClientLimits(connect_seconds=2, read_seconds=2, request_seconds=5, max_bytes=8_000_000)
INSTALLATION_ID = "one"
OWN_LABELS = {MANAGED_BY_LABEL: FIELD_MANAGER, INSTALLATION_LABEL: INSTALLATION_ID}
LABELS = (WORKSPACE_LABEL,)
PASSWORD = "robot-pass-Z9"
CLUSTER = Cluster(name="prod-eu", credential=BlockRef(name="prod"))


def content(word: str = PASSWORD) -> str:
    """What a pull secret holds."""
    return json.dumps({"auths": {"registry.test": {"username": "robot", "password": word}}})


def fingerprint(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def bounds(**overrides: float) -> ClientLimits:
    """The quick bounds with some of them changed."""
    return ClientLimits.model_validate({**QUICK.model_dump(), **overrides})


@asynccontextmanager
async def open_client(
    cluster: SimulatedCluster,
    *,
    kubeconfig: str = "",
    bounds: ClientLimits = QUICK,
    installation: str = INSTALLATION_ID,
    own_contents: Collection[str] = (),
    recorded: Mapping[str, str] | None = None,
) -> AsyncIterator[ClusterClient]:
    """Open a client, as a run does."""
    async with create_cluster_client(
        CLUSTER,
        SecretStr(kubeconfig or cluster.kubeconfig),
        bounds,
        fingerprint=fingerprint,
        installation=installation,
        is_own_content=lambda text: text.decode() in own_contents,
        recorded_fingerprints=recorded or {},
    ) as client:
        yield client


def write_secret(namespace: str = "shop", text: str = "") -> WriteSecret:
    after = fingerprint((text or content()).encode())
    reason = Reason.MISSING
    return WriteSecret(
        namespace=namespace, before="", after=after, registries=("prod",), reason=reason
    )


async def apply_write(
    client: ClusterClient, namespace: str = "shop", text: str = ""
) -> ClusterChangeResult:
    """Deliver a content."""
    return await client.apply_change(write_secret(namespace, text), {namespace: text or content()})


def delete_secret(secret: ObservedPullSecret) -> DeleteSecret:
    """Withdraw exactly what was seen."""
    before = secret.fingerprint or ""
    return DeleteSecret(
        namespace=secret.namespace,
        uid=secret.uid,
        resource_version=secret.resource_version,
        before=before,
    )


LINK, UNLINK = AddImagePullSecret(namespace="shop"), RemoveImagePullSecret(namespace="shop")


def items(section: Any) -> Any:
    """The items of a complete section."""
    assert isinstance(section, Complete), section
    return section.items


async def read_secret(client: ClusterClient, namespace: str = "shop") -> ObservedPullSecret | None:
    """The Secret of our name in a namespace, as a look shows it."""
    secrets: tuple[ObservedPullSecret, ...] = items(
        (await client.observe_namespace(namespace, LABELS)).secrets
    )
    return secrets[0] if secrets else None


def service_account_in(
    snapshot: ClusterSnapshot, namespace: str = "shop"
) -> ObservedServiceAccount:
    """A namespace's default ServiceAccount, as a look shows it."""
    accounts: dict[str, ObservedServiceAccount] = {
        account.namespace: account for account in items(snapshot.service_accounts)
    }
    return accounts[namespace]


SECRET_PATH = f"/api/v1/namespaces/shop/secrets/{PULL_SECRET_NAME}"
SECRET_LISTS = r"/api/v1/namespaces/shop/secrets\?.*"
"""How that one is read: as a list of one name."""
ACCOUNT_PATH = "/api/v1/namespaces/shop/serviceaccounts/default"
