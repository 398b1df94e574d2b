"""Worlds as GeoTIFFs: what is in them, where they lie, and that prepare reads them with nothing but their folders."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import rasterio

import terrazzo
from terrazzo.classes.palettes import SYNTHETIC
from terrazzo.cli import run
from terrazzo.errors import InputError
from terrazzo.patches.folder import open_patches
from terrazzo.scenes.synthetic.georeferenced import BETWEEN_M, FOLDERS
from tests.worlds.mapping import read_map

SIZE = {"height": 96, "width": 130}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("synthetic") / "world"
    return terrazzo.synthesize(path, layout="geotiff", images=3, **SIZE).path


def test_a_scene_has_a_file_in_each_folder_on_one_grid(world: Path) -> None:
    kinds = {}
    for folder in FOLDERS:
        assert sorted(path.name for path in (world / folder).iterdir()) == [f"scene_00{i}.tif" for i in (1, 2, 3)]
        with rasterio.open(world / folder / "scene_002.tif") as dataset:
            kinds[folder] = (dataset.count, dataset.dtypes[0], dataset.descriptions)
            assert (dataset.shape, dataset.crs.to_epsg(), dataset.res) == ((96, 130), 32640, (0.5, 0.5))
    assert kinds == {
        "ortho": (3, "uint8", ("red", "green", "blue")),
        "nir": (1, "uint8", ("nir",)),
        "dsm": (1, "float32", ("dsm",)),
        "labels": (1, "uint8", (None,)),
    }


def test_scenes_are_no_neighbours(world: Path) -> None:
    spans = []
    for path in sorted((world / "ortho").iterdir()):
        with rasterio.open(path) as dataset:
            spans.append((dataset.bounds.left, dataset.bounds.right))
    assert all(after[0] - before[1] >= BETWEEN_M - 1 for before, after in itertools.pairwise(spans))


def test_labels_name_their_classes_and_roofs_are_high(world: Path) -> None:
    ids, heights = (read_map(world / folder / "scene_001.tif")[0] for folder in ("labels", "dsm"))
    assert set(np.unique(ids)) <= set(range(5))
    assert heights[ids == 0].mean() > heights[ids == 1].mean() + 2
    done = terrazzo.inspect(f"rgb={world / 'ortho'},nir={world / 'nir'}", world / "labels", patch_size=32)
    assert done.refusal is None
    assert [entry["name"] for entry in done.value["classes"]] == list(SYNTHETIC.names)


def test_an_equal_world_is_kept_and_another_seed_is_another(world: Path, tmp_path: Path) -> None:
    assert terrazzo.synthesize(world, layout="geotiff", images=3, **SIZE).kept
    other = terrazzo.synthesize(tmp_path / "other", layout="geotiff", images=1, seed=1, **SIZE).path
    one, two = (read_map(path / "dsm" / "scene_001.tif") for path in (world, other))
    assert np.abs(one - two).mean() > 0.5


def test_options_without_effect_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--zip: rasters are read from folders"):
        terrazzo.synthesize(tmp_path / "a.zip", layout="geotiff", as_zip=True)
    with pytest.raises(InputError, match=r"^--mask-mode id: the layout geotiff has masks and a table of its own"):
        terrazzo.synthesize(tmp_path / "a", layout="geotiff", mask_mode="id")


def test_the_command_line_goes_on_to_prepare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--layout", "geotiff", "--images", "3", "--height", "96", "--width", "130"]
    assert run(["synthesize", "world", *options]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    assert line.startswith(
        "next: terrazzo prepare rgb=world/ortho,dsm=world/dsm world/labels --patch-size 32 --out patches"
    )
    assert run(line.removeprefix("next: terrazzo ").split()) == 0
    assert open_patches(tmp_path / "patches").description["band_names"] == ["red", "green", "blue", "dsm"]
