"""A second checkout of this repository, with a Python of its own that finds it first."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from deployments.environment import PROJECT_DIR

Tree = dict[str, tuple[int, int]]


def copy_checkout(folder: Path) -> Path:
    """Copy what git knows of this checkout, with the packages of this environment."""
    for name in _names():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT_DIR / name, folder / name)
    venv.create(folder / ".venv", symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = folder / ".venv" / "lib" / version / "site-packages"
    (site_packages / "checkout.pth").write_text(f"{folder}\n{sysconfig.get_path('purelib')}\n")
    return folder


def tree_of(checkout: Path) -> Tree:
    """Return when each file that git knows was changed, and how long it is."""
    files = {name: (checkout / name).stat() for name in _names()}
    return {name: (file.st_mtime_ns, file.st_size) for name, file in files.items()}


def _names() -> list[str]:
    result = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT_DIR,
        capture_output=True,
        check=True,
    )
    names = result.stdout.decode().split("\0")
    return [name for name in names if name and (PROJECT_DIR / name).is_file()]
