"""A scheduled reconcile compares nothing if nothing has changed, and everything if anything has."""

import asyncio
import inspect
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session

from flows.operations import bindings as binding_operations
from flows.runs import new_run_context
from models.registries.registry import DriftPolicy
from models.tables import RegistryRow
from tasks import clock
from tasks.store.session import run_in_transaction
from tests.support.databases import migrated_sqlite, use_database
from tests.support.platform import advance_time
from tests.support.random_events import TrackedPlatform
from tests.support.random_platform import HARBOR, SharedServers

Event = Callable[[TrackedPlatform], Any]


def _edit_row(**values: Any) -> Event:
    def edit(session: Session) -> None:
        session.add(session.get_one(RegistryRow, HARBOR).sqlmodel_update(values))

    return lambda platform: run_in_transaction(edit)


def _hold(platform: TrackedPlatform) -> None:
    run_in_transaction(binding_operations.hold, HARBOR, {"b": "by a person"}, new_run_context())


def _lose_lease(platform: TrackedPlatform) -> None:
    _edit_row(doubted_at=clock.now())(platform)


def _touch_robot(platform: TrackedPlatform) -> None:
    platform.own_robots()[0].updated = platform.harbor.clock() + timedelta(seconds=5)


RELEVANT: dict[str, Event] = {
    "a binding": lambda platform: platform.bind("b", "red"),
    "no binding": lambda platform: platform.unbind("b", "red"),
    "a desired visibility": lambda platform: platform.wish("b", True),
    "a visibility": lambda platform: platform.flip("a"),
    "a repository": lambda platform: platform.harbor.add_image("a/other", "v1"),
    "a space": lambda platform: platform.make_space("c", False),
    "no space": lambda platform: platform.drop_space("c"),
    "a robot account that is disabled": lambda platform: platform.disable_robot(0),
    "a robot account that may do more": lambda platform: platform.widen_robot(0, "*"),
    "a robot account that may do less": lambda platform: platform.narrow_robot(0),
    "a robot account that expires": lambda platform: platform.end_robot(0),
    "the time of a robot account's update": _touch_robot,
    "no robot account": lambda platform: platform.delete_robot(0),
    "a namespace that leaves": lambda platform: platform.label("east", "n1", "blue", None),
    "a namespace that leaves, and its departure": lambda platform: platform.sync(),
    "a held binding": _hold,
    "a binding again": lambda platform: platform.bind("b", "blue"),
    "another drift policy": _edit_row(drift_policy=DriftPolicy.REPORT.value),
    "a run that lost its lease": _lose_lease,
    "time": lambda platform: advance_time(minutes=15),
    "a recreated space": lambda platform: platform.make_again("a"),
}
IRRELEVANT: dict[str, Event] = {
    "nothing": lambda platform: None,
    "a namespace without a workspace": lambda platform: platform.add_namespace("east", "n9", None),
    "the description of a registry's health": _edit_row(look_seconds=0.1),
}
QUIET = {"a namespace that leaves"}
"""Only a sync sees the departure, which is the next event."""


def test_unchanged(servers: SharedServers) -> None:
    with tempfile.TemporaryDirectory() as folder, use_database(migrated_sqlite(Path(folder))):
        asyncio.run(_run(TrackedPlatform(servers, by_robot=False, links=True)))


async def _run(platform: TrackedPlatform) -> None:
    for name in ("a", "b"):
        platform.make_space(name, public=False)
    platform.add_namespace("east", "n1", "red")
    platform.add_namespace("west", "n1", "blue")
    await platform.reconcile()
    platform.bind("a", "red")
    platform.bind("b", "blue")
    failures = []
    for label, event in (IRRELEVANT | RELEVANT).items():
        await _settle(platform, label)
        result = event(platform)
        if inspect.isawaitable(result):
            await result
        if await _is_unchanged(platform) is not (label in IRRELEVANT or label in QUIET):
            failures.append(label)
    assert failures == []


async def _is_unchanged(platform: TrackedPlatform) -> bool:
    result = await platform.reconcile()
    assert result is not None
    return result.snapshot.is_unchanged


async def _settle(platform: TrackedPlatform, label: str) -> None:
    """Let the schedules run until nothing is left to do, as they do within some minutes."""
    for _ in range(8):
        if label != "a namespace that leaves, and its departure":
            await platform.sync()
        if await _is_unchanged(platform):
            return
    raise AssertionError(f"something is left to do before: {label}")
