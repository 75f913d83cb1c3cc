"""A served product is backed up while it runs, lost with its data directory, and restored."""

import shutil
import subprocess
from pathlib import Path

from tests.serving.machine import run_product, saved_data
from tests.support.helpers import PASSWORD, harbor_with
from tests.support.product_server import start, temporary_folder


def _run(folder: Path, module: str, *arguments: str) -> tuple[int, str]:
    log = folder / f"{module}.log"
    process = start(log, "-m", f"deployments.{module}", *arguments, DATA_DIR=str(folder / "data"))
    try:
        return process.wait(120), log.read_text()
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def test_lost_and_restored() -> None:
    with temporary_folder() as name, harbor_with("web") as harbor:
        folder = Path(name)
        backup, keys = folder / "backup", folder / "safe"
        with run_product(folder) as run:
            credentials = {"username": "admin", "password": PASSWORD}
            block = run.api.save_block("registry-credentials", "hub", **credentials)
            registry = {"type": "harbor", "address": harbor.url}
            run.api.run("integrate-registry", name="hub", registry=registry, credentials=block)
            status, message = _run(folder, "backup", str(backup), "--keys-to", str(keys))
            assert (status, "Keys:" in message) == (0, True), message
            status, message = _run(folder, "restore", str(backup), "--replace", "--yes")
            assert (status, "in use by another process" in message) == (1, True), message
            password, blocks = run.product.password, saved_data(run.api)
            run.kill()
        shutil.rmtree(folder / "data")
        status, message = _run(folder, "restore", str(backup))
        assert (status, "--keys-from" in message) == (1, True), message
        status, message = _run(folder, "restore", str(backup), "--keys-from", str(keys))
        assert (status, "removed later grant access again" in message) == (0, True), message
        for path in (backup, folder / "restore.log", folder / "backup.log"):
            assert not _has_text(path, PASSWORD, password)
        with run_product(folder) as run:
            assert (run.product.password, saved_data(run.api)) == (password, blocks)
            assert "healthy" in run.api.run("reconcile-registry", name="hub")


def _has_text(path: Path, *texts: str) -> bool:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return any(text.encode() in file.read_bytes() for file in files for text in texts)
