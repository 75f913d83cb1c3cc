"""Kubeconfigs live in blocks, and only a reference to a saved one is taken."""

from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from models.clusters.cluster import Cluster, refused_credential_message
from models.core.errors import (
    InvalidRequest,
    RemoteError,
)
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.registry import BlockRef, EnvironmentRef, FileRef
from tasks.secrets.cluster_credentials import (
    ClusterCredentials,
    cluster_block_reference,
    pick_kubeconfig,
    read_kubeconfigs,
)

TEXT = "apiVersion: v1 token: secret-Q7"
SAVED = Cluster(name="eu", credential=BlockRef(name="eu"))


def test_a_saved_block_is_referred_to() -> None:
    block = ClusterCredentials(kubeconfig=SecretStr(TEXT))
    block._block_document_id, block._block_document_name = uuid4(), "eu"
    assert cluster_block_reference(block) == BlockRef(name="eu")
    assert cluster_block_reference(None) is None


def test_one_given_inline_is_refused() -> None:
    block = ClusterCredentials(kubeconfig=SecretStr(TEXT))
    with pytest.raises(InvalidRequest, match="cluster-credentials/<name>") as excinfo:
        cluster_block_reference(block)
    assert "revoke that token" in str(excinfo.value)
    assert "secret-Q7" not in str(excinfo.value) + repr(block)


def test_the_form_has_room_for_it_and_hides_it() -> None:
    schema = ClusterCredentials.model_json_schema()
    assert schema["properties"]["kubeconfig"]["format"] == "textarea"
    assert schema["secret_fields"] == ["kubeconfig"]


def test_the_kubeconfig_of_a_cluster() -> None:
    kubeconfigs = {"eu": SecretStr(TEXT)}
    assert pick_kubeconfig(SAVED, kubeconfigs) == SecretStr(TEXT)
    assert pick_kubeconfig(Cluster(name="within"), kubeconfigs) is None
    with pytest.raises(RemoteError, match="cluster-credentials/eu does not exist") as excinfo:
        pick_kubeconfig(SAVED, {})
    assert excinfo.value.reason == Reason.CREDENTIALS_MISSING


async def test_a_kubeconfig_in_a_variable_or_file_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_CREDENTIALS_DIR", str(tmp_path))
    monkeypatch.setenv("REGISTRY_CREDENTIAL_EU", TEXT)
    get_settings.cache_clear()
    (tmp_path / "us.yaml").write_text(TEXT + "-us")
    eu = Cluster(name="eu", credential=EnvironmentRef(name="REGISTRY_CREDENTIAL_EU"))
    us = Cluster(name="us", credential=FileRef(name="us.yaml"))
    missing = Cluster(name="asia", credential=FileRef(name="asia.yaml"))
    kubeconfigs = await read_kubeconfigs([eu, us, missing])
    get_settings.cache_clear()
    assert pick_kubeconfig(eu, kubeconfigs) == SecretStr(TEXT)
    assert pick_kubeconfig(us, kubeconfigs) == SecretStr(TEXT + "-us")
    with pytest.raises(RemoteError, match=r"file asia.yaml cannot be used: No such") as excinfo:
        pick_kubeconfig(missing, kubeconfigs)
    assert excinfo.value.reason == Reason.CREDENTIALS_MISSING
    message = refused_credential_message(us)
    assert message.endswith("put a new kubeconfig into the file us.yaml")


async def test_nothing_is_asked_for_clusters_without() -> None:
    assert await read_kubeconfigs([Cluster(name="within")]) == {}
