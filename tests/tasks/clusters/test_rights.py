"""What it takes to do all of it, and what is said when something is missing."""

import pytest

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.kubernetes import RbacRule, SimulatedCluster
from models.clusters.pull_secret import ClusterChange
from models.clusters.rights import REQUIRED_RIGHTS
from models.core.availability import Unavailable
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import (
    LABELS,
    LINK,
    OWN_LABELS,
    PASSWORD,
    UNLINK,
    apply_write,
    content,
    delete_secret,
    items,
    open_client,
    read_secret,
    write_secret,
)

ENOUGH = tuple(
    RbacRule(right.resource, (right.verb,), (right.name,) if right.name else ())
    for right in REQUIRED_RIGHTS
)
REVIEWS = "/apis/authorization.k8s.io/.*"


async def test_the_least_rights_are_enough(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.limit_rights(*ENOUGH)
    assert (await client.observe(LABELS)).first_unavailable is None
    assert (await client.observe_namespace("shop", LABELS)).first_unavailable is None
    assert (await apply_write(client)).succeeded
    cluster.edit_secret("shop", {"auths": {}})
    assert (await apply_write(client)).succeeded
    assert (await client.apply_change(LINK, {})).succeeded
    assert (await client.apply_change(UNLINK, {})).succeeded
    secret = await read_secret(client)
    assert secret is not None
    assert (await client.apply_change(delete_secret(secret), {})).succeeded


@pytest.mark.parametrize(
    ("verb", "resource", "change", "message"),
    [
        (
            "patch",
            "secrets",
            write_secret(),
            'may not patch secrets "registry-integration" in namespace shop: '
            'grant the verb "patch" on "secrets" with resourceNames ["registry-integration"]',
        ),
        (
            "create",
            "secrets",
            write_secret(),
            'may not create secrets "registry-integration" in namespace shop: '
            'grant the verb "create" on "secrets" with resourceNames ["registry-integration"]',
        ),
        ("get", "serviceaccounts", LINK, 'may not get serviceaccounts "default" in namespace shop'),
        (
            "patch",
            "serviceaccounts",
            LINK,
            'grant the verb "patch" on "serviceaccounts" with resourceNames ["default"] to system',
        ),
    ],
)
async def test_a_missing_right_is_named(
    cluster: SimulatedCluster,
    client: ClusterClient,
    verb: str,
    resource: str,
    change: ClusterChange,
    message: str,
) -> None:
    cluster.deny(verb, resource)
    with pytest.raises(RemoteError) as excinfo:
        await client.apply_change(change, {"shop": content()})
    assert excinfo.value.reason == Reason.FORBIDDEN
    assert message in excinfo.value.message
    cluster.allow(verb, resource)
    assert (await client.apply_change(change, {"shop": content()})).succeeded


async def test_a_missing_right_to_delete(cluster: SimulatedCluster, client: ClusterClient) -> None:
    await apply_write(client)
    secret = await read_secret(client)
    assert secret is not None
    cluster.deny("delete", "secrets")
    with pytest.raises(RemoteError, match='may not delete secrets "registry-integration"'):
        await client.apply_change(delete_secret(secret), {})


async def test_a_missing_right_to_replace_ours(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_foreign_secret("shop", immutable=True, labels=OWN_LABELS)
    cluster.deny("delete", "secrets")
    with pytest.raises(RemoteError, match='grant the verb "delete" on "secrets"'):
        await apply_write(client)


async def test_a_missing_right_in_one_namespace_is_unseen(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.deny("list", "secrets")
    snapshot = await client.observe_namespace("shop", LABELS)
    assert snapshot.first_unavailable is not None
    assert (
        'may not list secrets in namespace shop: grant the verb "list" on "secrets" with '
        'resourceNames ["registry-integration"]' in snapshot.first_unavailable.message
    )
    assert len(items(snapshot.namespaces)) == 1


async def test_missing_rights(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.limit_rights(*ENOUGH)
    assert items(await client.find_missing_rights(REQUIRED_RIGHTS)) == ()
    assert len(cluster.requests) == len(REQUIRED_RIGHTS)
    cluster.limit_rights(*ENOUGH[:1], RbacRule("secrets", ("list", "create"), ("other",)))
    assert items(await client.find_missing_rights(REQUIRED_RIGHTS)) == REQUIRED_RIGHTS[1:]
    cluster.limit_rights(*ENOUGH)
    cluster.deny("patch", "secrets")
    (right,) = items(await client.find_missing_rights(REQUIRED_RIGHTS))
    assert str(right) == 'patch secrets "registry-integration"'


@pytest.mark.parametrize("answer", [Respond(403), Respond(404), Respond(201, b"{}")])
async def test_rights_that_the_cluster_does_not_tell(
    cluster: SimulatedCluster, client: ClusterClient, answer: Respond
) -> None:
    cluster.faults.add(Fault(answer, path=REVIEWS, times=None))
    section = await client.find_missing_rights(REQUIRED_RIGHTS)
    assert isinstance(section, Unavailable)


async def test_a_token_that_is_revoked(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.revoke_token()
    for request in (client.observe(()), client.observe_namespace("shop", ()), apply_write(client)):
        with pytest.raises(RemoteError) as excinfo:
            await request
        assert excinfo.value.message == (
            "the token or client certificate of cluster prod-eu is refused, it may be expired or "
            "revoked: put a new kubeconfig into the block cluster-credentials/prod"
        )
        assert excinfo.value.reason == Reason.UNAUTHORIZED
        assert cluster.token not in str(excinfo.value)


async def test_an_unknown_token(cluster: SimulatedCluster) -> None:
    async with open_client(
        cluster, kubeconfig=cluster.kubeconfig_with_token("of-nobody")
    ) as client:
        with pytest.raises(RemoteError, match="is refused") as excinfo:
            await client.observe(())
    assert excinfo.value.reason == Reason.UNAUTHORIZED
    assert "of-nobody" not in str(excinfo.value)


@pytest.mark.parametrize(
    ("message", "reason", "expected"),
    [
        (
            f'admission webhook "policy.test" denied the request: data is {PASSWORD}',
            Reason.ADMISSION_DENIED,
            'the admission webhook "policy.test" of the cluster denied the request: '
            '"data is [redacted]"; ask the owner of this webhook to exempt secrets '
            '"registry-integration" in namespace shop',
        ),
        (
            'secrets "registry-integration" is forbidden: exceeded quota: small, requested: '
            "secrets=1, used: secrets=10, limited: secrets=10",
            Reason.QUOTA_EXCEEDED,
            'the resource quota "small" of the cluster denied the request: "requested: secrets=1, '
            'used: secrets=10, limited: secrets=10"; ask the owner of this quota to raise it, or '
            "delete objects that are not needed",
        ),
        ("something with topsecret in it", Reason.FORBIDDEN, "answered 403 (forbidden)"),
    ],
)
async def test_other_refusals_are_retold(
    cluster: SimulatedCluster, client: ClusterClient, message: str, reason: Reason, expected: str
) -> None:
    body = f'{{"kind": "Status", "message": {_quoted(message)}, "reason": "Forbidden"}}'.encode()
    answer = Respond(403, body, (("Content-Type", "application/json"),))
    cluster.faults.add(Fault(answer, method="PATCH"))
    with pytest.raises(RemoteError) as excinfo:
        await apply_write(client)
    assert (excinfo.value.reason, excinfo.value.message) == (reason, expected)


def _quoted(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'
