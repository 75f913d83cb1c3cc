"""The CA of a managed Harbor: read from its Secret, or told why not."""

import pytest
import trustme
from pydantic import SecretStr

from deployments.simulators.faults import Fault, Respond
from deployments.simulators.kubernetes import SimulatedCluster
from models.clusters.cluster import Cluster
from models.discovery.managed_harbor import ManagedHarbor
from models.discovery.observation import ClusterHarbors
from models.registries.registry import BlockRef
from tasks.discovery.find import find_managed_harbors
from tests.tasks.discovery.harbors import EVERYWHERE, PASSWORD, URL

AUTHORITY = trustme.CA().cert_pem.bytes().decode()


async def find_harbor(cluster: SimulatedCluster) -> ManagedHarbor:
    """The only Harbor, as a discovery run finds it."""
    spec = Cluster(name="prod-eu", credential=BlockRef(name="prod-eu"))
    kubeconfigs = {"prod-eu": SecretStr(cluster.kubeconfig)}
    section = await find_managed_harbors(spec, EVERYWHERE, kubeconfigs)
    assert isinstance(section, ClusterHarbors)
    (harbor,) = section.items
    return harbor


async def test_it_is_read_from_the_secret_of_the_chart(cluster: SimulatedCluster) -> None:
    cluster.add_helm_harbor("h2", "reg", URL, PASSWORD, authority=AUTHORITY)
    harbor = await find_harbor(cluster)
    assert harbor.ca_bundle.strip() == AUTHORITY.strip()
    assert harbor.ca_message == ""


@pytest.mark.parametrize(
    ("content", "is_denied", "message"),
    [
        ({"ca.crt": AUTHORITY}, True, "--resource-name=prod-tls && "),
        (None, False, "the Secret prod-tls in namespace h1 does not exist"),
        ({"tls.crt": AUTHORITY}, False, "has no key ca.crt, or the key is empty"),
        ({"ca.crt": "x"}, False, "ca.crt in the Secret prod-tls contains no valid certificate"),
    ],
)
async def test_why_it_is_not_read(
    cluster: SimulatedCluster, content: dict[str, str] | None, is_denied: bool, message: str
) -> None:
    cluster.add_harbor_cluster("h1", "prod", URL, PASSWORD, tls="prod-tls")
    if content is not None:
        cluster.put_secret("h1", "prod-tls", content)
    if is_denied:
        cluster.deny("get", "secrets")
    harbor = await find_harbor(cluster)
    assert harbor.ca_bundle == ""
    assert message in harbor.ca_message


async def test_the_cluster_fails_meanwhile(cluster: SimulatedCluster) -> None:
    cluster.add_harbor_cluster("h1", "prod", URL, PASSWORD, tls="prod-tls")
    cluster.faults.add(Fault(Respond(503), path=r".*/secrets/.*", times=None))
    assert (await find_harbor(cluster)).ca_message == "answered 503"
