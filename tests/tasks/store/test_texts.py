"""No text of anybody makes a save fail: the same on SQLite and PostgreSQL."""

import pytest

from models.core.audit import Entry
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from models.registries.run_record import Conclusion
from models.registries.schedule import Track
from models.tables import AuditRow, ConditionRow, OutcomeRow, RegistryRow, SpaceRow
from tasks.store.leases import leased
from tasks.store.registries import registries, runs
from tasks.store.session import stored, transact
from tests.support.builders import NOW, broken, condition, create, registry, space
from tests.tasks.store.tools import integrate, rows

pytestmark = pytest.mark.usefixtures("database")

KEPT = [
    "Größe 🙂",
    "a\nb\tc",
    "'; DROP TABLE registry; --",
    "%s %(name)s :name ?",
    "\\u0000",
    "x" * 9999,
]
REPLACED = ["a\x00b", "\x00", "\ud800", "a\udfffb", "a\x00\ud83db"]


@pytest.mark.parametrize("text", [*KEPT, *REPLACED], ids=ascii)
async def test_any_text_is_saved(text: str) -> None:
    stored_as = text if text in KEPT else "".join("\ufffd" if _bad(one) else one for one in text)
    one = registry(credential=BlockRef(name=text)).model_copy(update={"description": text})
    integrate(one, Entry(subject="prod", what="registry.integrated", after=text, why=text))
    conclusion = Conclusion(
        conditions=(condition(message=text),),
        track=Track(looked_at=NOW, seconds=1.5, failures=0),
        spaces=(space(text[:200]), space("other")),
        outcomes=(broken(create("fresh"), Reason.REJECTED, text),),
        entries=(Entry(subject=text, what="space.created", before=text),),
        spaces_read_at=NOW,
    )
    async with leased("prod") as holder:
        await stored(runs.save_conclusion, "prod", conclusion, holder=holder, at=NOW, flow_run="r")
    assert transact(registries.dossier, "prod").conditions[0].message == stored_as
    assert [row.description for row in rows(RegistryRow)] == [stored_as]
    assert [row.message for row in rows(ConditionRow)] == [stored_as]
    assert [row.message for row in rows(OutcomeRow)] == [stored_as]
    assert {row.name for row in rows(SpaceRow)} == {stored_as[:200], "other"}
    assert {(row.after, row.before) for row in rows(AuditRow)} >= {(stored_as, ""), ("", stored_as)}


def _bad(sign: str) -> bool:
    return sign == "\x00" or 0xD800 <= ord(sign) <= 0xDFFF


@pytest.mark.parametrize("text", REPLACED, ids=ascii)
def test_any_text_is_looked_for(text: str) -> None:
    assert transact(runs.known_failures, text) == frozenset()
