"""Fetching public data, with a local stand-in for kagglehub's download: no test asks the network."""

import sys
from collections.abc import Callable
from pathlib import Path

import kagglehub.exceptions
import pytest
import requests

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.scenes.download import PUBLIC_DATA, fetch
from tests.worlds.handmade import tile_set

HANDLES = {
    "dubai": "humansintheloop/semantic-segmentation-of-aerial-imagery",
    "drone": "bulentsiyah/semantic-drone-dataset",
}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A small data set as kagglehub leaves it in its cache."""
    return tile_set(tmp_path / "cache" / "versions" / "1" / "Semantic segmentation dataset").parent


@pytest.fixture
def stand_in(cache: Path) -> Callable[[str], str]:
    def get(handle: str) -> str:
        assert handle == HANDLES["dubai"]
        print("Downloading to somewhere ...")  # kagglehub does so too  # noqa: T201
        return str(cache)

    return get


def quiet(line: str) -> None:
    """No line is of interest."""


def test_the_names_stand_for_the_handles_in_circulation() -> None:
    assert {name: data.handle for name, data in PUBLIC_DATA.items()} == HANDLES
    assert PUBLIC_DATA["dubai"].page == f"https://www.kaggle.com/datasets/{HANDLES['dubai']}"
    assert "CC0" in PUBLIC_DATA["dubai"].licence
    assert "non-commercial" in PUBLIC_DATA["drone"].licence


def test_without_out_the_data_stay_in_the_cache_and_inspect_reads_them(
    cache: Path, stand_in: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    done = fetch("dubai", None, False, said.append, stand_in)
    assert (done.path, done.kept) == (cache, False)
    assert "CC0" in said[0]
    assert capsys.readouterr().out == ""
    assert terrazzo.inspect(done.path, patch_size=32).to_dict()["n_scenes"] == 6


def test_a_copy_is_whole_kept_when_equal_and_refused_when_not(
    cache: Path, stand_in: Callable[[str], str], tmp_path: Path
) -> None:
    out = tmp_path / "data"
    assert not fetch("dubai", out, False, quiet, stand_in).kept
    names = {path.relative_to(cache) for path in cache.rglob("*")}
    assert {path.relative_to(out) for path in out.rglob("*")} == names
    assert fetch("dubai", out, False, quiet, stand_in).kept
    mask = next(out.rglob("*.png"))
    mask.write_bytes(b"edited")
    with pytest.raises(OutputExistsError, match="data: already exists and is not a copy of the data set dubai"):
        fetch("dubai", out, False, quiet, stand_in)
    assert mask.read_bytes() == b"edited"
    fetch("dubai", out, True, quiet, stand_in)
    assert mask.read_bytes() != b"edited"
    assert not list(tmp_path.glob(".data*"))


TROUBLES = [
    requests.ConnectionError("Max retries exceeded\nwith url: /api"),
    kagglehub.exceptions.KaggleApiHTTPError("403 Client Error.\n\nYou don't have permission"),
    kagglehub.exceptions.UnauthenticatedError(),
    kagglehub.exceptions.CredentialError("no key"),
    kagglehub.exceptions.DataCorruptionError("checksum"),
    ValueError("Unsupported archive type"),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
def test_what_stands_in_the_way_is_told_in_one_line_with_the_page(trouble: Exception) -> None:
    def get(handle: str) -> str:
        raise trouble

    with pytest.raises(InputError) as caught:
        fetch("drone", None, False, quiet, get)
    text = str(caught.value)
    assert "\n" not in text
    assert type(trouble).__name__ in text
    assert "download it by hand from https://www.kaggle.com/datasets/bulentsiyah/semantic-drone-dataset" in text


def test_a_bug_is_not_dressed_up_as_a_missing_network() -> None:
    def get(handle: str) -> str:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        fetch("drone", None, False, quiet, get)


def test_without_kagglehub_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(InputError, match=r'pip install "terrazzo\[download\]"`, or download it by hand from https://'):
        terrazzo.download("dubai")


def test_a_cache_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: kagglehub says the data set is there, but there is no folder"):
        fetch("dubai", None, False, quiet, lambda handle: str(tmp_path / "gone"))


def test_the_command_prints_where_it_lies_the_licence_and_the_next_command(
    cache: Path,
    stand_in: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(kagglehub, "dataset_download", stand_in)
    monkeypatch.chdir(tmp_path)
    assert run(["download", "dubai"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("licence: CC0")
    assert lines[1] == f"the data set dubai is at {cache}"
    assert lines[2].startswith(f"next: terrazzo inspect {cache}")
    assert run(["download", "dubai", "--out", "here"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["wrote here", "next: terrazzo inspect here"]
    assert run(["download", "dubai", "--out", "here"]) == 0
    assert "kept: a copy of the data set dubai" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["cityscapes"], "cityscapes: no such data set; there are dubai, drone"),
        (["dubai", "--out", "note.txt"], "note.txt: is a file; --out takes a folder"),
    ],
)
def test_what_is_refused_before_any_download(
    words: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "note.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kagglehub, "dataset_download", None)
    assert run(["download", *words]) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [f"terrazzo: error: {named}"]
