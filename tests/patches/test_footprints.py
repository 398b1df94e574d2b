"""Rasters that touch, overlap or lie near one another: the buffer, the groups and the leak hold on the ground."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

import terrazzo
from terrazzo.errors import SplitError
from terrazzo.patches.folder import Patches
from terrazzo.patches.prepared import Prepared
from terrazzo.patches.splits.footprints import footprints
from terrazzo.pixels.rasters.ground import Placed
from terrazzo.pixels.rasters.raster import read_raster
from tests.worlds.layers import rectangle, write_layer
from tests.worlds.rasters import GRID, noise, write_raster

SIZE = 32


@pytest.fixture
def fields(tmp_path: Path) -> Path:
    """Three classes in stripes over 700 x 700 pixels of the grid, and wider."""
    stripes = [rectangle(-700, 40 * i, 1400, 40 * i + 40) for i in range(-20, 40)]
    return write_layer(tmp_path / "fields.gpkg", stripes, ["water", "wood", "field"] * 20)


def sheet(
    folder: Path, name: str, window: tuple[float, float, int, int], grid: Affine = GRID, **profile: object
) -> Path:
    """A raster of the grid's window: row, column, height and width."""
    folder.mkdir(exist_ok=True)
    row, col, height, width = window
    place = {"transform": grid @ Affine.translation(col, row), **profile}
    return write_raster(folder / f"{name}.tif", noise(3, height, width, seed=height), photometric="RGB", **place)


