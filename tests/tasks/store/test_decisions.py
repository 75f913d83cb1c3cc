"""The store loads and saves: what is decided is decided in models, and passed to it."""

import ast
from pathlib import Path

STORE = Path(__file__).parents[3] / "tasks" / "store"
SETTINGS = "get_settings"
"""How long a lease or the history is kept; nothing is decided by it."""


def _imported_functions(path: Path) -> list[str]:
    return [
        f"{path.relative_to(STORE)}: {node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("models.")
        for alias in node.names
        if alias.name.islower() and alias.name != SETTINGS
    ]


def test_the_store_calls_no_function_of_models() -> None:
    """It imports classes (`Binding`) and constants (`UNLIMITED`) only."""
    files = [path for path in STORE.rglob("*.py") if "migrations" not in path.parts]
    assert len(files) > 15
    assert [name for path in files for name in _imported_functions(path)] == []
