"""Who we are, and whether the key in force is the right one."""

import threading

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlmodel import Session, text

from models.core.errors import InvalidRequest
from models.tables import InstallationRow, RobotAccountRow
from tasks.secrets.cipher import Cipher
from tasks.store.installation import (
    check_key,
    get_installation,
    has_encrypted_secrets,
    reencrypt_secrets,
)
from tasks.store.registries import robots
from tasks.store.session import run_in_transaction
from tests.support.access_builders import robot_account
from tests.support.processes import finish
from tests.tasks.store.tools import integrate, rows, start

pytestmark = pytest.mark.usefixtures("database")

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
BEFORE, BOTH, AFTER, WRONG = (Cipher(keys) for keys in ((OLD,), (NEW, OLD), (NEW,), (OTHER,)))
SECRETS = {1: "Robot-1", 2: "Robot-2"}


def fill_with(vault: Cipher) -> None:
    integrate()
    run_in_transaction(check_key, vault)
    for id, secret in SECRETS.items():
        run_in_transaction(robots.save_robot, robot_account(id), vault.encrypt(SecretStr(secret)))


def secrets_with(vault: Cipher) -> dict[int, str]:
    return {
        id: vault.decrypt(text).get_secret_value()
        for (_, id), text in run_in_transaction(robots.encrypted_secrets).items()
    }


def all_rows() -> list[dict[str, object]]:
    return [row.model_dump() for kind in (InstallationRow, RobotAccountRow) for row in rows(kind)]


def test_drawn_once() -> None:
    name = run_in_transaction(get_installation)
    assert len(name) == 8
    assert set(name) <= set("0123456789abcdef")
    assert run_in_transaction(get_installation) == name


def _draw(_: str) -> None:
    run_in_transaction(get_installation)


def test_drawn_once_by_however_many(database: str) -> None:
    """The first runs of all schedules begin in the same second."""
    finish(*(start(database, _draw, database) for _ in range(4)))
    assert [row.name for row in rows(InstallationRow)] == [run_in_transaction(get_installation)]


def test_another_draws_while_we_do(database: str) -> None:
    if database.startswith("sqlite"):
        pytest.skip("a transaction has the whole database here")
    is_inserted, names = threading.Event(), []

    def first(session: Session) -> str:
        name = get_installation(session)
        session.flush()
        is_inserted.set()
        threading.Event().wait(0.3)  # the other runs into it
        return name

    def work() -> None:
        names.append(run_in_transaction(first))

    thread = threading.Thread(target=work)
    thread.start()
    assert is_inserted.wait(30)
    names.append(run_in_transaction(get_installation))
    thread.join(30)
    assert names == [run_in_transaction(get_installation)] * 2


def test_the_first_key_is_noted_and_not_before() -> None:
    assert not run_in_transaction(has_encrypted_secrets)
    run_in_transaction(get_installation)
    assert not run_in_transaction(has_encrypted_secrets)
    run_in_transaction(check_key, BEFORE)
    assert run_in_transaction(has_encrypted_secrets)


@pytest.mark.parametrize(
    ("vault", "fits"), [(BEFORE, True), (BOTH, True), (AFTER, False), (WRONG, False)]
)
def test_the_key_is_proved(vault: Cipher, fits: bool) -> None:
    fill_with(BEFORE)
    before = all_rows()
    if fits:
        run_in_transaction(check_key, vault)
    else:
        with pytest.raises(InvalidRequest, match=r"not the one .* Nothing was changed"):
            run_in_transaction(check_key, vault)
    assert all_rows() == before


def test_resealed_the_old_key_may_go() -> None:
    fill_with(BEFORE)
    name = run_in_transaction(get_installation)
    assert run_in_transaction(reencrypt_secrets, BOTH) == 2
    assert secrets_with(AFTER) == SECRETS
    run_in_transaction(check_key, AFTER)
    with pytest.raises(InvalidRequest):
        run_in_transaction(check_key, BEFORE)
    assert run_in_transaction(get_installation) == name


def test_resealing_again_changes_nothing() -> None:
    fill_with(BEFORE)
    run_in_transaction(reencrypt_secrets, BOTH)
    before = all_rows()
    assert run_in_transaction(reencrypt_secrets, BOTH) == 0
    assert run_in_transaction(reencrypt_secrets, AFTER) == 0
    assert all_rows() == before


@pytest.mark.parametrize("wrong", [WRONG, AFTER, Cipher((OTHER, NEW))])
def test_resealing_with_a_wrong_key_overwrites_nothing(wrong: Cipher) -> None:
    fill_with(BEFORE)
    before = all_rows()
    with pytest.raises(InvalidRequest):
        run_in_transaction(reencrypt_secrets, wrong)
    assert all_rows() == before
    assert secrets_with(BEFORE) == SECRETS


def test_a_wrong_key_is_found_out_where_no_secret_is_left_to_try_it_on() -> None:
    run_in_transaction(check_key, BEFORE)
    before = all_rows()
    with pytest.raises(InvalidRequest):
        run_in_transaction(reencrypt_secrets, WRONG)
    assert all_rows() == before


def test_one_secret_that_nobody_can_open_stops_it_whole() -> None:
    fill_with(BEFORE)
    run_in_transaction(robots.save_robot, robot_account(3), WRONG.encrypt(SecretStr("Robot-3")))
    before = all_rows()
    with pytest.raises(InvalidRequest):
        run_in_transaction(reencrypt_secrets, BOTH)
    assert all_rows() == before


def test_all_keys_are_lost_and_somebody_empties_the_secrets() -> None:
    fill_with(BEFORE)
    run_in_transaction(lambda session: session.execute(text("UPDATE robot_grant SET sealed = ''")))
    run_in_transaction(lambda session: session.execute(text("UPDATE installation SET canary = ''")))
    assert run_in_transaction(reencrypt_secrets, WRONG) == 0
    run_in_transaction(check_key, WRONG)
    assert len(run_in_transaction(robots.list_robots)) == len(SECRETS)


def test_what_was_sealed_with_the_old_key_meanwhile_is_resealed_too() -> None:
    """By a process that was still running with it: its secret must outlive the old key."""
    fill_with(BEFORE)
    run_in_transaction(reencrypt_secrets, BOTH)
    run_in_transaction(robots.save_robot, robot_account(3), BEFORE.encrypt(SecretStr("Robot-3")))
    run_in_transaction(reencrypt_secrets, BOTH)
    assert secrets_with(AFTER) == {**SECRETS, 3: "Robot-3"}
