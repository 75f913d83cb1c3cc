"""Requests through a proxy, and what is said when it does not let them through."""

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import trustme
from pydantic import SecretStr

from deployments.simulators.docker_registry import SimulatedDockerRegistry, TokenAuth
from deployments.simulators.server import get_closed_url, run_server
from models.core.errors import CredentialError, RemoteError
from models.core.reasons import Reason
from models.core.settings import get_settings
from models.registries.address import parse_address
from models.registries.condition import ConditionType
from models.registries.health import checks_from_error, first_failure
from models.registries.registry import BlockRef, CustomCA, Kind, Registry, RegistryOrigin
from tasks.http.connection import proxy as proxy_connection
from tasks.http.connection.proxy import Proxy, environment_proxy
from tasks.registries.connect import is_proxied, open_registry
from tasks.registries.docker.client import DockerRegistryClient
from tasks.registries.protocol import SavedCredential
from tasks.secrets.credentials import pick_proxy
from tests.real.docker_registry import push, running_docker_registry
from tests.support.builders import registry
from tests.support.connect_proxy import running_proxy
from tests.tasks.registries.tools import (
    USER,
    Recorder,
    harbor,
    items,
    open_client,
)

CA = trustme.CA()
OWN_TRUST = CustomCA(bundle=CA.cert_pem.bytes().decode())
HIDDEN = "https://registry.test"
"""A name that only the proxy can resolve."""

PROXY_USER = ("proxy-user", "proxy-secret")


def _server_context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_a_registry_behind_a_proxy_with_a_user(*, tls: bool) -> None:
    proxy_context = _server_context("127.0.0.1") if tls else None
    with run_server(harbor().app, ssl_context=_server_context("registry.test")) as url:
        hosts = {"registry.test:443": url.removeprefix("https://")}
        with running_proxy(user=PROXY_USER, hosts=hosts, tls=proxy_context) as server:
            proxy = Proxy(server.url, PROXY_USER[0], SecretStr(PROXY_USER[1]))
            async with open_client(HIDDEN, tls=OWN_TRUST, proxy=proxy) as client:
                assert len(items(await client.observe())) == 1
    assert set(server.targets) == {"registry.test:443"}
    # The proxy sees its own credential only: the others are inside of the tunnel.
    assert all("\r\nauthorization:" not in head.lower() for head in server.heads)


async def test_a_plain_http_registry_is_forwarded() -> None:
    with running_docker_registry(users={"user": "pw"}) as url, running_proxy() as server:
        push(url, "team/app", "1", ("user", "pw"))
        async with open_client(url, Kind.DOCKER, USER, proxy=Proxy(server.url)) as client:
            assert [space.name for space in items(await client.observe())] == ["team"]
    assert f"{url}/v2/" in server.targets


async def test_the_registry_gets_no_credential_of_the_proxy() -> None:
    recorder = Recorder()
    with run_server(recorder.app) as url, running_proxy(user=PROXY_USER) as server:
        proxy = Proxy(server.url, PROXY_USER[0], SecretStr(PROXY_USER[1]))
        async with open_client(url, proxy=proxy) as client:
            await client.observe()
        assert recorder.requests
        assert all("proxy-authorization" not in request.headers for request in recorder.requests)
    assert PROXY_USER[1] not in repr(proxy)


@pytest.mark.parametrize(
    ("status", "reason", "transient", "advice"),
    [
        (407, Reason.PROXY_AUTHENTICATION_REQUIRED, False, "'Proxy credentials' of the registry"),
        (403, Reason.PROXY_REFUSED, False, "does not let this machine reach the address"),
        (502, Reason.UNREACHABLE, True, "cannot reach the address"),
    ],
)
async def test_a_proxy_that_refuses(
    status: int, reason: Reason, *, transient: bool, advice: str
) -> None:
    with running_proxy(refusal=status) as server, pytest.raises(RemoteError) as excinfo:
        async with open_client(HIDDEN, Kind.DOCKER, proxy=Proxy(server.url)) as client:
            await client.observe()
    error = excinfo.value
    assert (error.reason, error.transient) == (reason, transient)
    assert f"the proxy {server.url} answered {status}" in error.message
    assert advice in error.message
    assert checks_from_error(error)[0].type is ConditionType.REACHABLE


