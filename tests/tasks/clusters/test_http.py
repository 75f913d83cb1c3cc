"""The one client: what it sends, how often it asks, when it gives up, and what it never tells."""

import asyncio
import logging
import pickle

import pytest

from deployments.simulators.faults import Answer, Cut, Delay, Endless, Fault, Huge, Redirect
from deployments.simulators.kubernetes import EmulatedCluster
from deployments.simulators.server import closed_port_url
from models.core.errors import ClusterError, ClusterTransient
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.support.simulator_servers import serving
from tests.tasks.clusters.tools import (
    LINK,
    PASSWORD,
    bounds,
    content,
    deliver,
    delivered,
    items,
    opened,
)
from tests.tasks.registries.tools import Recorder

SHORT = bounds(read_seconds=0.2, request_seconds=0.4)


async def test_what_is_sent(cluster: EmulatedCluster) -> None:
    recorder = Recorder()
    with serving(recorder.app) as url:
        cluster.url = url
        async with opened(cluster) as client:
            with pytest.raises(ClusterError):
                await client.make(deliver(), {"shop": content()})
    first = recorder.requests[0]
    assert first.headers["authorization"] == f"Bearer {cluster.token}"
    assert first.headers["content-type"] == "application/apply-patch+yaml"
    assert first.headers["user-agent"] == "registry-integration"
    assert first.target.endswith("?fieldManager=registry-integration")
    assert "cookie" not in first.headers


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(
    cluster: EmulatedCluster, client: ClusterClient, status: int
) -> None:
    elsewhere = Recorder()
    with serving(elsewhere.app) as other:
        cluster.faults.add(Fault(Redirect(f"{other}/x", status), times=None))
        with pytest.raises(ClusterError) as caught:
            await client.look(())
    assert caught.value.reason == Reason.REDIRECTED
    assert elsewhere.requests == []


async def test_no_proxy_of_this_machine_is_used(
    cluster: EmulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, closed_port_url())
    async with opened(cluster) as client:
        assert (await client.look(())).unseen is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_passing_faults_pass(
    cluster: EmulatedCluster, client: ClusterClient, status: int
) -> None:
    cluster.faults.add(Fault(Answer(status), method="PATCH", times=2))
    assert (await delivered(client)).done


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Answer(429), Reason.THROTTLED),
        (Answer(503), Reason.SERVER_BROKEN),
        (Answer(504), Reason.TIMED_OUT),
        (Cut(), Reason.UNREACHABLE),
        (Delay(5), Reason.TIMED_OUT),
        (Endless(pause=0.02), Reason.TIMED_OUT),
    ],
)
async def test_after_three_tries_it_is_an_error(
    cluster: EmulatedCluster, action: Answer, reason: Reason
) -> None:
    cluster.faults.add(Fault(action, times=None))
    async with opened(cluster, bounds=SHORT) as client:
        with pytest.raises(ClusterTransient) as caught:
            await client.make(LINK, {})
    assert caught.value.reason == reason
    assert cluster.faults.seen.total() == 3


@pytest.mark.parametrize(("after", "tries"), [("1", 3), ("3600", 1)])
async def test_a_long_retry_after_ends_it(cluster: EmulatedCluster, after: str, tries: int) -> None:
    cluster.faults.add(Fault(Answer(429, headers=(("Retry-After", after),)), times=None))
    async with opened(cluster) as client:
        with pytest.raises(ClusterTransient) as caught:
            await client.make(LINK, {})
    assert caught.value.retry_after == float(after)
    assert pickle.loads(pickle.dumps(caught.value)).retry_after == float(after)
    assert cluster.faults.seen.total() == tries


async def test_a_cluster_that_is_down(cluster: EmulatedCluster) -> None:
    cluster.url = closed_port_url()
    async with opened(cluster) as client:
        with pytest.raises(ClusterTransient, match="nothing listens") as caught:
            await client.look(())
    assert caught.value.reason == Reason.CONNECTION_REFUSED


async def test_a_cluster_that_nobody_knows(cluster: EmulatedCluster) -> None:
    cluster.url = "https://nowhere.invalid"
    async with opened(cluster) as client:
        with pytest.raises(ClusterTransient, match="host name is unknown") as caught:
            await client.look(())
    assert caught.value.reason == Reason.UNKNOWN_HOST


async def test_a_blip_of_all_connections_passes(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(Cut(), times=6))
    assert (await client.look(())).unseen is None


async def test_a_cluster_that_dies_is_not_asked_1000_times(cluster: EmulatedCluster) -> None:
    names = [f"n{number}" for number in range(100)]
    for name in names:
        cluster.add_namespace(name)
    async with opened(cluster, bounds=bounds(at_once=4)) as client:
        assert (await delivered(client, names[0])).done
        cluster.faults.add(Fault(Cut(), times=None))
        cluster.faults.seen.clear()
        found = await asyncio.gather(
            *(delivered(client, name) for name in names), return_exceptions=True
        )
    assert all(isinstance(one, ClusterTransient) for one in found)
    assert any("not asked again right now" in str(one) for one in found)
    assert cluster.faults.seen.total() < 30


async def test_requests_at_once_are_bounded(cluster: EmulatedCluster) -> None:
    names = [f"n{number}" for number in range(12)]
    for name in names:
        cluster.add_namespace(name)
    cluster.faults.add(Fault(Delay(0.1), method="PATCH", times=None))
    async with opened(cluster, bounds=bounds(at_once=3)) as client:
        making = [asyncio.ensure_future(delivered(client, name)) for name in names]
        most = 0
        while not all(one.done() for one in making):
            under_way = cluster.faults.seen.total() - len(cluster.requests)
            most = max(most, under_way)
            await asyncio.sleep(0.01)
    assert all(one.result().done for one in making)
    assert 1 < most <= 3


async def test_an_answer_too_large_is_not_asked_for_again(
    cluster: EmulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(Huge(8_000_001), path="/api/v1/namespaces.*", times=None))
    with pytest.raises(ClusterError, match="answered more than 8 MB"):
        await client.look(())
    assert cluster.faults.count(path="/api/v1/namespaces.*") == 1


@pytest.mark.parametrize(
    "action",
    [
        Answer(400, b'{"kind": "Status", "reason": "BadRequest", "message": "robot-pass-Z9"}'),
        Answer(422, b'{"kind": "Status", "reason": "Invalid", "message": "robot-pass-Z9"}'),
        Answer(403, b'{"kind": "Status", "message": "robot-pass-Z9"}'),
        Answer(404, b"robot-pass-Z9"),
        Answer(500, b"robot-pass-Z9"),
        Answer(200, b'{"data": "robot-pass-Z9"}'),
        Cut(),
        Redirect("http://elsewhere.test/robot-pass-Z9"),
    ],
)
async def test_no_error_and_no_log_tells_a_secret(
    cluster: EmulatedCluster,
    client: ClusterClient,
    action: Answer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    cluster.faults.add(Fault(action, method="PATCH", times=None))
    with pytest.raises(ClusterError) as caught:
        await delivered(client)
    told = str(caught.value) + repr(caught.value) + caplog.text
    assert PASSWORD not in told
    assert cluster.token not in told


async def test_success_logs_no_secret(
    cluster: EmulatedCluster, client: ClusterClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await delivered(client)).done
    assert len(items((await client.look(())).secrets)) == 1
    assert PASSWORD not in caplog.text
    assert "dockerconfigjson" not in caplog.text
    assert cluster.token not in caplog.text
