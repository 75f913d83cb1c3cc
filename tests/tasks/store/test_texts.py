"""No text of anybody makes a save fail: the same on SQLite and PostgreSQL."""

import pytest

from models.core.audit import AuditEntry
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from models.registries.runs.record import RunRecord
from models.registries.schedule import PollHistory
from models.tables import AuditRow, ChangeResultRow, ConditionRow, RegistryRow, SpaceRow
from tasks.store.leases import lease
from tasks.store.registries import registries, runs
from tasks.store.session import in_transaction, run_in_transaction
from tests.support.builders import NOW, condition, create, failure, registry, run_context, space
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

SAFE_TEXTS = [
    "Größe 🙂",
    "a\nb\tc",
    "'; DROP TABLE registry; --",
    "%s %(name)s :name ?",
    "\\u0000",
    "x" * 9999,
]
UNSAFE_TEXTS = ["a\x00b", "\x00", "\ud800", "a\udfffb", "a\x00\ud83db"]


@pytest.mark.parametrize("text", [*SAFE_TEXTS, *UNSAFE_TEXTS], ids=ascii)
async def test_any_text_is_saved(text: str) -> None:
    stored_as = (
        text
        if text in SAFE_TEXTS
        else "".join("\ufffd" if _bad(character) else character for character in text)
    )
    new_registry = registry(credential=BlockRef(name=text)).model_copy(update={"description": text})
    integrate(
        new_registry,
        AuditEntry(subject="prod", action="registry.integrated", after=text, reason=text),
    )
    run_record = RunRecord(
        conditions=(condition(message=text),),
        poll_history=PollHistory(observed_at=NOW, seconds=1.5, failures=0),
        updated_spaces=(space(text[:200]), space("other")),
        results=(failure(create("fresh"), Reason.REJECTED, text),),
        audit_entries=(AuditEntry(subject=text, action="space.created", before=text),),
        spaces_read_at=NOW,
    )
    async with lease("prod") as lease_id:
        await in_transaction(runs.save_run, "prod", run_record, run_context("r", lease_id))
    assert run_in_transaction(registries.get_registry, "prod").conditions[0].message == stored_as
    assert [row.description for row in rows(RegistryRow)] == [stored_as]
    assert [row.message for row in rows(ConditionRow)] == [stored_as]
    assert [row.message for row in rows(ChangeResultRow)] == [stored_as]
    assert {row.name for row in rows(SpaceRow)} == {stored_as[:200], "other"}
    assert {(row.after, row.before) for row in rows(AuditRow)} >= {(stored_as, ""), ("", stored_as)}


def _bad(sign: str) -> bool:
    return sign == "\x00" or 0xD800 <= ord(sign) <= 0xDFFF


@pytest.mark.parametrize("text", UNSAFE_TEXTS, ids=ascii)
def test_any_text_is_looked_for(text: str) -> None:
    assert run_in_transaction(runs.list_failures, text) == frozenset()
