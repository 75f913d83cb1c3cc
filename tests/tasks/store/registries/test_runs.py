"""One run is written down as a whole or not at all."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from models.core.audit import Entry
from models.core.errors import Busy
from models.core.reasons import Reason
from models.registries.run_record import Conclusion
from models.registries.schedule import Track
from models.tables import OutcomeRow, SpaceRow
from tasks.store.leases import leased
from tasks.store.registries import registries, runs, spaces
from tasks.store.session import stored, transact
from tests.support.builders import NOW, broken, condition, create, done, narrow, space
from tests.tasks.store.tools import audited, integrate, rows

pytestmark = pytest.mark.usefixtures("database")

LATER = NOW + timedelta(minutes=1)
CONCLUSION = Conclusion(
    conditions=(condition(),),
    track=Track(looked_at=NOW, seconds=1.5, failures=0),
    spaces=(space("team"), space("old")),
    outcomes=(done(narrow("team")), broken(create("fresh"), Reason.READ_ONLY, "read-only")),
    entries=(Entry(subject="team", what="space.visibility-set"),),
    spaces_read_at=NOW,
)


async def _save(conclusion: Conclusion) -> None:
    async with leased("prod") as holder:
        await stored(
            runs.save_conclusion, "prod", conclusion, holder=holder, at=NOW, flow_run="run-2"
        )


async def test_everything_is_saved() -> None:
    integrate()
    await _save(CONCLUSION)
    found = transact(registries.dossier, "prod")
    assert (found.conditions, found.track, found.spaces_read_at) == (
        CONCLUSION.conditions, CONCLUSION.track, NOW
    )  # fmt: skip
    assert transact(spaces.spaces, "prod") == (space("old"), space("team"))
    assert audited()[1:] == [("space.visibility-set", "team")]
    failures = transact(runs.known_failures, "prod")
    assert failures == {("fresh", "create-space", "ReadOnly")}


async def test_a_failed_look_keeps_spaces_and_their_time() -> None:
    integrate()
    await _save(CONCLUSION)
    await _save(Conclusion(conditions=(), track=Track(looked_at=LATER, seconds=1.5, failures=1)))
    found = transact(registries.dossier, "prod")
    assert (found.track.failures, found.track.looked_at) == (1, LATER)
    assert (found.spaces_read_at, found.conditions) == (NOW, CONCLUSION.conditions)
    assert len(rows(SpaceRow)) == 2


async def test_the_last_attempt_at_a_change_counts() -> None:
    integrate()
    await _save(CONCLUSION)
    await _save(
        CONCLUSION.model_copy(update={"outcomes": (done(create("fresh")),), "retired": ("old",)})
    )
    assert transact(runs.known_failures, "prod") == frozenset()
    assert transact(spaces.spaces, "prod") == (space("team"),)
    assert len(rows(OutcomeRow)) == 2


async def test_nothing_is_saved_after_the_lease_is_lost() -> None:
    integrate()
    with pytest.raises(Busy, match="nothing was saved"):
        await stored(
            runs.save_conclusion, "prod", CONCLUSION, holder="late", at=NOW, flow_run="run-2"
        )
    _see_nothing_saved()


async def test_nothing_is_saved_if_the_last_part_fails() -> None:
    integrate()
    without_subject = Entry.model_construct(**{**dict(CONCLUSION.entries[0]), "subject": None})
    with pytest.raises(IntegrityError):
        await _save(CONCLUSION.model_copy(update={"entries": (without_subject,)}))
    _see_nothing_saved()


def _see_nothing_saved() -> None:
    found = transact(registries.dossier, "prod")
    assert (found.conditions, found.track, found.spaces_read_at) == ((), Track(), None)
    assert rows(SpaceRow) == []
    assert rows(OutcomeRow) == []
    assert audited() == [("registry.integrated", "prod")]


async def test_old_results_are_pruned_a_few_at_a_time() -> None:
    integrate()
    await _save(CONCLUSION)
    assert transact(runs.prune_outcomes, NOW, 100) == 0
    assert transact(runs.prune_outcomes, LATER, 1) == 1
    assert len(rows(OutcomeRow)) == 1
    assert transact(runs.prune_outcomes, LATER, 100) == 1
    assert rows(OutcomeRow) == []