async def test_a_wrong_user_of_a_proxy_is_named_for_plain_http_too() -> None:
    wrong = Proxy("", "proxy-user", SecretStr("wrong-secret"))
    for address in (HIDDEN, "http://registry.test"):
        with running_proxy(user=PROXY_USER) as server, pytest.raises(RemoteError) as excinfo:
            proxy = replace(wrong, origin=server.url)
            async with open_client(address, Kind.DOCKER, proxy=proxy) as client:
                await client.observe()
        assert excinfo.value.reason is Reason.PROXY_AUTHENTICATION_REQUIRED
        assert "correct its user name and password" in excinfo.value.message
        assert "wrong-secret" not in str(excinfo.value)


async def test_a_proxy_that_is_down_or_not_trusted_is_not_the_registry() -> None:
    with running_proxy(tls=_server_context("127.0.0.1")) as untrusted:
        for address, cause, advice in (
            (get_closed_url(), "connection refused", "no server listens"),
            (untrusted.url, "unable to get local issuer certificate", "certificate of the proxy"),
        ):
            with pytest.raises(RemoteError) as excinfo:
                async with open_client(HIDDEN, Kind.DOCKER, proxy=Proxy(address)) as client:
                    await client.observe()
            assert excinfo.value.reason is Reason.PROXY_UNREACHABLE
            assert f"the proxy {address} cannot be used: {cause}" in excinfo.value.message
            assert advice in excinfo.value.message


async def test_the_expired_certificate_of_a_proxy_is_not_that_of_the_registry() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expired = CA.issue_cert("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    expired.configure_cert(context)
    with running_proxy(tls=context) as server, pytest.raises(RemoteError) as excinfo:
        proxy = Proxy(server.url)
        async with open_client(HIDDEN, Kind.DOCKER, tls=OWN_TRUST, proxy=proxy) as client:
            await client.observe()
    assert "renew the certificate of the proxy" in excinfo.value.message


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_ipv6_address_behind_a_proxy(scheme: str) -> None:
    context = _server_context("2001:db8::1") if scheme == "https" else None
    port = {"http": "", "https": ":443"}[scheme]
    with run_server(harbor().app, ssl_context=context) as url:
        hosts = {f"[2001:db8::1]{port}": url.partition("//")[2]}
        with running_proxy(hosts=hosts) as server:
            address, proxy = f"{scheme}://[2001:db8::1]", Proxy(server.url)
            async with open_client(address, tls=OWN_TRUST, proxy=proxy) as client:
                assert len(items(await client.observe())) == 1


@pytest.mark.parametrize("is_registry_hidden", [True, False])
async def test_the_environment_is_asked_for_each_origin(
    monkeypatch: pytest.MonkeyPatch, *, is_registry_hidden: bool
) -> None:
    users = {USER.username: USER.password.get_secret_value()}
    simulated = SimulatedDockerRegistry(auth := TokenAuth(users))
    simulated.add_repository("team/app")
    with run_server(simulated.app) as url, run_server(auth.app) as token_url:
        hosts = {"hidden.test": (url if is_registry_hidden else token_url).partition("//")[2]}
        address = "http://hidden.test" if is_registry_hidden else url
        token_service = token_url if is_registry_hidden else "http://hidden.test"
        auth.realm = f"{token_service}/token"
        with running_proxy(hosts=hosts) as server:
            monkeypatch.setenv("HTTP_PROXY", server.url)
            async with open_client(
                address, Kind.DOCKER, USER, token_service=token_service, environment_proxies=True
            ) as client:
                assert [space.name for space in items(await client.observe())] == ["team"]
    assert {urlsplit(target).netloc for target in server.targets} == {"hidden.test"}


def _proxied(proxy: str = "http://proxy.test:3128") -> Registry:
    update = {"proxy": proxy, "proxy_credential": BlockRef(name="proxy")}
    return registry(Kind.DOCKER).model_copy(update=update)


def test_its_credential_is_for_the_proxy_alone() -> None:
    target = _proxied()
    for origins in (frozenset[str](), frozenset({target.address})):
        with pytest.raises(CredentialError, match=r"not approved for http://proxy\.test:3128"):
            pick_proxy(target, {"proxy": SavedCredential(USER, origins)})
    proxy = pick_proxy(target, {"proxy": SavedCredential(USER, frozenset({str(target.proxy)}))})
    assert proxy == Proxy("http://proxy.test:3128", USER.username, USER.password)
    with pytest.raises(CredentialError, match="registry-credentials/proxy does not exist"):
        pick_proxy(target, {})


@pytest.mark.parametrize(
    ("variables", "address", "origin"),
    [
        ({}, "https://a.test", None),
        ({"HTTPS_PROXY": "http://p.test:3128"}, "https://a.test", "http://p.test:3128"),
        ({"https_proxy": "https://p.test"}, "https://a.test", "https://p.test"),
        ({"HTTPS_PROXY": "p.test:3128"}, "https://a.test", "http://p.test:3128"),
        ({"HTTPS_PROXY": "http://p.test:3128"}, "http://a.test", None),
        ({"HTTP_PROXY": "http://p.test:3128"}, "http://a.test", "http://p.test:3128"),
        ({"ALL_PROXY": "http://p.test:3128"}, "https://a.test", "http://p.test:3128"),
        ({"ALL_PROXY": "socks5://p.test:1080"}, "https://a.test", None),
        ({"HTTPS_PROXY": "http://p.test:x"}, "https://a.test", None),
        ({"HTTPS_PROXY": "http://[fd00::1"}, "https://a.test", None),
        ({"HTTPS_PROXY": "http://p.test", "NO_PROXY": "b.test"}, "https://a.test", "http://p.test"),
        ({"HTTPS_PROXY": "http://p.test", "NO_PROXY": "test"}, "https://a.test", None),
        ({"HTTPS_PROXY": "http://p.test", "NO_PROXY": "*"}, "https://a.test", None),
        ({"HTTPS_PROXY": "http://p.test", "NO_PROXY": "a.test:5000"}, "https://a.test:5000", None),
        ({"HTTPS_PROXY": "http://p.test", "NO_PROXY": "a.test:443"}, "https://a.test", None),
        (
            {"HTTPS_PROXY": "http://p.test", "NO_PROXY": "a.test:5000"},
            "https://a.test:5001",
            "http://p.test",
        ),
        ({"HTTPS_PROXY": "http://p.test", "NO_PROXY": "fd00::1"}, "https://[fd00::1]:5000", None),
        ({"ALL_PROXY": "http://p.test"}, "http://127.0.0.1:5000", None),
        ({"ALL_PROXY": "http://p.test"}, "http://localhost:5000", None),
        ({"ALL_PROXY": "http://p.test"}, "http://[::1]:5000", None),
    ],
)
def test_the_proxies_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], address: str, origin: str | None
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = environment_proxy(parse_address(address))
    assert (proxy.origin if proxy else None) == origin


