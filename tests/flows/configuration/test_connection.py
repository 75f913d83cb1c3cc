"""How registries and clusters are reached, from a file to its export."""

import json
from pathlib import Path

import pytest
import yaml

from flows.clusters.sync_namespaces import sync_namespaces
from flows.configuration.apply_configuration import apply_configuration
from models.configuration.export import export_document
from models.core.settings import get_settings
from models.registries.condition import Health
from tasks.store.configuration import load_world
from tasks.store.session import run_in_transaction
from tests.flows.registries.test_connection import (
    HIDDEN,
    TRUST,
    mutual_tls_registry,
    save_certificate,
)
from tests.support.connect_proxy import running_proxy
from tests.support.helpers import expect_failure, expect_success, record_of, registry_names
from tests.support.platform import cluster_with


async def test_certificate_and_proxy_by_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with mutual_tls_registry() as url:
        hosts = {"registry.test:443": url.removeprefix("https://")}
        with running_proxy(user=("jane", "proxy-Pw-12345"), hosts=hosts) as proxy:
            user = {"username": "jane", "password": "proxy-Pw-12345", "origins": [HIDDEN]}
            monkeypatch.setenv("REGISTRY_CREDENTIAL_PROXY", json.dumps(user))
            await save_certificate(name)
            entry = {
                "type": "docker",
                "address": HIDDEN,
                "tls": TRUST,
                "client_certificate": {"block": name},
                "proxy": proxy.url,
                "proxy_credential": {"environment": "REGISTRY_CREDENTIAL_PROXY"},
            }
            text = yaml.safe_dump({"registries": {name: entry}}, sort_keys=False)
            message = await expect_failure(apply_configuration, document=text, name="own.yaml")
            assert f"client certificate {name} is not declared for {HIDDEN}" in message
            await save_certificate(name, origins=[HIDDEN])
            message = await expect_failure(apply_configuration, document=text, name="own.yaml")
            assert f"REGISTRY_CREDENTIAL_PROXY is not declared for {proxy.url}" in message
            assert registry_names() == []
            user["origins"] = [proxy.url]
            monkeypatch.setenv("REGISTRY_CREDENTIAL_PROXY", json.dumps(user))
            await expect_success(apply_configuration, document=text, name="own.yaml")
            assert record_of(name).health_summary.health is Health.HEALTHY
        exported = yaml.safe_load(export_document(run_in_transaction(load_world)))
        assert exported["registries"] == {name: entry}


async def test_a_kubeconfig_in_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_INTEGRATION_CREDENTIALS_DIR", str(tmp_path))
    get_settings.cache_clear()
    with cluster_with(shop="red") as cluster:
        text = f"clusters: {{{name}: {{credential: {{file: eu.yaml}}}}}}"
        message = await expect_failure(apply_configuration, document=text, name="own.yaml")
        assert "file eu.yaml cannot be used: No such file" in message
        (tmp_path / "eu.yaml").write_text(json.dumps({"username": "jane", "password": "hunter2"}))
        message = await expect_failure(apply_configuration, document=text, name="own.yaml")
        assert "hunter2" not in message
        (tmp_path / "eu.yaml").write_text(cluster.kubeconfig)
        await expect_success(apply_configuration, document=text, name="own.yaml")
        assert await expect_success(sync_namespaces)
        exported = yaml.safe_load(export_document(run_in_transaction(load_world)))
    get_settings.cache_clear()
    assert exported["clusters"] == {name: {"credential": {"file": "eu.yaml"}}}
