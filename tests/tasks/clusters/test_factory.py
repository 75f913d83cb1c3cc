"""Ways to a cluster: TLS, client certificates, and from within."""

import base64
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from pydantic import SecretStr

from deployments.simulators.kubernetes import EmulatedCluster, running_cluster
from models.core.errors import ClusterError
from models.core.reasons import Reason
from tasks.clusters.factory import connect
from tests.tasks.clusters.tools import CLUSTER, QUICK, US, fingerprint, items, opened

AUTHORITY = trustme.CA()


@contextmanager
def secure(*names: str, mutual: bool = False) -> Iterator[EmulatedCluster]:
    """A cluster behind https; `mutual` wants a client certificate of the same authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(*(names or ("127.0.0.1",))).configure_cert(context)
    if mutual:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    authority = AUTHORITY.cert_pem.bytes().decode()
    with running_cluster(ssl_context=context, authority=authority) as cluster:
        yield cluster


def changed(kubeconfig: str, *, cluster: Any = None, user: Any = None) -> str:
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


async def looked(cluster: EmulatedCluster, kubeconfig: str = "") -> int:
    async with opened(cluster, kubeconfig=kubeconfig) as client:
        return len(items((await client.look(())).namespaces))


async def test_its_own_authority_is_trusted() -> None:
    with secure() as cluster:
        assert await looked(cluster) == 2


async def test_another_authority_is_not() -> None:
    with secure() as cluster:
        other = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
        text = changed(cluster.kubeconfig, cluster={"certificate-authority-data": other})
        with pytest.raises(ClusterError, match="certificate-authority-data") as caught:
            await looked(cluster, text)
    assert caught.value.reason in {Reason.UNKNOWN_AUTHORITY, Reason.TLS_UNTRUSTED}
    assert cluster.requests == []


async def test_the_machines_authorities_do_not_know_it() -> None:
    with secure() as cluster:
        text = changed(cluster.kubeconfig, cluster={"certificate-authority-data": None})
        with pytest.raises(ClusterError, match="certificate-authority-data") as caught:
            await looked(cluster, text)
    assert caught.value.reason == Reason.UNKNOWN_AUTHORITY


async def test_another_name_is_refused_and_can_be_said() -> None:
    with secure("inner.test") as cluster:
        with pytest.raises(ClusterError, match="tls-server-name") as caught:
            await looked(cluster)
        assert caught.value.reason == Reason.WRONG_HOST_NAME
        named = changed(cluster.kubeconfig, cluster={"tls-server-name": "inner.test"})
        assert await looked(cluster, named) == 2


async def test_verification_can_be_switched_off() -> None:
    with secure("inner.test") as cluster:
        change = {"insecure-skip-tls-verify": True, "certificate-authority-data": None}
        assert await looked(cluster, changed(cluster.kubeconfig, cluster=change)) == 2


async def test_a_port_that_speaks_no_tls(cluster: EmulatedCluster) -> None:
    cluster.url = cluster.url.replace("http:", "https:")
    with pytest.raises(ClusterError, match="is this an https address") as caught:
        await looked(cluster)
    assert caught.value.reason == Reason.TLS_UNTRUSTED


async def test_a_client_certificate_is_shown_and_its_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    leaf = AUTHORITY.issue_cert("client.test")
    user = {
        "client-certificate-data": base64.b64encode(leaf.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(leaf.private_key_pem.bytes()).decode(),
    }
    with secure(mutual=True) as cluster:
        with pytest.raises(ClusterError):
            await looked(cluster)
        assert await looked(cluster, changed(cluster.kubeconfig, user=user)) == 2
    assert list(tmp_path.iterdir()) == []


async def test_a_key_of_another_certificate_is_refused() -> None:
    one, other = AUTHORITY.issue_cert("one.test"), AUTHORITY.issue_cert("other.test")
    user = {
        "client-certificate-data": base64.b64encode(one.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(other.private_key_pem.bytes()).decode(),
    }
    with secure() as cluster, pytest.raises(ClusterError, match="do not fit together") as caught:
        await looked(cluster, changed(cluster.kubeconfig, user=user))
    assert caught.value.reason == Reason.CREDENTIALS_MISSING


async def test_an_unusable_kubeconfig_is_an_error_of_the_cluster(cluster: EmulatedCluster) -> None:
    with pytest.raises(ClusterError, match=r"cluster prod-eu: .*no YAML") as caught:
        await looked(cluster, "nothing")
    assert caught.value.reason == Reason.CREDENTIALS_MISSING


def mounted(folder: Path, token: str) -> Path:
    """What a pod finds of its ServiceAccount."""
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_bytes(AUTHORITY.cert_pem.bytes())
    return folder


async def test_from_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with secure() as cluster:
        host, _, port = cluster.url.removeprefix("https://").partition(":")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        account = mounted(tmp_path, cluster.token)
        async with connect(
            CLUSTER, None, QUICK, fingerprint=fingerprint, installation=US, account=account
        ) as client:
            assert len(items((await client.look(())).namespaces)) == 2


async def test_within_there_is_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ClusterError, match="does not run in a cluster") as caught:
        async with connect(
            CLUSTER, None, QUICK, fingerprint=fingerprint, installation=US, account=tmp_path
        ):
            pass
    assert caught.value.reason == Reason.CREDENTIALS_MISSING


async def test_the_kubeconfig_is_not_told(cluster: EmulatedCluster) -> None:
    async with connect(
        CLUSTER,
        SecretStr(cluster.kubeconfig),
        QUICK,
        fingerprint=fingerprint,
        installation=US,
    ) as client:
        assert cluster.token not in repr(client)
