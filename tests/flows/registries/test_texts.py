"""A registry that says what cannot be stored is looked at, and written down, like any other."""

import json

from deployments.simulators.faults import Fault, Respond
from flows.overview import compute_overview
from tests.support.helpers import (
    add_registry,
    expect_success,
    harbor_with,
    page,
    reconcile_all_now,
    record_of,
    spaces_of,
)

NASTY = "a\x00b\u202ec\nd`|<b>\x1b[31m"
CLEAN = "a\ufffdb\ufffdc d`|<b>\ufffd[31m"


def _refusal(status: int) -> Respond:
    body = json.dumps({"errors": [{"code": "DENIED", "message": NASTY}]}).encode()
    return Respond(status, body, (("Content-Type", "application/json"),))


async def test_what_it_says_is_stored_and_shown(name_on_postgresql: str) -> None:
    name = name_on_postgresql
    with harbor_with("team") as harbor:
        await add_registry(name, harbor.url)
        harbor.faults.add(Fault(_refusal(400), path=r".*/projects\?.*", times=None))
        for _ in range(2):
            state = await reconcile_all_now()
            assert "unexpected" not in (state.message or "")
        await expect_success(compute_overview)
        markdown = await page("overview")
    messages = [condition.message for condition in record_of(name).conditions]
    assert any(CLEAN in message for message in messages), messages
    assert not {"\x00", "\u202e", "\x1b"} & set("".join(messages))
    assert not {"\x00", "\u202e", "\x1b"} & set(markdown)
    assert "<b>" not in markdown.replace("\\<b\\>", "")


async def test_names_that_cannot_be_are_refused_and_nothing_is_lost(
    name_on_postgresql: str,
) -> None:
    name = name_on_postgresql
    rows = [{"project_id": 1, "name": "library"}, {"project_id": 9, "name": NASTY}]
    with harbor_with("team") as harbor:
        await add_registry(name, harbor.url)
        answer = Respond(200, json.dumps(rows).encode(), (("X-Total-Count", "2"),))
        harbor.faults.add(Fault(answer, path=r".*/projects\?.*", times=None))
        state = await reconcile_all_now()
    assert "unexpected" not in (state.message or "")
    assert f"1 unavailable: {name}" in (state.message or "")
    assert set(spaces_of(name)) == {"library", "team"}
    assert all(space.missing_since is None for space in spaces_of(name).values())
