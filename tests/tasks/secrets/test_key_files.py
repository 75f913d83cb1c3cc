"""Key files: for their owner alone, whole, and on the disk."""

import os
import stat
from pathlib import Path

import pytest

from models.core.errors import InvalidRequest
from tasks.secrets.key_files import create_secret_file, is_exposed, read_secret_file


def test_it_is_created_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file = tmp_path / "data" / "password"
        create_secret_file(file, "secret\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["password"]
    assert read_secret_file(file) == "secret\n"


def test_it_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "password"
    create_secret_file(file, "first")
    with pytest.raises(FileExistsError):
        create_secret_file(file, "second")
    assert read_secret_file(file) == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["password"]


def test_file_and_directory_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[Path, bool]] = []
    fsync, file = os.fsync, tmp_path / "password"

    def recording(handle: int) -> None:
        synced.append((Path(f"/proc/self/fd/{handle}").readlink(), file.exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", recording)
    create_secret_file(file, "secret")
    assert [exists for _, exists in synced] == [False, True]
    assert synced[0][0].parent == tmp_path
    assert synced[1][0] == tmp_path


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o602, 0o620, 0o666])
def test_one_that_others_have_access_to_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "password"
    create_secret_file(file, "secret")
    file.chmod(mode)
    with pytest.raises(InvalidRequest, match=rf"mode 0{mode:o}\): run chmod 600 {file}") as excinfo:
        read_secret_file(file)
    assert "secret" not in str(excinfo.value).replace(str(file), "")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_one_for_its_owner_alone_is_read(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "password"
    create_secret_file(file, "secret")
    file.chmod(mode)
    assert read_secret_file(file) == "secret"


def test_a_link_is_judged_by_the_file(tmp_path: Path) -> None:
    file, link = tmp_path / "password", tmp_path / "link"
    create_secret_file(file, "secret")
    link.symlink_to(file)
    assert read_secret_file(link) == "secret"
    file.chmod(0o644)
    with pytest.raises(InvalidRequest, match="chmod 600"):
        read_secret_file(link)


def test_none_is_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_secret_file(tmp_path / "password")


ROOT, OWN_UID, OTHER = 0, 1000, 1001


@pytest.mark.parametrize(
    ("mode", "owner", "reader", "exposed"),
    [
        (0o600, OWN_UID, OWN_UID, False),
        (0o640, OWN_UID, OWN_UID, True),
        (0o640, ROOT, ROOT, True),
        (0o440, ROOT, OWN_UID, False),  # a Secret that Kubernetes mounts with fsGroup
        (0o640, ROOT, OWN_UID, False),
        (0o660, ROOT, OWN_UID, True),
        (0o444, ROOT, OWN_UID, True),
        (0o640, OTHER, OWN_UID, True),
        (0o604, OTHER, OWN_UID, True),
    ],
)
def test_who_has_access(mode: int, owner: int, reader: int, exposed: bool) -> None:
    assert is_exposed(0o100000 | mode, owner, reader) is exposed
