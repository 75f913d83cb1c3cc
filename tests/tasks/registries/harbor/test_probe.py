"""Whether a Harbor can be worked with: kind, version, credential, rights."""

import json

import pytest
from starlette.responses import HTMLResponse, Response

from deployments.simulators.docker_registry import BasicAuth, SimulatedDockerRegistry, TokenAuth
from deployments.simulators.faults import Fault, FaultInjector, Respond
from models.core.errors import CredentialError
from models.core.reasons import Reason
from models.registries.condition import ConditionStatus, ConditionType, Health
from models.registries.health import reachable_checks, summarize_health, update_conditions
from tasks.registries.connect import create_registry_client
from tasks.registries.protocol import ClientOptions
from tests.support.builders import NOW, registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    FALSE,
    HEALTHY,
    QUICK,
    TRUE,
    UNKNOWN,
    Recorder,
    expect_failure,
    harbor,
    observe_registry,
    probe_registry,
    statuses_by_type,
    unavailable_reason,
)


@pytest.mark.parametrize("version", ["v2.9.0", "v2.12.4-3a1b2c4d", "v2.13.0", "v2.16.0-c50c7ddd"])
async def test_all_is_well(version: str) -> None:
    simulated = harbor(version)
    with serving(simulated.app) as url:
        checks = await probe_registry(url)
    assert statuses_by_type(checks) == HEALTHY
    assert [check.step for check in checks] == [
        "Is it a Harbor",
        "Version supported",
        "Credentials right",
        "Administrator",
        "Writable",
        "Components healthy",
    ]
    assert simulated.requests.writes() == []


@pytest.mark.parametrize("version", ["v2.8.4-abc", "v1.10.0", "v2.0.0"])
async def test_too_old_is_said_before_a_password_is_sent(version: str) -> None:
    simulated = harbor(version)
    with serving(simulated.app) as url:
        failure = expect_failure(await probe_registry(url))
        assert failure.reason is Reason.VERSION_TOO_OLD
        assert failure.advice == "upgrade Harbor to 2.9 or newer"
        assert {request.user for request in simulated.requests} == {None}
        assert unavailable_reason(await observe_registry(url)) is Reason.VERSION_TOO_OLD


@pytest.mark.parametrize("told_version", ["dev", None])
async def test_an_unknown_version_is_no_obstacle(told_version: str | None) -> None:
    faults = FaultInjector(harbor().app)
    body = json.dumps({"harbor_version": told_version, "read_only": False}).encode()
    faults.add(Fault(Respond(200, body), path=".*systeminfo", times=None))
    with serving(faults) as url:
        statuses = statuses_by_type(await probe_registry(url))
    assert statuses[ConditionType.SUPPORTED] == (UNKNOWN, Reason.VERSION_UNKNOWN)


async def test_an_answer_for_strangers_does_not_say_writable() -> None:
    faults = FaultInjector(harbor().app)
    faults.add(Fault(Respond(200, b'{"auth_mode": "db_auth"}'), path=".*systeminfo", times=None))
    with serving(faults) as url:
        checks = await probe_registry(url)
    assert statuses_by_type(checks)[ConditionType.WRITABLE] == (UNKNOWN, Reason.NOT_PROBED)
    assert not any(check.confirmed for check in checks if check.status is UNKNOWN)


async def test_read_only_is_degraded_and_still_read() -> None:
    simulated = harbor()
    simulated.settings.read_only = True
    with serving(simulated.app) as url:
        assert expect_failure(await probe_registry(url)).reason is Reason.READ_ONLY
        snapshot = await observe_registry(url)
    assert snapshot.spaces.is_complete
    conditions = update_conditions([], (*reachable_checks(registry()), *snapshot.checks), NOW)
    assert summarize_health(conditions).health is Health.DEGRADED


@pytest.mark.parametrize(
    ("down", "status", "reason"),
    [
        ("registry", FALSE, Reason.COMPONENTS_DOWN),
        ("redis", FALSE, Reason.COMPONENTS_DOWN),
        ("jobservice", TRUE, Reason.SIDE_COMPONENTS_DOWN),
        ("trivy", TRUE, Reason.ALL_COMPONENTS_UP),
    ],
)
async def test_components(down: str, status: ConditionStatus, reason: Reason) -> None:
    simulated = harbor()
    simulated.unhealthy_components[down] = "no answer"
    with serving(simulated.app) as url:
        assert statuses_by_type(await probe_registry(url))[ConditionType.SERVING] == (
            status,
            reason,
        )


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (HTMLResponse(b"<html>", 200), Reason.NOT_A_REGISTRY),
        (HTMLResponse(b"<html>", 404), Reason.NOT_A_REGISTRY),
        (Response(b"", 404), Reason.NOT_A_REGISTRY),
        (Response(b'{"status":"UP"}', 200), Reason.NOT_A_REGISTRY),
        (Response(b'{"status": "healthy", "comp', 200), Reason.NOT_A_REGISTRY),
        (Response(b"", 401), Reason.NOT_A_REGISTRY),
        (Response(b"", 301, {"Location": "https://h/?a=b"}), Reason.REDIRECTED),
        (Response(b"", 308), Reason.REDIRECTED),
    ],
)
async def test_what_is_no_harbor(reply: Response, reason: Reason) -> None:
    recorder = Recorder(reply)
    with serving(recorder.app) as url:
        failure = expect_failure(await probe_registry(url))
        assert unavailable_reason(await observe_registry(url)) is reason
    assert (failure.type, failure.reason) == (ConditionType.SUPPORTED, reason)
    assert failure.confirmed is (reason is not Reason.NOT_A_REGISTRY)
    assert all("authorization" not in request.headers for request in recorder.requests)


@pytest.mark.parametrize("auth", [None, BasicAuth({"u": "p"}), TokenAuth({"u": "p"})])
async def test_a_docker_registry_is_no_harbor(auth: BasicAuth | TokenAuth | None) -> None:
    simulated = SimulatedDockerRegistry(auth)
    with serving(simulated.app) as url:
        failure = expect_failure(await probe_registry(url))
    assert failure.reason is Reason.WRONG_KIND
    assert failure.advice == "choose the type 'Docker Registry'"
    assert {request.authorization for request in simulated.requests} == {""}


async def test_one_cut_answer_does_not_make_a_harbor_no_registry() -> None:
    faults = FaultInjector(harbor().app)
    with serving(faults) as url:
        healthy = update_conditions([], (await observe_registry(url)).checks, NOW)
        faults.add(Fault(Respond(200, b'{"status": "hea'), path=".*/health", times=2))
        first_conditions = update_conditions(healthy, (await observe_registry(url)).checks, NOW)
        second_conditions = update_conditions(
            first_conditions, (await observe_registry(url)).checks, NOW
        )
    assert [
        summarize_health(conditions).health for conditions in (first_conditions, second_conditions)
    ] != [Health.UNHEALTHY] * 2
    assert {condition.type: condition.status for condition in first_conditions}[
        ConditionType.SUPPORTED
    ] is TRUE
    assert {condition.type: condition.status for condition in second_conditions}[
        ConditionType.SUPPORTED
    ] is FALSE


async def test_a_harbor_needs_a_credential() -> None:
    with pytest.raises(CredentialError, match="choose a registry-credentials block"):
        async with create_registry_client(registry(), ClientOptions(None, QUICK)):
            pass
