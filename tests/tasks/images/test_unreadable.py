"""What cannot be read is kept or not counted, and never zero."""

from datetime import timedelta

import pytest

from deployments.simulators.docker_registry import (
    StoredManifest,
)
from deployments.simulators.faults import Fault, Respond
from models.core.errors import RemoteError
from models.images.sweep import Stage
from models.tables import RepositoryRow
from tasks import clock
from tests.tasks.images.tools import (
    ONE,
    SIZE_ONE,
    SIZE_TWO,
    TWO,
    Server,
    counted,
    figures,
    get_progress,
    slice_once,
    sweep,
)
from tests.tasks.store.tools import rows


async def test_a_tag_that_fails_keeps_its_last_image(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "v2", TWO)
    await sweep(server.url)
    before = counted()
    server.fail(".*/manifests/v2", 403)
    await sweep(server.url)
    assert counted() == before


async def test_a_tag_that_was_never_read_is_not_counted(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "v2", TWO)
    server.fail(".*/manifests/v2", 403)
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 2)


async def test_a_404_of_a_proxy_removes_nothing(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/b", "v1", TWO)
    await sweep(server.url)
    before = counted()
    server.fail("/v2/team/.*", 404)
    await sweep(server.url)
    assert counted() == before


async def test_a_repository_whose_tags_are_hidden_counts_as_one_tag(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/b", "v1", TWO)
    server.fail("/v2/team/b/tags/list.*", 403)
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 2)


async def test_a_tag_that_disappears_during_the_sweep(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "v2", TWO)
    server.faults.add(
        Fault(
            Respond(200, body=b'{"name":"team/a","tags":["v1","v2","gone"]}'),
            path=".*/tags/list.*",
        )
    )
    await sweep(server.url)
    assert counted() == (SIZE_ONE + SIZE_TWO - 2000, 2, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"no JSON",
        ONE.content.replace(b'"size": 1,', b'"size": -1,'),
        ONE.content.replace(b'"size": 1,', b'"size": 1' + b"0" * 300 + b","),
        b'{"schemaVersion":2,"manifests":[' + b"[" * 50_000,
        b'{"schemaVersion":2,"layers":[' + b"{}," * 300_000 + b"{}]}",
    ],
    ids=["empty", "text", "negative", "huge", "deep", "many"],
)
async def test_a_hostile_manifest_is_not_counted_and_not_read_again(
    server: Server, body: bytes
) -> None:
    server.add("team/a", "v1", ONE)
    server.add("team/a", "hostile", StoredManifest(body, ONE.media_type))
    await sweep(server.url)
    server.take_requests()
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 2)
    assert server.take_requests()["GET manifest"] == 0


async def test_only_unusable_manifests_are_unknown_and_not_zero(server: Server) -> None:
    server.add("team/a", "v1", StoredManifest(b"{}", ONE.media_type))
    await sweep(server.url)
    assert counted() == (None, 0, 1)


async def test_a_manifest_with_another_digest_is_not_believed(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.faults.add(
        Fault(Respond(200, body=TWO.content), method="GET", path=".*/manifests/sha256.*")
    )
    await sweep(server.url)
    assert counted() == (None, 0, 1)
    await sweep(server.url)  # it is read again
    assert counted() == (SIZE_ONE, 1, 1)


async def test_invisible_characters_do_not_change_a_digest(server: Server) -> None:
    body = ONE.content.replace(b'"mediaType"', b'"x": "\\u200b\xe2\x80\xae", "mediaType"', 1)
    server.add("team/a", "v1", StoredManifest(body, ONE.media_type))
    await sweep(server.url)
    assert counted() == (len(body) + 2001, 1, 1)


async def test_a_server_that_does_not_tell_the_digest(server: Server) -> None:
    server.add("team/a", "v1", ONE)
    server.faults.add(Fault(Respond(200), method="HEAD", path=".*/manifests/.*", times=None))
    await sweep(server.url)
    assert counted() == (SIZE_ONE, 1, 1)


async def test_throttling_pauses_the_sweep(server: Server) -> None:
    server.add("team/a", "v1")
    server.fail(".*/manifests/.*", 429, times=3)
    progress = await slice_once(server.url)
    due_at = figures().record.storage_due_at
    assert due_at is not None
    assert due_at - clock.now() > timedelta(minutes=9)
    assert progress.stage is Stage.RESOLVE


async def test_a_registry_that_is_down_ends_the_slice(server: Server) -> None:
    for number in range(50):
        server.add("team/a", f"v{number:02}")
    server.fail(".*/manifests/.*", 503)
    await slice_once(server.url)
    assert server.take_requests()["HEAD manifest"] == 0
    assert get_progress().stage is Stage.RESOLVE


@pytest.mark.parametrize("status", [404, 405, 403, 500])
async def test_without_a_catalog_it_is_unknown_and_says_why(server: Server, status: int) -> None:
    server.add("team/a", "v1")
    server.fail("/v2/_catalog.*", status)
    with pytest.raises(RemoteError):
        await slice_once(server.url)
    record = figures().record
    assert record.storage_used is None
    assert str(status) in record.storage_note
    assert record.storage_due_at is not None and record.storage_due_at > clock.now()


async def test_a_list_without_a_proved_end_removes_nothing(server: Server) -> None:
    for number in range(3):
        server.add(f"team/{number}", "v1")
    await sweep(server.url)
    link = (("Link", '</v2/_catalog?last=x>; rel="next"'), ("Content-Type", "application/json"))
    server.faults.add(
        Fault(
            Respond(200, body=b'{"repositories":["team/0"]}', headers=link),
            path="/v2/_cat.*",
            times=2,
        )
    )
    with pytest.raises(RemoteError):
        await slice_once(server.url)
    assert counted() == (SIZE_ONE, 3, 3)
    assert len(rows(RepositoryRow)) == 3
