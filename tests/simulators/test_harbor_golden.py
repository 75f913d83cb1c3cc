"""The Harbor simulator is held to 593 records of a real core (v2.16.0-c50c7ddd).

What the simulator leaves out is in EXCLUDED, each with its reason; everything else is sent
again and compared: status, headers that matter, and the whole body. Values a clock or a random
source made are compared by form.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.simulators.harbor_replay import BETWEEN, RECORDS, SENT_DURING, Session

WEBHOOKS = "webhooks are not simulated"
UNPINGED = "the simulator pings no remote registry"
LABELS = "labels are not simulated"
EXCLUDED = {
    **dict.fromkeys((97, 222, 512, 513, 514, 527, 528, 529), WEBHOOKS),
    **dict.fromkeys((511, 526), UNPINGED),
    **dict.fromkeys((573, 574), LABELS),
    554: "a real core notices a dead database up to 10 s late, the simulator at once",
    592: "the schedules of the jobservice are not simulated",
}
# Rows that tie come in the order of PostgreSQL's heap; only their form can be compared.
TIED = {165, 578}
CLOCK = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
BY_FORM = frozenset({"token", "secret", "expires_at"})


def differences(index: int, session: Session, response: httpx.Response) -> list[str]:
    """What is not as recorded."""
    record = RECORDS[index]
    found = []
    if response.status_code != record["status"]:
        return [f"status {response.status_code} for {record['status']}: {response.text[:200]}"]
    found += _header_differences(session, record, response)
    return found + _body_differences(index, session, record, response)


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
    found = [
        f"{name}: {response.headers.get(name)!r} for {recorded.get(name)!r}"
        for name in EXACT
        if response.headers.get(name) != recorded.get(name)
    ]
    found += [
        f"{name} present: {name in response.headers}"
        for name in PRESENT
        if (name in response.headers) != (name in recorded)
    ]
    cookies = [value for name, value in record["resp_headers"] if name == "Set-Cookie"]
    names = {cookie.partition("=")[0] for cookie in cookies}
    given = {c.partition("=")[0] for c in response.headers.get_list("set-cookie")}
    return found if names == given else [*found, f"cookies {given} for {names}"]


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
    return list(unlike(response.json(), json.loads(recorded), "", index in TIED))


def unlike(ours: Any, theirs: Any, place: str, by_form: bool) -> Iterator[str]:
    """Where two JSON values differ. Times, secrets and tokens are compared by form."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        yield from _unlike_objects(ours, theirs, place, by_form)
    elif isinstance(theirs, list) and isinstance(ours, list):
        yield from _unlike_arrays(ours, theirs, place, by_form)
    elif not (_alike(ours, theirs) or (by_form and type(ours) is type(theirs))):
        yield f"{place}: {ours!r} for {theirs!r}"


def _alike(ours: object, theirs: object) -> bool:
    """Equal, also in type; or two times; or one 405."""
    equal = type(ours) is type(theirs) and ours == theirs
    return equal or _both_times(ours, theirs) or _same_405(ours, theirs)


def _unlike_objects(
    ours: dict[str, Any], theirs: dict[str, Any], place: str, by_form: bool
) -> Iterator[str]:
    if list(ours) != list(theirs):
        yield f"{place}: keys {list(ours)} for {list(theirs)}"
    for key in theirs.keys() & ours.keys():
        yield from unlike(ours[key], theirs[key], f"{place}.{key}", by_form or key in BY_FORM)


def _unlike_arrays(ours: list[Any], theirs: list[Any], place: str, by_form: bool) -> Iterator[str]:
    if len(ours) != len(theirs):
        yield f"{place}: {len(ours)} items for {len(theirs)}"
    if place.endswith(".permissions"):  # their order is random
        ours, theirs = sorted(ours, key=json.dumps), sorted(theirs, key=json.dumps)
    for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        yield from unlike(one, other, f"{place}[{number}]", by_form)


def _same_405(ours: object, theirs: object) -> bool:
    """The methods of a 405 come in random order."""
    texts = [re.findall("[A-Z]+|[a-z ]+", str(text)) for text in (ours, theirs)]
    return "is not allowed, but" in str(theirs) and sorted(texts[0]) == sorted(texts[1])


def _both_times(ours: object, theirs: object) -> bool:
    if not (isinstance(ours, str) and isinstance(theirs, str)):
        return False
    zero = theirs.startswith("0001-") == ours.startswith("0001-")
    return zero and bool(CLOCK.fullmatch(ours) and CLOCK.fullmatch(theirs))


async def replay(session: Session) -> dict[int, list[str]]:
    """All records in order; the differences of each one that was sent."""
    found: dict[int, list[str]] = {}
    for index in range(len(RECORDS)):
        if index in BETWEEN:
            BETWEEN[index](session.harbor)
        if index in EXCLUDED or index in SENT_DURING.values():
            continue
        during = SENT_DURING.get(index)
        slow = asyncio.create_task(session.send(during)) if during is not None else None
        if slow is not None:
            await asyncio.sleep(0.001)
        response = await session.send(index)
        session.learn(index, response)
        found[index] = differences(index, session, response)
        if slow is not None and during is not None:
            found[during] = differences(during, session, await slow)
    return found


async def test_answers_as_the_recorded_core_did(capsys: pytest.CaptureFixture[str]) -> None:
    found = await replay(Session())
    with capsys.disabled():
        print(f"\nHarbor golden records: {len(found)} replayed, {len(EXCLUDED)} excluded")
    wrong = {
        f"{i} {RECORDS[i]['method']} {RECORDS[i]['path'][:90]} {RECORDS[i]['auth']}": problems
        for i, problems in found.items()
        if problems
    }
    assert wrong == {}
    assert len(found) + len(EXCLUDED) == len(RECORDS) == 593
    assert len(found) >= 579
