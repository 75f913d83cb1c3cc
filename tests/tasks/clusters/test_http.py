"""The one client: what it sends, how often it asks, when it gives up, and what it never tells."""

import asyncio
import logging
import pickle

import pytest

from deployments.simulators.faults import (
    CutConnection,
    Delay,
    EndlessBody,
    Fault,
    HugeBody,
    Redirect,
    Respond,
)
from deployments.simulators.kubernetes import SimulatedCluster
from deployments.simulators.server import get_closed_url
from models.core.errors import RemoteError
from models.core.reasons import Reason
from tasks.clusters.protocol import ClusterClient
from tests.support.errors import raises_reason
from tests.support.simulator_servers import serving
from tests.tasks.clusters.tools import (
    LINK,
    PASSWORD,
    apply_write,
    bounds,
    content,
    items,
    open_client,
    write_secret,
)
from tests.tasks.registries.tools import Recorder

SHORT = bounds(read_seconds=0.5, request_seconds=1.5)


async def test_what_is_sent(cluster: SimulatedCluster) -> None:
    recorder = Recorder()
    with serving(recorder.app) as url:
        cluster.url = url
        async with open_client(cluster) as client:
            with pytest.raises(RemoteError):
                await client.apply_change(write_secret(), {"shop": content()})
    first = recorder.requests[0]
    assert first.headers["authorization"] == f"Bearer {cluster.token}"
    assert first.headers["content-type"] == "application/apply-patch+yaml"
    assert first.headers["user-agent"] == "registry-integration"
    assert first.url.query == "fieldManager=registry-integration"
    assert "cookie" not in first.headers


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(
    cluster: SimulatedCluster, client: ClusterClient, status: int
) -> None:
    other_server = Recorder()
    with serving(other_server.app) as other:
        cluster.faults.add(Fault(Redirect(f"{other}/x", status), times=None))
        with pytest.raises(RemoteError) as excinfo:
            await client.observe(())
    assert excinfo.value.reason == Reason.REDIRECTED
    assert other_server.requests == []


async def test_no_proxy_of_this_machine_is_used(
    cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, get_closed_url())
    async with open_client(cluster) as client:
        assert (await client.observe(())).first_unavailable is None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_passing_faults_pass(
    cluster: SimulatedCluster, client: ClusterClient, status: int
) -> None:
    cluster.faults.add(Fault(Respond(status), method="PATCH", times=2))
    assert (await apply_write(client)).succeeded


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (Respond(429), Reason.THROTTLED),
        (Respond(503), Reason.SERVER_BROKEN),
        (Respond(504), Reason.TIMED_OUT),
        (CutConnection(), Reason.UNREACHABLE),
        (Delay(5), Reason.TIMED_OUT),
        (EndlessBody(pause=0.02), Reason.TIMED_OUT),
    ],
)
async def test_after_three_tries_it_is_an_error(
    cluster: SimulatedCluster, action: Respond, reason: Reason
) -> None:
    cluster.faults.add(Fault(action, times=None))
    async with open_client(cluster, bounds=SHORT) as client:
        with raises_reason(reason, transient=True):
            await client.apply_change(LINK, {})
    assert cluster.faults.request_counts.total() == 3


@pytest.mark.parametrize(("after", "tries"), [("1", 3), ("3600", 1)])
async def test_a_long_retry_after_ends_it(
    cluster: SimulatedCluster, after: str, tries: int
) -> None:
    cluster.faults.add(Fault(Respond(429, headers=(("Retry-After", after),)), times=None))
    async with open_client(cluster) as client:
        with raises_reason(Reason.THROTTLED, transient=True) as excinfo:
            await client.apply_change(LINK, {})
    assert excinfo.value.retry_after == float(after)
    assert pickle.loads(pickle.dumps(excinfo.value)).retry_after == float(after)
    assert cluster.faults.request_counts.total() == tries


