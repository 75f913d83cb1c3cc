"""Whether a Harbor can be worked with: kind, version, credential, rights."""

import json

import pytest

from deployments.simulators.asgi import Reply
from deployments.simulators.docker_registry import Basic, DockerRegistry, Token
from deployments.simulators.faults import Answer, Fault, Faults
from models.core.errors import CredentialsMissing
from models.core.reasons import Reason
from models.registries.condition import ConditionType, Health, Status
from models.registries.health import diagnose, reached, settle
from tasks.registries.factory import connect
from tests.support.builders import NOW, registry
from tests.support.simulator_servers import serving
from tests.tasks.registries.tools import (
    FALSE,
    HTML,
    QUICK,
    TRUE,
    UNKNOWN,
    WELL,
    Recorder,
    examine,
    harbor,
    look,
    refusal_in,
    told,
    why_unseen,
)


@pytest.mark.parametrize("version", ["v2.9.0", "v2.12.4-3a1b2c4d", "v2.13.0", "v2.16.0-c50c7ddd"])
async def test_all_is_well(version: str) -> None:
    simulated = harbor(version)
    with serving(simulated.app) as url:
        verdicts = await examine(url)
    assert told(verdicts) == WELL
    assert [one.step for one in verdicts] == [
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
        against = refusal_in(await examine(url))
        assert against.reason is Reason.VERSION_TOO_OLD
        assert against.advice == "upgrade Harbor to 2.9 or newer"
        assert {one.user for one in simulated.requests} == {None}
        assert why_unseen(await look(url)) is Reason.VERSION_TOO_OLD


@pytest.mark.parametrize("told_version", ["dev", None])
async def test_an_unknown_version_is_no_obstacle(told_version: str | None) -> None:
    faults = Faults(harbor().app)
    body = json.dumps({"harbor_version": told_version, "read_only": False}).encode()
    faults.add(Fault(Answer(200, body), path=".*systeminfo", times=None))
    with serving(faults) as url:
        found = told(await examine(url))
    assert found[ConditionType.SUPPORTED] == (UNKNOWN, Reason.VERSION_UNKNOWN)


async def test_an_answer_for_strangers_does_not_say_writable() -> None:
    faults = Faults(harbor().app)
    faults.add(Fault(Answer(200, b'{"auth_mode": "db_auth"}'), path=".*systeminfo", times=None))
    with serving(faults) as url:
        verdicts = await examine(url)
    assert told(verdicts)[ConditionType.WRITABLE] == (UNKNOWN, Reason.NOT_PROBED)
    assert not any(one.proved for one in verdicts if one.status is UNKNOWN)


async def test_read_only_is_degraded_and_still_read() -> None:
    simulated = harbor()
    simulated.settings.read_only = True
    with serving(simulated.app) as url:
        assert refusal_in(await examine(url)).reason is Reason.READ_ONLY
        snapshot = await look(url)
    assert snapshot.spaces.seen
    conditions = settle([], (*reached(registry()), *snapshot.verdicts), NOW)
    assert diagnose(conditions).health is Health.DEGRADED


@pytest.mark.parametrize(
    ("down", "status", "reason"),
    [
        ("registry", FALSE, Reason.COMPONENTS_DOWN),
        ("redis", FALSE, Reason.COMPONENTS_DOWN),
        ("jobservice", TRUE, Reason.SIDE_COMPONENTS_DOWN),
        ("trivy", TRUE, Reason.ALL_COMPONENTS_UP),
    ],
)
async def test_components(down: str, status: Status, reason: Reason) -> None:
    simulated = harbor()
    simulated.unhealthy[down] = "no answer"
    with serving(simulated.app) as url:
        assert told(await examine(url))[ConditionType.SERVING] == (status, reason)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(200, b"<html>", HTML), Reason.NOT_A_REGISTRY),
        (Reply(404, b"<html>", HTML), Reason.NOT_A_REGISTRY),
        (Reply(404), Reason.NOT_A_REGISTRY),
        (Reply(200, b'{"status":"UP"}'), Reason.NOT_A_REGISTRY),
        (Reply(200, b'{"status": "healthy", "comp'), Reason.NOT_A_REGISTRY),
        (Reply(401), Reason.NOT_A_REGISTRY),
        (Reply(301, b"", (("Location", "https://h/?a=b"),)), Reason.REDIRECTED),
        (Reply(308, b"", ()), Reason.REDIRECTED),
    ],
)
async def test_what_is_no_harbor(reply: Reply, reason: Reason) -> None:
    recorder = Recorder(reply)
    with serving(recorder.app) as url:
        against = refusal_in(await examine(url))
        assert why_unseen(await look(url)) is reason
    assert (against.type, against.reason) == (ConditionType.SUPPORTED, reason)
    assert against.proved is (reason is not Reason.NOT_A_REGISTRY)
    assert all("authorization" not in one.headers for one in recorder.requests)


@pytest.mark.parametrize("auth", [None, Basic({"u": "p"}), Token({"u": "p"})])
async def test_a_docker_registry_is_no_harbor(auth: Basic | Token | None) -> None:
    simulated = DockerRegistry(auth)
    with serving(simulated.app) as url:
        against = refusal_in(await examine(url))
    assert against.reason is Reason.WRONG_KIND
    assert against.advice == "choose the type 'Docker Registry'"
    assert {one.authorization for one in simulated.requests} == {""}


async def test_one_cut_answer_does_not_make_a_harbor_no_registry() -> None:
    faults = Faults(harbor().app)
    with serving(faults) as url:
        well = settle([], (await look(url)).verdicts, NOW)
        faults.add(Fault(Answer(200, b'{"status": "hea'), path=".*/health", times=2))
        once = settle(well, (await look(url)).verdicts, NOW)
        twice = settle(once, (await look(url)).verdicts, NOW)
    assert [diagnose(told).health for told in (once, twice)] != [Health.UNHEALTHY] * 2
    assert {one.type: one.status for one in once}[ConditionType.SUPPORTED] is TRUE
    assert {one.type: one.status for one in twice}[ConditionType.SUPPORTED] is FALSE


async def test_a_harbor_needs_a_credential() -> None:
    with pytest.raises(CredentialsMissing, match="choose a registry-credentials block"):
        async with connect(registry(), None, QUICK):
            pass
