"""A password that is not known is for the address that its object has, and for no other one."""

import pytest

from models.core.availability import Unavailable
from models.core.reasons import Reason
from models.discovery.managed_harbor import HarborSourceKind, ManagedHarbor, SecretKeyRef
from models.discovery.observation import ClusterHarbors
from models.discovery.password_origins import claimed_origins, claims_objection
from models.registries.registry import SecretRef
from tests.models.discovery.test_plan import harbor, harbor_ref
from tests.support.builders import unavailable

HUB = harbor(address="https://hub.example.com/")
MOVED = HUB.model_copy(update={"address": "https://new.example.com"})
REF = SecretRef(
    cluster=HUB.ref.cluster,
    namespace=HUB.ref.namespace,
    name="shared-admin",
    key="password",
)
KEY = SecretKeyRef(namespace=REF.namespace, name=REF.name, key=REF.key)


def with_key(item: ManagedHarbor, **changes: object) -> ManagedHarbor:
    return item.model_copy(update={"password": KEY, **changes})


@pytest.mark.parametrize(
    ("harbors", "origins"),
    [
        ([with_key(HUB)], {"https://hub.example.com"}),
        ([with_key(MOVED)], {"https://new.example.com"}),
        ([with_key(HUB, phase="stopped")], {"https://hub.example.com"}),
        ([with_key(HUB, address="http://hub.example.com")], {"http://hub.example.com"}),
        ([with_key(HUB), with_key(MOVED)], {"https://hub.example.com", "https://new.example.com"}),
        ([], set()),
        ([with_key(HUB, address="")], set()),
        ([with_key(HUB, address="ftp://hub.example.com")], set()),
        ([HUB.model_copy(update={"password": None})], set()),  # as an untrusted one
        ([with_key(HUB, password=KEY.model_copy(update={"key": "other"}))], set()),
        ([with_key(HUB, password=KEY.model_copy(update={"namespace": "other"}))], set()),
        ([with_key(HUB, ref=harbor_ref("main", cluster="other"))], set()),
    ],
)
def test_the_objects_that_have_their_password_in_it_name_the_addresses(
    harbors: list[ManagedHarbor], origins: set[str]
) -> None:
    assert claimed_origins(REF, harbors) == origins


OPERATOR_DOWN = {HarborSourceKind.OPERATOR: unavailable(message="its webhook is down")}


@pytest.mark.parametrize(
    ("section", "cause"),
    [
        (unavailable(message="the cluster is down"), "the cluster is down"),
        (ClusterHarbors(items=(), unavailable=OPERATOR_DOWN), "its webhook is down"),
        (ClusterHarbors(items=(with_key(HUB),), unavailable=OPERATOR_DOWN), ""),
        (ClusterHarbors(items=(with_key(MOVED),)), ""),
        (ClusterHarbors(items=()), ""),
    ],
)
def test_what_could_not_be_read_is_not_known(
    section: ClusterHarbors | Unavailable, cause: str
) -> None:
    objection = claims_objection(REF, section)
    assert (objection is not None) == bool(cause)
    if objection is not None:
        assert objection.reason is Reason.CREDENTIALS_UNPROVED
        assert cause in objection.message
