"""Who we are, and whether the key in force is the right one."""

import threading

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlmodel import Session

from models.core.errors import InputRefused
from models.tables import GrantRow, InstallationRow
from tasks.secrets.cipher import Vault
from tasks.store.installation import check_key, installation, reseal, sealed_before
from tasks.store.registries import robots
from tasks.store.session import transact
from tests.support.access_builders import grant
from tests.support.processes import finish
from tests.tasks.store.tools import integrate, rows, start

pytestmark = pytest.mark.usefixtures("database")

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
BEFORE, BOTH, AFTER, WRONG = (Vault(keys) for keys in ((OLD,), (NEW, OLD), (NEW,), (OTHER,)))
SECRETS = {1: "Robot-1", 2: "Robot-2"}


def sealed_with(vault: Vault) -> None:
    integrate()
    transact(check_key, vault)
    for id, secret in SECRETS.items():
        transact(robots.keep, grant(id), vault.seal(SecretStr(secret)))


def opened_with(vault: Vault) -> dict[int, str]:
    return {
        id: vault.open(text).get_secret_value() for (_, id), text in transact(robots.sealed).items()
    }


def everything() -> list[dict[str, object]]:
    return [row.model_dump() for kind in (InstallationRow, GrantRow) for row in rows(kind)]


def test_drawn_once() -> None:
    name = transact(installation)
    assert len(name) == 8
    assert set(name) <= set("0123456789abcdef")
    assert transact(installation) == name


def _draw(_: str) -> None:
    transact(installation)


def test_drawn_once_by_however_many(database: str) -> None:
    """The first runs of all schedules begin in the same second."""
    finish(*(start(database, _draw, database) for _ in range(4)))
    assert [row.name for row in rows(InstallationRow)] == [transact(installation)]


def test_another_draws_while_we_do(database: str) -> None:
    if database.startswith("sqlite"):
        pytest.skip("a transaction has the whole database here")
    drawn, names = threading.Event(), []

    def first(session: Session) -> str:
        name = installation(session)
        session.flush()
        drawn.set()
        threading.Event().wait(0.3)  # the other runs into it
        return name

    def work() -> None:
        names.append(transact(first))

    thread = threading.Thread(target=work)
    thread.start()
    assert drawn.wait(30)
    names.append(transact(installation))
    thread.join(30)
    assert names == [transact(installation)] * 2


def test_the_first_key_is_noted_and_not_before() -> None:
    assert not transact(sealed_before)
    transact(installation)
    assert not transact(sealed_before)
    transact(check_key, BEFORE)
    assert transact(sealed_before)


@pytest.mark.parametrize(
    ("vault", "fits"), [(BEFORE, True), (BOTH, True), (AFTER, False), (WRONG, False)]
)
def test_the_key_is_proved(vault: Vault, fits: bool) -> None:
    sealed_with(BEFORE)
    before = everything()
    if fits:
        transact(check_key, vault)
    else:
        with pytest.raises(InputRefused, match=r"not the one .* Nothing was changed"):
            transact(check_key, vault)
    assert everything() == before


def test_resealed_the_old_key_may_go() -> None:
    sealed_with(BEFORE)
    name = transact(installation)
    assert transact(reseal, BOTH) == 2
    assert opened_with(AFTER) == SECRETS
    transact(check_key, AFTER)
    with pytest.raises(InputRefused):
        transact(check_key, BEFORE)
    assert transact(installation) == name


def test_resealing_again_changes_nothing() -> None:
    sealed_with(BEFORE)
    transact(reseal, BOTH)
    before = everything()
    assert transact(reseal, BOTH) == 0
    assert transact(reseal, AFTER) == 0
    assert everything() == before


@pytest.mark.parametrize("wrong", [WRONG, AFTER, Vault((OTHER, NEW))])
def test_resealing_with_a_wrong_key_overwrites_nothing(wrong: Vault) -> None:
    sealed_with(BEFORE)
    before = everything()
    with pytest.raises(InputRefused):
        transact(reseal, wrong)
    assert everything() == before
    assert opened_with(BEFORE) == SECRETS


def test_a_wrong_key_is_found_out_where_no_secret_is_left_to_try_it_on() -> None:
    transact(check_key, BEFORE)
    before = everything()
    with pytest.raises(InputRefused):
        transact(reseal, WRONG)
    assert everything() == before


def test_one_secret_that_nobody_can_open_stops_it_whole() -> None:
    sealed_with(BEFORE)
    transact(robots.keep, grant(3), WRONG.seal(SecretStr("Robot-3")))
    before = everything()
    with pytest.raises(InputRefused):
        transact(reseal, BOTH)
    assert everything() == before


def test_what_was_sealed_with_the_old_key_meanwhile_is_resealed_too() -> None:
    """By a process that was still running with it: its secret must outlive the old key."""
    sealed_with(BEFORE)
    transact(reseal, BOTH)
    transact(robots.keep, grant(3), BEFORE.seal(SecretStr("Robot-3")))
    transact(reseal, BOTH)
    assert opened_with(AFTER) == {**SECRETS, 3: "Robot-3"}
