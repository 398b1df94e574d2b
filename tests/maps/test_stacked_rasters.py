"""Maps of several rasters as one: where they go, what they equal, when they are kept, and other processes."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

import terrazzo
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.maps.inputs import find_pictures
from terrazzo.maps.jobs.job import plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.rasters.raster import read_raster
from tests.worlds.headers import HEADER
from tests.worlds.mapping import Convolving, contents, map_here, model_file, read_map
from tests.worlds.rasters import noise, write_raster
from tests.worlds.stacks import read_words, stack_path, write_ortho, write_plane

WORDS = "rgb=ortho.tif,dsm=height.tif"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_ortho(Path("ortho.tif"), 61, 80)
    write_plane(Path("height.tif"), 31, 30)
    return tmp_path


@pytest.fixture
def model(folder: Path) -> Path:
    """A model of red, green, blue and dsm, of which 0 to 255 became 0 to 255."""
    import torch

    from terrazzo.model import bundle
    from terrazzo.model.network import build_model
    from terrazzo.model.normalization import Normalization
    from terrazzo.recipe.sections import ModelSection

    torch.manual_seed(3)
    section, unit = ModelSection(filters=(4, 6)), Normalization("unit", (0.4,) * 4, (1.0,) * 4)
    reading = BandReading(("red", "green", "blue", "dsm"), (0.0, 255.0))
    header = replace(HEADER, model=section, normalization=unit, bands=4, patch_size=32, band_reading=reading)
    path = folder / "model.safetensors"
    bundle.save(path, header, build_model(section, 4, 3, unit).state_dict())
    return path


def test_a_map_is_that_of_one_file_with_the_bands_of_all(folder: Path) -> None:
    with read_words(WORDS).open() as dataset:
        bands, valid = dataset.read(), dataset.dataset_mask() > 0
    assert valid[:, :60].all()
    assert not valid[:, 60:].any()
    one = write_raster(folder / "one.tif", bands, mask=valid)
    options = MapOptions(scale=(0.0, 255.0))
    file = model_file(folder, bands=4)
    for path, out in ((stack_path(WORDS), "stack"), (one, "file")):
        map_here(plan_map(path, folder / out, file, options), Convolving(file.header))
    classes = read_map(folder / "stack" / "classes.tif")
    np.testing.assert_array_equal(classes, read_map(folder / "file" / "classes.tif"))
    assert ((classes[0] == 255) == ~valid).all()
    with rasterio.open(folder / "stack" / "classes.tif") as dataset:
        assert (dataset.transform, dataset.crs) == (read_raster(one).transform, read_raster(one).crs)


def test_predict_names_the_map_by_the_first_file_and_keeps_it_until_a_part_changes(model: Path) -> None:
    said: list[str] = []
    done = terrazzo.predict(model, WORDS, out="maps", say=said.append)
    assert (done.written, done.kept) == (("ortho.tif",), ())
    assert done.rasters[0].record["input"]["path"] == WORDS
    assert done.rasters[0].record["input"]["bands"] == ["red", "green", "blue", "dsm"]
    assert sorted(path.name for path in Path("maps").iterdir()) == ["ortho"]
    assert [line for line in said if "is warped to that of ortho.tif" in line and "it covers 75.0% of it" in line]
    assert terrazzo.predict(model, WORDS, out="maps").kept == ("ortho.tif",)
    os.utime("height.tif", ns=(1, 1))
    with pytest.raises(OutputExistsError, match=r"classes.tif: is in the way, it was not made from this raster"):
        terrazzo.predict(model, WORDS, out="maps")


def test_predict_maps_the_stacks_of_folders_under_the_names_of_the_first(model: Path) -> None:
    for folder, write in (("rgb/north", write_ortho), ("dsm/north", write_plane)):
        Path(folder).mkdir(parents=True)
        for name in ("a", "b"):
            write(Path(folder) / f"{name}.tif", 40, 48)
    write_plane(Path("dsm/c.tif"))
    said: list[str] = []
    done = terrazzo.predict(model, "rgb=rgb,dsm=dsm", out="maps", vector_format="none", say=said.append)
    assert done.written == ("north/a.tif", "north/b.tif")
    assert Path("maps/north/b/classes.tif").is_file()


def test_bands_are_read_by_name_whatever_their_order(model: Path) -> None:
    terrazzo.predict(model, WORDS, out="one", vector_format="none")
    # The grid of the first part is the map's: an ortho that follows is read on it, too.
    write_plane(Path("fine.tif"), 61, 60, Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000))
    terrazzo.predict(model, "dsm=fine.tif,rgb=ortho.tif", out="two", vector_format="none")
    one, two = read_map(Path("one/ortho/classes.tif")), read_map(Path("two/fine/classes.tif"))
    assert two.shape == (1, 61, 60)
    assert (one[:, 2:-2, 2:58] == two[:, 2:-2, 2:58]).mean() > 0.95  # levels of 1 m round either way at most


def test_memory_and_cut_change_no_byte(folder: Path) -> None:
    file = model_file(folder, bands=4)
    for out, run in (("one", (1, 1)), ("many", (9, 9))):
        options = MapOptions(scale=(0.0, 255.0), confidence=True, run=run)
        map_here(plan_map(stack_path(WORDS), folder / out, file, options), Convolving(file.header))
    assert contents(folder / "one") == contents(folder / "many")


def test_worker_processes_in_other_folders_write_the_same_bytes(model: Path) -> None:
    pytest.importorskip("distributed")
    terrazzo.predict(model, WORDS, out="here", vector_format="none")
    terrazzo.predict(model, WORDS, out="there", vector_format="none", engine="dask", workers=1)
    assert contents(Path("here/ortho")) == contents(Path("there/ortho"))


def test_files_without_a_partner_and_missing_parts_are_refused(folder: Path) -> None:
    Path("rgb").mkdir()
    Path("dsm").mkdir()
    for name in ("rgb/a.tif", "rgb/b.tif", "dsm/a.tif"):
        write_raster(Path(name), noise(1, 8, 8))
    with pytest.raises(InputError, match=r"^rgb/b.tif: has no partner of its name in each part of rgb=rgb,dsm=dsm"):
        find_pictures(["rgb=rgb,dsm=dsm"], folder / "maps")
    with pytest.raises(InputError, match=r"^dsm/c.tif: no such file or folder; several rasters are named NAME=FILE"):
        find_pictures(["rgb=rgb/a.tif,dsm=dsm/c.tif"], folder / "maps")
    with pytest.raises(InputError, match=r"would both be written to a/classes.tif"):
        find_pictures(["rgb=rgb/a.tif,dsm=dsm/a.tif", "rgb/a.tif"], folder / "maps")
