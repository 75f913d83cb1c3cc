"""A saved credential goes only to where a person gave it for."""

from typing import Any

import pytest

from deployments.simulators.docker_registry import SimulatedDockerRegistry, TokenAuth
from deployments.simulators.faults import FaultInjector
from deployments.simulators.server import run_server
from flows.registries.update import update_registry
from flows.runs import new_run_context
from models.core.audit import AuditEntry
from models.core.reasons import Reason
from models.registries.condition import Health
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.registries import registries
from tasks.store.session import run_in_transaction
from tests.support.helpers import (
    expect_failure,
    expect_success,
    harbor_with,
    integrate,
    reconcile_all_now,
    record_of,
    save_credentials,
)

USERS = {"admin": "Harbor12345"}


def move_registry(name: str, address: str) -> None:
    """Change a registry's address as no person does."""
    registry = record_of(name).registry.model_copy(update={"address": address})
    entry = AuditEntry(subject=name, action="registry.followed")
    run_in_transaction(registries.replace_registry, registry, entry, new_run_context())


async def recreate_block(name: str) -> dict[str, Any]:
    """Delete a block, and save another one under its name."""
    await RegistryCredentials.adelete(name)
    return await save_credentials(name)


def refusal_message(name: str) -> str:
    health_summary = record_of(name).health_summary
    assert (health_summary.health, health_summary.reason) == (
        Health.UNHEALTHY,
        Reason.CREDENTIAL_NOT_FOR_ORIGIN,
    )
    return health_summary.message


async def test_whoever_else_changes_the_address_receives_nothing(name: str) -> None:
    with harbor_with() as harbor, harbor_with() as attacker:
        assert (await integrate(name, harbor.url)).is_completed()
        move_registry(name, attacker.url)
        await reconcile_all_now()
        assert f"is not approved for {attacker.url}" in refusal_message(name)
        assert f"run update-registry for '{name}'" in refusal_message(name)
        assert attacker.faults.request_counts.total() == 0


async def test_a_block_that_was_made_again_is_not_sent_until_somebody_gives_it(name: str) -> None:
    with harbor_with() as harbor:
        assert (await integrate(name, harbor.url)).is_completed()
        credentials = await recreate_block(name)
        before = harbor.faults.request_counts.total()
        await reconcile_all_now()
        assert f"is not approved for {harbor.url}" in refusal_message(name)
        assert harbor.faults.request_counts.total() == before
        await expect_success(update_registry, name, credentials=credentials)
        assert record_of(name).health_summary.health is Health.HEALTHY


async def test_an_edited_block_is_still_sent(name: str) -> None:
    with harbor_with() as harbor:
        harbor.simulator.add_user("second", "Second-12345", sysadmin=True)
        assert (await integrate(name, harbor.url)).is_completed()
        await save_credentials(name, "second", "Second-12345")
        await reconcile_all_now()
        assert record_of(name).health_summary.health is Health.HEALTHY


@pytest.mark.parametrize("type_", ["harbor", "docker"])
async def test_a_registry_that_moves_is_given_its_credentials_again(name: str, type_: str) -> None:
    auth = TokenAuth(USERS)
    new_service = FaultInjector(SimulatedDockerRegistry(auth=auth).app)
    with (
        harbor_with() as old_harbor,
        harbor_with() as new_harbor,
        run_server(SimulatedDockerRegistry(auth=auth).app) as old_url,
        run_server(new_service) as new_url,
    ):
        before, after = (
            (old_harbor.url, new_harbor.url) if type_ == "harbor" else (old_url, new_url)
        )
        credentials = await save_credentials(name)
        assert (await integrate(name, before, type_, credentials=credentials)).is_completed()
        message = await expect_failure(update_registry, name, address=after)
        assert f"{after} is another origin than {before}" in message
        assert "set credentials in the same run" in message
        assert new_service.request_counts.total() == new_harbor.faults.request_counts.total() == 0
        await expect_success(update_registry, name, description="moved")
        await expect_success(update_registry, name, address=after, credentials=credentials)
        assert record_of(name).registry.address == after
        assert record_of(name).health_summary.health is Health.HEALTHY


async def test_one_block_serves_several_registries(name: str) -> None:
    with harbor_with() as first_harbor, harbor_with() as second_harbor:
        credentials = await save_credentials(name)
        for number, harbor in enumerate((first_harbor, second_harbor)):
            state = await integrate(f"{name}-{number}", harbor.url, credentials=credentials)
            assert state.is_completed()
        await reconcile_all_now()
        for number in range(2):
            assert record_of(f"{name}-{number}").health_summary.health is Health.HEALTHY


async def test_a_token_service_that_a_person_names_receives_what_its_registry_may(
    name: str,
) -> None:
    tokens = TokenAuth(USERS)
    with (
        run_server(SimulatedDockerRegistry(auth=tokens).app) as url,
        run_server(tokens.app) as service,
    ):
        credentials = await save_credentials(name)
        assert (await integrate(name, url, "docker", credentials=credentials)).is_completed()
        tokens.realm = f"{service}/token"
        await reconcile_all_now()
        assert record_of(name).health_summary.reason is Reason.FOREIGN_TOKEN_REALM
        await expect_success(update_registry, name, token_service=service)
        await reconcile_all_now()
        assert record_of(name).health_summary.health is Health.HEALTHY
        await recreate_block(name)
        issued = tokens.issued_count
        for text in (service, service.replace("127.0.0.1", "localhost")):
            message = await expect_failure(
                update_registry, name, token_service=text, description="again"
            )
            assert "is not approved for" in message
        assert tokens.issued_count == issued
