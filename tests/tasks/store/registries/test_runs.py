"""One run is written down as a whole or not at all."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models.core.audit import AuditEntry
from models.core.errors import LeaseHeld
from models.core.reasons import Reason
from models.registries.runs.baseline import Baseline
from models.registries.runs.record import RunRecord
from models.registries.schedule import PollHistory
from models.tables import ChangeResultRow, RegistryRow, SpaceRow
from tasks.store.leases import lease
from tasks.store.registries import registries, runs, spaces
from tasks.store.session import in_transaction, run_in_transaction
from tests.support.builders import (
    NOW,
    condition,
    create,
    failure,
    narrow,
    run_context,
    space,
    success,
)
from tests.tasks.store.tools import audit_entries, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

LATER = NOW + timedelta(minutes=1)
BASELINE = Baseline(lists="lists", basis="basis", unfinished="", compared_at=NOW, resync_at=LATER)
RUN_RECORD = RunRecord(
    conditions=(condition(),),
    poll_history=PollHistory(observed_at=NOW, seconds=1.5, failures=0),
    updated_spaces=(space("team"), space("old")),
    results=(success(narrow("team")), failure(create("fresh"), Reason.READ_ONLY, "read-only")),
    audit_entries=(AuditEntry(subject="team", action="space.visibility-set"),),
    spaces_read_at=NOW,
    baseline=BASELINE,
)


async def _save(run_record: RunRecord) -> None:
    async with lease("prod") as lease_id:
        await in_transaction(runs.save_run, "prod", run_record, run_context("run-2", lease_id))


async def test_everything_is_saved() -> None:
    integrate()
    await _save(RUN_RECORD)
    registry_state = run_in_transaction(registries.get_registry, "prod")
    assert registry_state.conditions == RUN_RECORD.conditions
    assert registry_state.poll_history == RUN_RECORD.poll_history
    assert registry_state.spaces_read_at == NOW
    assert run_in_transaction(spaces.list_spaces, "prod") == (space("old"), space("team"))
    assert audit_entries()[1:] == [("space.visibility-set", "team")]
    failures = run_in_transaction(runs.list_failures, "prod")
    assert failures == {("fresh", "create-space", "ReadOnly")}


def _baseline() -> Baseline | None:
    return run_in_transaction(registries.get_registry, "prod").baseline


async def test_who_saves_a_space_deletes_the_baseline() -> None:
    integrate()
    await _save(RUN_RECORD)  # with spaces of its own
    assert _baseline() == BASELINE
    await _save(RUN_RECORD.model_copy(update={"baseline": None, "updated_spaces": ()}))
    assert _baseline() == BASELINE
    run_in_transaction(spaces.delete_spaces, "prod", [])
    assert _baseline() == BASELINE
    run_in_transaction(spaces.save_spaces, "prod", [space("team")])
    assert _baseline() is None
    await _save(RUN_RECORD)
    run_in_transaction(spaces.delete_spaces, "prod", ["team"])
    assert _baseline() is None
    await _save(RUN_RECORD)
    run_in_transaction(registries.reset, "prod")
    assert _baseline() is None


async def test_a_baseline_of_another_version() -> None:
    integrate()
    await _save(RUN_RECORD)

    def save_other(session: Session) -> None:
        session.add(session.get_one(RegistryRow, "prod").sqlmodel_update({"baseline": {"a": 1}}))

    run_in_transaction(save_other)
    assert _baseline() is None


async def test_a_failed_look_keeps_spaces_and_their_time() -> None:
    integrate()
    await _save(RUN_RECORD)
    await _save(
        RunRecord(
            conditions=(), poll_history=PollHistory(observed_at=LATER, seconds=1.5, failures=1)
        )
    )
    registry_state = run_in_transaction(registries.get_registry, "prod")
    assert (registry_state.poll_history.failures, registry_state.poll_history.observed_at) == (
        1,
        LATER,
    )
    assert (registry_state.spaces_read_at, registry_state.conditions) == (
        NOW,
        RUN_RECORD.conditions,
    )
    assert len(rows(SpaceRow)) == 2


async def test_the_last_attempt_at_a_change_counts() -> None:
    integrate()
    await _save(RUN_RECORD)
    await _save(
        RUN_RECORD.model_copy(
            update={"results": (success(create("fresh")),), "expired_spaces": ("old",)}
        )
    )
    assert run_in_transaction(runs.list_failures, "prod") == frozenset()
    assert run_in_transaction(spaces.list_spaces, "prod") == (space("team"),)
    assert len(rows(ChangeResultRow)) == 2


async def test_nothing_is_saved_after_the_lease_is_lost() -> None:
    integrate()
    with pytest.raises(LeaseHeld, match="this step saved nothing"):
        await in_transaction(runs.save_run, "prod", RUN_RECORD, run_context("run-2", "late"))
    _check_nothing_saved()


async def test_nothing_is_saved_if_the_last_part_fails() -> None:
    integrate()
    without_subject = AuditEntry.model_construct(
        **{**dict(RUN_RECORD.audit_entries[0]), "subject": None}
    )
    with pytest.raises(IntegrityError):
        await _save(RUN_RECORD.model_copy(update={"audit_entries": (without_subject,)}))
    _check_nothing_saved()


def _check_nothing_saved() -> None:
    registry_state = run_in_transaction(registries.get_registry, "prod")
    assert (
        registry_state.conditions,
        registry_state.poll_history,
        registry_state.spaces_read_at,
    ) == ((), PollHistory(), None)
    assert rows(SpaceRow) == []
    assert rows(ChangeResultRow) == []
    assert audit_entries() == [("registry.integrated", "prod")]


async def test_old_results_are_pruned_a_few_at_a_time() -> None:
    integrate()
    await _save(RUN_RECORD)
    assert run_in_transaction(runs.prune_results, NOW, 100) == 0
    assert run_in_transaction(runs.prune_results, LATER, 1) == 1
    assert len(rows(ChangeResultRow)) == 1
    assert run_in_transaction(runs.prune_results, LATER, 100) == 1
    assert rows(ChangeResultRow) == []
