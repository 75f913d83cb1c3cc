"""A saved credential goes only to where a person gave it for."""

from typing import Any

import pytest

from deployments.simulators.docker_registry import DockerRegistry, Token
from deployments.simulators.faults import Faults
from deployments.simulators.server import running
from flows.registries.update import update_registry
from models.core.audit import Entry
from models.core.reasons import Reason
from models.registries.condition import Health
from tasks import clock
from tasks.secrets.credentials import RegistryCredentials
from tasks.store.registries import registries
from tasks.store.session import transact
from tests.support.helpers import (
    block,
    completed,
    dossier,
    failed,
    harbor_at,
    integrate,
    look_again,
)

USERS = {"admin": "Harbor12345"}


def move(name: str, address: str) -> None:
    """Change a registry's address as no person does."""
    moved = dossier(name).registry.model_copy(update={"address": address})
    entry = Entry(subject=name, what="registry.followed")
    transact(registries.replace, moved, entry, at=clock.now(), flow_run="")


async def made_again(name: str) -> dict[str, Any]:
    """Delete a block, and save another one under its name."""
    await RegistryCredentials.adelete(name)
    return await block(name)


def refused(name: str) -> str:
    found = dossier(name).diagnosis
    assert (found.health, found.reason) == (Health.UNHEALTHY, Reason.CREDENTIAL_NOT_FOR_ORIGIN)
    return found.message


async def test_whoever_else_changes_the_address_receives_nothing(name: str) -> None:
    with harbor_at() as place, harbor_at() as attacker:
        assert (await integrate(name, place.url)).is_completed()
        move(name, attacker.url)
        await look_again()
        assert f"was not given for {attacker.url}" in refused(name)
        assert f"run update-registry for '{name}'" in refused(name)
        assert attacker.faults.seen.total() == 0


async def test_a_block_that_was_made_again_is_not_sent_until_somebody_gives_it(name: str) -> None:
    with harbor_at() as place:
        assert (await integrate(name, place.url)).is_completed()
        again = await made_again(name)
        before = place.faults.seen.total()
        await look_again()
        assert f"was not given for {place.url}" in refused(name)
        assert place.faults.seen.total() == before
        await completed(update_registry, name, credentials=again)
        assert dossier(name).diagnosis.health is Health.HEALTHY


async def test_an_edited_block_is_still_sent(name: str) -> None:
    with harbor_at() as place:
        place.harbor.add_user("second", "Second-12345", sysadmin=True)
        assert (await integrate(name, place.url)).is_completed()
        await block(name, "second", "Second-12345")
        await look_again()
        assert dossier(name).diagnosis.health is Health.HEALTHY


@pytest.mark.parametrize("type_", ["harbor", "docker"])
async def test_a_registry_that_moves_is_given_its_credentials_again(name: str, type_: str) -> None:
    asked = Token(USERS)
    moved = Faults(DockerRegistry(auth=asked).app)
    with (
        harbor_at() as one,
        harbor_at() as two,
        running(DockerRegistry(auth=asked).app) as first,
        running(moved) as second,
    ):
        before, after = (one.url, two.url) if type_ == "harbor" else (first, second)
        given = await block(name)
        assert (await integrate(name, before, type_, credentials=given)).is_completed()
        message = await failed(update_registry, name, address=after)
        assert f"{after} is another origin than {before}" in message
        assert "choose credentials in the same call" in message
        assert moved.seen.total() == two.faults.seen.total() == 0
        await completed(update_registry, name, description="moved")
        await completed(update_registry, name, address=after, credentials=given)
        assert dossier(name).registry.address == after
        assert dossier(name).diagnosis.health is Health.HEALTHY


async def test_one_block_serves_several_registries(name: str) -> None:
    with harbor_at() as one, harbor_at() as two:
        given = await block(name)
        for number, place in enumerate((one, two)):
            state = await integrate(f"{name}-{number}", place.url, credentials=given)
            assert state.is_completed()
        await look_again()
        for number in range(2):
            assert dossier(f"{name}-{number}").diagnosis.health is Health.HEALTHY


async def test_a_token_service_that_a_person_names_receives_what_its_registry_may(
    name: str,
) -> None:
    tokens = Token(USERS)
    with running(DockerRegistry(auth=tokens).app) as url, running(tokens.app) as service:
        given = await block(name)
        assert (await integrate(name, url, "docker", credentials=given)).is_completed()
        tokens.realm = f"{service}/token"
        await look_again()
        assert dossier(name).diagnosis.reason is Reason.FOREIGN_TOKEN_REALM
        await completed(update_registry, name, token_service=service)
        await look_again()
        assert dossier(name).diagnosis.health is Health.HEALTHY
        await made_again(name)
        issued = tokens.issued
        for text in (service, service.replace("127.0.0.1", "localhost")):
            told = await failed(update_registry, name, token_service=text, description="again")
            assert "was not given for" in told
        assert tokens.issued == issued
