"""Advice about missing rights: the smallest grant, and no text of others in a command."""

import pytest

from models.clusters.rights import grant_advice

USER = "system:serviceaccount:platform:registry-integration"


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
