"""The basis of a comparison: all that a plan depends on beside the lists of the registry."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from models.access.robot_state import RobotState
from models.access.rotation import Departure
from models.core.settings import get_settings
from models.registries.registry import BlockRef, DriftPolicy
from tasks.access.resync import collect_resync_inputs
from tasks.registries.protocol import Credential, SavedCredential
from tasks.store.state import RegistryState
from tests.support.access_builders import INSTALLATION_ID, robot_account
from tests.support.builders import NOW, registry, registry_record

KEY = Fernet.generate_key().decode()
ROBOT_STATE = RobotState(
    registry="prod",
    installation=INSTALLATION_ID,
    bound_spaces={"team-a": ("a",)},
    robots=(robot_account(1, "a"),),
)
STATE = RegistryState(
    record=registry_record().model_copy(
        update={"registry": registry(credential=BlockRef(name="admin"))}
    ),
    spaces=None,
    failures=frozenset(),
    robot_state=ROBOT_STATE,
)
ORIGINS = frozenset({"http://registry.test"})


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", KEY)
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()


def _basis(
    state: RegistryState = STATE,
    password: str = "secret",
    username: str = "admin",
    origins: frozenset[str] = ORIGINS,
) -> str:
    credentials = {
        "admin": SavedCredential(Credential(username, SecretStr(password)), origins),
        "other": SavedCredential(Credential("other", SecretStr(password)), origins),
    }
    inputs = collect_resync_inputs(state, state.robot_state, credentials, NOW, is_requested=False)
    return inputs.basis


def _with_registry(**update: Any) -> RegistryState:
    record = STATE.record.model_copy(
        update={"registry": STATE.record.registry.model_copy(update=update)}
    )
    return STATE.model_copy(update={"record": record})


def _with_robots(**update: Any) -> RegistryState:
    return STATE.model_copy(update={"robot_state": ROBOT_STATE.model_copy(update=update)})


def test_the_basis_stays() -> None:
    assert _basis() == _basis()
    assert "secret" not in _basis()


@pytest.mark.parametrize(
    "state",
    [
        _with_registry(drift_policy=DriftPolicy.REPORT),
        _with_registry(address="http://other.test"),
        _with_registry(credential=BlockRef(name="other")),
        _with_robots(bound_spaces={"team-a": ("a", "b")}),
        _with_robots(bound_spaces={}),
        _with_robots(has_bindings=True),
        _with_robots(robots=()),
        _with_robots(robots=(robot_account(1, "a", "b"),)),
        _with_robots(departures=(Departure(registry="prod", workspace="team-a"),)),
        _with_robots(other_registries=frozenset({"twin"})),
        _with_robots(installation="0123abcd"),
        STATE.model_copy(update={"encrypted_observer_secret": "sealed"}),
    ],
)
def test_each_record_matters(state: RegistryState) -> None:
    assert _basis(state) != _basis()


def test_the_credential_matters() -> None:
    assert _basis(password="other") != _basis()
    assert _basis(username="other") != _basis()
    assert _basis(origins=ORIGINS | {"http://other.test"}) != _basis()


def test_settings_matter(settings: pytest.MonkeyPatch) -> None:
    before = _basis()
    settings.setenv("REGISTRY_INTEGRATION_MISSING_GRACE_HOURS", "1")
    get_settings.cache_clear()
    assert _basis() != before


def test_without_a_key_nothing_is_known(settings: pytest.MonkeyPatch, tmp_path: Any) -> None:
    settings.setenv("REGISTRY_INTEGRATION_SECRET_KEYS", "")
    settings.setenv("REGISTRY_INTEGRATION_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    assert _basis() == ""
