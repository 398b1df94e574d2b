"""Laws of object stores as places for maps: the same files as in a folder, whole or absent, run.json last."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from PIL import Image

import terrazzo
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.outputs.record import OUTPUTS, RUN
from terrazzo.system.files import digest
from terrazzo.system.places import Store, names_in, place_of
from tests.worlds.mapping import OPTIONS, Convolving, exit_code, holey, map_here, mapped, model_file
from tests.worlds.rasters import noise, write_raster

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty place in memory."""
    found = place_of("memory://bucket/maps/")
    assert isinstance(found, Store)
    yield found
    found.remove()


def contents(store: Store) -> dict[str, str]:
    """The hashes of a map's objects but run.json."""
    memory = fsspec.filesystem("memory")
    return {name: digest(memory.cat_file((store / name).text)) for name in store.names() - {RUN, ".partial"}}


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: digest(path.read_bytes()) for path in folder.iterdir() if path.name != RUN}


def test_an_object_is_whole_or_absent_and_names_are_those_right_below(tmp_path: Path, store: Store) -> None:
    assert names_in(store) == frozenset()
    (store / "a.txt").put("ä".encode())
    (store / PurePosixPath("north/b") / "c.txt").put(b"c")
    assert names_in(store) == {"a.txt", "north"}
    assert (store / "a.txt").read_text() == "ä"
    assert (store / "a.txt").is_file()
    assert not (store / "north").is_file()
    (store / "north" / "b" / "c.txt").download(tmp_path / "c")
    (store / "d").upload(tmp_path / "c")
    assert (store / "d").read_text() == "c"
    (store / "north").remove()
    assert names_in(store) == {"a.txt", "d"}
    with pytest.raises(FileNotFoundError):
        (store / "north" / "b" / "c.txt").read_text()
    assert store / "." == store
    assert str(store / "a.txt") == "memory://bucket/maps/a.txt"


def test_a_folder_is_a_folder_however_it_is_named(tmp_path: Path) -> None:
    assert place_of(tmp_path) == place_of(str(tmp_path)) == place_of(f"file://{tmp_path}") == tmp_path
    assert place_of("maps/north") == Path("maps/north")
    assert names_in(tmp_path / "none") == frozenset()


def test_a_store_gets_the_bytes_that_a_folder_gets(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    raster = holey(tmp_path / "a.tif", 107, 151)
    mapped(raster, tmp_path / "map", OPTIONS)
    file = model_file(tmp_path)
    job = plan_map(raster, store / "a", file, OPTIONS)
    calls = Counter[str]()

    def stop(pixels: int) -> None:
        calls["step"] += 1
        if calls["step"] > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_here(job, Convolving(file.header), False, stop)
    pieces = {name for name in (store / "a" / ".partial").names() if name.startswith("piece")}
    assert len(pieces) == 3
    assert (store / "a").names() == {".partial"}, "nothing pretends to be finished"
    order: list[str] = []
    upload = Store.upload
    monkeypatch.setattr(Store, "upload", lambda self, file: [order.append(self.name), upload(self, file)])
    job.check_place(False, False)
    record = map_here(job, Convolving(file.header))
    assert record["pieces_computed"] == record["pieces"] - 3
    assert contents(store / "a") == hashes(tmp_path / "map")
    assert ".partial" not in (store / "a").names()
    assert order[-1] == RUN
    assert json.loads((store / "a" / RUN).read_text())["key"] == job.key
    assert job.finished()


def test_one_rule_for_what_is_in_the_way(tmp_path: Path, store: Store) -> None:
    raster = holey(tmp_path / "a.tif", 61, 80)
    file = model_file(tmp_path)
    map_here(plan_map(raster, store, file, OPTIONS), Convolving(file.header))
    raster = write_raster(tmp_path / "a.tif", noise(3, 61, 90))
    other = plan_map(raster, store, file, OPTIONS)
    with pytest.raises(OutputExistsError, match=r"maps/classes\.tif: is in the way, .*--out, .* --overwrite"):
        other.check_place(False, False)
    other.check_place(True, False)

    def stop(pixels: int) -> None:
        if pixels:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        map_here(other, Convolving(file.header), False, stop)
    third = plan_map(holey(tmp_path / "a.tif", 61, 70), store, file, OPTIONS)
    with pytest.raises(
        OutputExistsError, match=r"maps/\.partial: holds unfinished work of another raster; .*--restart"
    ):
        third.check_place(True, False)
    third.check_place(True, True)
    map_here(third, Convolving(file.header), True)
    mapped(tmp_path / "a.tif", tmp_path / "map", OPTIONS)
    assert contents(store) == hashes(tmp_path / "map")
    assert set(contents(store)) < set(OUTPUTS)


def test_the_command_maps_rasters_into_a_store(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.worlds.models import write_model

    model = write_model(tmp_path / "model.safetensors")
    (tmp_path / "in" / "north").mkdir(parents=True)
    write_raster(tmp_path / "in" / "north" / "a.tif", noise(3, 45, 70))
    words = ["predict", str(model), str(tmp_path / "in"), "--out", store.text, "--device", "cpu", "--precision", "32"]
    assert exit_code(words) == 0
    assert "wrote memory://bucket/maps/north/a: areas.csv, " in capsys.readouterr().out
    assert exit_code(words) == 0
    assert "kept 1 finished map" in capsys.readouterr().out
    terrazzo.predict(model, tmp_path / "in", out=tmp_path / "here", device="cpu", precision="32")
    assert contents(store / "north" / "a") == hashes(tmp_path / "here" / "north" / "a")


def test_pictures_do_not_go_into_a_store(tmp_path: Path, store: Store) -> None:
    from tests.worlds.models import write_model

    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    model = write_model(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"--out memory://.*: takes maps of rasters alone, not of photo\.png"):
        terrazzo.predict(model, tmp_path / "photo.png", out=store.text)
    assert names_in(store) == frozenset()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nothing://bucket", r"--out nothing://bucket: cannot be used \(Protocol not known: nothing"),
        ("oci://bucket/a", r"--out oci://bucket/a: its store needs a package .*ocifs"),
    ],
)
def test_stores_that_cannot_be_are_one_line(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        place_of(url)


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'--out s3://b needs fsspec, .*`pip install "terrazzo\[dask\]"`'):
        place_of("s3://b")
