"""Reading passwords: exactly what is there, and never in an error."""

import logging
from pathlib import Path

import pytest
import yaml

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.kubernetes import RbacRule, SimulatedCluster
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.discovery.managed_harbor import SecretKeyRef
from tasks.clusters.protocol import ClusterClient
from tests.tasks.discovery.harbors import PASSWORD, URL, list_harbors

DEPLOYMENTS = Path(__file__).parents[3] / "deployments" / "kubernetes"
RBAC = (DEPLOYMENTS / "rbac.yaml", DEPLOYMENTS / "rbac-harbors.yaml")
KEY = SecretKeyRef(namespace="shop", name="admin", key="secret")
PATH = "/api/v1/namespaces/shop/secrets/admin"


async def read_error(client: ClusterClient, key: SecretKeyRef = KEY) -> RemoteError:
    """Why it cannot be read; without what it holds."""
    with pytest.raises(RemoteError) as excinfo:
        await client.read_secret_key(key)
    assert PASSWORD not in repr(excinfo.value) + str(excinfo.value)
    return excinfo.value


@pytest.mark.parametrize("text", [PASSWORD, " with spaces ", "line\n", "päß\u2603", "x" * 5000])
async def test_it_is_read_as_it_is(
    cluster: SimulatedCluster, client: ClusterClient, text: str
) -> None:
    cluster.put_secret("shop", "admin", {"secret": text, "other": "nothing"})
    password = await client.read_secret_key(KEY)
    assert password.get_secret_value() == text
    assert text not in repr(password)
    assert cluster.requests == [("GET", PATH, 200)]


async def test_it_is_read_each_time(cluster: SimulatedCluster, client: ClusterClient) -> None:
    for password in (PASSWORD, "an0ther-Password"):
        cluster.put_secret("shop", "admin", {"secret": password})
        assert (await client.read_secret_key(KEY)).get_secret_value() == password


async def test_there_is_no_such_secret(client: ClusterClient) -> None:
    error = await read_error(client)
    assert error.reason is Reason.NOT_FOUND
    assert error.message == "the Secret admin in namespace shop does not exist"


@pytest.mark.parametrize("content", [{"other": PASSWORD}, {"secret": ""}, {}])
async def test_there_is_no_such_key(
    cluster: SimulatedCluster, client: ClusterClient, content: dict[str, str]
) -> None:
    cluster.put_secret("shop", "admin", content)
    error = await read_error(client)
    assert error.reason is Reason.NOT_FOUND
    assert (
        error.message == "the Secret admin in namespace shop has no key secret, or the key is empty"
    )


async def test_it_is_no_text(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.put_secret("shop", "admin", {"secret": PASSWORD.encode() + b"\xff"})
    error = await read_error(client)
    assert error.reason is Reason.REJECTED
    assert error.message == "the value of secret in the Secret admin in namespace shop is not text"


async def test_it_may_not_be_read(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.put_secret("shop", "admin", {"secret": PASSWORD})
    cluster.deny("get", "secrets")
    error = await read_error(client)
    assert error.reason is Reason.FORBIDDEN
    role = "registry-integration-secrets-admin"
    assert error.message == (
        'may not get secrets "admin" in namespace shop: to allow it, run: '
        f"kubectl create role {role} --namespace=shop --verb=get --resource=secrets "
        f"--resource-name=admin && kubectl create rolebinding {role} --namespace=shop "
        f"--role={role} --serviceaccount=platform:registry-integration"
    )


async def test_a_broken_answer_shows_nothing(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    body = f'{{"metadata": {{"name": "admin"}}, "data": ["{PASSWORD}"]}}'.encode()
    answer = Respond(200, body, (("Content-Type", "application/json"),))
    cluster.faults.add(Fault(answer, path=PATH, times=None))
    assert (await read_error(client)).transient


async def test_nothing_of_it_is_logged(
    cluster: SimulatedCluster, client: ClusterClient, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.put_secret("shop", "admin", {"secret": PASSWORD})
    with caplog.at_level(logging.DEBUG):
        await client.read_secret_key(KEY)
    encoded = str(cluster.object("secrets", "shop", "admin")["data"]["secret"])
    assert encoded not in caplog.text
    assert PASSWORD not in caplog.text


async def test_the_least_rights_are_enough(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.add_harbor_cluster("h1", "harbor", URL, PASSWORD)
    cluster.edit_harbor_cluster("h1", "harbor", {"harborAdminPasswordRef": "harbor-admin"})
    cluster.put_secret("h1", "harbor-admin", {"secret": PASSWORD})
    cluster.add_helm_harbor("h2", "harbor", "https://a.test", PASSWORD)
    cluster.add_helm_harbor("h3", "harbor", "https://b.test", PASSWORD, chart="bitnami")
    cluster.put_secret("h3", "other", {"word": PASSWORD})
    cluster.limit_rights(*load_rules())
    managed_harbors = await list_harbors(client)
    assert len(managed_harbors) == 3
    for managed_harbor in managed_harbors:
        assert managed_harbor.password is not None
        assert (
            await client.read_secret_key(managed_harbor.password)
        ).get_secret_value() == PASSWORD
        with pytest.raises(RemoteError, match="--resource-name=other "):
            await client.read_secret_key(
                managed_harbor.password.model_copy(update={"name": "other"})
            )


def load_rules() -> list[RbacRule]:
    """What both files in deployments grant."""
    texts = [file.read_text(encoding="utf-8") for file in RBAC]
    documents = [document for text in texts for document in yaml.safe_load_all(text)]
    roles = [document for document in documents if document["kind"] == "ClusterRole"]
    return [
        RbacRule(resource, tuple(rule["verbs"]), tuple(rule.get("resourceNames", ())))
        for role in roles
        for rule in role["rules"]
        for resource in rule["resources"]
    ]
