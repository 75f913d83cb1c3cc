"""The form of a registry's settings: only what is changed in it becomes a parameter."""

import re
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client

from flows.registries.update import update_registry
from models.core.audit import AuditEntry
from models.registries.registry import (
    BlockRef,
    CertificateRef,
    EnvironmentRef,
    FileRef,
    Kind,
    Registry,
    SecretRef,
)
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.registries import registries
from tasks.store.session import run_in_transaction
from tests.console.browser import Browser, deployed, fields_of, text_of
from tests.support.builders import registry, run_context
from tests.tasks.store.tools import integrate

PAGE = "/registries/dev/edit"
VARIABLE = EnvironmentRef(name="REGISTRY_CREDENTIAL_PULL")


def _registry(**values: Any) -> Registry:
    before = registry(Kind.DOCKER, name="dev", address="http://docker.test")
    return Registry.model_validate({**before.model_dump(), **values})


async def _save(browser: Browser, **changes: str) -> dict[str, Any]:
    """Load the form, enter changes and send it; returns the parameters of the run."""
    fields: dict[str, str | list[str]] = {**fields_of(await browser.get(PAGE), PAGE), **changes}
    async with deployed(update_registry), get_client() as client:
        response = await browser.send(PAGE, fields)
        assert response.status_code == 303, text_of(response.text)
        run_id = response.headers["location"].partition("?")[0].removeprefix("/runs/")
        run = await client.read_flow_run(UUID(run_id))
    assert run.parameters.pop("name") == "dev"
    return run.parameters


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"pull_credential": VARIABLE, "credential": FileRef(name="dev/admin")},
        {"pull_credential": BlockRef(name="pull"), "credential": BlockRef(name="admin")},
        {"credential": SecretRef(cluster="eu", namespace="a", name="b", key="c")},
        {"client_certificate": CertificateRef(name="c"), "description": "two\nlines "},
        {"pull_addresses": ("a.test", "b.test:5000"), "token_service": "https://auth.test"},
    ],
)
async def test_saving_a_description_changes_nothing_else(
    browser: Browser, values: dict[str, Any]
) -> None:
    integrate(_registry(**values))
    assert await _save(browser, description="Ours") == {"description": "Ours"}
    response = await browser.send(PAGE, {**fields_of(await browser.get(PAGE), PAGE)})
    assert response.status_code == 422
    assert "Nothing was changed in the form" in text_of(response.text)


async def test_credentials_that_are_not_listed_stay_chosen(browser: Browser) -> None:
    integrate(_registry(credential=BlockRef(name="admin"), client_certificate={"name": "c"}))
    html = await browser.get(PAGE)
    assert "Keep the current ones: block admin" in html
    assert '<option value="admin">' in html, "a new address needs them again"
    assert "client-certificate" not in html
    fields = fields_of(html, PAGE) | {"address": "ftp://x", "credentials": "unlisted"}
    response = await browser.send(PAGE, {**fields, "pull_credentials": "another"})
    assert response.status_code == 422
    again = fields_of(response.text, PAGE)
    assert (again["credentials"], again["pull_credentials"]) == ("unlisted", "another")


async def test_a_pull_only_user_is_replaced(browser: Browser) -> None:
    block_id = await RegistryCredentials(username="pull", password="p").save("saved-pull")
    try:
        integrate(_registry(pull_credential=VARIABLE))
        parameters = await _save(browser, pull_credentials="saved-pull")
    finally:
        async with get_client() as client:
            await client.delete_block_document(block_id)
    reference = {"$ref": {"block_document_slug": "registry-credentials/saved-pull"}}
    assert parameters == {"pull_credentials": reference}


async def test_only_changed_fields_become_parameters(browser: Browser) -> None:
    integrate(_registry(credential=BlockRef(name="admin")))
    pull_addresses = "a.test\r\nb.test:5000"
    parameters = await _save(
        browser, pull_addresses=pull_addresses, tls="insecure", credentials="admin"
    )
    assert parameters == {
        "pull_addresses": ["a.test", "b.test:5000"],
        "tls": {"mode": "insecure"},
        "credentials": {"$ref": {"block_document_slug": "registry-credentials/admin"}},
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": "ftp://x"}, "address"),
        ({"address": "http://a:Secret-7@x.test"}, "no user name or password"),
        ({"pull_addresses": "a.test\r\nb:Secret-7@x.test"}, "no user name or password"),
        ({"token_service": "http://a:Secret-7@x.test"}, "no user name or password"),
        ({"tls": "insecure", "opened_spaces": "-1"}, "enter a number"),
    ],
)
async def test_an_invalid_form_comes_back(
    browser: Browser, changes: dict[str, str], message: str
) -> None:
    integrate(_registry())
    response = await browser.send(PAGE, {**fields_of(await browser.get(PAGE), PAGE), **changes})
    assert response.status_code == 422
    assert message in text_of(response.text)
    assert "Secret-7" not in response.text


async def test_a_form_does_not_revert_what_was_changed_meanwhile(browser: Browser) -> None:
    integrate(_registry())
    fields = fields_of(await browser.get(PAGE), PAGE) | {"description": "Ours"}
    changed = _registry(drift_policy="report", pull_addresses=("a.test",))
    context = run_context("run-2")
    entry = AuditEntry(subject="dev", action="registry.updated")
    run_in_transaction(registries.replace_registry, changed, entry, context)
    response = await browser.send(PAGE, {**fields})
    assert response.status_code == 409
    assert "The settings were changed meanwhile" in text_of(response.text)
    again = fields_of(response.text, PAGE)
    assert (again["drift_policy"], again["pull_addresses"]) == ("report", "a.test")
    assert await _save(browser, description="Ours") == {"description": "Ours"}


@pytest.mark.parametrize(
    ("changes", "parameters", "loss"),
    [
        ({"pull_credentials": "none"}, {"pull_credentials": "none"}, "the pull-only user"),
        ({"pull_addresses": "a.test"}, {"pull_addresses": ["a.test"]}, "b.test:5000"),
        ({"address": "https://new.test"}, {"address": "https://new.test"}, "docker.test"),
    ],
)
async def test_what_takes_access_away_is_confirmed(
    browser: Browser, changes: dict[str, str], parameters: dict[str, Any], loss: str
) -> None:
    integrate(_registry(pull_credential=VARIABLE, pull_addresses=("a.test", "b.test:5000")))
    fields = fields_of(await browser.get(PAGE), PAGE) | changes
    for confirmed in ("", "on"):
        response = await browser.send(PAGE, {**fields, "confirmed": confirmed})
        assert response.status_code == 422
        assert f"Take away {loss}" in text_of(response.text)
    again = fields_of(response.text, PAGE)
    assert "confirmed" not in again, "the checkbox is not checked"
    assert changes.items() <= again.items()
    checkbox = re.search(r'name="confirmed" value="([^"]+)"', response.text)
    assert checkbox
    assert await _save(browser, **changes, confirmed=checkbox[1]) == parameters
