"""Whether a pull credential gets into a Docker Registry, tried with that credential alone."""

import pytest

from deployments.simulators.docker_registry import BasicAuth, SimulatedDockerRegistry, TokenAuth
from deployments.simulators.faults import CutConnection, Fault, FaultInjector, Respond
from models.registries.registry import Kind
from tests.conftest import REGISTRY_USERS
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import USER, open_client, with_wrong_password


@pytest.mark.parametrize("auth", [BasicAuth, TokenAuth])
async def test_the_right_one_is_accepted_and_a_wrong_one_is_not(
    auth: type[BasicAuth] | type[TokenAuth],
) -> None:
    registry = SimulatedDockerRegistry(auth(REGISTRY_USERS))
    with serving(registry.app) as url:
        async with open_client(url, Kind.DOCKER, None) as client:
            assert await client.can_log_in(USER) is True
            assert await client.can_log_in(with_wrong_password(USER)) is False


async def test_where_nobody_has_to_log_in_it_cannot_be_told() -> None:
    with serving(SimulatedDockerRegistry().app) as url:
        async with open_client(url, Kind.DOCKER, None) as client:
            assert await client.can_log_in(USER) is None


@pytest.mark.parametrize("action", [Respond(500), Respond(403), Respond(302), CutConnection()])
async def test_any_other_answer_says_nothing(action: Respond | CutConnection) -> None:
    faults = FaultInjector(SimulatedDockerRegistry(BasicAuth(REGISTRY_USERS)).app)
    faults.add(Fault(action, path="/v2/", times=None))
    with serving(faults) as url:
        async with open_client(url, Kind.DOCKER, None) as client:
            assert await client.can_log_in(USER) is None


async def test_a_foreign_token_service_is_not_told_the_secret() -> None:
    token = TokenAuth(REGISTRY_USERS)
    token_server = FaultInjector(token.app)
    with serving(SimulatedDockerRegistry(token).app) as url, serving(token_server) as other:
        token.realm = f"{other}/token"
        async with open_client(url, Kind.DOCKER, None) as client:
            assert await client.can_log_in(USER) is None
    assert token_server.request_counts.total() == 0
