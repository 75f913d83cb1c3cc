"""Credentials in variables and files: their origins, and what cannot be named with them."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from models.configuration.credential_check import DeclaredCredential
from models.core.errors import CredentialError
from models.core.settings import get_settings
from models.registries.registry import EnvironmentRef, FileRef, Kind, Registry
from tasks.configuration.credential_sources import declare_sources, read_sources
from tasks.registries.protocol import Credential
from tasks.secrets.credentials import pick_credential, read_credentials

ADDRESS = "https://harbor.example.com"
CONTENT = {"username": "admin", "password": "hunter2", "origins": ["HTTPS://Harbor.Example.com/"]}
VARIABLE = EnvironmentRef(name="REGISTRY_CREDENTIAL_PROD")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("REGISTRY_INTEGRATION_CREDENTIALS_DIR", str(folder))
    get_settings.cache_clear()
    yield folder
    get_settings.cache_clear()


def read_error(reference: EnvironmentRef | FileRef) -> str:
    (saved,) = read_sources([reference]).values()
    assert isinstance(saved.credential, Credential)
    assert saved.origins == frozenset()
    assert saved.credential.password.get_secret_value() == ""
    assert "hunter2" not in saved.credential.error
    return saved.credential.error


async def test_a_credential_is_sent_only_to_its_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE.name, json.dumps(CONTENT))
    registry = Registry(name="prod", kind=Kind.HARBOR, address=ADDRESS, credential=VARIABLE)
    credential = pick_credential(registry, await read_credentials([registry]))
    assert credential is not None
    assert (credential.username, credential.password.get_secret_value()) == ("admin", "hunter2")
    moved = registry.model_copy(update={"address": "https://evil.example.com"})
    with pytest.raises(CredentialError, match="REGISTRY_CREDENTIAL_PROD is not declared for") as e:
        pick_credential(moved, await read_credentials([moved]))
    assert "hunter2" not in str(e.value)


def test_what_a_document_may_do_is_declared_in_the_same_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE.name, json.dumps(CONTENT))
    declared = DeclaredCredential(origins=frozenset({ADDRESS}))
    assert declare_sources([VARIABLE]) == {VARIABLE.ref_key: declared}
    permissions = {"for_pull": True, "allow_push": True, "allow_weak_tls": True}
    monkeypatch.setenv(VARIABLE.name, json.dumps(CONTENT | permissions))
    permitted = declared.model_copy(update=permissions)
    assert declare_sources([VARIABLE]) == {VARIABLE.ref_key: permitted}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not set"),
        ("hunter2", "no JSON"),
        ("[" * 100_000, "no JSON"),
        (json.dumps(CONTENT | {"origins": []}), "check these fields: origins"),
        (json.dumps(CONTENT | {"origins": ["hunter2"]}), "check these fields: origins"),
        (json.dumps(CONTENT | {"hunter2": 1}), "check these fields: others"),
        (json.dumps({"username": "hunter2", "password": "x"}), "check these fields: origins"),
        (json.dumps(CONTENT | {"username": "a:hunter2"}), "has a colon"),
    ],
)
def test_an_unusable_variable_is_named(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE.name, text)
    error = read_error(VARIABLE)
    assert error.startswith("environment variable REGISTRY_CREDENTIAL_PROD cannot be used: ")
    assert message in error


@pytest.mark.parametrize(
    "name",
    ["PATH", "REGISTRY_INTEGRATION_SECRET_KEYS", "registry_credential_a", "REGISTRY_CREDENTIAL_"],
)
def test_other_variables_cannot_be_named(name: str) -> None:
    with pytest.raises(ValidationError):
        EnvironmentRef(name=name)


@pytest.mark.parametrize(
    "name", ["../a", "/etc/passwd", "a/../../b", ".hidden", "a//b", "a/./b", ""]
)
def test_files_outside_of_the_folder_cannot_be_named(name: str) -> None:
    with pytest.raises(ValidationError):
        FileRef(name=name)


def _link_within(folder: Path) -> None:
    (folder / "..data").mkdir()  # as Kubernetes mounts a Secret
    (folder / "..data" / "prod").write_text(json.dumps(CONTENT))
    (folder / "prod").symlink_to("..data/prod")


def test_a_file_is_read_also_through_a_link_within_the_folder(folder: Path) -> None:
    _link_within(folder)
    (saved,) = read_sources([FileRef(name="prod")]).values()
    assert (saved.credential.error, saved.origins) == ("", frozenset({ADDRESS}))


def _outside(folder: Path) -> None:
    (folder.parent / "state").write_text(json.dumps(CONTENT))
    (folder / "prod").symlink_to("../state")


def _folder_outside(folder: Path) -> None:
    (folder.parent / "other").mkdir()
    (folder.parent / "other" / "prod").write_text(json.dumps(CONTENT))
    (folder / "sub").symlink_to("../other")


@pytest.mark.parametrize(
    ("prepare", "name", "message"),
    [
        (lambda folder: None, "prod", "No such file"),
        (lambda folder: (folder / "prod").mkdir(), "prod", "Is a directory"),
        (lambda folder: os.mkfifo(folder / "prod"), "prod", "no regular file"),
        (lambda folder: (folder / "prod").write_bytes(b"\xff"), "prod", "not UTF-8"),
        (lambda folder: (folder / "prod").write_text("x" * 200_001), "prod", "larger than"),
        (lambda folder: (folder / "prod").symlink_to("prod"), "prod", "symbolic link"),
        (_outside, "prod", "leads out of CREDENTIALS_DIR"),
        (_folder_outside, "sub/prod", "leads out of CREDENTIALS_DIR"),
    ],
)
def test_an_unusable_file_is_named(folder: Path, prepare: Any, name: str, message: str) -> None:
    prepare(folder)
    assert message in read_error(FileRef(name=name))


def test_without_a_folder_no_file_can_be_named() -> None:
    assert "CREDENTIALS_DIR is not set" in read_error(FileRef(name="prod"))
