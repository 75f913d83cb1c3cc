"""Kubeconfigs live in blocks, and only a reference to a saved one is taken."""

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import State, StateType, TaskRun
from pydantic import SecretStr

from models.clusters.cluster import Cluster
from models.core.errors import ClusterError, ClusterNotAskedAgain, ClusterTransient, InputRefused
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from tasks.http.retry import again, is_transient
from tasks.registries.apply import apply
from tasks.secrets.cluster_credentials import (
    ClusterCredentials,
    cluster_reference_to,
    kubeconfigs_of,
    pick_kubeconfig,
)

TEXT = "apiVersion: v1 token: secret-Q7"
SAVED = Cluster(name="eu", credential=BlockRef(name="eu"))


def test_a_saved_block_is_referred_to() -> None:
    block = ClusterCredentials(kubeconfig=SecretStr(TEXT))
    block._block_document_id, block._block_document_name = uuid4(), "eu"
    assert cluster_reference_to(block) == BlockRef(name="eu")
    assert cluster_reference_to(None) is None


def test_one_given_inline_is_refused() -> None:
    block = ClusterCredentials(kubeconfig=SecretStr(TEXT))
    with pytest.raises(InputRefused, match="cluster-credentials/<name>") as caught:
        cluster_reference_to(block)
    assert "revoke that token" in str(caught.value)
    assert "secret-Q7" not in str(caught.value) + repr(block)


def test_the_form_has_room_for_it_and_hides_it() -> None:
    schema = ClusterCredentials.model_json_schema()
    assert schema["properties"]["kubeconfig"]["format"] == "textarea"
    assert schema["secret_fields"] == ["kubeconfig"]


def test_the_kubeconfig_of_a_cluster() -> None:
    found = {"eu": SecretStr(TEXT)}
    assert pick_kubeconfig(SAVED, found) == SecretStr(TEXT)
    assert pick_kubeconfig(Cluster(name="within"), found) is None
    with pytest.raises(ClusterError, match="cluster-credentials/eu does not exist") as caught:
        pick_kubeconfig(SAVED, {})
    assert caught.value.reason == Reason.CREDENTIALS_MISSING


async def test_nothing_is_asked_for_clusters_without() -> None:
    assert await kubeconfigs_of([Cluster(name="within")]) == {}


def _error(kind: type[ClusterError]) -> ClusterError:
    return kind("eu", "GET", "/api", "said", Reason.UNREACHABLE)


@pytest.mark.parametrize(
    ("kind", "at_once", "later"),
    [
        (ClusterTransient, True, True),
        (ClusterNotAskedAgain, False, True),
        (ClusterError, False, False),
    ],
)
async def test_what_is_worth_another_try(
    kind: type[ClusterError], at_once: bool, later: bool
) -> None:
    """A request is tried again at once, a task after a while."""
    state: State[object] = State(type=StateType.FAILED, data=_error(kind))
    run = TaskRun(task_key="t", dynamic_key="0")
    assert again(_error(kind)) is at_once
    assert await is_transient(apply, run, state) is later
