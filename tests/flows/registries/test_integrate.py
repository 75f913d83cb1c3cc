"""Integrating a registry: proved first, saved last, in the overview when the run ends."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme
from starlette.responses import HTMLResponse

from deployments.simulators.docker_registry import SimulatedDockerRegistry
from deployments.simulators.harbor import SimulatedHarbor
from deployments.simulators.server import get_closed_url, run_server
from flows.overview import compute_overview
from flows.registries.integrate import integrate_registry
from flows.registries.update import update_registry
from models.registries.condition import Health
from models.registries.observation import Coverage
from tasks.pages.markdown import format_bytes
from tests.real.docker_registry import push
from tests.support.helpers import (
    add_registry,
    audit_events,
    audit_of,
    count_task_runs,
    expect_failure,
    expect_success,
    harbor_with,
    integrate,
    page,
    record_of,
    registry_names,
    save_credentials,
    sent_events,
    spaces_of,
    statistics_of,
)


async def test_a_harbor(name: str) -> None:
    with harbor_with("team-a", "team-b") as harbor:
        state = await integrate(name, harbor.url, description="of the tests")
        assert state.is_completed(), state
        assert harbor.writes() == [("POST robots", 201)]  # the one to observe with
    statistics = statistics_of(name)
    assert statistics.record.health_summary.health is Health.HEALTHY
    assert (
        statistics.totals.public_count,
        statistics.totals.private_count,
        statistics.storage_used,
    ) == (1, 2, 2**21)
    assert set(spaces_of(name)) == {"library", "team-a", "team-b"}
    assert "The connection works" in await page(f"probe-{name}")
    overview = await page("overview")
    assert f"**{name}**" in overview
    assert overview.startswith("[Open in the console](http://127.0.0.1:4201/)\n\n# ")
    assert await sent_events(name) == {"registry.integrated": 1}
    assert await count_task_runs(state) <= 5


async def test_a_real_docker_registry(name: str, real_docker_registry: str) -> None:
    for repository in ("team/app", "team/tool", "solo"):
        push(real_docker_registry, repository, "v1")
    state = await integrate(name, real_docker_registry, "docker")
    assert state.is_completed(), state
    statistics = statistics_of(name)
    assert statistics.record.health_summary.health is Health.HEALTHY
    assert (
        statistics.totals.private_count,
        statistics.totals.repository_count,
        statistics.storage_used,
    ) == (2, 3, None)
    assert {name: space.repositories for name, space in spaces_of(name).items()} == {
        "/": 1,
        "team": 2,
    }
    assert "unknown" in await page("overview")
    await expect_success(compute_overview)  # counts its storage
    coverage = statistics_of(name).record.storage_coverage
    assert coverage == Coverage(counted=3, total=3)
    used = format_bytes(statistics_of(name).storage_used)
    assert f"{used}, 100 % of tags<br>as of" in await page("overview")
    await expect_success(update_registry, name, count_storage="no")
    statistics = statistics_of(name)
    assert (statistics.storage_used, statistics.record.storage_coverage) == (None, None)


async def test_a_real_docker_registry_behind_a_password(
    name: str, real_docker_registry_basic: str
) -> None:
    credentials = await save_credentials(name, "user", "pw")
    state = await integrate(name, real_docker_registry_basic, "docker", credentials=credentials)
    assert state.is_completed(), state
    assert record_of(name).health_summary.health is Health.HEALTHY


async def test_again_goes_on_and_says_nothing_twice(name: str) -> None:
    with harbor_with() as harbor:
        for _ in range(2):
            assert (await integrate(name, harbor.url)).is_completed()
    assert await sent_events(name) == {"registry.integrated": 1}


async def test_test_only_saves_nothing(name: str) -> None:
    with harbor_with() as harbor:
        state = await integrate(name, harbor.url, test_only=True)
    assert state.is_completed()
    assert "nothing was saved" in (state.message or "")
    _check_nothing_saved(name)
    assert "The connection works" in await page(f"probe-{name}")


def _check_nothing_saved(name: str) -> None:
    assert registry_names() == []
    assert audit_of(name) == []


_web_page = HTMLResponse("<html>hello</html>")


@contextmanager
def _self_signed() -> Iterator[str]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with run_server(SimulatedHarbor().app, ssl_context=context) as url:
        yield url


@contextmanager
def _unknown_host() -> Iterator[str]:
    yield "http://no-such-host.invalid"


@contextmanager
def _closed_port() -> Iterator[str]:
    yield get_closed_url()


@contextmanager
def _read_only() -> Iterator[str]:
    with harbor_with(read_only=True) as harbor:
        yield harbor.url


@contextmanager
def _too_old() -> Iterator[str]:
    with harbor_with(version="v2.8.4-0a1b2c3d") as harbor:
        yield harbor.url


FAILING = {
    "DNS": (_unknown_host, "harbor", "check the spelling"),
    "TCP": (_closed_port, "harbor", "that the registry is running"),
    "TLS": (_self_signed, "harbor", "Own certificate authority"),
    "Is it a Harbor": (
        lambda: run_server(SimulatedDockerRegistry().app),
        "harbor",
        "choose the type 'Docker Registry'",
    ),
    "Is it a Harbor ": (lambda: run_server(_web_page), "harbor", "check the address"),
    "Is it a": (lambda: run_server(SimulatedHarbor().app), "docker", "Harbor"),
    "Version supported": (_too_old, "harbor", "upgrade Harbor"),
    "Writable": (_read_only, "harbor", "turn off read-only mode"),
}  # fmt: skip


@pytest.mark.parametrize("step", FAILING)
async def test_the_first_failing_step_is_named(name: str, step: str) -> None:
    server, type_, advice = FAILING[step]
    with server() as url:
        message = (await integrate(name, url, type_)).message or ""
    verdict = await page(f"probe-{name}")
    for text in (message, verdict):
        assert step.strip() in text
        assert advice in text
    assert f"{name} was not saved" in message
    assert "What to do" in verdict
    _check_nothing_saved(name)


@pytest.mark.parametrize(
    ("user", "password", "step"),
    [("admin", "wr0ng-Password", "Credentials right"), ("jane", "Jane-12345", "Administrator")],
)
async def test_credentials_that_will_not_do(name: str, user: str, password: str, step: str) -> None:
    with harbor_with() as harbor:
        harbor.simulator.add_user("jane", "Jane-12345")
        credentials = await save_credentials(name, user, password)
        state = await integrate(name, harbor.url, credentials=credentials)
    assert step in (state.message or "")
    assert step in await page(f"probe-{name}")
    _check_nothing_saved(name)


async def test_inline_credentials_are_refused_before_they_are_used(name: str) -> None:
    inline = {"username": "admin", "password": "given-inline"}
    with harbor_with() as harbor:
        state = await integrate(name, harbor.url, credentials=inline)
        assert harbor.faults.request_counts == {}
    assert state.is_failed()
    assert "change that password" in (state.message or "")
    assert "block_document_slug" in (state.message or "")
    assert "given-inline" not in (state.message or "")
    _check_nothing_saved(name)


async def test_a_harbor_without_credentials_is_refused(name: str) -> None:
    with harbor_with() as harbor:
        state = await integrate(name, harbor.url, credentials=None)
        assert harbor.faults.request_counts == {}
    assert "Harbor requires the credentials" in (state.message or "")
    _check_nothing_saved(name)


async def test_a_taken_name_or_address_is_refused(name: str) -> None:
    with harbor_with() as harbor, harbor_with() as other:
        await add_registry(name, harbor.url)
        state = await integrate(name, other.url)
        assert f"the name '{name}' is already used" in (state.message or "")
        state = await integrate(f"{name}-twin", f"{harbor.url.upper()}/")
        assert f"is already integrated as '{name}'" in (state.message or "")
        assert other.faults.request_counts == {}
    assert registry_names() == [name]
    assert audit_events(name) == {"registry.integrated": 1}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("harbor.example.com", "no scheme: write https://harbor.example.com"),
        ("ftp://harbor.example.com", "scheme 'ftp' is not supported"),
        ("https://harbor.example.com/harbor/projects", "has a path"),
    ],
)
async def test_addresses_that_are_none(name: str, address: str, message: str) -> None:
    form = {"type": "harbor", "address": address}
    assert message in await expect_failure(
        integrate_registry, name, form, await save_credentials(name)
    )
    assert "`AddressInvalid`" in await page(f"probe-{name}")
    _check_nothing_saved(name)
