"""Every package that the product imports is declared in pyproject.toml."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = ("flows", "tasks", "models", "deployments")


def _imports(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {module.partition(".")[0] for module in modules}


def _normalize(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {_normalize(re.split(r"[\[<>=!~ ]", line)[0]) for line in project["dependencies"]}
    distributions = packages_distributions()
    imports = {
        name
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*.py")
        for name in _imports(ast.parse(path.read_text()))
    } - {*sys.stdlib_module_names, *LAYERS}
    assert "prefect" in imports
    assert not {
        name for name in imports if not declared & {*map(_normalize, distributions.get(name, ()))}
    }
