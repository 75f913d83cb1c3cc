"""What it takes to do all of it, and what is said when something is missing."""

import pytest

from deployments.simulators.faults import Answer, Fault
from deployments.simulators.kubernetes import EmulatedCluster, Rule
from models.clusters.cluster import ACCOUNT_NAME, SECRET_NAME
from models.clusters.pull_secret import ClusterChange
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import (
    LABELS,
    LINK,
    OURS,
    UNLINK,
    content,
    deliver,
    delivered,
    items,
    opened,
    seen_secret,
    withdraw,
)

ENOUGH = (
    Rule("namespaces", ("list",)),
    Rule("secrets", ("list", "get", "create", "patch", "delete"), (SECRET_NAME,)),
    Rule("serviceaccounts", ("list", "get", "patch"), (ACCOUNT_NAME,)),
)


async def test_the_least_rights_are_enough(cluster: EmulatedCluster, client: ClusterClient) -> None:
    cluster.limit(*ENOUGH)
    assert (await client.look(LABELS)).unseen is None
    assert (await client.look_at("shop", LABELS)).unseen is None
    assert (await delivered(client)).done
    cluster.edit_secret("shop", {"auths": {}})
    assert (await delivered(client)).done
    assert (await client.make(LINK, {})).done
    assert (await client.make(UNLINK, {})).done
    seen = await seen_secret(client)
    assert seen is not None
    assert (await client.make(withdraw(seen), {})).done


@pytest.mark.parametrize(
    ("verb", "resource", "change", "said"),
    [
        (
            "patch",
            "secrets",
            deliver(),
            'may not patch secrets "registry-integration" in namespace shop: '
            'grant the verb "patch" on "secrets"',
        ),
        (
            "create",
            "secrets",
            deliver(),
            'may not create secrets "registry-integration" in namespace shop: '
            'grant the verb "create" on "secrets"',
        ),
        ("get", "serviceaccounts", LINK, 'may not get serviceaccounts "default" in namespace shop'),
        ("patch", "serviceaccounts", LINK, 'grant the verb "patch" on "serviceaccounts" to system'),
    ],
)
async def test_a_missing_right_is_named(
    cluster: EmulatedCluster,
    client: ClusterClient,
    verb: str,
    resource: str,
    change: ClusterChange,
    said: str,
) -> None:
    cluster.forbid(verb, resource)
    with pytest.raises(ClusterError) as caught:
        await client.make(change, {"shop": content()})
    assert caught.value.reason == Reason.FORBIDDEN
    assert said in caught.value.said
    cluster.allow(verb, resource)
    assert (await client.make(change, {"shop": content()})).done


async def test_a_missing_right_to_delete(cluster: EmulatedCluster, client: ClusterClient) -> None:
    await delivered(client)
    seen = await seen_secret(client)
    assert seen is not None
    cluster.forbid("delete", "secrets")
    with pytest.raises(ClusterError, match='may not delete secrets "registry-integration"'):
        await client.make(withdraw(seen), {})


async def test_a_missing_right_to_replace_ours(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.foreign_secret("shop", immutable=True, labels=OURS)
    cluster.forbid("delete", "secrets")
    with pytest.raises(ClusterError, match='grant the verb "delete" on "secrets"'):
        await delivered(client)


async def test_a_missing_right_in_one_namespace_is_unseen(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.forbid("get", "secrets")
    snapshot = await client.look_at("shop", LABELS)
    assert snapshot.unseen is not None
    assert 'may not get secrets "registry-integration" in namespace shop' in snapshot.unseen.message
    assert len(items(snapshot.namespaces)) == 1


async def test_a_token_that_is_revoked(cluster: EmulatedCluster, client: ClusterClient) -> None:
    cluster.revoke()
    for asking in (client.look(()), client.look_at("shop", ()), delivered(client)):
        with pytest.raises(ClusterError, match="expired or be revoked") as caught:
            await asking
        assert caught.value.reason == Reason.UNAUTHORIZED
        assert cluster.token not in str(caught.value)


async def test_an_unknown_token(cluster: EmulatedCluster) -> None:
    async with opened(cluster, kubeconfig=cluster.kubeconfig_with("of-nobody")) as client:
        with pytest.raises(ClusterError, match="not accepted") as caught:
            await client.look(())
    assert caught.value.reason == Reason.UNAUTHORIZED
    assert "of-nobody" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            'admission webhook "policy.test" denied the request: data is topsecret',
            'the admission webhook "policy.test" of the cluster denies it',
        ),
        (
            'secrets "registry-integration" is forbidden: exceeded quota: small, requested: '
            "secrets=1, used: secrets=10, limited: secrets=10",
            'the resource quota "small" of the cluster denies it',
        ),
        ("something with topsecret in it", "answered 403 (forbidden)"),
    ],
)
async def test_other_refusals_are_retold(
    cluster: EmulatedCluster, client: ClusterClient, message: str, said: str
) -> None:
    body = f'{{"kind": "Status", "message": {_quoted(message)}, "reason": "Forbidden"}}'.encode()
    answer = Answer(403, body, (("Content-Type", "application/json"),))
    cluster.faults.add(Fault(answer, method="PATCH"))
    with pytest.raises(ClusterError) as caught:
        await delivered(client)
    assert caught.value.reason == Reason.FORBIDDEN
    assert caught.value.said == said


def _quoted(text: str) -> str:
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'
