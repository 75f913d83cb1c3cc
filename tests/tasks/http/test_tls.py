"""Certificates: whom we trust, and what is said of the others."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from deployments.simulators.server import running
from models.core.errors import TlsFailed
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Status
from models.registries.health import failed
from models.registries.registry import NoVerification, OwnAuthority, SystemTrust, Tls
from tasks.http import tls
from tasks.registries.handshake import knock
from tests.support.builders import registry
from tests.tasks.registries.tools import harbor, items, opened

CA = trustme.CA()
OWN = OwnAuthority(bundle=CA.cert_pem.bytes().decode())
HOST = "127.0.0.1"
THEN = datetime.now(UTC)


@contextmanager
def _served(certificate: str) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate == "self-signed":
        with CA.cert_pem.tempfile() as certificate_file, CA.private_key_pem.tempfile() as key:
            context.load_cert_chain(certificate_file, key)
    elif certificate == "wrong name":
        CA.issue_cert("harbor.example.com").configure_cert(context)
    else:
        first, last = {"good": (0, 9), "expired": (-9, -1), "not yet valid": (1, 9)}[certificate]
        day = timedelta(days=1)
        leaf = CA.issue_cert(HOST, not_before=THEN + first * day, not_after=THEN + last * day)
        leaf.configure_cert(context)
    with running(harbor().app, ssl_context=context) as url:
        yield url


@pytest.mark.parametrize(
    ("certificate", "trust", "reason", "advice"),
    [
        ("self-signed", SystemTrust(), Reason.SELF_SIGNED, "(here: the certificate itself)"),
        ("good", SystemTrust(), Reason.UNKNOWN_AUTHORITY, "add the authority's certificate"),
        ("wrong name", OWN, Reason.WRONG_HOST_NAME, "use the name that the certificate is for"),
        ("expired", OWN, Reason.CERTIFICATE_EXPIRED, "renew the certificate"),
        ("not yet valid", OWN, Reason.TLS_UNTRUSTED, "compare the clocks"),
    ],
)
async def test_refused_with_what_to_do(
    certificate: str, trust: Tls, reason: Reason, advice: str
) -> None:
    with _served(certificate) as url:
        verdict = failed(await knock(registry(address=url, tls=trust), 2))
        assert verdict is not None
        assert (verdict.type, verdict.reason) == (ConditionType.TLS_TRUSTED, reason)
        assert advice in verdict.advice
        async with opened(url, tls=trust) as client:
            with pytest.raises(TlsFailed) as caught:
                await client.look()
        assert caught.value.reason is reason
        assert advice in caught.value.said


@pytest.mark.parametrize("certificate", ["good", "expired", "wrong name"])
async def test_without_verification_anything_goes_and_is_told(certificate: str) -> None:
    with _served(certificate) as url:
        *_, last = await knock(registry(address=url, tls=NoVerification()), 2)
        assert (last.status, last.reason) == (Status.UNKNOWN, Reason.VERIFICATION_OFF)
        async with opened(url, tls=NoVerification()) as client:
            assert len(items(await client.look())) == 1


async def test_an_own_authority_is_trusted() -> None:
    with _served("good") as url:
        *_, last = await knock(registry(address=url, tls=OWN), 2)
        assert (last.status, last.reason) == (Status.TRUE, Reason.CERTIFICATE_TRUSTED)
        async with opened(url, tls=OWN) as client:
            assert len(items(await client.look())) == 1


async def test_https_towards_plain_http() -> None:
    with running(harbor().app) as url:
        address = url.replace("http://", "https://")
        verdict = failed(await knock(registry(address=address), 2))
        assert verdict is not None
        assert (verdict.step, verdict.reason) == ("TLS", Reason.TLS_UNTRUSTED)
        assert verdict.advice == "is this an https address?"
        async with opened(address) as client:
            with pytest.raises(TlsFailed, match="is this an https address"):
                await client.look()


def _refused(code: int, said: str = "said") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, said
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
    found, said = tls.refusal(_refused(code))
    assert found is reason
    assert said.startswith("said: ")
    assert ("own certificate authority" in said.lower()) is (
        reason in (Reason.SELF_SIGNED, Reason.UNKNOWN_AUTHORITY)
    )


@pytest.mark.parametrize("error", [ssl.SSLError(1, "[SSL] x"), ssl.SSLError()])
def test_any_other_handshake_failure(error: ssl.SSLError) -> None:
    reason, said = tls.refusal(error)
    assert reason is Reason.TLS_UNTRUSTED
    assert said.endswith("is this an https address?")


def test_one_context_for_one_trust() -> None:
    assert tls.context_for(OWN) is tls.context_for(OwnAuthority(bundle=OWN.bundle))
    assert tls.context_for(NoVerification()).verify_mode is ssl.CERT_NONE
    assert tls.context_for(SystemTrust()).check_hostname
