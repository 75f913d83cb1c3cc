"""Docstrings name errors that exist: an error that was renamed is renamed there too."""

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = ("flows", "tasks", "models", "deployments")
_SECTION = re.compile(r"^ *Raises:\n((?: +\S.*\n?)+)", re.MULTILINE)
_NAME = re.compile(r"^ +([A-Z]\w*(?:\.\w+)*|\w+(?:\.\w+)+):", re.MULTILINE)


def test_each_error_that_a_docstring_names_exists() -> None:
    trees = {path: ast.parse(path.read_text()) for path in _modules()}
    known = set(dir(builtins))
    for tree in trees.values():
        known |= {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        known |= {name for node in ast.walk(tree) for name in _imported(node)}
    unknown = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in trees.items()
        for name in _errors_in_docstrings(tree)
        if name.rpartition(".")[2] not in known and "." not in name
    ]
    assert unknown == []


def test_it_finds_an_error_that_does_not_exist() -> None:
    tree = ast.parse('def f():\n    """Do it.\n\n    Raises:\n        Ghost: never.\n    """\n')
    assert list(_errors_in_docstrings(tree)) == ["Ghost"]


def _modules() -> list[Path]:
    return [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)


def _errors_in_docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            text = ast.get_docstring(node) or ""
            for section in _SECTION.findall(text + "\n"):
                yield from _NAME.findall(section)
