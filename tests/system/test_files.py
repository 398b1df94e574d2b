"""Files that are whole or absent, and what counts as in the way."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terrazzo.errors import OutputExistsError
from terrazzo.system.files import digest, file_digest, refuse_existing, write_beside, write_folder_beside, write_json


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with pytest.raises(RuntimeError, match="half"), write_beside(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("half")
    assert list(tmp_path.iterdir()) == []
    with write_beside(path) as temporary:
        assert temporary.suffix == ".txt"
        assert not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]


def test_a_file_that_is_written_twice_at_once_is_that_of_the_last_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with write_beside(path) as first, write_beside(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first", "the block that ends last"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_takes_its_place_only_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with write_folder_beside(folder) as temporary:
        (temporary / "one").write_text("1")
    with pytest.raises(KeyboardInterrupt), write_folder_beside(folder) as temporary:
        (temporary / "two").write_text("2")
        raise KeyboardInterrupt
    assert [path.name for path in folder.iterdir()] == ["one"]
    with write_folder_beside(folder) as temporary:
        (temporary / "three").write_text("3")
    assert [path.name for path in folder.iterdir()] == ["three"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folders_made_for_an_output_that_failed_go_again_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(RuntimeError), write_folder_beside(tmp_path / "mine" / "deep" / "er" / "out"):
        raise RuntimeError
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


@pytest.mark.parametrize("out", [".", "../here", ".."])
def test_the_folder_where_one_is_is_not_replaced(tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputExistsError, match="choose a folder inside it"), write_folder_beside(Path(out)):
        pass
    assert list(tmp_path.rglob("*")) == [tmp_path / "here"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_or_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for writer in (write_beside, write_folder_beside):
        with pytest.raises(OutputExistsError, match="is neither a file nor a folder"), writer(tmp_path / "pipe"):
            pass
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["a[1]", "a*", "[ab]"])
def test_a_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    (tmp_path / ".a1.x.partial").mkdir()
    left = tmp_path / f".{name}.x.partial"
    left.mkdir()
    with write_folder_beside(tmp_path / name) as temporary:
        (temporary / "one").write_text("1")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".a1.x.partial", name])


def test_what_a_killed_writer_left_is_swept_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".out.abc.partial"
    left.mkdir()
    (left / "half").write_text("half")
    with write_folder_beside(tmp_path / "out") as temporary:
        (temporary / "one").write_text("1")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nan_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with (
        pytest.raises(OutputExistsError, match="is a file where a folder is needed"),
        write_beside(tmp_path / "a" / "b"),
    ):
        pass


def test_in_the_way(tmp_path: Path) -> None:
    refuse_existing(tmp_path, "a map", overwrite=False)  # an empty folder is not
    refuse_existing(tmp_path / "new", "a map", overwrite=False)
    (tmp_path / "x").write_text("")
    with pytest.raises(OutputExistsError, match=r"not a map of these inputs and options; .*--overwrite"):
        refuse_existing(tmp_path, "a map", overwrite=False)
    refuse_existing(tmp_path, "a map", overwrite=True)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_digests_know_where_each_part_begins(one: list[str], two: list[str]) -> None:
    assert (digest(*one) == digest(*two)) == (one == two)


def test_a_files_digest_is_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"terrazzo" * 500_000)
    (tmp_path / "b").write_bytes(b"terrazzo" * 500_000)
    assert file_digest(tmp_path / "a") == file_digest(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"terrazzo" * 499_999 + b"terrazzi")
    assert file_digest(tmp_path / "a") != file_digest(tmp_path / "b")
