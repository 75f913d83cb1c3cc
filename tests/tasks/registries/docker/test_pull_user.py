"""What a Docker Registry answers to its pull-only user."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from deployments.simulators.docker_registry import (
    BasicAuth,
    NoAuth,
    SimulatedDockerRegistry,
    TokenAuth,
)
from deployments.simulators.docker_registry.auth import Auth
from deployments.simulators.faults import Fault, FaultInjector, Respond
from models.access.pull_user import PullUserLogin
from models.core.errors import RemoteError
from models.core.reasons import Reason
from models.registries.condition import ConditionStatus
from models.registries.registry import Kind
from tasks.registries.protocol import Credential
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import USER, items, open_client

USERS = {"user": "pw", "puller": "pull-pw"}
PULLER = Credential("puller", SecretStr("pull-pw"))
PULL = {"puller": frozenset({"pull"})}
ACCEPTED = ConditionStatus.TRUE, Reason.CREDENTIALS_ACCEPTED


@contextmanager
def _registry(
    auth: Auth, *repositories: str, catalog: str = "open"
) -> Iterator[tuple[str, SimulatedDockerRegistry]]:
    simulated = SimulatedDockerRegistry(auth, catalog="disabled" if catalog != "open" else "open")
    for repository in repositories:
        simulated.add_repository(repository)
    with serving(simulated.app) as url:
        yield url, simulated


async def _log_in(url: str, credential: Credential = PULLER) -> PullUserLogin:
    async with open_client(url, Kind.DOCKER, USER) as client:
        await client.probe()
        return await client.log_in_pull_user(credential)


@pytest.mark.parametrize(
    ("auth", "outcome", "pushable"),
    [
        (NoAuth(), (ConditionStatus.TRUE, Reason.NO_AUTHENTICATION), None),
        (BasicAuth(USERS), ACCEPTED, None),
        (TokenAuth(USERS), ACCEPTED, None),
        (TokenAuth(USERS, actions=PULL), ACCEPTED, None),
        (TokenAuth(USERS, jwt=True), ACCEPTED, ("other/x", "root", "team/app")),
        (TokenAuth(USERS, jwt=True, actions=PULL), ACCEPTED, ()),
        (TokenAuth(USERS, jwt=True, actions=PULL, refuses_excess=True), ACCEPTED, ()),
        (TokenAuth(USERS, jwt=True, actions={"puller": frozenset("*")}), ACCEPTED, ()),
        (TokenAuth(USERS, jwt=True, single_scope=True), ACCEPTED, ("other/x", "root", "team/app")),
        (TokenAuth(USERS, jwt=True, single_scope=True, actions=PULL), ACCEPTED, ()),
        (TokenAuth(USERS, single_scope=True), ACCEPTED, None),
    ],
)
async def test_answers(
    auth: Auth, outcome: tuple[ConditionStatus, Reason], pushable: tuple[str, ...] | None
) -> None:
    with _registry(auth, "team/app", "team/web", "other/x", "root") as (url, simulated):
        login = await _log_in(url)
    assert (login.check.status, login.check.reason) == outcome
    assert login.pushable == pushable
    assert {request.method for request in simulated.requests} == {"GET"}


@pytest.mark.parametrize("auth", [BasicAuth(USERS), TokenAuth(USERS), TokenAuth(USERS, jwt=True)])
async def test_a_wrong_password(auth: Auth) -> None:
    with _registry(auth, "team/app") as (url, _):
        login = await _log_in(url, Credential("puller", SecretStr("wrong")))
    assert login.check.reason is Reason.BAD_CREDENTIALS


async def test_a_token_service_that_fails_proves_nothing() -> None:
    faults = FaultInjector(SimulatedDockerRegistry(TokenAuth(USERS, jwt=True)).app)
    with serving(faults) as url:
        async with open_client(url, Kind.DOCKER, USER) as client:
            await client.probe()
            faults.add(Fault(Respond(503), path=r"/token\?.*push.*", times=None))
            with pytest.raises(RemoteError) as excinfo:
                await client.log_in_pull_user(PULLER)
    assert excinfo.value.transient


@pytest.mark.parametrize("catalog", ["open", "disabled"])
async def test_without_a_repository_another_is_asked_about(catalog: str) -> None:
    with _registry(TokenAuth(USERS, jwt=True), catalog=catalog) as (url, _):
        assert (await _log_in(url)).pushable == ("registry-integration/rights",)


async def test_after_an_observation_the_catalog_is_not_read_again() -> None:
    with _registry(TokenAuth(USERS, jwt=True), "team/app") as (url, simulated):
        async with open_client(url, Kind.DOCKER, USER) as client:
            await client.observe()
            before = len(simulated.requests)
            await client.log_in_pull_user(PULLER)
        targets = [request.target.partition("?")[0] for request in simulated.requests[before:]]
    assert targets == ["/v2/", "/token", "/v2/", "/token"]


@pytest.mark.parametrize(("refused_before", "tokens"), [(False, 2), (True, 1)])
async def test_an_own_user_that_was_refused_is_sent_once(
    *, refused_before: bool, tokens: int
) -> None:
    wrong = Credential("user", SecretStr("wrong"))
    with _registry(TokenAuth(USERS), "team/app") as (url, simulated):
        async with open_client(url, Kind.DOCKER, wrong, refused=refused_before) as client:
            checks = (await client.observe()).checks
        assert checks[-1].reason is Reason.BAD_CREDENTIALS
        sent = [request for request in simulated.requests if "/token" in request.target]
        assert len(sent) == tokens
        async with open_client(url, Kind.DOCKER, USER, refused=refused_before) as client:
            assert len(items(await client.observe())) == 1  # it is right again