def test_a_variable_that_is_no_address_is_named_once_without_its_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("https_proxy", "http://user:proxy-secret@[fd00::1")
    proxy_connection.warn_of.cache_clear()
    for _ in range(2):
        assert environment_proxy(parse_address("https://a.test")) is None
    (message,) = caplog.messages
    assert message.startswith("The environment variable HTTPS_PROXY is ignored")


@pytest.fixture
def settings_cache() -> Iterator[None]:
    yield
    get_settings.cache_clear()


@pytest.mark.usefixtures("settings_cache")
async def test_the_environment_counts_only_if_a_setting_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = registry(Kind.DOCKER, address="http://registry.test")
    managed = target.model_copy(update={"origin": RegistryOrigin.MANAGED})
    with running_docker_registry() as url:
        hosts = {"registry.test": url.removeprefix("http://")}
        with running_proxy(user=("a b", "p@ss"), hosts=hosts) as server:
            monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//a%20b:p%40ss@"))
            assert not is_proxied(target)
            monkeypatch.setenv("REGISTRY_INTEGRATION_USE_ENVIRONMENT_PROXIES", "true")
            get_settings.cache_clear()
            assert is_proxied(target)
            assert not is_proxied(managed)
            async with open_registry(target, credentials={}) as client:
                assert isinstance(client, DockerRegistryClient)
                assert first_failure(await client.probe()) is None
            assert server.targets
            assert not is_proxied(registry(Kind.DOCKER, address=url))  # loopback
