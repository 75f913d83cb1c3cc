"""Whether a pull credential gets into a Docker Registry, tried with that credential alone."""

import pytest

from deployments.simulators.docker_registry import Basic, DockerRegistry, Token
from deployments.simulators.faults import Answer, Cut, Fault, Faults
from models.registries.registry import Kind
from tests.conftest import REGISTRY_USERS
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import USER, opened, wrong


@pytest.mark.parametrize("auth", [Basic, Token])
async def test_the_right_one_is_accepted_and_a_wrong_one_is_not(
    auth: type[Basic] | type[Token],
) -> None:
    registry = DockerRegistry(auth(REGISTRY_USERS))
    with serving(registry.app) as url:
        async with opened(url, Kind.DOCKER, None) as client:
            assert await client.accepts(USER) is True
            assert await client.accepts(wrong(USER)) is False


async def test_where_nobody_has_to_log_in_it_cannot_be_told() -> None:
    with serving(DockerRegistry().app) as url:
        async with opened(url, Kind.DOCKER, None) as client:
            assert await client.accepts(USER) is None


@pytest.mark.parametrize("action", [Answer(500), Answer(403), Answer(302), Cut()])
async def test_any_other_answer_says_nothing(action: Answer | Cut) -> None:
    faults = Faults(DockerRegistry(Basic(REGISTRY_USERS)).app)
    faults.add(Fault(action, path="/v2/", times=None))
    with serving(faults) as url:
        async with opened(url, Kind.DOCKER, None) as client:
            assert await client.accepts(USER) is None


async def test_a_foreign_token_service_is_not_told_the_secret() -> None:
    token = Token(REGISTRY_USERS)
    elsewhere = Faults(token.app)
    with serving(DockerRegistry(token).app) as url, serving(elsewhere) as other:
        token.realm = f"{other}/token"
        async with opened(url, Kind.DOCKER, None) as client:
            assert await client.accepts(USER) is None
    assert elsewhere.seen.total() == 0
