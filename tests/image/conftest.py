"""The image, built by buildah on a Debian that debootstrap makes."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.environment import PROJECT_DIR
from tests.image.container import Image, can_run_images

_TOOLS = ("buildah", "debootstrap", "unshare", "chroot")
_SUITE = "bookworm"
_BASE = "registry-integration-test-base"
_NAME = "registry-integration-test"
_APT_FILES = ("sources.list", "sources.list.d/debian.sources", "apt.conf.d")
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_ENVIRONMENT = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def _run(*command: str | Path) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        cwd=PROJECT_DIR,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command[:3]}: {result.stdout[-3000:]}{result.stderr[-3000:]}"
    return result.stdout.strip()


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def _make_base(folder: Path) -> None:
    """Make a base image with the package sources and the certificates of this machine."""
    root = folder / "base"
    _run("debootstrap", "--variant=minbase", "--include=ca-certificates", _SUITE, root, _mirror())
    for name in _APT_FILES:
        _copy(Path("/etc/apt") / name, root / "etc/apt" / name)
    if (root / "etc/apt/sources.list.d/debian.sources").exists():
        (root / "etc/apt/sources.list").unlink(missing_ok=True)
    _copy(Path("/etc/pip.conf"), root / "etc/pip.conf")
    _copy(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    _run("chroot", root, "update-ca-certificates")
    container = _run("buildah", "from", "scratch")
    archive = folder / "base.tar"
    _run("tar", "-C", root, "-cf", archive, ".")
    _run("buildah", "add", "-q", container, archive, "/")
    _run("buildah", "commit", "-q", "--rm", container, _BASE)


def _mirror() -> str:
    for file in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for line in file.read_text().splitlines():
            if line.startswith("URIs:"):
                return line.split()[1]
    raise AssertionError("no mirror of Debian in /etc/apt/sources.list.d: name one there")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image of this checkout; `BASE` names a base image, else debootstrap makes one."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install buildah debootstrap)")
    if not can_run_images():
        pytest.skip("the image is not run: mounts need root or a privileged user namespace")
    base = os.environ.get("BASE", "")
    if not base:
        _make_base(tmp_path_factory.mktemp("base"))
    _run(
        "buildah",
        "bud",
        "-q",
        "--format",
        "docker",
        "--build-arg",
        f"BASE={base or f'localhost/{_BASE}'}",
        "-t",
        _NAME,
        ".",
    )
    container = _run("buildah", "from", f"localhost/{_NAME}")
    try:
        configuration = json.loads(_run("buildah", "inspect", container))["Docker"]["config"]
        yield Image(
            Path(_run("buildah", "mount", container)),
            dict(item.split("=", 1) for item in configuration["Env"]),
            configuration["Entrypoint"],
            configuration["User"],
            configuration["Healthcheck"]["Test"][1:],
        )
    finally:
        _run("buildah", "rm", container)


@pytest.fixture
def data(tmp_path: Path, image: Image) -> Path:
    """A volume that the user of the image may write to."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, *map(int, image.user.split(":")))
    return folder
