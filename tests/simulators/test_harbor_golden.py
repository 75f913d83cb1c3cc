"""The Harbor simulator is held to 428 records of a real core (v2.16.0-c50c7ddd).

All that are not in EXCLUDED are sent again and compared: status, headers that matter, and the
whole body. Values a clock or a random source made are compared by form.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.simulators.harbor_replay import BETWEEN, LOCKOUT_SECONDS, RECORDS, SENT_DURING, Session

EXCLUDED = {554: "a real core notices a dead database up to 10 s late, the simulator at once"}
# Rows that tie come in the order of PostgreSQL's heap; only their form can be compared.
TIED = {165, 578}
CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
BY_FORM = frozenset({"token", "secret", "expires_at"})


def differences(index: int, session: Session, response: httpx.Response) -> list[str]:
    """What is not as recorded."""
    record = RECORDS[index]
    problems = []
    if response.status_code != record["status"]:
        return [f"status {response.status_code} for {record['status']}: {response.text[:200]}"]
    problems += _header_differences(session, record, response)
    return problems + _body_differences(index, session, record, response)


EXACT = (
    "content-type",
    "x-total-count",
    "link",
    "location",
    "www-authenticate",
    "vary",
    "etag",
    "range",
    "docker-content-digest",
    "docker-distribution-api-version",
    "docker-upload-uuid",
)
PRESENT = ("x-request-id", "x-harbor-csrf-token")


def _header_differences(
    session: Session, record: dict[str, Any], response: httpx.Response
) -> list[str]:
    recorded = {name.lower(): session.translate(value) for name, value in record["resp_headers"]}
    problems = [
        f"{name}: {response.headers.get(name)!r} for {recorded.get(name)!r}"
        for name in EXACT
        if response.headers.get(name) != recorded.get(name)
    ]
    problems += [
        f"{name} present: {name in response.headers}"
        for name in PRESENT
        if (name in response.headers) != (name in recorded)
    ]
    cookies = [value for name, value in record["resp_headers"] if name == "Set-Cookie"]
    names = {cookie.partition("=")[0] for cookie in cookies}
    simulated_names = {c.partition("=")[0] for c in response.headers.get_list("set-cookie")}
    return (
        problems
        if names == simulated_names
        else [*problems, f"cookies {simulated_names} for {names}"]
    )


def _body_differences(
    index: int, session: Session, record: dict[str, Any], response: httpx.Response
) -> list[str]:
    recorded = session.translate(record["resp_body"])
    if response.headers.get("content-type", "").startswith("text/html"):
        return []
    if "json" not in response.headers.get("content-type", "") or not recorded:
        return [] if response.text == recorded else [f"body {response.text!r} for {recorded!r}"]
    if recorded.endswith("\n") != response.text.endswith("\n"):
        return ["the newline at the end"]
    return list(diff_values(response.json(), json.loads(recorded), "", index in TIED))


def diff_values(simulated: Any, recorded: Any, path: str, by_form: bool) -> Iterator[str]:
    """Where two JSON values differ. Times, secrets and tokens are compared by form."""
    if isinstance(recorded, dict) and isinstance(simulated, dict):
        yield from _diff_objects(simulated, recorded, path, by_form)
    elif isinstance(recorded, list) and isinstance(simulated, list):
        yield from _diff_arrays(simulated, recorded, path, by_form)
    elif not (_is_equal(simulated, recorded) or (by_form and type(simulated) is type(recorded))):
        yield f"{path}: {simulated!r} for {recorded!r}"


def _is_equal(simulated: object, recorded: object) -> bool:
    """Equal, also in type; or two times."""
    equal = type(simulated) is type(recorded) and simulated == recorded
    return equal or _both_times(simulated, recorded)


def _diff_objects(
    simulated: dict[str, Any], recorded: dict[str, Any], path: str, by_form: bool
) -> Iterator[str]:
    if list(simulated) != list(recorded):
        yield f"{path}: keys {list(simulated)} for {list(recorded)}"
    for key in recorded.keys() & simulated.keys():
        yield from diff_values(
            simulated[key], recorded[key], f"{path}.{key}", by_form or key in BY_FORM
        )


def _diff_arrays(
    simulated: list[Any], recorded: list[Any], path: str, by_form: bool
) -> Iterator[str]:
    if len(simulated) != len(recorded):
        yield f"{path}: {len(simulated)} items for {len(recorded)}"
    if path.endswith(".permissions"):  # their order is random
        simulated, recorded = sorted(simulated, key=json.dumps), sorted(recorded, key=json.dumps)
    for number, (simulated_item, recorded_item) in enumerate(
        zip(simulated, recorded, strict=False)
    ):
        yield from diff_values(simulated_item, recorded_item, f"{path}[{number}]", by_form)


def _both_times(simulated: object, recorded: object) -> bool:
    if not (isinstance(simulated, str) and isinstance(recorded, str)):
        return False
    zero = recorded.startswith("0001-") == simulated.startswith("0001-")
    return zero and bool(CLOCK.fullmatch(simulated) and CLOCK.fullmatch(recorded))


async def replay(session: Session) -> dict[int, list[str]]:
    """All records in order; the differences of each one that was sent."""
    results: dict[int, list[str]] = {}
    for index in RECORDS:
        if index in BETWEEN:
            BETWEEN[index](session.harbor)
        if index in EXCLUDED or index in SENT_DURING.values():
            continue
        during = SENT_DURING.get(index)
        slow = None if during is None else await _send_slowly(session, during)
        response = await session.send(index)
        session.learn(index, response)
        results[index] = differences(index, session, response)
        if slow is not None and during is not None:
            results[during] = differences(during, session, await slow)
    return results


async def _send_slowly(session: Session, index: int) -> asyncio.Task[httpx.Response]:
    """Send a wrong password, and go on while it is being waited for."""
    session.harbor.lockout_seconds = 0.5  # longer than the next request takes on a busy machine
    task = asyncio.create_task(session.send(index))
    while not session.harbor.locked_until:
        await asyncio.sleep(0.001)
    session.harbor.lockout_seconds = LOCKOUT_SECONDS
    return task


async def test_answers_as_the_recorded_core_did(capsys: pytest.CaptureFixture[str]) -> None:
    results = await replay(Session())
    with capsys.disabled():
        print(f"\nHarbor golden records: {len(results)} replayed, {len(EXCLUDED)} excluded")
    failures = {
        f"{i} {RECORDS[i]['method']} {RECORDS[i]['path'][:90]} {RECORDS[i]['auth']}": problems
        for i, problems in results.items()
        if problems
    }
    assert failures == {}
    assert len(results) + len(EXCLUDED) == len(RECORDS) == 428
    assert RECORDS.keys() >= BETWEEN.keys()
