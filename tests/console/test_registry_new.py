"""The form that integrates a registry, with a simulated Harbor behind it."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.flow_engine import run_flow_async
from prefect.states import Completed, Failed, Running, Scheduled
from pydantic import SecretStr

from flows.configuration.apply_configuration import apply_configuration
from flows.overview import compute_overview
from flows.registries.integrate import integrate_registry
from models.core.form_blocks import START_TIME
from models.registries.registry import BlockRef
from tasks import clock
from tasks.prefect.api import PrefectUnavailable
from tasks.secrets import blocks, form_blocks
from tasks.secrets.credentials import RegistryCredentials
from tests.console.browser import Browser, fields_of, text_of
from tests.support.builders import registry
from tests.support.helpers import PASSWORD, HarborServer, expect_success, harbor_with, record_of
from tests.tasks.store.tools import integrate as add_record

WRONG = "Wrong-password-77"
PAGE = "/registries/-/new"


@pytest.fixture
async def deployed(browser: Browser) -> AsyncIterator[None]:
    """A deployment of integrate-registry, and no block of a test before; the tests run its runs."""
    await _delete_blocks()
    async with get_client() as client:
        flow_id = await client.create_flow(integrate_registry)
        schema = integrate_registry.parameters.model_dump()
        deployment_id = await client.create_deployment(
            flow_id, "default", parameter_openapi_schema=schema, enforce_parameter_schema=True
        )
        yield
        await client.delete_deployment(deployment_id)
    await _delete_blocks()


@pytest.fixture
def harbor() -> Iterator[HarborServer]:
    with harbor_with("team-a", lockout_seconds=0.05) as server:
        yield server


def _fields(harbor: HarborServer, password: str = PASSWORD, **changes: str) -> dict[str, str]:
    return {
        "type": "harbor",
        "name": "shop",
        "address": harbor.url,
        "user": "admin",
        "password": password,
        "tls": "verify",
        "description": "Shop's own",
    } | changes


async def _delete_blocks() -> None:
    async with get_client() as client:
        for document in await _blocks():
            await client.delete_block_document(document.id)


async def _blocks() -> list[Any]:
    async with get_client() as client:
        await RegistryCredentials.register_type_and_schema(client=client)
        return list(
            await client.read_block_documents_by_type("registry-credentials", include_secrets=True)
        )


async def _carry_out(response: httpx.Response) -> str:
    """Do the work of a worker; returns the page that the form leads to."""
    assert response.status_code == 303, text_of(response.text)
    page = response.headers["location"]
    assert PASSWORD not in page and WRONG not in page
    async with get_client() as client:
        run = await client.read_flow_run(UUID(parse_qs(urlsplit(page).query)["run"][0]))
    assert PASSWORD not in json.dumps(run.parameters) and WRONG not in json.dumps(run.parameters)
    await run_flow_async(
        integrate_registry, flow_run=run, parameters=run.parameters, return_type="state"
    )
    return str(page)


async def test_a_wrong_password_brings_the_form_back_and_deletes_the_credentials(
    browser: Browser, deployed: None, harbor: HarborServer, caplog: pytest.LogCaptureFixture
) -> None:
    response = await browser.post(PAGE, page=PAGE, **_fields(harbor, WRONG))
    (block,) = await _blocks()
    assert block.name == "shop" and block.data["username"] == "admin"
    progress = await browser.get(response.headers["location"])
    assert "Waiting for a worker" in progress and "data-refresh" in progress
    html = await browser.get(await _carry_out(response))
    text = text_of(html)
    assert "The registry was not integrated" in text and "What to do:" in text
    assert "Credentials right" in text
    for value in ("shop", "admin", harbor.url, "Shop&#39;s own"):
        assert f'value="{value}"' in html, value
    assert WRONG not in html and WRONG not in caplog.text
    assert await _blocks() == []


async def test_test_only_saves_nothing(
    browser: Browser, deployed: None, harbor: HarborServer
) -> None:
    response = await browser.post(PAGE, page=PAGE, **_fields(harbor, test_only="on"))
    html = await browser.get(await _carry_out(response))
    assert "The connection works." in text_of(html)
    assert not re.search(r'name="test_only"[^>]* checked', html), "the next one is for real"
    assert await _blocks() == []


async def test_the_right_password_integrates_and_keeps_the_credentials(
    browser: Browser, deployed: None, harbor: HarborServer
) -> None:
    await RegistryCredentials(username="other", password="other").save("shop")
    response = await browser.post(PAGE, page=PAGE, **_fields(harbor))
    page = await _carry_out(response)
    result = await browser.client.get(page)
    assert (result.status_code, result.headers["location"]) == (303, "/registries/shop")
    credential = record_of("shop").registry.credential
    names = {block.name for block in await _blocks()}
    assert credential is not None and names == {"shop", credential.name}
    assert credential.name.startswith("shop-")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Shop!"}, "Lower-case letters"),
        ({"address": "http://user:Secret-9@host"}, "in their own fields"),
        ({"user": ""}, "enter a user name"),
        ({"password": ""}, "enter the password"),
        ({"user": "a:Secret-9"}, "no colon"),
        ({"saved": "shop"}, "not both"),
        ({"tls": "ca", "bundle": "nonsense"}, "no certificate found"),
        ({"tls": "nonsense"}, "Input tag"),
        ({"type": "nonsense"}, "registry"),
        ({"token_service": "http://a", "type": "harbor"}, "Token service"),
    ],
)
async def test_an_invalid_form_comes_back_before_anything_is_saved(
    browser: Browser, deployed: None, changes: dict[str, str], message: str
) -> None:
    fields = {"type": "harbor", "name": "shop", "address": "http://harbor.test", "user": "admin"}
    fields |= {"password": WRONG, "tls": "verify", "description": '"><script>'} | changes
    response = await browser.post(PAGE, page=PAGE, **fields)
    assert response.status_code == 422
    assert message in text_of(response.text)
    assert WRONG not in response.text and "Secret-9" not in response.text
    assert "&#34;&gt;&lt;script&gt;" in response.text
    assert fields_of(response.text, PAGE)["saved"] == changes.get("saved", "")
    assert await _blocks() == []


async def _names() -> set[str]:
    return {block.name for block in await _blocks()}


async def _save_form_block(name: str = "shop") -> None:
    await form_blocks.save_form_credentials(name, "admin", SecretStr(PASSWORD))


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the time pass after which a form is abandoned."""
    later = clock.now() + START_TIME + timedelta(minutes=1)
    return lambda: monkeypatch.setattr(clock, "now", lambda: later)


