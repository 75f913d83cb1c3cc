"""A pull secret opens images with and without the default port, proved by skopeo."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from models.access.entitlement import PullUser, logins_by_workspace
from models.registries.registry import Kind
from tasks.access.pull_secret_contents import build_dockerconfigjson
from tests.real.docker_registry import push, running_docker_registry
from tests.real.skip import program
from tests.support.builders import registry

CA = trustme.CA()
HOST, PORT = "127.43.43.43", 443
USER, PASSWORD = "puller", "pull-Pw-12345"


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real registry with TLS and htpasswd on the default port of https."""
    program("skopeo", "apt-get install skopeo")
    try:
        socket.create_server((HOST, PORT)).close()
    except OSError as error:
        pytest.skip(f"port {PORT} of {HOST} cannot be used ({error.strerror}); run as root")
    authority, certificate, key = (tmp_path / name for name in ("ca.crt", "server.crt", "server.k"))
    leaf = CA.issue_cert(HOST)
    CA.cert_pem.write_to_path(authority)
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    cert, users = (certificate, key), {USER: PASSWORD}
    with running_docker_registry(users=users, cert=cert, address=(HOST, PORT)):
        push(f"https://{HOST}", "team/app", "1", (USER, PASSWORD))
        yield f"https://{HOST}"


def _pull_secret(address: str) -> dict[str, Any]:
    target = registry(Kind.DOCKER, address=address)
    users = [PullUser(registry=target.name, username=USER)]
    logins = logins_by_workspace([target], [(target.name, "team")], [], users, [])["team"]
    content = build_dockerconfigjson(logins, {(target.name, None): SecretStr(PASSWORD)})
    secret: dict[str, Any] = json.loads(content)
    return secret


def _inspect(image: str, secret: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    authfile = folder / "auth.json"
    authfile.write_text(json.dumps(secret))
    command = [program("skopeo", "apt-get install skopeo"), "inspect", "--raw"]
    command += ["--authfile", str(authfile), f"docker://{image}"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_both_forms_of_a_default_port(address: str, tmp_path: Path) -> None:
    secret = _pull_secret(address)
    forms = [HOST, f"{HOST}:{PORT}"]
    assert sorted(secret["auths"]) == forms
    for host in forms:
        result = _inspect(f"{host}/team/app:1", secret, tmp_path)
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["layers"]
        # Each form needs a key of its own: without it, the other one is not used.
        other_keys = {"auths": {key: secret["auths"][key] for key in forms if key != host}}
        result = _inspect(f"{host}/team/app:1", other_keys, tmp_path)
        assert result.returncode != 0
        assert "unauthorized" in result.stderr
