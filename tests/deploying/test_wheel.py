"""The wheel has what production needs, and neither the demo nor the simulators."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from deployments.environment import PROJECT_DIR
from tests.support.product_server import foreign_environment

EXCLUDED = ("deployments.demo", "deployments.simulators")
PACKAGES = ("flows", "tasks", "models", "deployments")

# Alembic runs these itself, and a `__main__` is a program.
_NOT_IMPORTABLE = ("tasks.store.migrations.", "__main__")

_IMPORT_ALL = """
import importlib, sys
from importlib.util import find_spec
folder, excluded, *names = sys.argv[1:]
sys.path.insert(0, folder)
for name in names:
    assert importlib.import_module(name).__file__.startswith(folder), name
for name in excluded.split():
    assert find_spec(name) is None, name
    assert not [module for module in sys.modules if module.startswith(name)], name
print(len(names))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, built without a network by the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*command, "--directory", str(folder)], cwd=PROJECT_DIR, check=True, capture_output=True
    )
    (archive,) = folder.glob("*.whl")
    with ZipFile(archive) as file:
        file.extractall(folder / "content")
    return folder / "content"


def _modules(wheel: Path) -> Iterator[tuple[str, Path]]:
    for file in sorted(wheel.rglob("*.py")):
        parts = file.relative_to(wheel).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_it_has_what_production_needs(wheel: Path) -> None:
    own = {file.relative_to(PROJECT_DIR).as_posix() for file in _sources()}
    packed = {file.relative_to(wheel).as_posix() for _, file in _modules(wheel)}
    assert packed == own
    assert {"flows/runs.py", "tasks/clock.py", "models/core/base.py", "deployments/serve.py"} <= own


def test_it_has_the_templates_and_static_files_of_the_console(wheel: Path) -> None:
    console = Path("deployments/console")
    own, packed = (
        {
            file.relative_to(root).as_posix()
            for folder in ("templates", "static")
            for file in (root / console / folder).rglob("*")
            if file.is_file()
        }
        for root in (PROJECT_DIR, wheel)
    )
    assert packed == own
    assert {f"{console}/templates/base.html", f"{console}/static/console.css"} <= own


def _sources() -> Iterator[Path]:
    folders = tuple(name.replace(".", "/") + "/" for name in EXCLUDED)
    for package in PACKAGES:
        for file in (PROJECT_DIR / package).rglob("*.py"):
            if not file.relative_to(PROJECT_DIR).as_posix().startswith(folders):
                yield file


def test_it_imports_neither_the_demo_nor_the_simulators(wheel: Path) -> None:
    imports = [(name, target) for name, file in _modules(wheel) for target in _imports(file)]
    assert len(imports) > 1000
    assert [(name, target) for name, target in imports if target.startswith(EXCLUDED)] == []


def test_all_its_modules_are_importable_without_them(wheel: Path, tmp_path: Path) -> None:
    names = [
        name
        for name, _ in _modules(wheel)
        if not any(part in f"{name}." for part in _NOT_IMPORTABLE)
    ]
    result = subprocess.run(
        [sys.executable, "-I", "-c", _IMPORT_ALL, str(wheel), " ".join(EXCLUDED), *names],
        cwd=tmp_path,
        env={**foreign_environment(), "PREFECT_HOME": str(tmp_path / "prefect")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == len(names) > 250