async def test_only_abandoned_credentials_of_forms_are_swept(
    browser: Browser, deployed: None, wait: Callable[[], None]
) -> None:
    await RegistryCredentials(username="a", password="b").save("saved-by-a-person")
    await _save_form_block()
    await browser.get(PAGE)
    assert await _names() == {"saved-by-a-person", "shop"}
    wait()
    assert await form_blocks.sweep_form_credentials()
    assert await _names() == {"saved-by-a-person"}


async def test_the_login_of_a_proxy_is_not_swept(
    browser: Browser, deployed: None, wait: Callable[[], None]
) -> None:
    await _save_form_block("proxy")
    spec = registry().model_copy(update={"proxy_credential": BlockRef(name="proxy")})
    add_record(spec)
    wait()
    assert not await form_blocks.sweep_form_credentials()
    assert await _names() == {"proxy"}


async def test_nothing_is_swept_while_documents_are_applied(
    browser: Browser, deployed: None, wait: Callable[[], None]
) -> None:
    await _save_form_block()
    wait()
    far_future = clock.now() + timedelta(days=1)
    async with get_client() as client:
        state: State[Any] = Scheduled(scheduled_time=far_future)
        later_run = await client.create_flow_run(apply_configuration, state=state)
        run = await client.create_flow_run(apply_configuration, state=Running())
        try:
            assert not await form_blocks.sweep_form_credentials()
            assert await _names() == {"shop"}
            await client.set_flow_run_state(run.id, Completed(), force=True)
            assert await form_blocks.sweep_form_credentials()
        finally:
            for item in (run, later_run):
                await client.delete_flow_run(item.id)


async def test_all_pages_of_blocks_are_read_and_the_overview_sweeps(
    browser: Browser, deployed: None, wait: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "_PAGE_SIZE", 2)
    for name in ("a", "b", "c"):
        await RegistryCredentials(username="a", password="b").save(name)
    await _save_form_block()
    assert await form_blocks.list_saved_credentials() == ("a", "b", "c", "shop")
    wait()
    await compute_overview()
    assert await _names() == {"a", "b", "c"}


async def test_the_overview_does_not_fail_if_prefect_cannot_list_blocks(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise PrefectUnavailable("the Prefect API did not answer")

    monkeypatch.setattr(form_blocks, "list_block_documents", fail)
    await expect_success(compute_overview)


async def test_a_block_of_a_person_is_never_discarded(browser: Browser, deployed: None) -> None:
    block_id = await RegistryCredentials(username="a", password="b").save("saved-by-a-person")
    assert not await form_blocks.discard_form_credentials(str(block_id))
    assert not await form_blocks.discard_form_credentials("nonsense")
    assert len(await _blocks()) == 1


async def test_a_run_without_parameters_shows_the_empty_form(browser: Browser) -> None:
    async with get_client() as client:
        run = await client.create_flow_run(integrate_registry, state=Failed(message="invalid"))
        html = await browser.get(f"{PAGE}?run={run.id}")
        await client.delete_flow_run(run.id)
    assert "The registry was not integrated" in text_of(html)
    assert fields_of(html, PAGE)["name"] == ""
