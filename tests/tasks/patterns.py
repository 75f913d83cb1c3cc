"""Every regular expression that is ours, found in the source, and the worst texts for each."""

import ast
import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

ROOT = Path(__file__).parents[2]
LONGEST = 250_000
"""Characters of the worst texts; what is linear takes a quarter of what a text of 1 MB takes."""

_OURS = ("models", "tasks", "flows", "deployments")
_NOT_SERVED = ("deployments/simulators", "deployments/demo", "tasks/store/migrations")
_USES = ("match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split")


@dataclass(frozen=True)
class Pattern:
    """A regular expression and what is done with it."""

    location: str
    text: str
    use: str
    flags: int = 0

    def run(self, text: str) -> None:
        """Do it with a text."""
        if self.use == "validate":
            try:
                TypeAdapter(Annotated[str, Field(pattern=self.text)]).validate_python(text)
            except ValidationError:
                return
        else:
            work: Callable[..., Any] = getattr(re.compile(self.text, self.flags), self.use)
            result = work("x", text) if self.use in {"sub", "subn"} else work(text)
            if self.use == "finditer":
                for _ in result:
                    pass


@cache
def own_patterns() -> list[Pattern]:
    """Find them all."""
    files = (file for top in _OURS for file in sorted((ROOT / top).rglob("*.py")))
    patterns = [
        pattern
        for file in files
        if not (source_path := file.relative_to(ROOT).as_posix()).startswith(_NOT_SERVED)
        for pattern in _in_file(file, source_path)
    ]
    return sorted(set(patterns), key=repr)


def _in_file(file: Path, source_path: str) -> Iterator[Pattern]:
    tree = ast.parse(file.read_text())
    if not any(name in ast.dump(tree) for name in ("'re'", "'pattern'")):
        return
    module = importlib.import_module(source_path.removesuffix(".py").replace("/", "."))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "re":
            raise AssertionError(f"{source_path}: import re as a whole, so that its uses are found")
        if isinstance(node, ast.Call):
            location = f"{source_path}:{node.lineno}"
            yield from _by_re(node, location, tree, module)
            yield from _by_pydantic(node, location, module)


def _by_re(call: ast.Call, location: str, tree: ast.AST, module: ModuleType) -> Iterator[Pattern]:
    match call.func:
        case ast.Attribute(value=ast.Name(id="re"), attr=use) if use in (*_USES, "compile"):
            text = _value(call.args[0], module, location)
            if isinstance(text, bytes):  # of one character a byte, it takes as long
                text = text.decode("latin-1")
            assert isinstance(text, str), f"{location}: not a text"
            flag_arguments = [
                *call.args[1:],
                *(key.value for key in call.keywords if key.arg == "flags"),
            ]
            flags = 0
            for part in flag_arguments:
                if "re" in {name.id for name in ast.walk(part) if isinstance(name, ast.Name)}:
                    flags |= int(_value(part, module, location))
            uses = _uses_of(call, tree) if use == "compile" else [use]
            yield from (Pattern(location, text, method, flags) for method in uses)


def _by_pydantic(call: ast.Call, location: str, module: ModuleType) -> Iterator[Pattern]:
    if isinstance(call.func, ast.Name) and call.func.id == "Field":
        for key in call.keywords:
            if key.arg == "pattern":
                text = _value(key.value, module, location)
                assert isinstance(text, str)
                yield Pattern(location, text, "validate")


def _value(node: ast.expr, module: ModuleType, location: str) -> Any:
    try:
        return eval(compile(ast.Expression(node), location, "eval"), vars(module))
    except NameError as error:
        raise AssertionError(f"{location}: name the pattern in the module: {error}") from None


def _uses_of(call: ast.Call, tree: ast.AST) -> Iterable[str]:
    """What is done with a compiled pattern: by its name; without one, both that are possible."""
    names = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and node.value is call
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    by_name = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in names
        and node.attr in _USES
    }
    passed_on = any(
        isinstance(argument, ast.Name) and argument.id in names
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in node.args
    )
    return sorted(by_name | ({"match"} if passed_on else set())) or ["fullmatch", "search"]


def worst_texts(pattern: str) -> Iterator[str]:
    """Make long texts that a pattern almost matches, again and again.

    Each beginning of what it matches, repeated; each beginning, and then one character over and
    over; each with an end that does not fit.
    """
    samples = _samples(pattern)
    alphabet = sorted({sign for sample in samples for sign in sample} | {" ", "a", "1", "\n"})
    starts = {sample[:end] for sample in samples for end in range(1, min(len(sample), 48) + 1)}
    for start in sorted(starts):
        repetition = start * (LONGEST // len(start))
        yield repetition
        yield f"{repetition}\x00"
    for start in sorted({"", *(sample[: len(sample) // 2] for sample in samples), *samples}):
        for sign in alphabet[:24]:
            yield f"{start}{sign * LONGEST}\x00"


def _samples(pattern: str) -> list[str]:
    """Return short texts that it matches, or nearly: what repeats comes not at all, once, twice."""
    parser = getattr(re, "_parser")  # noqa: B009 - Python gives it no public name
    tree = parser.parse(pattern)
    return sorted({_sample(tree, times) for times in (0, 1, 2)} - {""})


def _sample(tree: Any, times: int) -> str:
    return "".join(_piece(str(kind), value, times) for kind, value in tree)


def _piece(kind: str, value: Any, times: int) -> str:
    match kind:
        case "LITERAL":
            piece = chr(value)
        case "NOT_LITERAL":
            piece = "b" if value == ord("a") else "a"
        case "ANY":
            piece = "a"
        case "IN":
            piece = _one_of(value)
        case "BRANCH":
            piece = _sample(value[1][min(times, len(value[1]) - 1)], times)
        case "SUBPATTERN":
            piece = _sample(value[-1], times)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            minimum, maximum, inner = value
            piece = _sample(inner, times) * min(max(int(minimum), times), int(maximum))
        case "ATOMIC_GROUP":
            piece = _sample(value, times)
        case _:  # what takes no room: anchors and what is looked for around
            piece = ""
    return piece


_CATEGORY = {"CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_SPACE": " "}


def _one_of(choices: Any) -> str:
    kinds = [(str(kind), value) for kind, value in choices]
    if kinds[0][0] == "NEGATE":
        excluded = {chr(value) for kind, value in kinds if kind == "LITERAL"}
        return next(sign for sign in "a1 -/:" if sign not in excluded)
    for kind, value in kinds:
        if kind == "RANGE":
            return chr(value[0])
        if kind == "LITERAL":
            return chr(value)
        if kind == "CATEGORY":
            return _CATEGORY.get(str(value), "a")
    return "a"
