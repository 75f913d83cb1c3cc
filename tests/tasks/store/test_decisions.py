"""The store loads and saves: what is decided is decided in models, and passed to it."""

import ast
from pathlib import Path

STORE = Path(__file__).parents[3] / "tasks" / "store"
NO_DECISIONS = {"get_settings", "did_you_mean", "block_origins"}
"""How long a lease or the history is kept, the end of an error message, fields of a record."""


def _imported_functions(path: Path) -> list[str]:
    return [
        f"{path.relative_to(STORE)}: {node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models.")
        for alias in node.names
        if alias.name.islower() and alias.name not in NO_DECISIONS
    ]


def test_the_store_calls_no_function_of_models() -> None:
    """It imports classes (`Binding`) and constants (`UNLIMITED`) only."""
    exempt = {"migrations", "lists"}
    files = [path for path in STORE.rglob("*.py") if not exempt & {*path.parts}]
    assert len(files) > 15
    assert [name for path in files for name in _imported_functions(path)] == []


def test_lists_only_read() -> None:
    """They let functions of models decide what a page of rows shows, and save nothing."""
    files = list((STORE / "lists").glob("*.py"))
    assert len(files) > 8
    writes = {"insert", "delete", "upsert", "add", "add_all", "merge", "commit"}
    assert {
        name
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (name := getattr(node.func, "attr", getattr(node.func, "id", ""))) in writes
    } == set()


def test_who_saves_spaces() -> None:
    """Whoever changes what a plan compares deletes the baseline, see `registries.lock_spaces`."""
    writes = {"insert", "update", "delete", "upsert", "merge", "add", "add_all"}
    assert {
        f"{path.relative_to(STORE)}: {function.name}"
        for path in STORE.rglob("*.py")
        if "migrations" not in path.parts
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in writes
        and any("SpaceRow" in ast.dump(argument) for argument in node.args)
    } == {
        "registries/spaces.py: save_spaces",
        "registries/spaces.py: delete_spaces",
        "registries/images.py: delete_count",  # storage only
    }
