"""Rotation of log files that processes append to through inherited descriptors."""

import errno
import os
from pathlib import Path

import pytest

from deployments.logs.rotation import MAX_BYTES, LogFiles, rotate
from deployments.worker.processes import start_process, stop_process, wait_for_any


def _contents(path: Path) -> list[str]:
    """What the file and its predecessors contain, newest first."""
    files = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, 9))]
    return [file.read_text() for file in files if file.exists()]


def test_a_small_file_and_a_missing_one_stay(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    assert not rotate(path)
    path.write_text("a\n")
    assert not rotate(path, max_bytes=3) and _contents(path) == ["a\n"]


def test_all_lines_are_kept_in_a_limited_number_of_files(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    with path.open("ab", buffering=0) as log:
        for number in range(6):
            log.write(f"{number}\n".encode())
            assert rotate(path, max_bytes=2, max_files=4)
            log.write(b"+\n")  # through the old descriptor, as a process does
        assert _contents(path) == ["+\n", "+\n5\n", "+\n4\n", "+\n3\n"]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_line_that_is_written_while_the_copy_is_made_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sync = tmp_path / "server.log", os.fsync
    path.write_text("old\n")

    def write_and_sync(descriptor: int) -> None:
        with path.open("ab") as log:
            log.write(b"meanwhile\n")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", write_and_sync)
    assert rotate(path, max_bytes=1) and _contents(path) == ["", "old\nmeanwhile\n"]


def _no_space(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_failure_is_reported_once_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, logs = tmp_path / "server.log", LogFiles()
    path.write_bytes(b"x" * MAX_BYTES)
    monkeypatch.setattr(os, "fsync", _no_space)
    monkeypatch.setattr("deployments.logs.rotation._RETRY_SECONDS", -1.0)
    with logs.open(path) as log:
        for _ in range(3):
            logs.rotate()
        log.write(b"y")
    assert capsys.readouterr().err.count("No space left on device") == 1
    assert path.stat().st_size == MAX_BYTES + 1 and list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    logs.rotate()
    assert not path.stat().st_size


_PROGRAM = """
import os, sys, time
print("last line", flush=True)
end = time.monotonic() + 60
while os.path.getsize(sys.argv[1]) and time.monotonic() < end:
    time.sleep(0.05)
print("next line", flush=True)
"""


def test_the_output_of_a_process_is_rotated_while_it_runs(tmp_path: Path) -> None:
    path, logs = tmp_path / "console.log", LogFiles()
    path.write_bytes(b"x" * (MAX_BYTES - 2))
    with logs.open(path) as log:
        process = start_process("-c", _PROGRAM, str(path), log=log)
    try:
        assert wait_for_any(process, meanwhile=logs.rotate) is process
    finally:
        stop_process(process, 0)
    assert _contents(path)[0] == "next line\n" and _contents(path)[1].endswith("last line\n")
