"""The README's commands exist, with the options that it gives them."""

import inspect as introspection
import re
import shlex
from pathlib import Path

import pytest

from terrazzo.cli.app import COMMANDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/data.md", "docs/models.md", "Makefile", "src/terrazzo/recipes/README.md")
FUNCTIONS = dict(COMMANDS)


def commands() -> list[str]:
    """Every `terrazzo ...` line or inline piece of the documents."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
    lines = [line for text in texts for line in re.findall(r"(?m)^\s*(?:\$\(BIN\)/)?(terrazzo [a-z]+ .*)$", text)]
    return lines + [piece for text in texts for piece in re.findall(r"`(terrazzo [a-z]+[^`]*)`", text)]


@pytest.mark.parametrize("command", commands())
def test_a_command_in_the_documents_is_one_that_there_is(command: str) -> None:
    words = shlex.split(command, comments=True)
    parameters = introspection.signature(FUNCTIONS[words[1]]).parameters
    renamed = {"set": "assignments", "json": "as_json", "zip": "as_zip"}
    for word in words[2:]:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            assert renamed.get(name, name) in parameters, f"{command}: no {word}"


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 10
