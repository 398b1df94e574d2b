"""The tutorial on corrections: its commands and its script run in their order, and print what it shows of boxes."""

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from terrazzo.cli import run

PAGE = Path(__file__).parents[2] / "docs" / "tutorials" / "correct-a-map.md"
COMMAND, SCRIPT = r"(?m)^    (terrazzo .*)$", r"(?m)^    import numpy.*\n(?:    .*\n|\n(?=    ))+"
TINY = ("--epochs", "1", "--encoder-weights", "none", "--set", "model.encoder=none", "--set", "model.filters=[4, 8]")
BRIEFLY = {"runs/home": TINY, "runs/corrected": ("--set", "train.steps=2")}
"""What is added to the two trainings, so that the tutorial takes seconds."""


def test_the_loop_of_correction_runs_from_its_first_command_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    (script,) = re.findall(SCRIPT, text)
    Path("correct.py").write_text(textwrap.dedent(script), encoding="utf-8")
    printed = {}
    for line in re.findall(COMMAND, text):
        name, *words = shlex.split(line)[1:]
        if Path("suggest.gpkg").exists() and not Path("corrected.gpkg").exists():
            subprocess.run([sys.executable, "correct.py"], check=True)
        assert run([name, *words, *(BRIEFLY[words[-1]] if name == "train" else ())]) == 0, line
        printed[line] = "".join(capsys.readouterr())
    (suggested,) = [output for line, output in printed.items() if line.startswith("terrazzo suggest")]
    assert "10 boxes of 64 px, 7.7% of the pixels" in text
    assert "10 boxes of 64 px, 7.7% of the pixels" in suggested  # 40,960 of 532,480 pixels
    (prepared,) = [output for line, output in printed.items() if "--for" in line]
    assert "10 of 10 boxes checked" in prepared
    assert "7.7% of its pixels have a label" in prepared
    (changed,) = [output for line, output in printed.items() if line.endswith("--out changed")]
    assert "compared: 13.31 ha" in changed
