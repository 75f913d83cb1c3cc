"""Registries and their TLS settings."""

import pytest
import trustme
from pydantic import TypeAdapter, ValidationError

from models.registries.registry import CustomCA, SkipVerify, SystemCA, Tls

TLS: TypeAdapter[SystemCA | CustomCA | SkipVerify] = TypeAdapter(Tls)
CA = trustme.CA().cert_pem.bytes().decode()


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        (CA, CA),
        (CA.replace("\n", "\r\n"), CA),
        (f"\n\n  {CA.replace(chr(10), chr(10) + '    ')}", CA),
        (f"subject=O=Größe\n{CA}\nissuer\n{CA}", CA + CA),
    ],
    ids=range(4),  # each process creates another CA
)
def test_an_authority_is_taken_as_it_is_pasted(bundle: str, expected: str) -> None:
    read = TLS.validate_python({"mode": "ca", "bundle": bundle})
    assert read == CustomCA(bundle=expected)
    assert TLS.validate_json(TLS.dump_json(read)) == read


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        ("", "no certificate found"),
        ("-----BEGIN CERTIFICATE-----", "no certificate found"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "invalid certificate"),
        (CA.replace("M", "W", 20), "invalid certificate"),
        (CA[:200] + CA[-60:], "invalid certificate"),
        (CA.replace("M", "ü", 1), "invalid certificate"),
        ("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "a private key"),
        (CA + "-----BEGIN EC PRIVATE KEY-----\nhunter2", "a private key"),
    ],
    ids=range(8),
)
def test_what_is_no_authority_is_refused_and_not_repeated(bundle: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as excinfo:
        CustomCA(bundle=bundle)
    assert "hunter2" not in str(excinfo.value)


def test_modes_do_not_mix() -> None:
    with pytest.raises(ValidationError):
        TLS.validate_python({"mode": "insecure", "bundle": CA})
