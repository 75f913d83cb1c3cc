"""Only the tables of kinds, and each kind's own folder, name a kind of registry."""

import ast
from collections.abc import Iterator
from pathlib import Path

from models.registries.registry import Kind

ROOT = Path(__file__).parent.parent
LAYERS = ("flows", "tasks", "models")
TABLES = ("models/registries/registry.py", "tasks/registries/connect.py")
KIND_FOLDERS = tuple(f"tasks/registries/{kind}/" for kind in Kind)


def test_no_other_code_names_a_kind() -> None:
    found = {
        path: kinds
        for path, tree in _modules()
        if not path.startswith((*TABLES, *KIND_FOLDERS)) and (kinds := list(_kinds_in(tree)))
    }
    assert found == {}


def test_each_kind_is_named_in_both_tables() -> None:
    trees = dict(_modules())
    for table in TABLES:
        assert {f"Kind.{kind.name}" for kind in Kind} <= set(_kinds_in(trees[table]))


def test_it_finds_a_branch_on_a_kind() -> None:
    source = """if registry.kind is Kind.HARBOR or registry.kind == "docker": pass"""
    assert sorted(_kinds_in(ast.parse(source))) == ["'docker'", "Kind.HARBOR"]


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def _kinds_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="Kind"), attr=name):
                yield f"Kind.{name}"
            case ast.Constant(value=str(text)) if text in set(Kind):
                yield repr(text)
