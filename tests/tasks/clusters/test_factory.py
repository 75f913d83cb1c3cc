"""Ways to a cluster: TLS, client certificates, and from within."""

import base64
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from pydantic import SecretStr

from deployments.simulators.kubernetes import SimulatedCluster, running_cluster
from deployments.simulators.server import run_server
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.factory import create_cluster_client
from tasks.clusters.protocol import ClusterClient
from tests.support.errors import raises_reason
from tests.tasks.clusters.tools import (
    CLUSTER,
    INSTALLATION_ID,
    QUICK,
    fingerprint,
    items,
    open_client,
)
from tests.tasks.registries.tools import Recorder

AUTHORITY = trustme.CA()


@contextmanager
def secure_cluster(*names: str, mutual: bool = False) -> Iterator[SimulatedCluster]:
    """A cluster behind https; `mutual` wants a client certificate of the same authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    if mutual:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    authority = AUTHORITY.cert_pem.bytes().decode()
    with running_cluster(ssl_context=context, authority=authority) as cluster:
        yield cluster


def edit_kubeconfig(kubeconfig: str, *, cluster: Any = None, user: Any = None) -> str:
    """A kubeconfig with parts of its cluster and user replaced; None removes one."""
    config = yaml.safe_load(kubeconfig)
    for part, change in (
        (config["clusters"][0]["cluster"], cluster),
        (config["users"][0]["user"], user),
    ):
        part.update(change or {})
        for key in [key for key, value in part.items() if value is None]:
            del part[key]
    return str(yaml.safe_dump(config))


async def count_namespaces(cluster: SimulatedCluster, kubeconfig: str = "") -> int:
    async with open_client(cluster, kubeconfig=kubeconfig) as client:
        return len(items((await client.observe(())).namespaces))


async def test_its_own_authority_is_trusted() -> None:
    with secure_cluster() as cluster:
        assert await count_namespaces(cluster) == 2


async def test_another_authority_is_not() -> None:
    with secure_cluster() as cluster:
        other = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
        text = edit_kubeconfig(cluster.kubeconfig, cluster={"certificate-authority-data": other})
        with pytest.raises(RemoteError, match="certificate-authority-data") as excinfo:
            await count_namespaces(cluster, text)
    assert excinfo.value.reason in {Reason.UNKNOWN_AUTHORITY, Reason.TLS_MISSING}
    assert cluster.requests == []


async def test_the_machines_authorities_do_not_know_it() -> None:
    with secure_cluster() as cluster:
        text = edit_kubeconfig(cluster.kubeconfig, cluster={"certificate-authority-data": None})
        with pytest.raises(RemoteError, match="certificate-authority-data") as excinfo:
            await count_namespaces(cluster, text)
    assert excinfo.value.reason == Reason.UNKNOWN_AUTHORITY


async def test_another_name_is_refused_and_can_be_said() -> None:
    with secure_cluster("inner.test") as cluster:
        with pytest.raises(RemoteError, match="tls-server-name") as excinfo:
            await count_namespaces(cluster)
        assert excinfo.value.reason == Reason.WRONG_HOST_NAME
        kubeconfig = edit_kubeconfig(cluster.kubeconfig, cluster={"tls-server-name": "inner.test"})
        assert await count_namespaces(cluster, kubeconfig) == 2


async def test_a_wrong_server_name_is_refused() -> None:
    with secure_cluster() as cluster:
        kubeconfig = edit_kubeconfig(cluster.kubeconfig, cluster={"tls-server-name": "inner.test"})
        with raises_reason(Reason.WRONG_HOST_NAME, "tls-server-name", transient=False):
            await count_namespaces(cluster, kubeconfig)
    assert cluster.requests == []


async def test_verification_can_be_switched_off() -> None:
    with secure_cluster("inner.test") as cluster:
        change = {"insecure-skip-tls-verify": True, "certificate-authority-data": None}
        assert (
            await count_namespaces(cluster, edit_kubeconfig(cluster.kubeconfig, cluster=change))
            == 2
        )


async def test_a_port_that_speaks_no_tls(cluster: SimulatedCluster) -> None:
    cluster.url = cluster.url.replace("http:", "https:")
    with pytest.raises(RemoteError, match="is an https address") as excinfo:
        await count_namespaces(cluster)
    assert excinfo.value.reason == Reason.TLS_MISSING


async def test_a_client_certificate_is_shown_and_its_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    leaf = AUTHORITY.issue_cert("client.test")
    user = {
        "client-certificate-data": base64.b64encode(leaf.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(leaf.private_key_pem.bytes()).decode(),
    }
    with secure_cluster(mutual=True) as cluster:
        with pytest.raises(RemoteError):
            await count_namespaces(cluster)
        assert await count_namespaces(cluster, edit_kubeconfig(cluster.kubeconfig, user=user)) == 2
    assert list(tmp_path.iterdir()) == []


async def test_a_key_of_another_certificate_is_refused() -> None:
    certificate, other_certificate = (
        AUTHORITY.issue_cert("one.test"),
        AUTHORITY.issue_cert("other.test"),
    )
    user = {
        "client-certificate-data": base64.b64encode(
            certificate.cert_chain_pems[0].bytes()
        ).decode(),
        "client-key-data": base64.b64encode(other_certificate.private_key_pem.bytes()).decode(),
    }
    with (
        secure_cluster() as cluster,
        pytest.raises(RemoteError, match="do not match") as excinfo,
    ):
        await count_namespaces(cluster, edit_kubeconfig(cluster.kubeconfig, user=user))
    assert excinfo.value.reason == Reason.CREDENTIALS_MISSING


async def test_an_unusable_kubeconfig_is_an_error_of_the_cluster(cluster: SimulatedCluster) -> None:
    with pytest.raises(
        RemoteError, match=r"cluster prod-eu: .*not a YAML or JSON mapping"
    ) as excinfo:
        await count_namespaces(cluster, "nothing")
    assert excinfo.value.reason == Reason.CREDENTIALS_MISSING


def write_service_account(folder: Path, token: str) -> Path:
    """What a pod finds of its ServiceAccount."""
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(AUTHORITY.cert_pem.bytes())
    return folder


def open_in_pod(service_account: Path) -> AbstractAsyncContextManager[ClusterClient]:
    """Open a client as a run in a pod does."""
    return create_cluster_client(
        CLUSTER,
        None,
        QUICK,
        fingerprint=fingerprint,
        installation=INSTALLATION_ID,
        service_account=service_account,
    )


async def test_from_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with secure_cluster() as cluster:
        host, _, port = cluster.url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        account = write_service_account(tmp_path, cluster.token)
        async with open_in_pod(account) as client:
            assert len(items((await client.observe(())).namespaces)) == 2


async def test_a_replaced_token_of_the_pod_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    recorder = Recorder()
    with run_server(recorder.app, ssl_context=context) as url:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", url.rpartition(":")[2])
        account = write_service_account(tmp_path, "first")
        async with open_in_pod(account) as client:
            await client.observe(())
            (account / "token").write_text("second\n")
            await client.observe(())
            (account / "token").unlink()  # while Kubernetes replaces it
            await client.observe(())
    tokens = [request.headers["authorization"] for request in recorder.requests]
    assert tokens == ["Bearer first"] * 3 + ["Bearer second"] * 6


@pytest.mark.parametrize("file", ["token", "ca.crt"])
async def test_an_empty_file_of_the_pod_is_refused(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its CA, the token would be sent to whoever has a certificate of a public CA."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    account = write_service_account(tmp_path, "token")
    (account / file).write_text("")
    with raises_reason(Reason.CREDENTIALS_MISSING, "does not run in a cluster"):
        async with open_in_pod(account):
            pass


async def test_within_there_is_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(RemoteError, match="does not run in a cluster") as excinfo:
        async with open_in_pod(tmp_path):
            pass
    assert excinfo.value.reason == Reason.CREDENTIALS_MISSING


async def test_the_kubeconfig_is_not_told(cluster: SimulatedCluster) -> None:
    async with create_cluster_client(
        CLUSTER,
        SecretStr(cluster.kubeconfig),
        QUICK,
        fingerprint=fingerprint,
        installation=INSTALLATION_ID,
    ) as client:
        assert cluster.token not in repr(client)
