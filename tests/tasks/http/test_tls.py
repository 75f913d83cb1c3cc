"""Certificates: whom we trust, and what is said of the others."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from deployments.simulators.server import run_server
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.registries.condition import CheckResult, ConditionStatus, ConditionType
from models.registries.health import checks_from_error, first_failure
from models.registries.registry import CustomCA, Kind, Registry, SkipVerify, SystemCA, Tls
from tasks.http import tls
from tasks.registries.handshake import check_connection
from tasks.registries.server import TLS_ADVICE, registry_tls_context
from tests.real.docker_registry import running_docker_registry
from tests.real.nginx import running_nginx
from tests.support.builders import registry
from tests.support.errors import raises_reason
from tests.tasks.registries.tools import harbor, items, open_client

CA = trustme.CA()
OWN_TRUST = CustomCA(bundle=CA.cert_pem.bytes().decode())
HOST = "127.0.0.1"
START = datetime.now(UTC)


@contextmanager
def _serve(certificate: str) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate == "self-signed":
        with CA.cert_pem.tempfile() as certificate_file, CA.private_key_pem.tempfile() as key:
            context.load_cert_chain(certificate_file, key)
    elif certificate == "wrong name":
        CA.issue_cert("harbor.example.com").configure_cert(context)
    else:
        first, last = {"good": (0, 9), "expired": (-9, -1), "not yet valid": (1, 9)}[certificate]
        day = timedelta(days=1)
        leaf = CA.issue_cert(HOST, not_before=START + first * day, not_after=START + last * day)
        leaf.configure_cert(context)
    with run_server(harbor().app, ssl_context=context) as url:
        yield url


@pytest.mark.parametrize(
    ("certificate", "trust", "reason", "advice"),
    [
        ("self-signed", SystemCA(), Reason.SELF_SIGNED, "(here: the server certificate itself)"),
        ("good", SystemCA(), Reason.UNKNOWN_AUTHORITY, "add the CA certificate"),
        (
            "wrong name",
            OWN_TRUST,
            Reason.WRONG_HOST_NAME,
            "use a host name that the certificate is issued for",
        ),
        ("expired", OWN_TRUST, Reason.CERTIFICATE_EXPIRED, "renew the certificate"),
        ("not yet valid", OWN_TRUST, Reason.TLS_UNTRUSTED, "compare the clocks"),
    ],
)
async def test_refused_with_what_to_do(
    certificate: str, trust: Tls, reason: Reason, advice: str
) -> None:
    with _serve(certificate) as url:
        verdict = first_failure(await check_connection(registry(address=url, tls=trust), 2))
        assert verdict is not None
        assert (verdict.type, verdict.reason) == (ConditionType.TLS_TRUSTED, reason)
        assert advice in verdict.advice
        async with open_client(url, tls=trust) as client:
            with raises_reason(reason) as excinfo:
                await client.observe()
        assert advice in excinfo.value.message


@pytest.mark.parametrize("certificate", ["good", "expired", "wrong name"])
async def test_without_verification_anything_goes_and_is_told(certificate: str) -> None:
    with _serve(certificate) as url:
        *_, last = await check_connection(registry(address=url, tls=SkipVerify()), 2)
        assert (last.status, last.reason) == (ConditionStatus.UNKNOWN, Reason.VERIFICATION_OFF)
        async with open_client(url, tls=SkipVerify()) as client:
            assert len(items(await client.observe())) == 1


async def test_an_own_authority_is_trusted() -> None:
    with _serve("good") as url:
        *_, last = await check_connection(registry(address=url, tls=OWN_TRUST), 2)
        assert (last.status, last.reason) == (ConditionStatus.TRUE, Reason.CERTIFICATE_TRUSTED)
        async with open_client(url, tls=OWN_TRUST) as client:
            assert len(items(await client.observe())) == 1


async def test_https_towards_plain_http() -> None:
    with run_server(harbor().app) as url:
        address = url.replace("http://", "https://")
        verdict = first_failure(await check_connection(registry(address=address), 2))
        assert verdict is not None
        assert (verdict.step, verdict.reason) == ("TLS", Reason.TLS_MISSING)
        assert verdict.advice.endswith("use an address with http://")
        async with open_client(address) as client:
            with raises_reason(Reason.TLS_MISSING, "use an address with http://"):
                await client.observe()


async def test_an_intermediate_authority_can_be_trusted_by_itself() -> None:
    intermediate = CA.create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    intermediate.issue_cert(HOST).configure_cert(context)
    trust = CustomCA(bundle=intermediate.cert_pem.bytes().decode())
    with run_server(harbor().app, ssl_context=context) as url:
        async with open_client(url, tls=trust) as client:
            assert len(items(await client.observe())) == 1


async def test_a_server_without_its_intermediate_certificate_is_told() -> None:
    leaf = CA.create_child_ca().issue_cert(HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with leaf.cert_chain_pems[0].tempfile() as certificate, leaf.private_key_pem.tempfile() as key:
        context.load_cert_chain(certificate, key)
    with run_server(harbor().app, ssl_context=context) as url:
        verdict = first_failure(await check_connection(registry(address=url, tls=OWN_TRUST), 2))
    assert verdict is not None
    assert verdict.reason is Reason.UNKNOWN_AUTHORITY
    assert "does not send its intermediate certificates" in verdict.advice


async def test_a_common_name_is_no_host_name() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(common_name="localhost").configure_cert(context)
    with run_server(harbor().app, ssl_context=context) as url:
        address = url.replace(HOST, "localhost")
        verdict = first_failure(await check_connection(registry(address=address, tls=OWN_TRUST), 2))
    assert verdict is not None
    assert verdict.reason is Reason.WRONG_HOST_NAME
    assert "the common name does not count" in verdict.advice


@contextmanager
def _certificate_files() -> Iterator[tuple[Path, Path]]:
    leaf = CA.issue_cert(HOST)
    with (
        leaf.cert_chain_pems[0].tempfile() as certificate,
        leaf.private_key_pem.tempfile() as key,
    ):
        yield Path(certificate), Path(key)


@pytest.mark.parametrize("server", ["docker-registry", "nginx"])
async def test_a_client_certificate_is_required(server: str) -> None:
    with _certificate_files() as cert, CA.cert_pem.tempfile() as client_ca:
        running = (
            running_docker_registry(cert=cert, client_ca=Path(client_ca))
            if server == "docker-registry"
            else running_nginx("http://127.0.0.1:9", {}, cert, Path(client_ca))
        )
        with running as url:
            for kind in Kind.DOCKER, Kind.HARBOR:
                verdict = first_failure(await _probe(registry(kind, address=url, tls=OWN_TRUST)))
                assert verdict is not None
                assert verdict.reason is Reason.CLIENT_CERTIFICATE_REQUIRED
                assert "certificate" in verdict.message + verdict.advice


async def _probe(target: Registry) -> tuple[CheckResult, ...]:
    connection_checks = await check_connection(target, 2)
    try:
        async with open_client(target.address, Kind(target.kind), tls=target.tls) as client:
            return *connection_checks, *await client.probe()
    except RemoteError as error:
        return *connection_checks, *checks_from_error(error)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("WRONG_VERSION_NUMBER", Reason.TLS_MISSING),
        ("UNSUPPORTED_PROTOCOL", Reason.TLS_VERSION_OUTDATED),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", Reason.CLIENT_CERTIFICATE_REQUIRED),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", Reason.TLS_UNTRUSTED),
        ("TLSV1_UNRECOGNIZED_NAME", Reason.WRONG_HOST_NAME),
        ("A_NAME_OF_NEXT_YEAR", Reason.TLS_UNTRUSTED),
    ],
)
def test_failures_by_openssls_name(name: str, reason: Reason) -> None:
    error = ssl.SSLError(1, "said")
    error.reason = name
    actual_reason, message = tls.describe_tls_error(error, TLS_ADVICE)
    assert actual_reason is reason
    assert ": " in message


def _verification_error(code: int, message: str = "said") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (9, Reason.TLS_UNTRUSTED),
        (10, Reason.CERTIFICATE_EXPIRED),
        (18, Reason.SELF_SIGNED),
        (19, Reason.UNKNOWN_AUTHORITY),
        (20, Reason.UNKNOWN_AUTHORITY),
        (21, Reason.UNKNOWN_AUTHORITY),
        (62, Reason.WRONG_HOST_NAME),
        (64, Reason.WRONG_HOST_NAME),
        (26, Reason.TLS_UNTRUSTED),
        (66, Reason.TLS_UNTRUSTED),
        (68, Reason.TLS_UNTRUSTED),
    ],
)
def test_refusals_by_openssls_code(code: int, reason: Reason) -> None:
    actual_reason, message = tls.describe_tls_error(_verification_error(code), TLS_ADVICE)
    assert actual_reason is reason
    assert message.startswith("said: ")
    assert ("own certificate authority" in message.lower()) is (
        reason in (Reason.SELF_SIGNED, Reason.UNKNOWN_AUTHORITY)
    )


@pytest.mark.parametrize("error", [ssl.SSLError(1, "[SSL] x"), ssl.SSLError()])
def test_any_other_handshake_failure(error: ssl.SSLError) -> None:
    reason, message = tls.describe_tls_error(error, TLS_ADVICE)
    assert reason is Reason.TLS_UNTRUSTED
    assert message.endswith("check that this is an https address")


def test_one_context_for_one_trust() -> None:
    def context(trust: Tls) -> ssl.SSLContext:
        return registry_tls_context(registry(tls=trust))

    assert context(OWN_TRUST) is context(CustomCA(bundle=OWN_TRUST.bundle))
    assert context(SkipVerify()).verify_mode is ssl.CERT_NONE
    assert context(SystemCA()).check_hostname
