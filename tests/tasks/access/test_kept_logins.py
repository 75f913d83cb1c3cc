"""Entries of listed pull secrets stay where their password is not known otherwise."""

import json

import pytest
from pydantic import SecretStr

from models.clusters.pull_secret import LoginKey
from tasks.access.kept_logins import KeptLogins
from tasks.access.pull_secret_contents import add_entries, build_dockerconfigjson
from tests.support.access_builders import login, pull_secret_status

A = login("a", 1, host="a.test", account="robot-a")
B = login("b", None, host="b.test", account="puller", other_hosts=("b.test:443",))
PASSWORDS = {("a", 1): SecretStr("pw-a"), ("b", None): SecretStr("pw-b")}
ENTITLED: frozenset[LoginKey] = frozenset({A.key, B.key})
CONTENT = build_dockerconfigjson((A, B), PASSWORDS)
STATUS = pull_secret_status(logins=(A, B))


def test_the_entries_of_a_registry_are_kept_and_no_others() -> None:
    kept_logins = KeptLogins([STATUS], {"b"})
    kept_logins.add("shop", CONTENT.encode())
    kept = kept_logins.select("shop", {"b", "c"}, ENTITLED)
    assert kept.logins == (B,)
    assert kept.entries.keys() == {"b.test", "b.test:443"}
    assert "pw-b" not in repr(kept)
    assert not kept_logins.select("shop", {"a"}, ENTITLED).logins  # its password is known
    assert not kept_logins.select("shop", set(), ENTITLED).logins  # unbound
    assert not kept_logins.select("other", {"b"}, ENTITLED).logins
    known = build_dockerconfigjson([A], PASSWORDS)
    assert add_entries(known, kept.entries) == CONTENT
    assert json.loads(add_entries("", kept.entries))["auths"].keys() == kept.entries.keys()


def test_the_robot_account_of_another_workspace_is_not_kept() -> None:
    kept_logins = KeptLogins([STATUS], {"a", "b"})
    kept_logins.add("shop", CONTENT.encode())
    kept = kept_logins.select("shop", {"a", "b"}, {("a", 2), B.key})
    assert kept.logins == (B,)
    assert kept.entries.keys() == {"b.test", "b.test:443"}


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000, b'{"auths": 1}', b"\xff"])
def test_a_content_that_is_none_is_not_kept(content: bytes) -> None:
    kept_logins = KeptLogins([STATUS], {"b"})
    kept_logins.add("shop", content)
    assert not kept_logins.select("shop", {"b"}, ENTITLED).logins
