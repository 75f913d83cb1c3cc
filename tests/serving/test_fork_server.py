"""A run that the fork server starts ends as in a process of its own, whatever ends it."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deployments.worker.processes import is_stopped
from deployments.worker.warm.code_stamp import CodeStamp
from deployments.worker.warm.handover import ACCEPTED, START, STATUS
from deployments.worker.warm.supervisor import Supervisor, supervise_fork_server
from tests.serving.forking import (
    CODE_VARIABLE,
    WAIT_SECONDS,
    Process,
    RunningForkServer,
    run_fork_server,
    wait_until,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fork servers need Linux")

_SLEEP = "import time; print('ready', flush=True); time.sleep(600)"
_STARTED_HERE = "Invalid flow run id"
"""What Prefect's engine says, which runs where the fork server refuses."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningForkServer]:
    with run_fork_server(tmp_path_factory.mktemp("fork")) as fork_server:
        yield fork_server


def _run(server: RunningForkServer, code: str, **variables: str) -> tuple[int, str]:
    process = server.start(code, **variables)
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, output


def _start_sleeping(server: RunningForkServer, code: str = _SLEEP) -> tuple[Process, int]:
    process = server.start(code)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    (pid,) = server.wait_for_children(1)
    return process, pid


@pytest.mark.parametrize(
    ("code", "status", "output"),
    [
        ("print('done')", 0, "done\n"),
        ("raise SystemExit(3)", 3, ""),
        ("import os; os._exit(255)", 255, ""),
        ("import os; os.abort()", -signal.SIGABRT, ""),
        ("import atexit; atexit.register(print, 'flushed')", 0, "flushed\n"),
        (
            "import threading, time\n"
            "threading.Thread(target=lambda: (time.sleep(0.1), print('joined'))).start()",
            0,
            "joined\n",
        ),
    ],
)
def test_a_run_ends_as_its_code_does(
    server: RunningForkServer, code: str, status: int, output: str
) -> None:
    assert _run(server, code) == (status, output)


def test_an_exception_is_printed_and_ends_with_one(server: RunningForkServer) -> None:
    status, output = _run(server, "raise ValueError('no such thing')")
    assert (status, output.splitlines()[-1]) == (1, "ValueError: no such thing")


def test_environment_and_directory_are_those_of_the_run(server: RunningForkServer) -> None:
    code = "import os; print(os.getcwd(), os.environ['PREFECT__FLOW_RUN_ID'], os.getppid())"
    expected = f"{Path.cwd()} one {server.pid}\n"
    assert _run(server, code, PREFECT__FLOW_RUN_ID="one") == (0, expected)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_signals_reach_the_run(server: RunningForkServer, number: signal.Signals) -> None:
    code = f"import signal; signal.signal({int(number)}, lambda n, _: exit(100 + n)); {_SLEEP}"
    process, _ = _start_sleeping(server, code)
    process.send_signal(number)
    assert process.wait(WAIT_SECONDS) == 100 + number


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_killed_child_kills_who_started_it(
    server: RunningForkServer, number: signal.Signals
) -> None:
    process, pid = _start_sleeping(server)
    os.kill(pid, number)
    assert process.wait(WAIT_SECONDS) == -number


def test_the_child_ends_with_who_started_it(server: RunningForkServer) -> None:
    process, _ = _start_sleeping(server)
    process.kill()
    process.wait()
    assert server.wait_for_children(0) == []


def test_the_child_ends_with_the_worker(server: RunningForkServer) -> None:
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-m', {_FLOW_RUN!r}])"
    environment = {**server.environment, "PREFECT__TEST_CODE": _SLEEP}
    worker = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    server.wait_for_children(1)
    worker.kill()
    worker.communicate(timeout=WAIT_SECONDS)  # its pipe is closed: nobody holds it any more
    assert server.wait_for_children(0) == []


_FLOW_RUN = "deployments.worker.flow_run"


def test_everything_ends_with_a_killed_fork_server(tmp_path: Path) -> None:
    with run_fork_server(tmp_path) as server:
        process, pid = _start_sleeping(server)
        server.process.kill()
        server.socket_path.unlink()  # as its supervisor does
        assert process.wait(WAIT_SECONDS) == -signal.SIGKILL
        wait_until(lambda: _is_dead(pid))
        status, output = _run(server, "print('forked')")
        assert (status, _STARTED_HERE in output) == (1, True)


