"""Modules and functions stay small enough to be read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parent.parent.parent / "src"
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def modules() -> Iterator[Path]:
    """All of src but migrations, which are never edited once they ran."""
    yield from (path for path in SOURCES.rglob("*.py") if "versions" not in path.parts)


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How long a function is, its documentation aside."""
    end = node.end_lineno or node.lineno
    first = node.body[0]
    text = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) and first.end_lineno else 0
    return end - node.lineno + 1 - text


def test_no_file_is_longer_than_a_few_screens() -> None:
    lengths = {str(path.relative_to(SOURCES)): len(path.read_text().splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    functions = (
        (path, node)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {f"{path.name}: {node.name}": lines_of(node) for path, node in functions}
    assert {name: length for name, length in long.items() if length > LONGEST_FUNCTION} == {}
