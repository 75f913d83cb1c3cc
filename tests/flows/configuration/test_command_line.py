"""The command line: a readable diff, and exit codes for CI."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployments.configuration.__main__ import CHANGES, ERROR, NOTHING_TO_DO, main
from models.core.settings import get_settings

WORKSPACES = "workspaces:\n  red: {description: the shop}\n  blue: {}\n"


@pytest.fixture
def run(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Run a command on a folder `platform`; return its exit code and output."""
    (tmp_path / "platform").mkdir()

    def run_command(command: str, *options: str) -> tuple[int, str]:
        code = main([command, *options])
        output = capsys.readouterr()
        return code, output.out + output.err

    yield run_command
    os.environ.pop("REGISTRY_INTEGRATION_CONFIGURATION_DIR", None)
    get_settings.cache_clear()


def test_exit_codes(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    folder = tmp_path / "platform"
    file = folder / "main.yaml"
    file.write_text(WORKSPACES)
    code, output = run("plan", str(folder))
    assert code == CHANGES
    assert output.splitlines() == [
        "+ workspace red  (platform/main.yaml:2)",
        "    description: the shop",
        "+ workspace blue  (platform/main.yaml:3)",
        "2 to create",
    ]
    assert run("apply", str(folder))[0] == CHANGES
    assert run("plan", str(folder)) == (NOTHING_TO_DO, "nothing to do\n")
    assert run("plan", str(file), "--folder", str(folder)) == (NOTHING_TO_DO, "nothing to do\n")
    code, output = run("apply", str(folder))
    assert code == NOTHING_TO_DO
    assert "nothing to do" in output
    code, output = run("plan", str(file))  # another name, so another owner
    assert code == ERROR
    assert "main.yaml:2:3: workspace red: platform/main.yaml:2 owns it" in output
    assert run("apply", str(file), "--prune") == (
        ERROR,
        "--prune needs --folder: files of other folders can have the same name, and what they "
        "declare would be removed\n",
    )
    file.write_text(WORKSPACES + "  red: {}\nregistry: {}\n")
    code, output = run("plan", str(folder))
    assert code == ERROR
    assert [line.partition(": ")[0] for line in output.splitlines()[1:]] == [
        "platform/main.yaml:4:3",
        "platform/main.yaml:5:1",
    ]
    file.write_text("workspaces: {red: {}}")
    assert run("plan", str(folder), "--prune")[1].endswith("1 to change, 1 to remove\n")
    assert run("apply", str(folder), "--prune")[0] == CHANGES
    assert run("plan", str(folder), "--prune")[0] == NOTHING_TO_DO


def test_a_file_that_prefect_cannot_store(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    file = tmp_path / "platform" / "main.yaml"
    file.write_text(f"# {'x' * 500_000}\n{WORKSPACES}")
    code, output = run("apply", str(file))
    assert code == ERROR
    assert "main.yaml has more than 500,000 characters" in output
    assert run("apply", str(file), "--folder", str(file.parent))[0] == CHANGES


def test_a_linked_folder_owns_what_its_plan_says(
    run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "platform" / "main.yaml").write_text(WORKSPACES)
    link = tmp_path / "current"
    link.symlink_to("platform")
    assert "(current/main.yaml:2)" in run("plan", str(link))[1]
    assert run("apply", str(link))[0] == CHANGES
    assert run("plan", str(link)) == (NOTHING_TO_DO, "nothing to do\n")
    file = tmp_path / "platform" / "main.yaml"
    assert run("plan", str(file), "--folder", str(link)) == (NOTHING_TO_DO, "nothing to do\n")
    assert run("apply", str(file), "--folder", str(link))[0] == NOTHING_TO_DO


def test_a_missing_file_is_an_error(run: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, output = run("plan", str(tmp_path / "missing.yaml"))
    assert code == ERROR
    assert "missing.yaml cannot be read: No such file or directory" in output
    code, output = run("plan", str(tmp_path / "platform"))
    assert code == ERROR
    assert "contains no file that ends in .yaml or .yml" in output
