"""The matrix of `make live`, against Debian's docker-registry in several set-ups."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from tests.live.registry_matrix import parse_matrix, try_registry
from tests.real.docker_registry import push, running_docker_registry
from tests.real.nginx import running_nginx

USERS = {"puller": "pull-Pw-12345"}
LOGIN = ("puller", "pull-Pw-12345")
NAMES = ("open", "htpasswd", "tls", "mutual_tls", "nginx")


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Five registries, and the variables that name them."""
    ca = trustme.CA()
    leaf, client = ca.issue_cert("127.0.0.1"), ca.issue_cert("client.test")
    names = ("ca", "server.crt", "server.key", "client.crt", "client.key")
    authority, certificate, key, client_certificate, client_key = (tmp_path / n for n in names)
    ca.cert_pem.write_to_path(authority)
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    client.cert_chain_pems[0].write_to_path(client_certificate)
    client.private_key_pem.write_to_path(client_key)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    cert = certificate, key
    with ExitStack() as stack:

        def run(**options: object) -> str:
            return stack.enter_context(running_docker_registry(**options))  # type: ignore[arg-type]

        urls = {
            "open": run(),
            "htpasswd": run(users=USERS),
            "tls": run(users=USERS, cert=cert),
            "mutual_tls": run(cert=cert, client_ca=authority),
        }
        push(urls["open"], "team/app", "1")
        push(urls["htpasswd"], "team/app", "1", LOGIN)
        push(urls["tls"], "team/app", "1", LOGIN)
        urls["nginx"] = stack.enter_context(running_nginx(urls["open"], USERS, cert))
        yield {
            "DOCKER_REGISTRY_URLS": " ".join(f"{name}={url}" for name, url in urls.items()),
            **{
                f"DOCKER_REGISTRY_{name}_{field}": value
                for name in ("HTPASSWD", "TLS", "NGINX")
                for field, value in zip(("USERNAME", "PASSWORD"), LOGIN, strict=True)
            },
            **{f"DOCKER_REGISTRY_{name}_CA_FILE": str(authority) for name in ("TLS", "NGINX")},
            "DOCKER_REGISTRY_MUTUAL_TLS_CA_FILE": str(authority),
            "DOCKER_REGISTRY_MUTUAL_TLS_CLIENT_CERTIFICATE_FILE": str(client_certificate),
            "DOCKER_REGISTRY_MUTUAL_TLS_CLIENT_KEY_FILE": str(client_key),
        }


async def test_every_set_up_works(variables: dict[str, str]) -> None:
    results = {entry.name: await try_registry(entry) for entry in parse_matrix(variables)}
    print("", *(result.line for result in results.values()), sep="\n")
    assert tuple(results) == NAMES
    assert {name: result.error for name, result in results.items() if result.error} == {}
    images = {name for name, result in results.items() if "manifest of team/app:1" in result.images}
    assert images == set(NAMES) - {"mutual_tls"}
    refused = {name for name, result in results.items() if result.wrong_password}
    assert refused == {"htpasswd", "tls", "nginx"}


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("HTPASSWD_PASSWORD", "wrong-Pw", "BadCredentials"),
        ("HTPASSWD_USERNAME", "", "CredentialsMissing"),
        ("TLS_CA_FILE", "", "UnknownAuthority"),
        ("MUTUAL_TLS_CLIENT_CERTIFICATE_FILE", "", "ClientCertificateRequired"),
    ],
)
async def test_a_set_up_that_is_wrong_is_named(
    variables: dict[str, str], field: str, value: str, error: str
) -> None:
    entries = parse_matrix({**variables, f"DOCKER_REGISTRY_{field}": value})
    name = field.removesuffix("_CLIENT_CERTIFICATE_FILE").partition("_")[0].lower()
    (entry,) = (entry for entry in entries if entry.name.partition("_")[0] == name)
    result = await try_registry(entry)
    assert error in result.error
    assert "wrong-Pw" not in result.line


@pytest.mark.parametrize("text", ["http://there", "a=ftp://x", "A=http://x", "a=http://x b"])
def test_a_part_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="1 parts of DOCKER_REGISTRY_URLS are not name="):
        parse_matrix({"DOCKER_REGISTRY_URLS": text})