def _is_dead(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or path.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.mark.parametrize(
    "name", ["REGISTRY_INTEGRATION_READ_SECONDS", "PREFECT_LOGGING_LEVEL", "HTTPS_PROXY"]
)
def test_a_run_with_another_environment_starts_without_it(
    server: RunningForkServer, name: str
) -> None:
    server.check_refused(f"environment differs from the worker's in {name}", **{name: "7"})


def test_new_packages_start_a_new_fork_server(tmp_path: Path) -> None:
    with run_fork_server(tmp_path) as server:
        process, _ = _start_sleeping(server)
        (server.extra_path / "package-2.0.dist-info").mkdir()
        server.check_refused("a package has changed")
        assert not server.socket_path.exists()  # so the supervisor starts another one
        assert server.process.poll() is None  # its run goes on
        process.terminate()
        assert process.wait(WAIT_SECONDS) == -signal.SIGTERM
        assert server.process.wait(WAIT_SECONDS) == 0


def test_a_file_that_cannot_be_read_ends_no_run(tmp_path: Path) -> None:
    with run_fork_server(tmp_path) as server:
        process, _ = _start_sleeping(server)
        (server.checkout / "models" / ".#editor.py").symlink_to("somebody@elsewhere")
        server.check_refused("the code or a package has changed")
        assert server.process.poll() is None
        process.terminate()
        assert process.wait(WAIT_SECONDS) == -signal.SIGTERM
        assert server.process.wait(WAIT_SECONDS) == 0


def test_missing_files_are_part_of_the_stamp(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / ".#editor.py").symlink_to("somebody@elsewhere")
    stamp = CodeStamp.read([str(tmp_path / "missing")], tmp_path)
    assert not stamp.is_outdated()
    shutil.rmtree(folder)
    assert stamp.is_outdated()


def test_an_unexpected_error_ends_one_run(tmp_path: Path) -> None:
    with run_fork_server(tmp_path) as server:
        process, _ = _start_sleeping(server)
        with _request(server, PREFECT__TEST_CODE=_SLEEP) as connection:
            connection.sendall(START)
            server.wait_for_children(2)
            connection.sendall(b"\xff")  # no such signal
            assert connection.recv(1) == b""
        assert len(server.wait_for_children(1)) == 1
        assert "unexpected error: OSError" in server.log_path.read_text()
        process.terminate()
        assert process.wait(WAIT_SECONDS) == -signal.SIGTERM


def test_a_second_start_forks_nothing(tmp_path: Path) -> None:
    with (
        run_fork_server(tmp_path) as server,
        _request(server, PREFECT__TEST_CODE=_SLEEP) as connection,
    ):
        connection.sendall(START + START)
        server.wait_for_children(1)
        connection.sendall(bytes([signal.SIGTERM]))
        assert os.waitstatus_to_exitcode(STATUS.unpack(connection.recv(STATUS.size))[0]) == -15
        assert server.wait_for_children(0) == []


@contextmanager
def _request(server: RunningForkServer, **variables: str) -> Iterator[socket.socket]:
    """Request a run, which is accepted; it is started by who gets the connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket_path))
        environment = {**server.environment, **variables}
        body = json.dumps({"environment": environment, "directory": "/"}).encode()
        with Path(os.devnull).open() as null:
            socket.send_fds(connection, [len(body).to_bytes(4, "big")], [null.fileno()] * 3)
        connection.sendall(body)
        assert connection.recv(1) == ACCEPTED
        yield connection


def test_a_run_starts_in_its_own_process_if_none_can_be_created(tmp_path: Path) -> None:
    with run_fork_server(tmp_path, can_fork=False) as server:
        status, output = _run(server, "print('forked')")
        assert (status, _STARTED_HERE in output) == (1, True)
        assert "cannot fork" in server.log_path.read_text()


def test_a_stopped_fork_server_is_continued(capfd: pytest.CaptureFixture[str]) -> None:
    with supervise_fork_server({}) as supervisor:
        assert supervisor
        supervisor.check()
        assert supervisor.server
        process = supervisor.server
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_stopped(process))
        supervisor.check()
        wait_until(lambda: not is_stopped(process))
        assert f"process {process.pid}, was stopped" in capfd.readouterr().err


def test_a_run_waits_for_a_fork_server_that_is_being_started(tmp_path: Path) -> None:
    runs = []

    def start(environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", _FLOW_RUN]
        variables = {**environment, CODE_VARIABLE: "print('forked')"}
        runs.append(subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True))

    with run_fork_server(tmp_path, before=start):
        assert runs[0].communicate(timeout=WAIT_SECONDS)[0] == "forked\n"


def test_no_run_waits_for_a_fork_server_that_cannot_start() -> None:
    with supervise_fork_server({"PYTHONHOME": "/nowhere"}) as supervisor:
        assert supervisor
        wait_until(lambda: _check(supervisor).delay == 2)
        assert not supervisor.path.exists()


def test_it_retires_after_its_last_run(tmp_path: Path) -> None:
    with run_fork_server(tmp_path, max_runs=2) as server:
        assert [_run(server, "print('forked')") for _ in range(2)] == [(0, "forked\n")] * 2
        assert server.process.wait(WAIT_SECONDS) == 0
        assert not server.socket_path.exists()


def test_nothing_starts_before_who_asked_confirms(server: RunningForkServer) -> None:
    with _request(server):
        assert server.children() == []
    assert _run(server, "print('forked')") == (0, "forked\n")


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"\0\0\0\2{}", b"\xff\xff\xff\xff", b"\0\0\0\1["),
        b'\0\0\0\x24{"environment": 5, "directory": "/"}',
        b"\0\1\0\0" + b"[" * (1 << 16),
    ],
    ids=["empty", "incomplete", "too long", "no JSON", "no environment", "too deep"],
)
def test_an_invalid_request_harms_nobody(server: RunningForkServer, message: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket_path))
        if message:
            socket.send_fds(connection, [message], [0, 1, 2])
            assert connection.recv(1) == b""
    assert _run(server, "print('forked')") == (0, "forked\n")


def test_children_share_no_descriptor_and_no_random_state(server: RunningForkServer) -> None:
    code = (
        "import os, random\n"
        "links = sorted(os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
        " if int(n) > 2 and os.path.exists(f'/proc/self/fd/{n}'))\n"
        "print(random.random(), [link for link in links if not link.startswith('/proc')])"
    )
    sleepers = [server.start(_SLEEP) for _ in range(3)]
    server.wait_for_children(3)
    outputs = [_run(server, code)[1].split(maxsplit=1) for _ in range(3)]
    for process in sleepers:
        process.kill()
        process.communicate()
    assert len({number for number, _ in outputs}) == 3
    assert {links for _, links in outputs} == {"[]\n"}
    server.wait_for_children(0)


def test_ten_at_once_many_times_without_growth(server: RunningForkServer) -> None:
    descriptor_count = _descriptor_count(server.pid)
    pages = []
    for _ in range(4):
        processes = [server.start("print('forked')") for _ in range(10)]
        assert {process.communicate()[0] for process in processes} == {"forked\n"}
        assert {process.returncode for process in processes} == {0}
        # Those of a run that had just ended may have been counted, too.
        wait_until(lambda: _descriptor_count(server.pid) <= descriptor_count)
        pages.append(_resident_pages(server.pid))
    assert pages[-1] - pages[1] <= 32  # of 4 KiB


def _descriptor_count(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _resident_pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def test_only_the_own_user_can_connect_and_zero_runs_turn_it_off() -> None:
    with supervise_fork_server({"REGISTRY_INTEGRATION_WARM_MAX_RUNS": "0"}) as supervisor:
        assert supervisor
        supervisor.check()
        paths = (supervisor.path.parent, supervisor.path)
        assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o700, 0o600]
        wait_until(lambda: _check(supervisor).is_disabled)
        supervisor.check()
        assert supervisor.server is None
        assert not supervisor.path.exists()  # no run waits for it


def test_a_fork_server_that_cannot_start_is_tried_less_and_less_often() -> None:
    with supervise_fork_server({"PYTHONHOME": "/nowhere"}) as supervisor:
        assert supervisor
        wait_until(lambda: _check(supervisor).delay == 2)
        assert supervisor.server is None
        first_start = supervisor.started_at
        wait_until(lambda: _check(supervisor).delay == 4)
        assert 2 <= supervisor.started_at - first_start < 10


def test_a_socket_that_cannot_be_made_ends_no_worker(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "missing" / "fork-server.sock", {})
    supervisor.check()
    assert (supervisor.server, supervisor.delay) == (None, 2)
    wait_until(lambda: _check(supervisor).delay == 4)


def _check(supervisor: Supervisor) -> Supervisor:
    supervisor.check()
    return supervisor


_DESCRIBE_IMPORTS = """
import gc, json, logging, os, random, socket, ssl
from sqlalchemy.engine import Engine
from prefect import Flow
import prefect.blocks.webhook  # it has TLS contexts of its own, which no flow uses
known = {id(o) for o in gc.get_objects() if isinstance(o, ssl.SSLContext)}
from deployments.worker.warm.engine import import_flows
import_flows()
flows = [o for o in gc.get_objects() if isinstance(o, Flow)]
kinds = (Engine, ssl.SSLContext, socket.socket)
shared = [repr(o) for o in gc.get_objects() if isinstance(o, kinds) and id(o) not in known]
generators = [o for o in gc.get_objects() if type(o) is random.Random]
hooks = [f.name for f in flows if f.on_cancellation_hooks or f.on_crashed_hooks]
threads = len(os.listdir("/proc/self/task"))
print(json.dumps([threads, shared, len(generators), len({f.name for f in flows}) > 10, hooks]))
"""


def test_the_fork_server_shares_nothing_and_flows_have_no_hooks() -> None:
    """Only the generator of `random` is there, which Python seeds again after a fork."""
    command = [sys.executable, "-c", _DESCRIBE_IMPORTS]
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    assert json.loads(output.splitlines()[-1]) == [1, [], 1, True, []]
