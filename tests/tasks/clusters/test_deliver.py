"""Pull secrets are written, and a foreign one is never touched."""

import pytest

from deployments.simulators.faults import CutConnection, Fault, RunCallback
from deployments.simulators.kubernetes import AdmissionRule, SimulatedCluster
from models.clusters.cluster import INSTALLATION_LABEL
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.tasks.clusters.tools import (
    OWN_LABELS,
    PASSWORD,
    SECRET_LISTS,
    SECRET_PATH,
    apply_write,
    content,
    delete_secret,
    fingerprint,
    open_client,
    read_secret,
    write_secret,
)


def password(cluster: SimulatedCluster) -> str | None:
    secret = cluster.secret("shop")
    return None if secret is None else secret["auths"]["registry.test"]["password"]


async def test_deliver(cluster: SimulatedCluster, client: ClusterClient) -> None:
    outcome = await apply_write(client)
    assert (outcome.succeeded, outcome.reason) == (True, Reason.DONE)
    assert password(cluster) == PASSWORD
    raw = cluster.raw_secret("shop")
    assert raw is not None
    assert raw["type"] == "kubernetes.io/dockerconfigjson"
    assert raw["metadata"]["labels"] == OWN_LABELS
    (entry,) = raw["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("registry-integration", "Apply")
    assert cluster.requests.writes() == [("PATCH", SECRET_PATH, 201)]


async def test_deliver_the_same_again(cluster: SimulatedCluster, client: ClusterClient) -> None:
    await apply_write(client)
    before = cluster.raw_secret("shop")
    assert (await apply_write(client)).succeeded
    assert cluster.raw_secret("shop") == before


async def test_deliver_something_else(cluster: SimulatedCluster, client: ClusterClient) -> None:
    await apply_write(client)
    assert (await apply_write(client, text=content("next"))).succeeded
    assert password(cluster) == "next"
    assert len(cluster.requests.writes()) == 2


async def test_what_was_edited_by_hand_is_set_right(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    cluster.edit_secret("shop", {"auths": {}})
    assert (await apply_write(client)).succeeded
    assert password(cluster) == PASSWORD
    assert [call.status for call in cluster.requests.writes()] == [201, 409, 200]


@pytest.mark.parametrize("kind", ["Opaque", "kubernetes.io/dockerconfigjson"])
@pytest.mark.parametrize("immutable", [False, True])
async def test_a_foreign_one_is_left_as_it_is(
    cluster: SimulatedCluster, client: ClusterClient, kind: str, immutable: bool
) -> None:
    cluster.add_foreign_secret("shop", kind=kind, immutable=immutable)
    before = cluster.raw_secret("shop")
    outcome = await apply_write(client)
    assert (outcome.succeeded, outcome.reason) == (False, Reason.FOREIGN_SECRET)
    assert "is not changed" in outcome.message
    assert cluster.raw_secret("shop") == before


async def test_one_of_another_installation_is_foreign(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    labels = {**OWN_LABELS, "registry-integration.io/installation": "two"}
    cluster.add_foreign_secret("shop", labels=labels)
    outcome = await apply_write(client)
    assert (outcome.succeeded, outcome.reason) == (False, Reason.OTHER_INSTALLATION)
    assert "belongs to installation two of this service" in outcome.message
    assert "delete" not in outcome.message


@pytest.mark.parametrize("labels", [{}, {**OWN_LABELS, INSTALLATION_LABEL: "two"}])
async def test_ours_whose_labels_were_changed_is_taken_back(
    cluster: SimulatedCluster, labels: dict[str, str]
) -> None:
    async with open_client(cluster, own_contents=[content()]) as client:
        await apply_write(client)
        cluster.relabel_secret("shop", labels)
        secret = await read_secret(client)
        assert secret is not None
        assert (secret.is_owned, secret.has_labels) == (True, False)
        assert (await apply_write(client)).reason is Reason.DONE
        raw = cluster.raw_secret("shop")
        assert raw is not None
        assert raw["metadata"]["labels"] == OWN_LABELS


async def test_ours_whose_labels_were_removed_is_withdrawn(cluster: SimulatedCluster) -> None:
    async with open_client(cluster, own_contents=[content()]) as client:
        await apply_write(client)
        secret = await read_secret(client)
        assert secret is not None
        cluster.relabel_secret("shop", {})
        outcome = await client.apply_change(delete_secret(secret), {})
    assert (outcome.reason, cluster.raw_secret("shop")) == (Reason.DONE, None)


@pytest.mark.parametrize(
    ("labels", "recorded", "is_owned"),
    [
        ({}, content(), True),
        ({}, content("other"), False),
        ({**OWN_LABELS, INSTALLATION_LABEL: "two"}, content(), False),
    ],
)
async def test_what_was_written_here_is_ours_without_labels_unless_another_installation_has_it(
    cluster: SimulatedCluster, labels: dict[str, str], recorded: str, is_owned: bool
) -> None:
    """Two installations write the same content if it is only a shared pull-only user."""
    async with open_client(cluster, recorded={"shop": fingerprint(recorded.encode())}) as client:
        await apply_write(client)
        cluster.relabel_secret("shop", labels)
        secret = await read_secret(client)
    assert secret is not None
    assert secret.is_owned is is_owned


async def test_ours_that_got_other_content_and_no_labels_is_foreign(
    cluster: SimulatedCluster,
) -> None:
    async with open_client(cluster, own_contents=[content()]) as client:
        await apply_write(client)
        cluster.relabel_secret("shop", {})
        cluster.edit_secret("shop", {"auths": {}})
        before = cluster.raw_secret("shop")
        assert (await apply_write(client)).reason is Reason.FOREIGN_SECRET
        assert cluster.raw_secret("shop") == before


async def test_a_foreign_one_that_appears_between_look_and_write(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(
        Fault(RunCallback(lambda: cluster.add_foreign_secret("shop")), method="PATCH")
    )
    assert (await apply_write(client)).reason == Reason.FOREIGN_SECRET
    assert password_free(cluster)


async def test_a_foreign_one_that_appears_before_the_forced_write(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    """Ours was edited, so it is written by force; meanwhile somebody replaced it."""
    await apply_write(client)
    cluster.edit_secret("shop", {"auths": {}})

    def replace() -> None:
        cluster.delete_secret("shop")
        cluster.add_foreign_secret("shop")

    cluster.faults.add(Fault(RunCallback(replace), method="PATCH", path=".*force=true.*"))
    assert (await apply_write(client)).reason == Reason.FOREIGN_SECRET
    assert password_free(cluster)


def password_free(cluster: SimulatedCluster) -> bool:
    return PASSWORD not in str(cluster.secret("shop"))


async def test_ours_that_goes_before_the_forced_write(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    cluster.edit_secret("shop", {"auths": {}})
    deletion = RunCallback(lambda: cluster.delete_secret("shop"))
    cluster.faults.add(Fault(deletion, method="PATCH", path=".*force=true.*"))
    assert (await apply_write(client)).succeeded
    assert password(cluster) == PASSWORD


async def test_ours_that_goes_before_it_is_looked_at(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    cluster.edit_secret("shop", {"auths": {}})
    deletion = RunCallback(lambda: cluster.delete_secret("shop"))
    cluster.faults.add(Fault(deletion, method="GET", path=SECRET_LISTS))
    assert (await apply_write(client)).succeeded
    assert password(cluster) == PASSWORD


async def test_who_edits_all_the_time_is_reported(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    await apply_write(client)
    busy = RunCallback(lambda: cluster.edit_secret("shop", {"auths": {}}))
    cluster.faults.add(Fault(busy, method="PATCH", times=None))
    with pytest.raises(RemoteError) as excinfo:
        await apply_write(client)
    assert excinfo.value.reason == Reason.CONFLICT


@pytest.mark.parametrize(
    ("kind", "immutable"),
    [("Opaque", False), ("Opaque", True), ("kubernetes.io/dockerconfigjson", True)],
)
async def test_ours_that_cannot_be_changed_is_replaced(
    cluster: SimulatedCluster, client: ClusterClient, kind: str, immutable: bool
) -> None:
    cluster.add_foreign_secret("shop", kind=kind, immutable=immutable, labels=OWN_LABELS)
    assert (await apply_write(client)).succeeded
    assert password(cluster) == PASSWORD


async def test_an_answer_cut_off_is_asked_for_again(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(CutConnection(), method="PATCH"))
    assert (await apply_write(client)).succeeded
    assert [call.status for call in cluster.requests.writes()] == [201, 200]


async def test_a_webhook_that_edits_is_noticed(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    with pytest.raises(RemoteError, match="admission webhook") as excinfo:
        await client.apply_change(write_secret(text=content("wanted")), {"shop": content("other")})
    assert excinfo.value.reason == Reason.CONFLICT
    assert "other" not in str(excinfo.value)


def policy(*operations: str, message: str = "no Secrets") -> AdmissionRule:
    return AdmissionRule("no-secrets", "everywhere", message=message, operations=operations)


async def test_a_policy_is_named(cluster: SimulatedCluster, client: ClusterClient) -> None:
    cluster.admission.rules.append(policy("CREATE"))
    with pytest.raises(RemoteError, match=r'Policy "no-secrets".*"no Secrets"; ask') as excinfo:
        await apply_write(client)
    assert excinfo.value.reason is Reason.ADMISSION_DENIED
    assert cluster.requests.writes() == [("PATCH", SECRET_PATH, 422)]


@pytest.mark.parametrize("message", ["no Secrets", "the label field is immutable"])
async def test_a_policy_that_denies_a_write_costs_no_secret(
    cluster: SimulatedCluster, client: ClusterClient, message: str
) -> None:
    """Its 422 must not be taken for a Secret that has to be deleted first."""
    await apply_write(client)
    before = cluster.raw_secret("shop")
    cluster.admission.rules.append(policy("CREATE", "UPDATE", message=message))
    with pytest.raises(RemoteError) as excinfo:
        await apply_write(client, text=content("next"))
    assert excinfo.value.reason is Reason.ADMISSION_DENIED
    assert cluster.raw_secret("shop") == before
    assert {call.method for call in cluster.requests.writes()} == {"PATCH"}


async def test_a_policy_that_quotes_the_password_is_redacted(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.admission.rules.append(policy("CREATE", message=f"weak: {PASSWORD}"))
    with pytest.raises(RemoteError) as excinfo:
        await apply_write(client)
    assert PASSWORD not in f"{excinfo.value} {excinfo.value.message} {excinfo.value.args}"
    assert "weak: [redacted]" in excinfo.value.message


async def test_a_webhook_and_a_quota_are_named(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.admission.rules.append(AdmissionRule("w.example.com", message="unsigned"))
    with pytest.raises(RemoteError, match=r'webhook "w.example.com".*"unsigned"'):
        await apply_write(client)
    cluster.admission.rules.clear()
    cluster.admission.secret_quotas["shop"] = ("compute", 0)
    with pytest.raises(RemoteError, match=r'quota "compute".*secrets=0') as excinfo:
        await apply_write(client)
    assert excinfo.value.reason is Reason.QUOTA_EXCEEDED


@pytest.mark.parametrize("size", [1_048_577, 4_000_000])
async def test_too_large(cluster: SimulatedCluster, client: ClusterClient, size: int) -> None:
    with pytest.raises(RemoteError, match="larger than the limit of 1 MiB") as excinfo:
        await apply_write(client, text=content("x" * size))
    assert excinfo.value.reason == Reason.SECRET_TOO_LARGE
    assert cluster.secret("shop") is None


async def test_a_namespace_that_is_being_deleted(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.terminate_namespace("shop")
    with pytest.raises(RemoteError, match="being deleted") as excinfo:
        await apply_write(client)
    assert excinfo.value.reason == Reason.NAMESPACE_TERMINATING


async def test_a_namespace_that_is_not_there(client: ClusterClient) -> None:
    with pytest.raises(RemoteError, match="does not exist") as excinfo:
        await apply_write(client, "nowhere")
    assert excinfo.value.reason == Reason.NOT_FOUND
