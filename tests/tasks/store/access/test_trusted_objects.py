"""The objects that persons trust: named before they are there, pinned to what appears."""

from datetime import datetime, timedelta

from models.discovery.managed_harbor import HarborSourceKind
from models.discovery.trust import TRUST_PENDING_TIMEOUT, TrustedObject
from models.tables import TrustedObjectRow
from tasks.discovery.trust import load_discovery_trust
from tasks.store.access import trusted_objects
from tasks.store.session import run_in_transaction
from tests.support.builders import NOW
from tests.tasks.store.tools import rows

LATE = NOW + TRUST_PENDING_TIMEOUT + timedelta(seconds=1)


def trusted_object(name: str = "main", uid: str = "", trusted_at: datetime = NOW) -> TrustedObject:
    return TrustedObject(cluster="eu", namespace="hub", name=name, uid=uid, trusted_at=trusted_at)


def load_trusted_objects(now: datetime = NOW, cluster: str = "eu") -> tuple[TrustedObject, ...]:
    return run_in_transaction(load_discovery_trust, cluster, now).objects


def test_what_is_named_is_trusted_in_its_cluster(database: str) -> None:
    run_in_transaction(trusted_objects.save, [trusted_object(), trusted_object("other", "uid-1")])
    assert set(load_trusted_objects()) == {trusted_object(), trusted_object("other", "uid-1")}
    assert load_trusted_objects(cluster="us") == ()


def test_what_did_not_appear_in_time_is_forgotten(database: str) -> None:
    run_in_transaction(trusted_objects.save, [trusted_object(), trusted_object("other", "uid-1")])
    assert load_trusted_objects(LATE) == (trusted_object("other", "uid-1"),)
    assert len(rows(TrustedObjectRow)) == 1


def test_named_once_more_it_has_its_hour_anew(database: str) -> None:
    run_in_transaction(trusted_objects.save, [trusted_object()])
    run_in_transaction(trusted_objects.save, [trusted_object(trusted_at=LATE)])
    assert load_trusted_objects(LATE) == (trusted_object(trusted_at=LATE),)


def test_what_appeared_is_trusted_by_its_uid_for_good(database: str) -> None:
    run_in_transaction(trusted_objects.save, [trusted_object(), trusted_object("other")])
    pinned = trusted_object(uid="uid-1").model_copy(update={"kind": HarborSourceKind.HELM})
    for _ in range(2):
        run_in_transaction(trusted_objects.save_pinned, [pinned])
    assert set(load_trusted_objects()) == {pinned, trusted_object("other")}
    assert load_trusted_objects(LATE) == (pinned,)
