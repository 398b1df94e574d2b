"""Docstrings read easily: no sentence of more than 30 words."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "terrazzo"
MOST_WORDS = 30


def docstrings(path: Path) -> list[tuple[int, str]]:
    """Line and text of every string that stands alone: of modules, classes, functions, attributes and constants."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    return [
        (node.lineno, node.value) for node in alone if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def sentences(text: str) -> list[str]:
    """The sentences of a docstring; a paragraph, a line of a list and an indented line end one as well."""
    parts = re.split(r"\n\s*\n|\n(?= {2,}\S*  )|\n(?=\s*[-*] )|\n(?=\w+/? {2,})", text)
    return [found for part in parts for found in re.split(r"(?<=[.!?])\s+", " ".join(part.split())) if found]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_sentence_is_long(path: Path) -> None:
    long = [
        f"line {line}: {sentence}"
        for line, text in docstrings(path)
        for sentence in sentences(text)
        if len(sentence.split()) > MOST_WORDS
    ]
    assert long == []
