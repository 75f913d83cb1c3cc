"""A registry that requires a client certificate, behind a proxy that requires a user."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from flows.registries.update import update_registry
from models.core.reasons import Reason
from models.registries.condition import Health
from tasks.secrets.client_certificates import ClientCertificateBlock
from tests.real.docker_registry import running_docker_registry
from tests.support.connect_proxy import running_proxy
from tests.support.helpers import (
    PASSWORDS,
    expect_failure,
    expect_success,
    integrate,
    reconcile_all_now,
    record_of,
    save_credentials,
)

CA = trustme.CA()
TRUST = {"mode": "ca", "bundle": CA.cert_pem.bytes().decode()}
HIDDEN = "https://registry.test"
NONE = "none"


async def save_certificate(name: str, key: str = "", origins: Sequence[str] = ()) -> dict[str, Any]:
    leaf = CA.issue_cert("client.test")
    key = key or leaf.private_key_pem.bytes().decode()
    PASSWORDS.append(key.splitlines()[1])
    block = ClientCertificateBlock(
        certificate=leaf.cert_chain_pems[0].bytes().decode(),
        key=SecretStr(key),
        origins=[*origins],
    )
    await block.save(name, overwrite=True)
    return {"$ref": {"block_document_slug": f"client-certificate/{name}"}}


@contextmanager
def mutual_tls_registry() -> Iterator[str]:
    leaf = CA.issue_cert("registry.test", "127.0.0.1")
    with (
        leaf.cert_chain_pems[0].tempfile() as certificate,
        leaf.private_key_pem.tempfile() as key,
        CA.cert_pem.tempfile() as authority,
        running_docker_registry(
            cert=(Path(certificate), Path(key)), client_ca=Path(authority)
        ) as url,
    ):
        yield url


def _reason(name: str) -> tuple[Health, Reason]:
    summary = record_of(name).health_summary
    return summary.health, summary.reason


async def test_certificate_and_proxy_from_integration_to_update(name: str) -> None:
    with mutual_tls_registry() as url:
        hosts = {"registry.test:443": url.removeprefix("https://")}
        with running_proxy(user=("jane", "proxy-Pw-12345"), hosts=hosts) as proxy:
            certificate = await save_certificate(name)
            user = await save_credentials(f"{name}-proxy", "jane", "proxy-Pw-12345")
            options = {"tls": TRUST, "proxy": proxy.url, "proxy_credentials": user}
            state = await integrate(name, HIDDEN, "docker", **options)
            assert "requires a client certificate" in str(state.message)
            options["client_certificate"] = certificate
            state = await integrate(name, HIDDEN, "docker", **options)
            assert state.is_completed(), state.message
            assert _reason(name)[0] is Health.HEALTHY
            # Whoever edits the blocks breaks the registry, and the reason says which one it was.
            await save_credentials(f"{name}-proxy", "jane", "wrong-Pw-12345")
            await reconcile_all_now()
            assert _reason(name) == (Health.UNHEALTHY, Reason.PROXY_AUTHENTICATION_REQUIRED)
            await save_credentials(f"{name}-proxy", "jane", "proxy-Pw-12345")
            await reconcile_all_now()
            await save_certificate(name, CA.issue_cert("x.test").private_key_pem.bytes().decode())
            await reconcile_all_now()
            assert _reason(name) == (Health.UNHEALTHY, Reason.CLIENT_CERTIFICATE_INVALID)
            assert "does not belong" in record_of(name).health_summary.message
            await save_certificate(name)
            await reconcile_all_now()
            assert _reason(name)[0] is Health.HEALTHY
            # Neither goes to another server without being given again.
            message = await expect_failure(update_registry, name, proxy="http://other.test:3128")
            assert "set proxy_credentials in the same run" in message
            message = await expect_failure(update_registry, name, address="https://other.test")
            assert "set client_certificate in the same run" in message
            message = await expect_failure(update_registry, name, client_certificate=NONE)
            assert "requires a client certificate" in message
            assert record_of(name).registry.client_certificate is not None
        update = {"address": url, "client_certificate": certificate, "proxy": NONE}
        await expect_success(update_registry, name, **update)
        registry = record_of(name).registry
        assert (registry.address, registry.proxy, registry.proxy_credential) == (url, None, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"proxy": "proxy.test:3128"}, "proxy: the address has no scheme"),
        ({"proxy": "socks5://proxy.test"}, "proxy: the scheme 'socks5' is not supported"),
        ({"proxy_credentials": True}, "and no proxy: set proxy"),
    ],
)
async def test_what_cannot_be_a_proxy(name: str, options: dict[str, Any], message: str) -> None:
    if options.get("proxy_credentials"):
        options = {"proxy_credentials": await save_credentials(name, "jane", "proxy-Pw-12345")}
    state = await integrate(name, "http://registry.test", "docker", **options)
    assert message in str(state.message)
