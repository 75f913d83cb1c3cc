"""The real parts start, do what they are for, and say so when they are missing."""

import ssl
from pathlib import Path

import httpx
import pytest
import sqlalchemy
import trustme

from tests.conftest import REGISTRY_USERS
from tests.real.docker_registry import delete_manifest, push, running_docker_registry
from tests.real.postgres import Postgres
from tests.real.skip import program


def test_a_missing_part_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program is missing; install it"):
        program("no-such-program", "install it")


def test_a_missing_part_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is missing"):
        program("no-such-program", "install it")


def test_docker_registry(real_docker_registry: str) -> None:
    digest = push(real_docker_registry, "team/app", "v1")
    delete_manifest(real_docker_registry, "team/app", digest)
    tags = httpx.get(f"{real_docker_registry}/v2/team/app/tags/list").json()
    assert tags == {"name": "team/app", "tags": None}


def test_docker_registry_behind_htpasswd(real_docker_registry_basic: str) -> None:
    login = next(iter(REGISTRY_USERS.items()))
    push(real_docker_registry_basic, "team/app", "v1", login)
    assert httpx.get(f"{real_docker_registry_basic}/v2/").status_code == 401
    assert httpx.get(f"{real_docker_registry_basic}/v2/", auth=login).status_code == 200


def test_docker_registry_with_tls_on_disk(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with running_docker_registry(cert=(certificate, key), filesystem=True) as url:
        assert httpx.get(f"{url}/v2/", verify=context).status_code == 200
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/v2/")


@pytest.mark.parametrize("again", [1, 2])
def test_each_database_is_fresh(postgres_url: str, again: int) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE one (id integer)"))
    engine.dispose()


def test_two_databases_at_once(real_postgres: Postgres) -> None:
    with real_postgres.fresh_database() as first_url, real_postgres.fresh_database() as second_url:
        assert first_url != second_url
