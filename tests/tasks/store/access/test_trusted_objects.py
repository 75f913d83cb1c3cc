"""The objects that persons trust: named before they are there, pinned to what appears."""

from datetime import datetime, timedelta

from models.discovery.managed_harbor import SourceKind
from models.discovery.trust import NAMED_FOR, TrustedObject
from models.tables import TrustedObjectRow
from tasks.store.access import trusted_objects
from tasks.store.session import transact
from tests.support.builders import NOW
from tests.tasks.store.tools import rows

LATE = NOW + NAMED_FOR + timedelta(seconds=1)


def named(name: str = "main", uid: str = "", at: datetime = NOW) -> TrustedObject:
    return TrustedObject(cluster="eu", namespace="hub", name=name, uid=uid, trusted_at=at)


def trusted(now: datetime = NOW, cluster: str = "eu") -> tuple[TrustedObject, ...]:
    return transact(trusted_objects.trusted_objects, cluster, now)


def test_what_is_named_is_trusted_in_its_cluster(database: str) -> None:
    transact(trusted_objects.save, [named(), named("other", "uid-1")])
    assert set(trusted()) == {named(), named("other", "uid-1")}
    assert trusted(cluster="us") == ()


def test_what_did_not_appear_in_time_is_forgotten(database: str) -> None:
    transact(trusted_objects.save, [named(), named("other", "uid-1")])
    assert trusted(LATE) == (named("other", "uid-1"),)
    assert len(rows(TrustedObjectRow)) == 1


def test_named_once_more_it_has_its_hour_anew(database: str) -> None:
    transact(trusted_objects.save, [named()])
    transact(trusted_objects.save, [named(at=LATE)])
    assert trusted(LATE) == (named(at=LATE),)


def test_what_appeared_is_trusted_by_its_uid_for_good(database: str) -> None:
    transact(trusted_objects.save, [named(), named("other")])
    pinned = named(uid="uid-1").model_copy(update={"kind": SourceKind.HELM})
    for _ in range(2):
        transact(trusted_objects.pin, [pinned])
    assert set(trusted()) == {pinned, named("other")}
    assert trusted(LATE) == (pinned,)
