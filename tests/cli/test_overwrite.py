"""--overwrite replaces only what the same command wrote."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import OutputExistsError
from terrazzo.scenes.download import fetch
from terrazzo.system.files import Mark, refuse_existing
from tests.worlds.striped import SMALL, striped_patches, striped_set

WORLD = ["--images", "2", "--height", "60", "--width", "80"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/ and the output of each command: patches/, world/, tune/, run/, report/."""
    folder = tmp_path_factory.mktemp("overwrite")
    striped_patches(folder, 6)
    terrazzo.synthesize(folder / "world", images=2, height=60, width=80)
    tried = {field: value for field, value in SMALL.items() if field != "optimizer.lr"}
    terrazzo.tune(folder / "patches", out=folder / "tune", recipe="unet", steps=20, changes=tried, device="cpu")
    terrazzo.train(folder / "patches", out=folder / "run", recipe="unet", epochs=1, changes=SMALL, device="cpu")
    terrazzo.evaluate(folder / "run" / "model.safetensors", folder / "patches", out=folder / "report")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them that a test may spoil, as the working directory."""
    shutil.copytree(made, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WHOLE = {
    "patches": ["prepare", "data", "--patch-size", "32", "--seed", "3", "--out"],
    "world": ["synthesize", *WORLD, "--seed", "5"],
    "tune": ["tune", "patches", "--recipe", "unet", "--steps", "21", "--out"],
}
"""Commands whose folder is replaced as a whole, with other options than those it was made with."""

PARTS = {
    "run": ["train", "patches", "--recipe", "unet", "--epochs", "2", "--device", "cpu", "--out"],
    "report": ["evaluate", "run/model.safetensors", "patches", "--split", "train", "--out"],
}
"""Commands in whose folder other files stay."""


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("foreign", ["thesis.txt", "deep/er/thesis.txt", ".hidden"])
def test_a_folder_that_holds_more_than_ours_is_not_replaced(
    here: Path, name: str, foreign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / name / foreign).parent.mkdir(parents=True, exist_ok=True)
    (here / name / foreign).write_text("years of work")
    before = content(here)
    assert run([*WHOLE[name], name, "--overwrite"]) == 2
    err = capsys.readouterr().err.splitlines()[-1]
    assert f"{name}: holds {foreign}, which is no part of" in err
    assert content(here) == before


@pytest.mark.parametrize("name", [*WHOLE, *PARTS])
def test_a_folder_of_our_names_without_our_mark_is_not_replaced(
    here: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user's own images.npy, metrics.csv or checkpoints/, or real data of the names that a synthetic world has."""
    for path in [path for path in (here / name).rglob("*") if path.is_file()]:
        if path.name.startswith(".terrazzo"):
            path.unlink()
        else:
            path.write_text("years of work")
    before = content(here)
    assert run([*(WHOLE | PARTS)[name], name, "--overwrite"]) == 2
    assert "--overwrite does not replace it; move it away" in capsys.readouterr().err.splitlines()[-1]
    assert content(here) == before


def test_what_is_ours_alone_is_replaced(here: Path) -> None:
    (here / "patches" / ".DS_Store").write_bytes(b"\0")  # what a look at the folder leaves on a Mac
    for name in ("patches", "world"):
        before = content(here / name)
        assert run([*WHOLE[name], name, "--overwrite"]) == 0
        assert content(here / name) != before
    assert not (here / "patches" / ".DS_Store").exists()
    # A smaller world in the place of a larger one, an unfinished run, and a page that lost its scores.
    assert run(["synthesize", "world", "--images", "1", "--overwrite"]) == 0
    assert sorted(path.name for path in (here / "world" / "images").iterdir()) == ["scene_001.jpg"]
    (here / "report" / "scores.json").unlink()
    assert run([*PARTS["report"], "report", "--overwrite"]) == 0
    for path in (here / "run").iterdir():
        if path.name not in ("recipe.yaml", "tensorboard"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    assert run([*PARTS["run"], "run", *settings, "--overwrite"]) == 0


def test_other_files_in_a_run_and_beside_a_report_stay(here: Path) -> None:
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    for name, more in (("run", settings), ("report", [])):
        (here / name / "thesis.txt").write_text("years of work")
        assert run([*PARTS[name], name, *more, "--overwrite"]) == 0
        assert (here / name / "thesis.txt").read_text() == "years of work"


def test_a_recipe_of_one_s_own_is_no_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = "about: mine  # and a comment\nmodel: {arch: unet, encoder: null}\n"
    (here / "mine").mkdir()
    (here / "mine" / "recipe.yaml").write_text(own)
    assert run(["train", "patches", "--recipe", "mine/recipe.yaml", "--out", "mine", "--overwrite"]) == 2
    assert "mine: holds recipe.yaml, which is no part of a run" in capsys.readouterr().err
    assert content(here / "mine") == {"recipe.yaml": own.encode()}


@pytest.mark.parametrize("words", [*WHOLE.values(), *PARTS.values()], ids=lambda words: words[0])
def test_a_file_is_not_replaced_by_a_folder(here: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (here / "thesis.txt").write_text("years of work")
    assert run([*words, "thesis.txt", "--overwrite"]) == 2
    said = capsys.readouterr().err
    assert "thesis.txt: is a file" in said
    assert ("--out" in said) == (words[-1] == "--out"), "the folder of synthesize has no flag"
    assert (here / "thesis.txt").read_text() == "years of work"


def test_a_copy_of_a_data_set_is_replaced_where_it_holds_nothing_else(tmp_path: Path) -> None:
    cache = striped_set(tmp_path / "cache", 2)
    get: Callable[[str], str] = lambda _: str(cache)  # noqa: E731
    fetch("dubai", tmp_path / "copy", False, lambda _: None, get)
    (tmp_path / "copy" / "images" / "p0.png").write_bytes(b"cut short")
    fetch("dubai", tmp_path / "copy", True, lambda _: None, get)
    assert content(tmp_path / "copy") == content(cache)
    (tmp_path / "copy" / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputExistsError, match=r"holds thesis\.txt, which is no part of a copy of the data set dubai"):
        fetch("dubai", tmp_path / "copy", True, lambda _: None, get)
    assert (tmp_path / "copy" / "thesis.txt").read_text() == "years of work"


def test_the_law_of_the_mark(tmp_path: Path) -> None:
    folder, whole = tmp_path / "out", Mark(("a", "b"), (("a", "sign"),))
    part = Mark(whole.names, whole.signs, is_whole=False)
    refuse_existing(folder, "it", True, whole)  # what is not there is in nobody's way
    folder.mkdir()
    refuse_existing(folder, "it", True, whole)
    (folder / "other").write_text("")
    assert (whole.foreign(folder), part.foreign(folder)) == ("other", None)
    (folder / "a").write_text("no such thing")
    assert (whole.foreign(folder), part.foreign(folder)) == ("a", "a")
    (folder / "a").write_text(json.dumps({"a": "sign"}))
    assert (whole.foreign(folder), part.foreign(folder)) == ("other", None)
    (folder / "other").rename(folder / "b")
    assert (whole.foreign(folder), part.foreign(folder)) == (None, None)
    (folder / "b").unlink()
    (folder / "b").mkdir()
    (folder / "b" / "in").write_text("")
    (folder / ".b.17.partial").write_text("")
    (folder / "Thumbs.db").write_text("")
    assert (whole.foreign(folder), part.foreign(folder)) == (None, None)
    (folder / "bb").write_text("")
    assert (whole.foreign(folder), part.foreign(folder)) == ("bb", None)
