"""Client certificates: which are usable, and what servers that require one answer."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from prefect.client.schemas.objects import BlockDocument
from pydantic import SecretStr

from models.core.errors import CredentialError, RemoteError
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus
from models.registries.health import checks_from_error, first_failure
from models.registries.registry import CertificateRef, CustomCA, Kind
from tasks.http.connection.client_certificate import (
    ClientCertificate,
    certificate_error,
    load_client_certificate,
)
from tasks.registries.handshake import check_connection
from tasks.registries.protocol import Credential, SavedCredential
from tasks.secrets.client_certificates import parse_certificate
from tasks.secrets.credentials import pick_client_certificate
from tests.real.docker_registry import running_docker_registry
from tests.real.nginx import running_nginx
from tests.support.builders import registry
from tests.tasks.registries.tools import open_client

CA, OTHER_CA = trustme.CA(), trustme.CA()
OWN_TRUST = CustomCA(bundle=CA.cert_pem.bytes().decode())
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
USER = Credential("puller", SecretStr("pw"))


def _issue(
    ca: trustme.CA = CA, first: timedelta = -DAY, last: timedelta = DAY
) -> ClientCertificate:
    leaf = ca.issue_cert("client.test", not_before=NOW + first, not_after=NOW + last)
    chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    return ClientCertificate(chain.decode(), SecretStr(leaf.private_key_pem.bytes().decode()))


GOOD, OTHER = _issue(), _issue()
KEY = GOOD.key.get_secret_value()


def _encrypted(key: str) -> str:
    encryption = BestAvailableEncryption(b"passphrase")
    private_key = load_pem_private_key(key.encode(), None)
    return private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


@pytest.mark.parametrize(
    ("certificate", "key", "error"),
    [
        (GOOD.certificate, KEY, ""),
        (GOOD.certificate, OTHER.key.get_secret_value(), "does not belong to its (first) cert"),
        (GOOD.certificate, _encrypted(KEY), "encrypted: save it without a passphrase"),
        (GOOD.certificate, "secret-Q7", "no valid private key"),
        (GOOD.certificate, GOOD.certificate, "no valid private key"),
        ("secret-Q7", KEY, "no valid certificate"),
        (KEY, KEY, "no valid certificate"),
        (_issue(last=-timedelta(hours=1)).certificate, None, "expired on"),
        (_issue(first=timedelta(hours=1)).certificate, None, "not valid before"),
    ],
)
def test_which_can_be_used(certificate: str, key: str | None, error: str) -> None:
    if key is None:
        issued = _issue(last=-timedelta(hours=1)) if "expired" in error else _issue(first=DAY / 2)
        certificate, key = issued.certificate, issued.key.get_secret_value()
    actual = certificate_error(certificate, SecretStr(key), NOW)
    assert error in actual
    assert bool(actual) is bool(error)
    assert "secret-Q7" not in actual


def _document(**data: str) -> BlockDocument:
    return BlockDocument(name="mtls", data=data, block_schema_id=uuid4(), block_type_id=uuid4())


@pytest.mark.parametrize(
    ("data", "reason", "error"),
    [
        ({"certificate": GOOD.certificate}, Reason.CREDENTIALS_MISSING, "has no 'Private key"),
        ({"key": KEY}, Reason.CREDENTIALS_MISSING, "has no 'Certificate (PEM)'"),
        (
            {"certificate": GOOD.certificate, "key": OTHER.key.get_secret_value()},
            Reason.CLIENT_CERTIFICATE_INVALID,
            "client-certificate/mtls cannot be used: its private key does not belong",
        ),
    ],
)
def test_a_block_that_cannot_be_used(data: dict[str, str], reason: Reason, error: str) -> None:
    certificate = parse_certificate(_document(**data))
    assert error in certificate.error
    target = registry().model_copy(update={"client_certificate": CertificateRef(name="mtls")})
    saved = SavedCredential(certificate, frozenset({target.address}))
    with pytest.raises(CredentialError, match="/mtls") as excinfo:
        pick_client_certificate(target, {"client-certificate/mtls": saved})
    assert excinfo.value.reason is reason
    assert KEY not in str(excinfo.value) + repr(certificate) + repr(parse_certificate(_document()))


def test_it_goes_only_where_it_was_given_for() -> None:
    target = registry(Kind.DOCKER, token_service="https://auth.test").model_copy(
        update={"client_certificate": CertificateRef(name="mtls")}
    )
    key, both = "client-certificate/mtls", {target.address, "https://auth.test"}
    for origins in (
        frozenset[str](),
        frozenset({target.address}),
        frozenset({"https://auth.test"}),
    ):
        with pytest.raises(CredentialError, match="not approved for") as excinfo:
            pick_client_certificate(target, {key: SavedCredential(GOOD, origins)})
        assert excinfo.value.reason is Reason.CREDENTIAL_NOT_FOR_ORIGIN
    assert pick_client_certificate(target, {key: SavedCredential(GOOD, frozenset(both))}) is GOOD
    with pytest.raises(CredentialError, match="client-certificate/mtls does not exist"):
        pick_client_certificate(target, {"mtls": SavedCredential(USER, frozenset(both))})


@contextmanager
def _running(server: str) -> Iterator[str]:
    leaf = CA.issue_cert("127.0.0.1")
    with (
        leaf.cert_chain_pems[0].tempfile() as certificate,
        leaf.private_key_pem.tempfile() as key,
        CA.cert_pem.tempfile() as authority,
    ):
        cert, client_ca, users = (Path(certificate), Path(key)), Path(authority), {"puller": "pw"}
        if server == "docker-registry":
            with running_docker_registry(users=users, cert=cert, client_ca=client_ca) as url:
                yield url
        else:
            with (
                running_docker_registry() as upstream,
                running_nginx(upstream, users, cert, client_ca) as url,
            ):
                yield url


async def _probe(url: str, certificate: ClientCertificate | None) -> tuple[CheckResult, ...]:
    target = registry(Kind.DOCKER, address=url, tls=OWN_TRUST)
    checks = await check_connection(target, 5, certificate)
    try:
        async with open_client(
            url, Kind.DOCKER, USER, tls=OWN_TRUST, certificate=certificate
        ) as client:
            checks += await client.probe()
            pull_user = await client.log_in_pull_user(USER)
            return *checks, pull_user.check
    except RemoteError as error:
        return *checks, *checks_from_error(error)


@pytest.mark.parametrize("server", ["docker-registry", "nginx"])
async def test_a_server_that_requires_one(server: str) -> None:
    with _running(server) as url:
        checks = await _probe(url, GOOD)
        assert first_failure(checks) is None
        assert checks[-1].reason is Reason.CREDENTIALS_ACCEPTED
        missing = first_failure(await _probe(url, None))
        assert missing is not None
        assert missing.reason is Reason.CLIENT_CERTIFICATE_REQUIRED
        refused = first_failure(await _probe(url, _issue(OTHER_CA)))
        assert refused is not None
        assert (refused.status, refused.reason) == (
            ConditionStatus.FALSE,
            Reason.CLIENT_CERTIFICATE_REFUSED,
        )
        assert "CA that the server trusts" in refused.message + refused.advice


def test_the_key_is_not_left_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for has_memory_files in (True, False):
        if not has_memory_files:
            monkeypatch.delattr("os.memfd_create")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        load_client_certificate(context, GOOD)
        assert not list(tmp_path.iterdir())
