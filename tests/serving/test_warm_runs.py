"""Flow runs of the served product that are forked: they end, log and die as others do."""

import os
import signal
from pathlib import Path

from deployments.environment import PROJECT_DIR
from tests.serving.quiet_product import Product, is_running, wait_until


def test_a_forked_run_logs_and_completes(product: Product) -> None:
    run = product.api.start("describe-process", {})
    (message,) = product.api.wait_for_runs(run)
    assert message == "is_warm=True level='INFO' read_seconds=30.0"
    wait_until(lambda: "Finished in state Completed" in product.logs(run))
    assert product.logs(run).count("logged by the run") == 1
    assert "printed by the run" in (product.server.data_dir.parent / "serve.log").read_text()


def test_variables_of_a_deployment_are_in_force(product: Product) -> None:
    variables = {"REGISTRY_INTEGRATION_READ_SECONDS": "7", "PREFECT_LOGGING_LEVEL": "DEBUG"}
    product.deploy("describe-process", "other", **variables)
    deployment = product.api.request("GET", "/deployments/name/describe-process/other")
    path = f"/deployments/{deployment['id']}/create_flow_run"
    run = product.api.request("POST", path, {})["id"]
    assert product.wait_for_end(run)["message"] == "is_warm=False level='DEBUG' read_seconds=7.0"
    assert "is_warm=True level='INFO'" in product.api.run("describe-process")


def test_errors_and_time_outs_are_failures(product: Product) -> None:
    failed, late = (product.api.start(flow, {}) for flow in ("raise-error", "time-out"))
    assert "ValueError: raised by the run" in product.wait_for_end(failed)["message"]
    wait_until(lambda: "Traceback" in product.logs(failed))
    assert product.wait_for_end(late)["name"] == "TimedOut"


def test_a_run_can_be_cancelled(product: Product) -> None:
    (run,) = product.start_hanging()
    pid = product.pid(run)
    assert product.logs(run).count("logged by a library") == 1
    _cancel(product, run)
    assert product.wait_for_end(run)["type"] == "CANCELLED"
    wait_until(lambda: not is_running(pid))


def _cancel(product: Product, run: str) -> None:
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    product.api.request("POST", f"/flow_runs/{run}/set_state", state)


def test_killed_runs_crash_and_leave_nothing(product: Product) -> None:
    killed, orphan = product.start_hanging(2)
    pids = [product.pid(killed), product.pid(orphan)]
    os.kill(pids[0], signal.SIGKILL)
    assert product.wait_for_end(killed)["type"] == "CRASHED"
    os.kill(product.process("deployments.worker.flow_run"), signal.SIGKILL)
    assert product.wait_for_end(orphan)["type"] == "CRASHED"
    assert not any(is_running(pid) for pid in pids)


def test_a_killed_fork_server_is_replaced(product: Product) -> None:
    (run,) = product.start_hanging()
    server = product.fork_server()
    os.kill(server, signal.SIGKILL)
    product.api.run("describe-process")  # at once, without it or with the next one
    assert product.wait_for_end(run)["type"] == "CRASHED"
    assert product.fork_server() != server


def test_ends_of_runs_do_not_change_the_worker(product: Product) -> None:
    worker = product.process("process_worker")
    runs = product.start_hanging(6)
    for run in runs[:3]:
        _cancel(product, run)
    for run in runs[3:]:
        os.kill(product.pid(run), signal.SIGKILL)
    states = [product.wait_for_end(run)["type"] for run in runs]
    assert states == ["CANCELLED"] * 3 + ["CRASHED"] * 3
    assert Path(f"/proc/{worker}/cwd").readlink() == PROJECT_DIR
    # SQLAlchemy stands for all that flows import, also the flow of these runs.
    assert "sqlalchemy" in Path(f"/proc/{product.fork_server()}/maps").read_text()
    assert "sqlalchemy" not in Path(f"/proc/{worker}/maps").read_text()


def test_runs_end_with_a_killed_worker(product: Product) -> None:
    """The last one: the product ends with its worker."""
    (run,) = product.start_hanging()
    pid = product.pid(run)
    os.kill(product.process("process_worker"), signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    wait_until(lambda: not product.process("deployments.worker"))