async def test_a_cluster_that_is_down(cluster: SimulatedCluster) -> None:
    cluster.url = get_closed_url()
    async with open_client(cluster) as client:
        with raises_reason(Reason.CONNECTION_REFUSED, "no server listens", transient=True):
            await client.observe(())


async def test_a_cluster_that_nobody_knows(cluster: SimulatedCluster) -> None:
    cluster.url = "https://nowhere.invalid"
    async with open_client(cluster) as client:
        with raises_reason(Reason.UNKNOWN_HOST, "cannot be resolved", transient=True):
            await client.observe(())


async def test_a_blip_of_all_connections_passes(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(CutConnection(), times=6))
    assert (await client.observe(())).first_unavailable is None


async def test_a_cluster_that_dies_is_not_asked_1000_times(cluster: SimulatedCluster) -> None:
    names = [f"n{number}" for number in range(100)]
    for name in names:
        cluster.add_namespace(name)
    async with open_client(cluster, bounds=bounds(max_concurrency=4)) as client:
        assert (await apply_write(client, names[0])).succeeded
        cluster.faults.add(Fault(CutConnection(), times=None))
        cluster.faults.request_counts.clear()
        results = await asyncio.gather(
            *(apply_write(client, name) for name in names), return_exceptions=True
        )
    assert all(isinstance(result, RemoteError) and result.transient for result in results)
    assert any("requests are paused" in str(result) for result in results)
    assert cluster.faults.request_counts.total() < 30


async def test_requests_at_once_are_bounded(cluster: SimulatedCluster) -> None:
    names = [f"n{number}" for number in range(12)]
    for name in names:
        cluster.add_namespace(name)
    cluster.faults.add(Fault(Delay(0.1), method="PATCH", times=None))
    async with open_client(cluster, bounds=bounds(max_concurrency=3)) as client:
        tasks = [asyncio.ensure_future(apply_write(client, name)) for name in names]
        peak = 0
        while not all(task.done() for task in tasks):
            in_flight = cluster.faults.request_counts.total() - len(cluster.requests)
            peak = max(peak, in_flight)
            await asyncio.sleep(0.01)
    assert all(task.result().succeeded for task in tasks)
    assert 1 < peak <= 3


async def test_an_answer_too_large_for_any_page_size_ends(
    cluster: SimulatedCluster, client: ClusterClient
) -> None:
    cluster.faults.add(Fault(HugeBody(8_000_001), path="/api/v1/namespaces.*", times=None))
    with pytest.raises(RemoteError, match="returned more than 8 MB"):
        await client.observe(())
    assert cluster.faults.count(path="/api/v1/namespaces.*") == 10  # 500, 250, …, 1, metadata


@pytest.mark.parametrize(
    "action",
    [
        Respond(400, b'{"kind": "Status", "reason": "BadRequest", "message": "robot-pass-Z9"}'),
        Respond(422, b'{"kind": "Status", "reason": "Invalid", "message": "robot-pass-Z9"}'),
        Respond(403, b'{"kind": "Status", "message": "robot-pass-Z9"}'),
        Respond(404, b"robot-pass-Z9"),
        Respond(500, b"robot-pass-Z9"),
        Respond(200, b'{"data": "robot-pass-Z9"}'),
        CutConnection(),
        Redirect("http://elsewhere.test/robot-pass-Z9"),
    ],
)
async def test_no_error_and_no_log_tells_a_secret(
    cluster: SimulatedCluster,
    client: ClusterClient,
    action: Respond,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    cluster.faults.add(Fault(action, method="PATCH", times=None))
    with pytest.raises(RemoteError) as excinfo:
        await apply_write(client)
    text = str(excinfo.value) + repr(excinfo.value) + caplog.text
    assert PASSWORD not in text
    assert cluster.token not in text


async def test_success_logs_no_secret(
    cluster: SimulatedCluster, client: ClusterClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert (await apply_write(client)).succeeded
    assert len(items((await client.observe(())).secrets)) == 1
    assert PASSWORD not in caplog.text
    assert "dockerconfigjson" not in caplog.text
    assert cluster.token not in caplog.text
