"""Every command in the README and the pages is one that there is; those on the synthetic world run."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from terrazzo.cli import run
from terrazzo.cli.app import command
from terrazzo.patches.cutting import fitting_size

ROOT = Path(__file__).parents[2]
FIRST_MAP = ROOT / "docs" / "tutorials" / "first-map.md"
DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "Makefile", "src/terrazzo/recipe/shipped/README.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
)
PLACEHOLDERS = {"N": "1"}
"""Words in the documents that stand for a number."""
BRIEFLY = ("--epochs", "1", "--encoder-weights", "none", "--set", "model.encoder=none", "--set", "model.filters=[4, 8]")
"""What is added to a training command: one epoch of a tiny network, so that the tutorial takes seconds."""
COMMANDS: dict[str, Any] = command().commands


def lines(text: str) -> list[str]:
    """The commands that stand on a line of their own."""
    return re.findall(r"(?m)^\s*(?:\$ |\$\(BIN\)/)?(terrazzo [a-z]+ .*)$", text)


def texts() -> dict[str, str]:
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}


def words_of(line: str) -> list[str]:
    return [PLACEHOLDERS.get(word, word) for word in shlex.split(line, comments=True)[1:]]


@pytest.mark.parametrize("line", sorted({line for text in texts().values() for line in lines(text)}))
def test_a_command_on_a_line_of_its_own_is_complete(line: str) -> None:
    name, *words = words_of(line)
    COMMANDS[name].make_context(name, words)  # raises what a user would be told of options and arguments


@pytest.mark.parametrize(
    "piece", sorted({piece for text in texts().values() for piece in re.findall(r"`(terrazzo [a-z]+[^`]*)`", text)})
)
def test_a_command_in_running_text_has_the_options_that_it_names(piece: str) -> None:
    name, *words = words_of(piece)
    known = {option for parameter in COMMANDS[name].params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


def test_there_are_commands_to_check() -> None:
    assert len({line for text in texts().values() for line in lines(text)}) >= 40


def test_the_readme_s_three_commands_are_those_of_the_tutorial() -> None:
    section = texts()["README.md"].split("## Three commands")[1].split("\n## ")[0]
    shown = [line.split() for line in lines(section)]
    assert [words[1] for words in shown] == ["prepare", "train", "predict"]
    tutorial = [line.split() for line in lines(FIRST_MAP.read_text(encoding="utf-8"))]
    assert all(words in tutorial for words in shown)


def test_the_tutorial_s_commands_run_and_print_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = FIRST_MAP.read_text(encoding="utf-8")
    printed: dict[tuple[str, ...], str] = {}
    for words in dict.fromkeys(tuple(words_of(line)) for line in in_order(text)):
        assert run([*words, *(BRIEFLY if words[0] == "train" else ())]) == 0
        printed[words] = "".join(capsys.readouterr())
    for line, *shown in blocks(text):
        output = printed[tuple(words_of(line))].splitlines()
        if not line.startswith("terrazzo evaluate"):  # its scores are those of the whole training
            assert [each for each in shown if each not in output] == []


def in_order(text: str) -> list[str]:
    """The tutorial's commands, what looks at a result after what makes it."""
    first = lines(text)
    made = ["synthesize", "prepare", "inspect", "show", "train", "evaluate", "predict"]
    return sorted(first, key=lambda line: made.index(line.split()[1]))


def blocks(text: str) -> list[list[str]]:
    """A command of the tutorial and the lines that it prints, for each block that begins with a prompt."""
    found = re.findall(r"(?m)^    \$ (terrazzo .*(?:\n    .*)*)", text)
    return [[line.strip() for line in block.splitlines()] for block in found]


def test_each_of_the_five_lines_is_what_the_one_before_suggests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, third, *_ = [shlex.split(line) for line in lines(FIRST_MAP.read_text(encoding="utf-8"))]
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
