"""What the tests of the cluster's client share."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from deployments.simulators.kubernetes import EmulatedCluster
from models.clusters.cluster import (
    FIELD_MANAGER,
    INSTALLATION,
    MANAGED_BY,
    SECRET_NAME,
    Cluster,
    ClusterSnapshot,
    ObservedAccount,
    ObservedSecret,
)
from models.clusters.pull_secret import ClusterOutcome, Deliver, Link, Unlink, Withdraw
from models.core.availability import Seen
from models.core.labels import WORKSPACE_LABEL
from models.core.reasons import Reason
from tasks.clusters.factory import connect
from tasks.clusters.protocol import ClusterClient
from tasks.http.limits import Bounds

QUICK = Bounds(connect_seconds=2, read_seconds=2, request_seconds=5, largest=8_000_000)
US = "one"
OURS = {MANAGED_BY: FIELD_MANAGER, INSTALLATION: US}
LABELS = (WORKSPACE_LABEL,)
PASSWORD = "robot-pass-Z9"
CLUSTER = Cluster(name="prod-eu")


def content(word: str = PASSWORD) -> str:
    """What a pull secret holds."""
    return json.dumps({"auths": {"registry.test": {"username": "robot", "password": word}}})


def fingerprint(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def bounds(**changed: float) -> Bounds:
    """The quick bounds with some of them changed."""
    return Bounds.model_validate({**QUICK.model_dump(), **changed})


@asynccontextmanager
async def opened(
    cluster: EmulatedCluster,
    *,
    kubeconfig: str = "",
    bounds: Bounds = QUICK,
    installation: str = US,
) -> AsyncIterator[ClusterClient]:
    """Open a client, as a run does."""
    async with connect(
        CLUSTER,
        SecretStr(kubeconfig or cluster.kubeconfig),
        bounds,
        fingerprint=fingerprint,
        installation=installation,
    ) as client:
        yield client


def deliver(namespace: str = "shop", text: str = "") -> Deliver:
    after = fingerprint((text or content()).encode())
    reason = Reason.DUE
    return Deliver(namespace=namespace, before="", after=after, registries=("prod",), reason=reason)


async def delivered(
    client: ClusterClient, namespace: str = "shop", text: str = ""
) -> ClusterOutcome:
    """Deliver a content."""
    return await client.make(deliver(namespace, text), {namespace: text or content()})


def withdraw(seen: ObservedSecret) -> Withdraw:
    """Withdraw exactly what was seen."""
    before = seen.fingerprint or ""
    return Withdraw(namespace=seen.namespace, uid=seen.uid, version=seen.version, before=before)


LINK, UNLINK = Link(namespace="shop"), Unlink(namespace="shop")


def items(section: Any) -> Any:
    """The items of a complete section."""
    assert isinstance(section, Seen), section
    return section.items


async def seen_secret(client: ClusterClient, namespace: str = "shop") -> ObservedSecret | None:
    """The Secret of our name in a namespace, as a look shows it."""
    found: tuple[ObservedSecret, ...] = items((await client.look_at(namespace, LABELS)).secrets)
    return found[0] if found else None


def account_in(snapshot: ClusterSnapshot, namespace: str = "shop") -> ObservedAccount:
    """A namespace's default ServiceAccount, as a look shows it."""
    found: dict[str, ObservedAccount] = {one.namespace: one for one in items(snapshot.accounts)}
    return found[namespace]


SECRET_PATH = f"/api/v1/namespaces/shop/secrets/{SECRET_NAME}"
ACCOUNT_PATH = "/api/v1/namespaces/shop/serviceaccounts/default"
