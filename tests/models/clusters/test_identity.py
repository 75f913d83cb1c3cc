"""Which cluster a kubeconfig leads to, and what follows if it is not the registered one."""

import pytest

from models.clusters.cluster import Cluster
from models.clusters.identity import (
    check_registration,
    confirm_identity,
    identity_objection,
    is_replacement,
    possible_duplicates,
    same_clusters,
)
from models.core.availability import Unavailable
from models.core.errors import InvalidRequest
from models.core.reasons import Reason
from models.registries.registry import BlockRef
from tests.support.access_builders import cluster, cluster_snapshot, observed_namespace

EU, US, NEW = "uid-eu", "uid-us", "uid-new"


REGISTERED = (cluster("eu", EU), cluster("us", US), cluster("old"))


@pytest.mark.parametrize(
    ("recorded", "observed", "reason"),
    [
        (EU, EU, None),
        ("", EU, None),  # registered before identities were on record
        (EU, US, Reason.CLUSTER_REPLACED),
        (EU, "", Reason.IDENTITY_UNPROVED),
        ("", "", Reason.IDENTITY_UNPROVED),
    ],
)
def test_objection(recorded: str, observed: str, reason: Reason | None) -> None:
    objection = identity_objection(cluster("eu", recorded), observed)
    assert (objection.reason if objection else None) is reason


def test_the_objection_names_both_clusters_the_block_and_the_way_out() -> None:
    credential = BlockRef(name="kubeconfig-eu")
    objection = identity_objection(Cluster(name="eu", uid=EU, credential=credential), US)
    assert objection is not None
    for text in (EU, US, "block kubeconfig-eu", "register-cluster with 'Replace' on"):
        assert text in objection.message


def test_a_confirmed_snapshot_is_unchanged() -> None:
    snapshot = cluster_snapshot([observed_namespace(), observed_namespace("kube-system", uid=EU)])
    assert snapshot.uid == EU
    assert confirm_identity(cluster("eu", EU), snapshot) == snapshot


@pytest.mark.parametrize("uid", [US, ""])
def test_nothing_is_left_of_a_snapshot_that_is_not_confirmed(uid: str) -> None:
    identity = [observed_namespace("kube-system", uid=uid)] if uid else []
    snapshot = cluster_snapshot([observed_namespace(), *identity])
    result = confirm_identity(cluster("eu", EU), snapshot)
    sections = (result.namespaces, result.secrets, result.service_accounts)
    assert all(isinstance(section, Unavailable) for section in sections)
    assert result.uid == ""


def test_a_list_that_could_not_be_read_keeps_its_own_reason() -> None:
    shifted = Unavailable(reason=Reason.PAGES_SHIFTED, message="its pages expired twice")
    snapshot = cluster_snapshot(shifted)
    assert confirm_identity(cluster("eu", EU), snapshot).first_unavailable == shifted


@pytest.mark.parametrize(
    ("new", "replace"),
    [
        (cluster("eu", EU), False),  # new settings
        (cluster("eu", EU), True),
        (cluster("eu", NEW), True),  # rebuilt
        (cluster("asia", NEW), False),
        (cluster("old", NEW), False),  # its identity is read for the first time
        (cluster("asia"), False),
    ],
)
def test_registrations(new: Cluster, replace: bool) -> None:
    check_registration(new, REGISTERED, replace=replace)


@pytest.mark.parametrize(
    ("new", "replace", "message"),
    [
        (cluster("asia", EU), False, "already registered as eu"),
        (cluster("asia", EU), True, "already registered as eu"),
        (cluster("us", EU), True, "already registered as eu"),
        (cluster("old", EU), False, "already registered as eu"),
        (cluster("eu", NEW), False, "leads to another cluster"),
    ],
)
def test_refused_registrations(new: Cluster, replace: bool, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        check_registration(new, REGISTERED, replace=replace)


def test_a_second_name_from_before_may_still_be_updated() -> None:
    check_registration(cluster("twin", EU), (*REGISTERED, cluster("twin", EU)), replace=False)


def test_other_names() -> None:
    twin = cluster("twin", EU)
    assert same_clusters(twin, (*REGISTERED, twin)) == ("eu",)
    assert possible_duplicates(twin, EU, (*REGISTERED, twin)) == ("eu", "old")


def test_replacements() -> None:
    assert is_replacement(cluster("eu", EU), cluster("eu", NEW))
    for before in (None, cluster("eu"), cluster("eu", NEW)):
        assert not is_replacement(before, cluster("eu", NEW))
    assert is_replacement(cluster("eu"), cluster("eu", NEW), is_declared=True)
    assert not is_replacement(cluster("eu", NEW), cluster("eu", NEW), is_declared=True)
