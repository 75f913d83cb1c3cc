"""Files are named as they are given, so that an owner outlives updates of its folder."""

from pathlib import Path

import pytest

from models.core.errors import InvalidRequest
from tasks.configuration import files
from tasks.configuration.files import read_folder


def test_names_do_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "1a2b").mkdir()
    (tmp_path / "1a2b" / "main.yaml").write_text("{}")
    current = tmp_path / "current"  # as git-sync, and a ConfigMap, do
    current.symlink_to("1a2b")
    (tmp_path / "1a2b" / "linked.yaml").symlink_to("main.yaml")
    assert set(read_folder(current, current).texts) == {"current/linked.yaml", "current/main.yaml"}
    sources = read_folder(current, current / "linked.yaml")
    assert list(sources.texts) == [sources.scope.name] == ["current/linked.yaml"]


def test_a_folder_has_one_name_whichever_way_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1a2b" / "teams").mkdir(parents=True)
    (tmp_path / "1a2b" / "teams" / "red.yaml").write_text("{}")
    current = tmp_path / "current"
    current.symlink_to("1a2b")
    monkeypatch.chdir(current)
    monkeypatch.setenv("PWD", str(current))  # as a shell does
    for root, path in (
        (current, current / "teams" / "red.yaml"),
        (current, tmp_path / "1a2b" / "teams" / "red.yaml"),
        (current / "teams" / "..", current / "teams" / "red.yaml"),
        (Path(), Path("teams/red.yaml")),
        (Path(), current / "teams" / "red.yaml"),
        (Path(), Path("../1a2b/teams/red.yaml")),
    ):
        assert list(read_folder(root, path).texts) == ["current/teams/red.yaml"], (root, path)
    monkeypatch.setenv("PWD", str(tmp_path))  # of a parent that went elsewhere
    assert list(read_folder(Path(), Path()).texts) == ["1a2b/teams/red.yaml"]


def test_an_unusable_path_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for path in ("loop.yaml", "a\0b"):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            read_folder(tmp_path, tmp_path / path)


def test_a_folder_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_FOLDER_LENGTH", 5)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("{} #")
    with pytest.raises(InvalidRequest, match="one by one"):
        read_folder(tmp_path, tmp_path)
