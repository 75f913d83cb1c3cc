"""Which kubeconfigs can be used, and what is said of the others."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import trustme
import yaml

from models.core.errors import InvalidRequest
from tasks.clusters.kubeconfig import MAX_KUBECONFIG_LENGTH, Kubeconfig, parse_kubeconfig

TOKEN = "secret-token-Q7"
AUTHORITY = trustme.CA()
LEAF = AUTHORITY.issue_cert("client.test")
CA_PEM = AUTHORITY.cert_pem.bytes()
CERTIFICATE = LEAF.cert_chain_pems[0].bytes()
KEY = LEAF.private_key_pem.bytes()

Config = dict[str, Any]


def encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()


def config(
    *, cluster: Config | None = None, user: Config | None = None, **overrides: Any
) -> Config:
    base: Config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "eu", "cluster": {"server": "https://k8s.test:6443", **(cluster or {})}}
        ],
        "users": [{"name": "bot", "user": {"token": TOKEN} if user is None else user}],
        "contexts": [{"name": "prod", "context": {"cluster": "eu", "user": "bot"}}],
        "current-context": "prod",
    }
    return {**base, **overrides}


def test_a_token() -> None:
    kubeconfig = parse_kubeconfig(yaml.safe_dump(config()))
    assert kubeconfig == Kubeconfig(server="https://k8s.test:6443", token=TOKEN)
    assert kubeconfig.verify_tls
    assert TOKEN not in repr(kubeconfig)


def test_json_in_one_line_is_fine() -> None:
    assert parse_kubeconfig(json.dumps(config())).token == TOKEN


def test_a_client_certificate() -> None:
    user = {"client-certificate-data": encoded(CERTIFICATE), "client-key-data": encoded(KEY)}
    cluster = {"certificate-authority-data": encoded(CA_PEM), "tls-server-name": "inner.test"}
    kubeconfig = parse_kubeconfig(yaml.safe_dump(config(cluster=cluster, user=user)))
    assert (kubeconfig.certificate, kubeconfig.key) == (CERTIFICATE.decode(), KEY.decode())
    assert kubeconfig.ca_data == CA_PEM.decode()
    assert (kubeconfig.server_name, kubeconfig.token) == ("inner.test", "")
    assert "BEGIN" not in repr(kubeconfig)


def test_verification_can_be_switched_off_and_is_told() -> None:
    text = yaml.safe_dump(config(cluster={"insecure-skip-tls-verify": True}))
    assert not parse_kubeconfig(text).verify_tls


def test_the_only_context_needs_no_name() -> None:
    assert parse_kubeconfig(yaml.safe_dump({**config(), "current-context": ""})).token == TOKEN


def test_the_current_context_is_taken() -> None:
    contexts = [
        {"name": "other", "context": {"cluster": "none", "user": "none"}},
        {"name": "prod", "context": {"cluster": "eu", "user": "bot"}},
    ]
    assert parse_kubeconfig(yaml.safe_dump(config(contexts=contexts))).token == TOKEN


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://k8s.test/", "https://k8s.test"),
        ("https://rancher.test/k8s/clusters/c-1", "https://rancher.test/k8s/clusters/c-1"),
        ("https://[fd00::1]:6443", "https://[fd00::1]:6443"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://localhost:8001", "http://localhost:8001"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_servers(server: str, expected: str) -> None:
    assert parse_kubeconfig(yaml.safe_dump(config(cluster={"server": server}))).server == expected


def dumped(**parts: Any) -> Callable[[], str]:
    return lambda: yaml.safe_dump(config(**parts))


BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
"""Ten thousand million values in 500 characters, if it is written out."""

TWO = [{"name": name, "context": {"cluster": "eu", "user": "bot"}} for name in ("a", "b")]
HALF = {"client-certificate-data": encoded(CERTIFICATE)}
WITH_USER = f"https://jane:{TOKEN}@k8s.test"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lambda: "", "not a YAML or JSON mapping"),
        (lambda: f"- {TOKEN}", "not a YAML or JSON mapping"),
        (lambda: f"a: [{TOKEN}", "not a YAML or JSON mapping"),
        (lambda: f"a: !!python/name:os.{TOKEN} ''", "not a YAML or JSON mapping"),
        (lambda: "{" * 5000, "nested more than 20 levels"),
        (lambda: "x" * (MAX_KUBECONFIG_LENGTH + 1), "longer than"),
        (lambda: BOMB, "has YAML aliases"),
        (lambda: "a: &a [*a]", "has YAML aliases"),
        (lambda: dumped()() + "<<: *a", "has YAML aliases"),
        (lambda: "[" * 5000, "nested more than 20 levels"),
        (lambda: "- " * 5000, "nested more than 20 levels"),
        (lambda: "a: b\n" * 20_000, "more than 5,000 values"),
        (lambda: "a: !!int ''", "0 contexts"),
        (lambda: "a: !!bool x", "not a YAML or JSON mapping"),
        (lambda: "a: !!timestamp x", "0 contexts"),
        (lambda: "a: 1" + ":1" * 90_000 + ".5", "0 contexts"),
        (lambda: "{}", "0 contexts"),
        (dumped(contexts=TWO, **{"current-context": ""}), "2 contexts"),
        (dumped(**{"current-context": "dev"}), "'dev' is not among"),
        (dumped(clusters=[]), "the cluster 'eu'"),
        (dumped(clusters=None), "the cluster 'eu'"),
        (dumped(users=[]), "the user of its context is missing"),
        (dumped(user={}), "neither a token nor"),
        (dumped(user={"exec": {"command": TOKEN}}), "'exec'.*run a program.*ServiceAccount"),
        (dumped(user={"auth-provider": {"name": "oidc"}}), "'auth-provider'.*ServiceAccount"),
        (dumped(user={"tokenFile": "/x"}), "'tokenFile' refers to a file.*--flatten"),
        (dumped(user={"client-certificate": "/x"}), "'client-certificate' refers to a file"),
        (dumped(user={"client-key": "/x"}), "'client-key' refers to a file"),
        (
            dumped(cluster={"certificate-authority": "/x"}),
            "'certificate-authority' refers to a file",
        ),
        (dumped(user={"username": "jane", "password": TOKEN}), "has a password"),
        (dumped(user={"token": TOKEN, "as": "root"}), "impersonates another user"),
        (dumped(cluster={"proxy-url": "http://p.test"}), "'proxy-url', which is not supported"),
        (dumped(user={"token": f"{TOKEN} x"}), "spaces or line breaks"),
        (dumped(user={"token": 17}), "token is not a string"),
        (dumped(user=HALF), "client-certificate-data or client-key-data is missing"),
        (dumped(user={"client-key-data": TOKEN}), "is not an unencrypted"),
        (dumped(cluster={"certificate-authority-data": TOKEN}), "is not an unencrypted"),
        (dumped(cluster={"certificate-authority-data": encoded(KEY)}), "is not an unencrypted"),
        (dumped(cluster={"server": ""}), "is not a valid address"),
        (dumped(cluster={"server": TOKEN}), "is not a valid address"),
        (dumped(cluster={"server": "https://k8s.test:x"}), "is not a valid address"),
        (dumped(cluster={"server": "ftp://k8s.test"}), "is not a valid address"),
        (dumped(cluster={"server": "http://k8s.test"}), "http://k8s.test is not https"),
        (dumped(cluster={"server": WITH_USER}), "https://k8s.test contains a user name"),
    ],
)
def test_refused(text: Callable[[], str], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as excinfo:
        parse_kubeconfig(text())
    assert TOKEN not in str(excinfo.value)
    assert "What to do:" in str(excinfo.value)


def test_a_broken_authority_is_refused() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    with pytest.raises(InvalidRequest, match="its certificate-authority-data is not valid"):
        parse_kubeconfig(dumped(cluster={"certificate-authority-data": encoded(broken)})())