def on_ground(folder: Path, patches: Patches, rasters: Path) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """From index.csv: row and column (N, 2) of the patches in pixels of GRID, and their sides."""
    origins = []
    for name in patches.image_names:
        with rasterio.open(rasters / f"{name}.tif") as dataset:
            col, row = ~GRID @ (dataset.transform.c, dataset.transform.f)
        origins.append((row, col))
    with (folder / "index.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    corners = [np.add(origins[int(row["image"])], (int(row["row"]), int(row["col"]))) for row in rows]
    return np.array(corners), np.array([row["split"] for row in rows])


def least_px(corners: NDArray[np.float64], these: NDArray[np.bool_], those: NDArray[np.bool_]) -> float:
    """The fewest pixels between two kinds of patches, along the direction that parts them more; below 0: overlap."""
    apart = np.abs(corners[these][:, None] - corners[those][None]).max(axis=2) - SIZE
    return float(apart.min())


def prepared(tmp_path: Path, fields: Path, said: list[str] | None = None, **options: object) -> Prepared:
    more = {"patch_size": SIZE, "class_field": "cover", "say": (said if said is not None else []).append, **options}
    return terrazzo.prepare(tmp_path / "scenes", fields, out=tmp_path / "out", **more)  # type: ignore[arg-type]


SHEETS = {
    "halves on one phase": {"north": (0, 0, 320, 352), "south": (320, 0, 288, 352)},
    "halves on two phases": {"north": (0, 0, 300, 370), "south": (300, 0, 310, 370)},
    "windows that overlap": {"a": (0, 0, 300, 300), "b": (101, 53, 300, 330)},
    "windows off by half a pixel": {"a": (0, 0, 300, 300), "b": (150.5, 20.5, 300, 330)},
    "apart by less than the buffer": {"a": (0, 0, 300, 300), "b": (0, 310, 330, 300)},
    "three sheets": {"a": (0, 0, 290, 290), "b": (0, 290, 290, 300), "c": (290, 0, 300, 310)},
    "the later one first": {"a": (290, 211, 290, 290), "b": (0, 0, 310, 330)},
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("buffer", [None, 1, 45])
@pytest.mark.parametrize("sheets", SHEETS.values(), ids=SHEETS.keys())
def test_no_validation_pixel_is_nearer_than_the_buffer_to_a_training_pixel_of_any_raster(
    tmp_path: Path, fields: Path, sheets: dict[str, tuple[float, float, int, int]], buffer: int | None, seed: int
) -> None:
    for name, window in sheets.items():
        sheet(tmp_path / "scenes", name, window)
    done = prepared(tmp_path, fields, split="block", test=0.15, seed=seed, buffer=buffer)
    corners, sides = on_ground(tmp_path / "out", done.patches, tmp_path / "scenes")
    wanted_px = SIZE if buffer is None else buffer
    held, train, none = np.isin(sides, ["val", "test"]), sides == "train", sides == "none"
    assert least_px(corners, held, train) >= wanted_px
    assert least_px(corners, sides == "val", sides == "test") >= 0
    assert all(least_px(corners, np.arange(len(sides)) == one, held) < wanted_px for one in np.flatnonzero(none))
    assert done.patches.leak["buffer_px"] == wanted_px
    assert done.patches.leak["group"] == 1 or buffer == 1 or "apart" in str(sheets)
    assert (sides == "val").any()
    assert train.sum() > 10


def test_halves_of_a_scene_are_divided_as_the_scene(tmp_path: Path, fields: Path) -> None:
    sheet(tmp_path / "scenes", "north", (0, 0, 320, 352))
    sheet(tmp_path / "scenes", "south", (320, 0, 320, 352))
    said: list[str] = []
    halves = prepared(tmp_path, fields, said)
    whole = sheet(tmp_path / "whole", "whole", (0, 0, 640, 352))
    done = terrazzo.prepare(whole, fields, out=tmp_path / "of_whole", class_field="cover", patch_size=SIZE)
    assert (halves.patches.sides == done.patches.sides).all()
    assert "north.tif and south.tif touch or overlap: they are one group" in said
    assert any(line.startswith("--split block: of 1 scene,") for line in said)
    assert set(halves.patches.image_groups) == {"north+south"}
    assert halves.patches.leak == {"image": 1.0, "group": 1.0, "buffer_px": 32.0}


def test_three_rasters_of_one_place_are_divided_in_blocks_not_by_image(tmp_path: Path, fields: Path) -> None:
    for number, name in enumerate("abc"):
        sheet(tmp_path / "scenes", name, (20 * number, 30 * number, 320, 352))
    done = prepared(tmp_path, fields)
    assert done.patches.description["split_method"] == "block"
    assert "a.tif, b.tif and c.tif touch or overlap: they are one group" in done.patches.description["notes"]
    for method in ("image", "group"):
        with pytest.raises(
            SplitError, match=f"--split {method}: 1 .*cannot be divided into train and val; use --split b"
        ):
            prepared(tmp_path, fields, split=method, overwrite=True)


@pytest.mark.parametrize(("method", "seed"), [(None, 0), (None, 1), ("image", 0), ("image", 1), ("image", 2)])
def test_rasters_that_touch_stay_on_one_side(tmp_path: Path, fields: Path, method: str | None, seed: int) -> None:
    windows = {"a": (0, 0, 64, 96), "b": (64, 0, 64, 96), "c": (0, 300, 64, 96), "d": (300, 0, 64, 96)}
    for name, window in windows.items():
        sheet(tmp_path / "scenes", name, window)
    done = prepared(tmp_path, fields, split=method, seed=seed, val=0.4)
    assert done.patches.image_groups == ("a+b", "a+b", "c", "d")
    corners, sides = on_ground(tmp_path / "out", done.patches, tmp_path / "scenes")
    assert done.patches.description["split_method"] in ("group", "image")
    assert done.patches.leak == {"image": 0.0, "group": 0.0}
    assert least_px(corners, sides == "val", sides == "train") >= 172  # b ends at row 128, d begins at 300


OTHER_GRIDS = {
    "pixel size": (GRID @ Affine.scale(1.5), {}),
    "rotation": (GRID @ Affine.rotation(5), {}),
    "crs": (Affine(5e-6, 0, -75.0 + 1e-3, 0, -5e-6, 36.1437), {"crs": "EPSG:4326"}),
}


@pytest.mark.parametrize(("grid", "profile"), OTHER_GRIDS.values(), ids=OTHER_GRIDS.keys())
def test_where_neighbours_have_no_common_grid_no_buffer_is_claimed(
    tmp_path: Path, fields: Path, grid: Affine, profile: dict[str, object]
) -> None:
    sheet(tmp_path / "scenes", "a", (0, 0, 320, 352))
    sheet(tmp_path / "scenes", "b", (0, 0, 256, 256), grid, **profile)
    said: list[str] = []
    done = prepared(tmp_path, fields, said)
    assert "a.tif and b.tif touch or overlap: they are one group" in said
    assert "buffer_px" not in done.patches.leak
    assert any(
        note.startswith("--split block: a.tif and b.tif are neighbours or overlap in different grids")
        for note in done.patches.description["notes"]
    )
    assert any(re.match("split by block: LEAKY split: 100%", line) for line in done.summary())


def test_rasters_far_apart_or_without_a_place_are_groups_of_their_own(tmp_path: Path) -> None:
    paths = [
        sheet(tmp_path / "s", "a", (0, 0, 40, 50)),
        sheet(tmp_path / "s", "b", (40 + 33, 0, 40, 50)),
        sheet(tmp_path / "s", "south", (0, 0, 40, 50), crs="EPSG:32718"),  # the same numbers, 10,000 km away
        sheet(tmp_path / "s", "nowhere", (0, 0, 40, 50), crs=None),
    ]
    rasters, names = [read_raster(path) for path in paths], [path.name for path in paths]
    apart, near = footprints(rasters, names, 33), footprints(rasters, names, 34)
    assert apart.alone
    assert apart.notes() == ["nowhere.tif: without CRS, so whether others show the same place is not known"]
    assert near.joined.tolist() == [0, 1, 2, 3]
    assert near.scene.tolist() == [0, 0, 2, 3]
    assert near.shifts.tolist() == [[0, 0], [73, 0], [0, 0], [0, 0]]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("seed", range(3))
def test_rasters_of_equal_pixels_without_a_place_are_one_group(tmp_path: Path, seed: int) -> None:
    for folder, bands in (("scenes", 3), ("labels", 1)):
        (tmp_path / folder).mkdir()
        for number, name in enumerate(("a", "b", "c", "d", "e", "f")):
            pixels = noise(bands, 64, 64, seed=number % 4) if bands == 3 else noise(1, 64, 64) % 2
            write_raster(tmp_path / folder / f"{name}.tif", pixels, crs=None, transform=Affine.identity())
    (tmp_path / "c.csv").write_text("id,name\n0,water\n1,wood\n")
    options = {"classes": tmp_path / "c.csv", "out": tmp_path / "out", "patch_size": SIZE, "seed": seed}
    done = terrazzo.prepare(tmp_path / "scenes", tmp_path / "labels", split="image", **options)  # type: ignore[arg-type]
    patches = done.patches
    assert patches.image_groups == ("a+e", "b+f", "c", "d", "a+e", "b+f")
    assert patches.image_pictures.tolist() == [0, 1, 2, 3, 0, 1]
    sides = [set(patches.sides[patches.image_of == image]) for image in range(6)]
    assert sides[0] == sides[4]
    assert sides[1] == sides[5]
    assert "nothing is known of places" in done.summary()[1]
    blocks = {"split": "block", "block_size": 1, "buffer": 0, "overwrite": True}
    patches = terrazzo.prepare(tmp_path / "scenes", tmp_path / "labels", **options, **blocks).patches  # type: ignore[arg-type]
    of_copies = [patches.sides[patches.image_of == image].tolist() for image in (0, 4, 1, 5)]
    assert of_copies[0] == of_copies[1]
    assert of_copies[2] == of_copies[3]


def test_places_of_an_unknown_crs_are_compared_with_one_another_only() -> None:
    known = Placed(64, 64, GRID, rasterio.CRS.from_epsg(32618))
    unknown = Placed(64, 64, GRID, by_world_file=True)
    lying = footprints([known, unknown, unknown], ["a", "b", "c"], 32)
    assert lying.joined.tolist() == lying.scene.tolist() == [0, 1, 1]


def test_a_chain_of_sheets_is_one_scene_placed_from_its_top_left_corner(tmp_path: Path) -> None:
    windows = [(0, 200, 40, 50), (40, 150, 40, 50), (80, 150.26, 40, 50)]
    paths = [sheet(tmp_path / "s", f"s{i}", window) for i, window in enumerate(windows)]
    lying = footprints([read_raster(path) for path in paths], [path.name for path in paths], 0)
    assert lying.joined.tolist() == lying.scene.tolist() == [0, 0, 0]
    np.testing.assert_allclose(lying.shifts, [[0, 50], [40, 0], [80, 0.3]], atol=1e-9)
    assert lying.group(2) == "s0+s1+s2"
    assert not lying.unlike
