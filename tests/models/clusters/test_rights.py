"""The rights in a cluster: one table for the manifest, the check and the advice.

Advice is the smallest grant, and contains no text of others in a command.
"""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from models.clusters.audit_entries import rights_entries
from models.clusters.cluster import ClusterRight, ClusterStatus, next_cluster_status
from models.clusters.rights import (
    REQUIRED_RIGHTS,
    RIGHTS_MANIFEST,
    describe_missing_rights,
    grant_advice,
    is_rights_check_due,
    manifest_advice,
    required_rights,
)
from models.core.availability import Complete, Unavailable
from models.core.reasons import Reason
from tests.support.access_builders import cluster, cluster_snapshot, pull_secret_status
from tests.support.builders import NOW

USER = "system:serviceaccount:platform:registry-integration"
PATCH_ACCOUNTS = ClusterRight(verb="patch", resource="serviceaccounts", name="default")
GRANTED = ClusterStatus(missing_rights=(), rights_checked_at=NOW)
FORBIDDEN = Unavailable(reason=Reason.FORBIDDEN, message="may not list")


def test_the_manifest_grants_these_rights_and_no_others() -> None:
    text = (Path(__file__).parents[3] / RIGHTS_MANIFEST).read_text(encoding="utf-8")
    (role,) = (item for item in yaml.safe_load_all(text) if item["kind"] == "ClusterRole")
    granted = [
        ClusterRight(verb=verb, resource=resource, name=name, group=group)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    ]
    assert len(granted) == len(set(granted))
    assert set(granted) == set(REQUIRED_RIGHTS)


def test_what_a_cluster_without_links_needs() -> None:
    assert required_rights(cluster()) == REQUIRED_RIGHTS
    not_needed = set(REQUIRED_RIGHTS) - set(required_rights(cluster(links_accounts=False)))
    assert not_needed == {PATCH_ACCOUNTS}


@pytest.mark.parametrize(
    ("status", "sections", "reason", "hours", "due"),
    [
        (ClusterStatus(), (), Reason.DELIVERED, 0, True),
        (GRANTED, (), Reason.DELIVERED, 0, False),
        (GRANTED, (), Reason.DELIVERED, 23, False),
        (GRANTED, (), Reason.DELIVERED, 24, True),
        (GRANTED, (), Reason.FORBIDDEN, 0, True),
        (GRANTED, (), Reason.CONFLICT, 0, False),
        (GRANTED, ((), FORBIDDEN), Reason.DELIVERED, 0, True),
        (GRANTED, (FORBIDDEN,), Reason.FORBIDDEN, 24, False),  # perhaps another cluster
        (GRANTED.model_copy(update={"missing_rights": ("x",)}), (), Reason.DELIVERED, 0, True),
        (GRANTED.model_copy(update={"missing_rights": None}), (), Reason.DELIVERED, 0, False),
    ],
)
def test_when_they_are_checked(
    status: ClusterStatus, sections: tuple[object, ...], reason: Reason, hours: int, due: bool
) -> None:
    snapshot = cluster_snapshot(*sections)  # type: ignore[arg-type]
    secrets = [pull_secret_status(reason=reason)]
    assert is_rights_check_due(status, snapshot, secrets, NOW + timedelta(hours=hours)) is due


def test_the_status_keeps_what_was_answered_last() -> None:
    missing = Complete[ClusterRight](items=(PATCH_ACCOUNTS,))
    snapshot = cluster_snapshot().model_copy(update={"missing_rights": missing})
    status = next_cluster_status(ClusterStatus(), snapshot)
    text = 'patch serviceaccounts "default"'
    assert (status.missing_rights, status.rights_checked_at) == ((text,), NOW)
    for section in (None, FORBIDDEN):
        later = cluster_snapshot(taken_at=NOW + timedelta(minutes=1))
        later = later.model_copy(update={"missing_rights": section})
        kept = next_cluster_status(status, later)
        assert (kept.missing_rights, kept.rights_checked_at) == ((text,), NOW)


def test_an_event_says_once_what_is_missing() -> None:
    missing = GRANTED.model_copy(update={"missing_rights": ('patch secrets "x"',)})
    assert rights_entries("eu", missing, missing) == rights_entries("eu", missing, GRANTED) == ()
    (entry,) = rights_entries("eu", GRANTED, missing)
    assert (entry.action, entry.reason) == (
        "cluster.rights-missing",
        describe_missing_rights(missing.missing_rights or ()),
    )
    assert f"kubectl apply -f {RIGHTS_MANIFEST}" in entry.reason
    assert describe_missing_rights(()) == ""


@pytest.mark.parametrize(
    ("right", "advice"),
    [
        (
            ClusterRight(verb="list", resource="namespaces"),
            'the verb "list" on "namespaces" to ann: run: kubectl apply -f deployments/kubernetes/'
            "rbac.yaml",
        ),
        (
            ClusterRight(verb="list", resource="secrets"),
            'on "secrets" with resourceNames ["registry-integration"] to ann: run: kubectl apply',
        ),
        (
            PATCH_ACCOUNTS,
            'on "serviceaccounts" with resourceNames ["default"] to ann: run: kubectl apply',
        ),
        (
            ClusterRight(verb="list", resource="serviceaccounts"),
            'on "serviceaccounts" to ann: run: kubectl apply -f deployments/kubernetes/'
            "rbac-service-accounts.yaml",
        ),
        (
            ClusterRight(verb="list", resource="deployments", group="apps"),
            'on "deployments" of apiGroup "apps" to ann: run: kubectl apply -f deployments/'
            "kubernetes/rbac-harbors.yaml",
        ),
    ],
)
def test_the_manifest_is_named(right: ClusterRight, advice: str) -> None:
    assert advice in manifest_advice(right, "ann")


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        (USER, "--serviceaccount=platform:registry-integration"),
        ("alice@example.com", "--user=alice@example.com"),
        ("oidc:team/alice", "--user=oidc:team/alice"),
    ],
)
def test_one_name_in_one_namespace(user: str, subject: str) -> None:
    role = "registry-integration-secrets-prod.admin"
    assert grant_advice("secrets", "hub", "prod.admin", user) == (
        f"to allow it, run: kubectl create role {role} --namespace=hub --verb=get "
        "--resource=secrets --resource-name=prod.admin && kubectl create rolebinding "
        f"{role} --namespace=hub --role={role} {subject}"
    )


@pytest.mark.parametrize(
    ("namespace", "name", "user"),
    [
        ("hub", "x; rm -rf /", USER),
        ("hub", "$(reboot)", USER),
        ("hub", "a\nb", USER),
        ("hub", "", USER),
        ("hub", "-x", USER),
        ("hub && x", "admin", USER),
        ("hub", "admin", "a b"),
        ("hub", "admin", "`id`"),
        ("hub", "admin", ""),
    ],
)
def test_names_that_could_be_a_command_are_not_repeated(
    namespace: str, name: str, user: str
) -> None:
    assert grant_advice("secrets", namespace, name, user) == (
        'grant the verb "get" on "secrets" with this name in resourceNames, in a Role of that '
        "namespace"
    )
