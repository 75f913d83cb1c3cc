"""What goes into the audit, and what of it is announced."""

import pytest

from models.core.audit import EVENTS, Entry
from models.core.reasons import Reason
from models.registries.changes import Drift, DriftKind, Handling, Outcome
from models.registries.condition import Health
from models.registries.health import Diagnosis
from models.registries.run_record import drift_entries, health_entries, outcome_entries
from tests.support.builders import PUBLIC, broken, create, done, narrow

NONE: frozenset[tuple[str, str, str]] = frozenset()


def _drift(kind: DriftKind) -> Drift:
    return Drift(
        kind=kind, space="team", before="a", after="b", handling=Handling.NOTED, reason="why"
    )


@pytest.mark.parametrize("kind", list(DriftKind))
@pytest.mark.parametrize("first_look", [True, False])
def test_every_drift_is_an_entry_with_an_event(kind: DriftKind, first_look: bool) -> None:
    (entry,) = drift_entries([_drift(kind)], first_look=first_look)
    quiet = first_look and kind is DriftKind.APPEARED
    assert entry == Entry(
        subject="team",
        what=f"space.{kind.value}",
        before="a",
        after="b",
        why="noted: why",
        announce=not quiet,
    )
    assert entry.what in EVENTS


@pytest.mark.parametrize(
    ("outcome", "entry"),
    [
        (
            done(narrow()),
            Entry(
                subject="team",
                what="space.visibility-set",
                before="public",
                after="private",
                why="Asked",
            ),
        ),
        (
            done(create("fresh", PUBLIC)),
            Entry(subject="fresh", what="space.created", after="public", why="Asked"),
        ),
        (
            broken(narrow(), Reason.READ_ONLY, "frozen"),
            Entry(
                subject="team",
                what="space.change-failed",
                before="public",
                after="private",
                why="ReadOnly: frozen",
            ),
        ),
    ],
)
def test_outcomes(outcome: Outcome, entry: Entry) -> None:
    assert outcome_entries([outcome], NONE) == (entry,)
    assert entry.what in EVENTS


@pytest.mark.parametrize("reason", [Reason.ALREADY_SO, Reason.NOT_FOUND])
def test_what_was_not_changed_is_not_written_down_as_changed(reason: Reason) -> None:
    assert outcome_entries([done(narrow(), reason)], NONE) == ()


@pytest.mark.parametrize(
    ("known", "written"),
    [
        (("team", "set-visibility", "Forbidden"), 0),
        (("team", "set-visibility", "ReadOnly"), 1),
        (("team", "create-space", "Forbidden"), 1),
        (("other", "set-visibility", "Forbidden"), 1),
    ],
)
def test_only_a_new_failure_is_written_down(known: tuple[str, str, str], written: int) -> None:
    assert len(outcome_entries([broken(narrow())], frozenset({known}))) == written


WELL, ILL, PART, DARK = Health.HEALTHY, Health.UNHEALTHY, Health.DEGRADED, Health.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (DARK, WELL, None),
        (DARK, ILL, "registry.unhealthy"),
        (DARK, PART, "registry.degraded"),
        (WELL, ILL, "registry.unhealthy"),
        (WELL, PART, "registry.degraded"),
        (PART, ILL, "registry.unhealthy"),
        (ILL, PART, "registry.degraded"),
        (ILL, WELL, "registry.recovered"),
        (PART, WELL, "registry.recovered"),
        (WELL, DARK, None),
        (ILL, DARK, None),
        (WELL, WELL, None),
        (ILL, ILL, None),
    ],
)
def test_changes_of_health(before: Health, after: Health, what: str | None) -> None:
    old, new = (
        Diagnosis(health=one, reason=Reason.TIMED_OUT, message="no answer")
        for one in (before, after)
    )
    told = health_entries("prod", old, new)
    if what is None:
        assert told == ()
        return
    assert told == (
        Entry(
            subject="prod",
            what=what,
            before=before.value,
            after=after.value,
            why="TimedOut: no answer",
        ),
    )
    assert what in EVENTS
