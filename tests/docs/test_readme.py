"""The README's commands exist, with the options that it gives them."""

import re
import shlex
from pathlib import Path

import pytest

from terrazzo.cli import run
from terrazzo.cli.app import command
from terrazzo.patches.cutting import fitting_size

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/data.md", "docs/models.md", "Makefile", "src/terrazzo/recipe/shipped/README.md")
COMMANDS = command().commands


def commands() -> list[str]:
    """Every `terrazzo ...` line or inline piece of the documents."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS]
    lines = [line for text in texts for line in re.findall(r"(?m)^\s*(?:\$\(BIN\)/)?(terrazzo [a-z]+ .*)$", text)]
    return lines + [piece for text in texts for piece in re.findall(r"`(terrazzo [a-z]+[^`]*)`", text)]


@pytest.mark.parametrize("line", commands())
def test_a_command_in_the_documents_is_one_that_there_is(line: str) -> None:
    words = shlex.split(line, comments=True)
    flags = {flag for parameter in COMMANDS[words[1]].params for flag in parameter.opts}
    for word in words[2:]:
        if word.startswith("--"):
            assert word in flags, f"{line}: no {word}"


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 10


def test_the_five_lines_are_the_commands_that_each_other_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = text.split("## Five lines on a synthetic world")[1].split("In a notebook")[0].split("\n")
    first, second, third, *_ = [shlex.split(line) for line in lines if line.strip()]
    for words, after in ((first, second), (second, third)):
        assert run(words[1:]) == 0
        assert shlex.split(capsys.readouterr().out.splitlines()[-1].removeprefix("next: ")) == after


@pytest.mark.parametrize(
    ("height", "width", "size"),
    [(320, 416, 128), (511, 900, 128), (512, 512, 256), (4000, 6000, 256), (128, 999, 64), (100, 100, 32), (9, 9, 32)],
)
def test_the_suggested_patch_size_fits_twice_into_each_side(height: int, width: int, size: int) -> None:
    assert fitting_size(height, width) == size
    assert size % 32 == 0
    assert size == 32 or (height // size >= 2 and width // size >= 2)
