"""Rasters with polygons or label rasters as patches: which pixel gets which class, what is said, what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine

import terrazzo
from terrazzo.classes.colors import usual_colors
from terrazzo.classes.palettes import LOVEDA, SYNTHETIC
from terrazzo.classes.schema import IGNORE
from terrazzo.cli import run
from terrazzo.errors import ClassTableError, InputError, LabelError, PatchesError, SplitError, TerrazzoError
from terrazzo.evaluation.report import trained_on_line
from terrazzo.patches import raster_cutting
from terrazzo.patches.cutting import grid
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.patches.raster_cutting import CutCount, strips
from terrazzo.pixels.bands.light import light_of
from terrazzo.recipe.reading import load_recipe
from terrazzo.scenes.burnt_polygons import BurntPolygons
from terrazzo.scenes.labelled_rasters.field_classes import Naming, classes_of_values
from terrazzo.scenes.labelled_rasters.matching import pair_rasters
from terrazzo.training.run import suited
from tests.worlds.layers import CRS, points, rectangle, write_layer, write_parquet
from tests.worlds.rasters import GRID, noise, write_raster

HEIGHT, WIDTH, SIZE = 200, 232, 32
ROTATED = Affine(0.4, 0.3, 500_000, 0.3, -0.4, 4_000_000)


def mosaic(patches: Patches, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> NDArray[np.uint8]:
    """The labels of all patches where they lie in the scene; 254 where there is no patch."""
    ids = np.full(shape, 254, np.uint8)
    for (row, col), mask in zip(patches.corners, patches.masks, strict=True):
        ids[row : row + len(mask), col : col + len(mask)] = mask[: shape[0] - row, : shape[1] - col]
    return ids


PARTS = [(0, 0, 96, 130, "Water"), (96, 0, 200, 130, "Building"), (0, 130, 200, 200, "meadow")]
"""Row, column, row, column and class of three fields; the columns from 200 on are in none."""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "scene.tif", noise(3, HEIGHT, WIDTH), photometric="RGB")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_layer(tmp_path / "labels.gpkg", [rectangle(*part[:4]) for part in PARTS], [part[4] for part in PARTS])


def expected(names: tuple[str, ...]) -> NDArray[np.uint8]:
    ids = np.full((HEIGHT, WIDTH), IGNORE, np.uint8)
    for top, left, bottom, right, name in PARTS:
        ids[top:bottom, left:right] = names.index(name)
    return ids


def test_polygons_become_ids_and_what_is_in_none_is_ignored(scene: Path, labels: Path, tmp_path: Path) -> None:
    said: list[str] = []
    done = terrazzo.prepare(
        scene, labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE, fit="pad", say=said.append
    )
    patches = done.patches
    assert patches.schema.names == ("Building", "meadow", "Water")  # natural order knows no case
    assert patches.schema.colors[0] == SYNTHETIC.colors[SYNTHETIC.names.index("Building")]
    np.testing.assert_array_equal(mosaic(patches)[:, :224], expected(patches.schema.names)[:, :224])
    image = rasterio.open(scene).read().transpose(1, 2, 0)
    for (row, col), pixels in zip(patches.corners, patches.images, strict=True):
        part = image[row : row + SIZE, col : col + SIZE]
        np.testing.assert_array_equal(pixels[: part.shape[0], : part.shape[1]], part)
    assert patches.gsd_m == pytest.approx(0.5, rel=1e-3)  # the projection's scale is 0.9996 there
    assert len(patches) == 7 * 7  # the eighth column of patches begins in no field
    assert "scene.tif: 86.2% of its pixels have a label, the others are ignored" in said  # 200 of 232 columns
    assert "scene.tif: left out: 7 patches without a labelled pixel" in said
    assert any(line.startswith("--split block: of 1 scene") for line in said)
    assert patches.description["split_method"] == "block"


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32617"])
def test_polygons_in_another_crs_are_reprojected_and_it_is_said(scene: Path, tmp_path: Path, crs: str) -> None:
    shapes = [rectangle(*part[:4]) for part in PARTS]
    there = write_layer(tmp_path / "there.geojson", shapes, [part[4] for part in PARTS], crs)
    said: list[str] = []
    done = terrazzo.prepare(scene, there, out=tmp_path / "out", class_field="cover", patch_size=SIZE, say=said.append)
    ids = mosaic(done.patches)
    np.testing.assert_array_equal(ids[:192, :200], expected(done.patches.schema.names)[:192, :200])
    assert any(
        "there.geojson: reprojected from " in line and line.endswith(f"UTM zone 18N, the CRS of {scene}")
        for line in said
    )


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson", "a.parquet"])
def test_every_format_gives_the_same_patches(scene: Path, labels: Path, tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    shapes, classes = [rectangle(*part[:4]) for part in PARTS], [part[4] for part in PARTS]
    write = write_parquet if name.endswith("parquet") else write_layer
    options = {"class_field": "cover", "patch_size": SIZE}
    one = terrazzo.prepare(scene, labels, out=tmp_path / "one", **options)  # type: ignore[arg-type]
    other = terrazzo.prepare(scene, write(tmp_path / name, shapes, classes), out=tmp_path / "other", **options)  # type: ignore[arg-type]
    assert one.patches.content_hash == other.patches.content_hash


def random_polygons(n: int, seed: int) -> NDArray[np.object_]:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-20, 260, (n, 5, 2))
    return np.array([shapely.MultiPoint(five).convex_hull for five in points], np.object_)


def test_a_window_holds_what_the_whole_holds_and_a_pixel_is_where_its_centre_is() -> None:
    polygons, ids = random_polygons(40, seed=1), np.arange(40, dtype=np.uint8) % 5
    whole = BurntPolygons(polygons, ids).ids(0, 0, HEIGHT, WIDTH)
    burnt = BurntPolygons(polygons, ids)
    for row, col, height, width in [(0, 0, 32, WIDTH), (32, 0, 32, 100), (101, 57, 99, 175), (199, 231, 1, 1)]:
        np.testing.assert_array_equal(burnt.ids(row, col, height, width), whole[row : row + height, col : col + width])
    rows, cols = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    by_hand = np.full((HEIGHT, WIDTH), IGNORE, np.uint8)
    for polygon, i in zip(polygons, ids, strict=True):  # the later wins
        by_hand[shapely.contains_xy(polygon, cols, rows)] = i
    np.testing.assert_array_equal(whole, by_hand)


def test_a_rotated_scene_is_labelled_like_an_upright_one(tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "turned.tif", noise(3, HEIGHT, WIDTH), transform=ROTATED, photometric="RGB")
    shapes = [rectangle(*part[:4], ROTATED) for part in PARTS]
    layer = write_layer(tmp_path / "turned.gpkg", shapes, [part[4] for part in PARTS])
    patches = terrazzo.prepare(scene, layer, out=tmp_path / "out", class_field="cover", patch_size=SIZE).patches
    np.testing.assert_array_equal(mosaic(patches)[:192, :200], expected(patches.schema.names)[:192, :200])
    assert patches.gsd_m == pytest.approx(0.5, rel=1e-3)


def test_the_later_of_overlapping_polygons_wins_and_empty_classes_are_ignored(scene: Path, tmp_path: Path) -> None:
    shapes = [
        rectangle(0, 0, 100, 100),
        rectangle(0, 0, 200, 40),
        rectangle(50, 60, 90, 90),
        rectangle(150, 50, 200, 90),
    ]
    layer = write_layer(tmp_path / "a.gpkg", shapes, ["b", "a", None, "void"])
    said: list[str] = []
    done = terrazzo.prepare(
        scene, layer, out=tmp_path / "out", class_field="cover", patch_size=SIZE, fit="pad", say=said.append
    )
    ids = mosaic(done.patches)
    assert (ids[:, :40] == 0).all()
    assert (ids[:100, 40:96] == 1).all()  # the polygon without a class takes nothing away
    assert (ids[150:, 50:90][:, :14] == IGNORE).all()
    assert "scene.tif: 4000 pixels lie in polygons of different classes: the later polygon in the file wins" in said
    assert "ignored: 1 polygon without a value in the field cover" in said
    assert "ignored: 1 polygon of 'void', which is no class" in said


def test_pixels_that_the_image_leaves_out_are_ignored(labels: Path, tmp_path: Path) -> None:
    valid = np.ones((HEIGHT, WIDTH), bool)
    valid[40:70, 33:101] = False
    scene = write_raster(tmp_path / "holey.tif", noise(3, HEIGHT, WIDTH), mask=valid, photometric="RGB")
    patches = terrazzo.prepare(scene, labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE).patches
    wanted = np.where(valid, expected(patches.schema.names), IGNORE)
    np.testing.assert_array_equal(mosaic(patches)[:192, :200], wanted[:192, :200])


def test_a_table_gives_order_and_colours_and_refuses_other_values(scene: Path, labels: Path, tmp_path: Path) -> None:
    table = tmp_path / "classes.csv"
    table.write_text("name,color\nwater,#0000FF\nMeadow,#00FF00\nbuilding,#FF0000\nroad,#010203\n")
    options = {"class_field": "cover", "patch_size": SIZE, "classes": table}
    done = terrazzo.prepare(scene, labels, out=tmp_path / "out", **options)  # type: ignore[arg-type]
    assert done.patches.schema.names == ("water", "Meadow", "building", "road")
    assert (mosaic(done.patches)[:96, :130] == 0).all()
    assert "classes without a pixel in any patch: road" in done.lines
    table.write_text("name,color\nwater,#0000FF\nmeadow,#00FF00\n")
    with pytest.raises(ClassTableError, match=r"1 value not in --classes .*'Building' \(1 polygon\)"):
        terrazzo.prepare(scene, labels, out=tmp_path / "less", **options)  # type: ignore[arg-type]
    less = terrazzo.prepare(scene, labels, out=tmp_path / "less", unknown="ignore", **options)  # type: ignore[arg-type]
    assert (mosaic(less.patches)[96:192, :96] == 254).all()  # no pixel of a class, so no patch


def test_known_names_get_their_usual_colours() -> None:
    names = ("forest", "Agriculture", "Water", "something else")
    colors = usual_colors(names)
    known = dict(zip(map(str.casefold, LOVEDA.names), LOVEDA.colors, strict=True))
    assert colors[:3] == tuple(known[name.casefold()] for name in names[:3])
    assert len(set(colors)) == 4
    assert usual_colors(names) == colors


def write_classes(path: Path, ids: NDArray[np.uint8], grid: Affine = GRID, **profile: object) -> Path:
    """A label raster as `predict` writes classes.tif: names in tags, a colour table, nodata 255."""
    write_raster(path, ids[None], transform=grid, nodata=255, **profile)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(CLASS_NAMES="bush,lake,town", CLASS_0="bush", CLASS_1="lake", CLASS_2="town")
        dataset.write_colormap(1, {0: (0, 90, 0, 255), 1: (0, 0, 200, 255), 2: (200, 0, 0, 255)})
    return path


def test_a_map_of_ours_serves_as_labels(scene: Path, tmp_path: Path) -> None:
    ids = np.random.default_rng(3).integers(0, 3, (HEIGHT, WIDTH), np.uint8)
    ids[:50, :70] = 255
    done = terrazzo.prepare(
        scene, write_classes(tmp_path / "classes.tif", ids), out=tmp_path / "out", patch_size=SIZE, fit="pad"
    )
    assert done.patches.schema.names == ("bush", "lake", "town")
    assert done.patches.schema.colors == ((0, 90, 0), (0, 0, 200), (200, 0, 0))
    got = mosaic(done.patches)
    np.testing.assert_array_equal(np.where(got == 254, IGNORE, got), ids)  # no patch where no pixel has a label


def test_labels_on_another_grid_are_taken_at_the_nearest_pixel(scene: Path, tmp_path: Path) -> None:
    coarse = Affine(1.7, 0, 499_990.3, 0, -1.3, 4_000_020.4)
    ids = np.random.default_rng(4).integers(0, 3, (60, 50), np.uint8)
    said: list[str] = []
    done = terrazzo.prepare(
        *(scene, write_classes(tmp_path / "classes.tif", ids, coarse)), out=tmp_path / "out", patch_size=SIZE,
        say=said.append,
    )  # fmt: skip
    rows, cols = np.mgrid[:192, :224] + 0.5
    x, y = GRID.a * cols + GRID.c, GRID.e * rows + GRID.f
    at = np.floor((coarse.f - y) / 1.3).astype(int), np.floor((x - coarse.c) / 1.7).astype(int)
    inside = (at[0] < 60) & (at[1] < 50) & (at[0] >= 0) & (at[1] >= 0)
    wanted = np.where(inside, ids[np.clip(at[0], 0, 59), np.clip(at[1], 0, 49)], IGNORE)
    got = mosaic(done.patches)[:192, :224]
    np.testing.assert_array_equal(np.where(got == 254, IGNORE, got), wanted)
    assert any("lies on another grid (60 x 50 px" in line and "by nearest neighbour" in line for line in said)


def test_colour_rasters_follow_the_known_palettes(scene: Path, tmp_path: Path) -> None:
    ids = np.random.default_rng(5).integers(0, 5, (HEIGHT, WIDTH)).astype(np.uint8)
    label = write_raster(tmp_path / "colours.tif", SYNTHETIC.decode(ids).transpose(2, 0, 1), photometric="RGB")
    done = terrazzo.prepare(scene, label, out=tmp_path / "out", patch_size=SIZE)
    assert done.patches.schema.names == SYNTHETIC.names
    np.testing.assert_array_equal(mosaic(done.patches)[:192, :224], ids[:192, :224])


def test_folders_are_paired_by_name_and_the_ids_named_by_a_table(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir(), (tmp_path / "labels").mkdir()
    table = tmp_path / "t.csv"
    table.write_text("id,name,color\n3,low,#000001\n7,high,#000002\n0,ignore,#000000\n")
    truth = {}
    for number in range(3):
        truth[f"s{number}"] = np.random.default_rng(number).choice(np.array([0, 3, 7], np.uint8), (64, 96))
        place = {"transform": GRID @ Affine.translation(0, 500 * number)}  # far from one another: three places
        image = noise(3, 64, 96, seed=number)
        write_raster(tmp_path / "images" / f"s{number}_rgb.tif", image, photometric="RGB", **place)
        write_raster(tmp_path / "labels" / f"s{number}_label.tif", truth[f"s{number}"][None], **place)
    options = {"classes": table, "patch_size": SIZE}
    done = terrazzo.prepare(tmp_path / "images", tmp_path / "labels", out=tmp_path / "out", **options)  # type: ignore[arg-type]
    patches = done.patches
    assert patches.image_names == ("s0_rgb", "s1_rgb", "s2_rgb")
    assert patches.description["split_method"] == "image"
    meaning = np.full(256, IGNORE, np.uint8)
    meaning[[3, 7]] = [0, 1]
    for (row, col), image, mask in zip(patches.corners, patches.image_of, patches.masks, strict=True):
        part = truth[f"s{image}"][row : row + SIZE, col : col + SIZE]
        np.testing.assert_array_equal(mask, meaning[part])
    (tmp_path / "labels" / "s1_label.tif").unlink()
    with pytest.raises(LabelError, match=r"s1_rgb.tif: has no partner of the same name \(1 such file\)"):
        terrazzo.prepare(tmp_path / "images", tmp_path / "labels", out=tmp_path / "new", **options)  # type: ignore[arg-type]


def test_any_number_of_bands_and_depths_with_their_choice_told(labels: Path, tmp_path: Path) -> None:
    stored = np.random.default_rng(6).integers(0, 4000, (4, HEIGHT, WIDTH), np.uint16)
    scene = write_raster(tmp_path / "deep.tif", stored)
    options = {"class_field": "cover", "patch_size": SIZE}
    patches = terrazzo.prepare(scene, labels, out=tmp_path / "out", scale="0,2550", **options).patches  # type: ignore[arg-type]
    assert (patches.images.shape[1:], patches.images.dtype) == ((SIZE, SIZE, 4), np.uint16)
    np.testing.assert_array_equal(patches.images[0], stored[:, :SIZE, :SIZE].transpose(1, 2, 0))
    told = patches.description
    assert (told["bands"], told["band_numbers"], told["value_scale"]) == (4, [1, 2, 3, 4], [[0.0, 2550.0]] * 4)
    assert told["dtype"] == "uint16"
    two = terrazzo.prepare(scene, labels, out=tmp_path / "two", scale=(0, 2550), bands="4,1", **options).patches  # type: ignore[arg-type]
    np.testing.assert_array_equal(two.images, patches.images[..., [3, 0]])


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        ("int8", "int16"),
        ("uint16", "uint16"),
        ("int16", "int16"),
        ("uint32", "float32"),
        ("int32", "float32"),
        ("float32", "float32"),
        ("float64", "float32"),
    ],
)
def test_patches_keep_what_the_raster_has(labels: Path, tmp_path: Path, stored: str, kept: str) -> None:
    values = np.random.default_rng(8).integers(0, 120, (2, HEIGHT, WIDTH)).astype(stored)
    scene = write_raster(tmp_path / "deep.tif", values - np.array(3).astype(stored) * (stored[0] != "u"))
    with rasterio.open(scene) as dataset:
        values = dataset.read()
    said: list[str] = []
    done = terrazzo.prepare(scene, labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE, say=said.append)
    images = done.patches.images
    assert (images.dtype.name, done.patches.description["dtype"]) == (kept, kept)
    for (row, col), image in zip(done.patches.corners, images, strict=True):
        np.testing.assert_array_equal(image, values[:, row : row + SIZE, col : col + SIZE].transpose(1, 2, 0))
    assert f"values: {stored} as stored; training normalizes each band (--scale sets what it spans)" in said


def test_rasters_of_several_types_share_the_widest_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir(), (tmp_path / "labels").mkdir()
    for number, dtype in enumerate(("uint8", "int16", "uint8")):
        place = {"transform": GRID @ Affine.translation(0, 500 * number)}
        values = noise(2, 64, 96, seed=number).astype(dtype)
        write_raster(tmp_path / "images" / f"s{number}.tif", values, **place)
        write_classes(tmp_path / "labels" / f"s{number}.tif", noise(64, 96) % 3, place["transform"])
    said: list[str] = []
    done = terrazzo.prepare(
        tmp_path / "images", tmp_path / "labels", out=tmp_path / "out", patch_size=SIZE, say=said.append
    )
    assert done.patches.dtype == "int16"
    assert done.patches.images.min() >= 1
    words = "warning: the rasters hold int16, uint8 values, all kept as int16; do they have the same units?"
    assert words in said
    with pytest.raises(InputError, match=r"--scale nir: names no band"):
        terrazzo.prepare(tmp_path / "images", tmp_path / "labels", out=tmp_path / "new", scale="nir:0,9")


def test_what_is_missing_is_ignored_or_left_to_the_mean(labels: Path, tmp_path: Path) -> None:
    """A float scene: NaN in both bands is no pixel, NaN in one is filled by the network; so is -9999 of a height."""
    values = np.random.default_rng(9).normal(50, 9, (2, HEIGHT, WIDTH)).astype(np.float32)
    values[:, 10:14, 20:30] = np.nan
    values[1, 40:50, 60:70] = np.nan
    values[1, 41, 61] = -9999
    scene = write_raster(tmp_path / "deep.tif", values, nodata=-9999)
    patches = terrazzo.prepare(scene, labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE).patches
    ids = mosaic(patches)
    assert (ids[10:14, 20:30] == IGNORE).all()
    np.testing.assert_array_equal(ids[40:50, 60:70], expected(patches.schema.names)[40:50, 60:70])
    first = patches.pixels([0])[0]
    assert np.isnan(first[10:14, 20:30]).all()
    lower = patches.pixels([int(np.flatnonzero((patches.corners == (32, 32)).all(axis=1))[0])])[0]
    assert np.isnan(lower[8:18, 28:, 1]).all()
    assert np.isfinite(lower[..., 0]).all()
    picture = patches.picture(0)
    assert (picture.shape, picture.dtype) == ((SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_picture_shows_red_green_and_blue_by_their_names(labels: Path, tmp_path: Path, dtype: str) -> None:
    """Of deep values between the 2nd and 98th percentile: 0 to 50 of 0 to 100 is a linear 0 to 255."""
    bands = noise(4, HEIGHT, WIDTH).astype(dtype)
    scene = write_raster(tmp_path / "scene.tif", bands, photometric="minisblack")
    with rasterio.open(scene, "r+") as dataset:
        dataset.descriptions = ("B02", "B03", "B04", "B08")
    patches = terrazzo.prepare(scene, labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE).patches
    blue, green, red = patches.images[0][..., :3].astype(float).transpose(2, 0, 1)
    expected_picture = np.dstack((red, green, blue))
    if dtype == "uint16":
        low, high = np.array(patches.description["value_range"])[[2, 1, 0]].T
        expected_picture = np.rint(((expected_picture - low) * 255 / (high - low)).clip(0, 255))
        assert expected_picture.max() == 255
    assert abs(patches.picture(0) - expected_picture).max() <= (dtype == "uint16")


def test_patches_of_another_type_than_their_description_are_damaged(labels: Path, tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "deep.tif", noise(2, HEIGHT, WIDTH).astype(np.uint16))
    patches = terrazzo.prepare(scene, labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE).patches
    description = patches.path / "dataset.json"
    description.write_text(description.read_text().replace('"dtype": "uint16"', '"dtype": "float32"'))
    with pytest.raises(PatchesError, match=r"images.npy: holds uint16 .*, dataset.json says float32"):
        open_patches(patches.path)


def test_eight_bits_take_a_scale_a_band_and_no_automatic_one(scene: Path, labels: Path, tmp_path: Path) -> None:
    options = {"class_field": "cover", "patch_size": SIZE}
    done = terrazzo.prepare(scene, labels, out=tmp_path / "out", scale=["red:0,51"], **options)  # type: ignore[arg-type]
    stored = rasterio.open(scene).read()[:, :SIZE, :SIZE].transpose(1, 2, 0).astype(int)
    np.testing.assert_array_equal(done.patches.images[0][..., 0], np.minimum(stored[..., 0] * 5, 255))
    np.testing.assert_array_equal(done.patches.images[0][..., 1:], stored[..., 1:])
    assert done.patches.band_reading is not None
    assert done.patches.band_reading.scale == ((0, 51), (0, 255), (0, 255))
    with pytest.raises(InputError, match=r"--scale auto: is for rasters of more than 8 bits; .* holds uint8"):
        terrazzo.prepare(scene, labels, out=tmp_path / "auto", scale="auto", **options)  # type: ignore[arg-type]


def test_finished_patches_of_the_same_inputs_are_kept(scene: Path, labels: Path, tmp_path: Path) -> None:
    options = {"class_field": "cover", "patch_size": SIZE}
    first = terrazzo.prepare(scene, labels, out=tmp_path / "out", **options)  # type: ignore[arg-type]
    assert terrazzo.prepare(scene, labels, out=tmp_path / "out", **options).kept  # type: ignore[arg-type]
    with pytest.raises(TerrazzoError, match="--overwrite"):
        terrazzo.prepare(scene, labels, out=tmp_path / "out", bands="3,2,1", **options)  # type: ignore[arg-type]
    labels.unlink()
    write_layer(labels, [rectangle(*part[:4]) for part in PARTS], ["Water", "meadow", "Building"])
    again = terrazzo.prepare(scene, labels, out=tmp_path / "out", overwrite=True, **options)  # type: ignore[arg-type]
    assert not again.kept
    assert again.patches.content_hash != first.patches.content_hash


def corners(height: int, width: int, fit: str) -> NDArray[np.int64]:
    """Row and column (n, 2) of the patches of an image, row-major."""
    rows, cols = grid(height, width, SIZE, fit)
    return np.mgrid[:rows, :cols].reshape(2, -1).T * SIZE


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("strip_bytes", [1, 3 * SIZE * SIZE * 8 * 3, 1 << 26])
def test_strips_cover_what_is_cut_once_and_stay_small(
    fit: str, strip_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster_cutting, "STRIP_BYTES", strip_bytes)
    seen = np.zeros((HEIGHT, WIDTH), int)
    places = []
    for row, col, height, width in strips(HEIGHT, WIDTH, 3, SIZE, fit):
        seen[row : row + height, col : col + width] += 1
        places += (corners(height, width, fit) + np.array([row, col])).tolist()
        assert width <= SIZE or height * width * 3 * 8 <= strip_bytes
    cut_off = (HEIGHT, WIDTH) if fit == "pad" else (192, 224)
    assert (seen[: cut_off[0], : cut_off[1]] == 1).all()
    assert seen.sum() == cut_off[0] * cut_off[1]
    assert places == corners(HEIGHT, WIDTH, fit).tolist()  # the same patches in the same order as of one piece


def test_narrow_strips_give_the_same_patches(
    scene: Path, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"class_field": "cover", "patch_size": SIZE}
    whole = terrazzo.prepare(scene, labels, out=tmp_path / "whole", **options)  # type: ignore[arg-type]
    monkeypatch.setattr(raster_cutting, "STRIP_BYTES", 1)
    narrow = terrazzo.prepare(scene, labels, out=tmp_path / "narrow", **options)  # type: ignore[arg-type]
    for name in ("images.npy", "masks.npy", "index.csv"):
        assert (narrow.patches.path / name).read_bytes() == (whole.patches.path / name).read_bytes()


def test_saturation_is_left_out_where_no_bands_are_red_green_and_blue() -> None:
    said: list[str] = []
    recipe = load_recipe("unet").with_changes({"augment.saturation": 0.3})
    assert suited(recipe, light_of(None, 3), said.append) == recipe
    assert suited(recipe, light_of(("red", "green", "blue", "dsm"), 4), said.append) == recipe
    assert said == []
    assert suited(recipe, light_of(None, 4), said.append).augment.saturation == 0
    (line,) = said
    assert line == (
        "augment.saturation = 0.3 needs red, green and blue, which these images of 4 bands do not name, so it is off"
    )


def test_colours_are_left_alone_where_no_band_is_light() -> None:
    said: list[str] = []
    changes = {"augment.saturation": 0.3, "augment.brightness": 0.2, "augment.robust": 0.5}
    recipe = load_recipe("unet").with_changes(changes)
    augment = suited(recipe, light_of(("dsm", "vv"), 2), said.append).augment
    assert (augment.brightness, augment.saturation, augment.robust) == (0, 0, 0)
    assert said == [
        "augment.brightness = 0.2 needs a band of light; these images have none, so it is off",
        "augment.saturation = 0.3 needs a band of light; these images have none, so it is off",
        "augment.robust = 0.5 needs a band of light; these images have none, so it is off",
    ]


def test_inspect_counts_the_labels_on_the_image(scene: Path, labels: Path) -> None:
    told = terrazzo.inspect(scene, labels, class_field="cover").to_dict()
    assert [(entry["name"], entry["pixels"]) for entry in told["classes"]] == [
        ("Building", 104 * 130),
        ("meadow", 200 * 70),
        ("Water", 96 * 130),
    ]
    assert told["labelled"] == pytest.approx(200 / 232)
    assert told["rasters"][0] | {"gsd_m": 0} == {
        **{"name": "scene", "height": HEIGHT, "width": WIDTH, "bands": ["red", "green", "blue"]},
        **{"dtype": "uint8", "crs": CRS, "gsd_m": 0},
    }
    refused = terrazzo.inspect(scene, labels)
    assert "--class-field" in str(refused.refusal)


def test_inspect_drafts_a_table_for_ids_without_names(scene: Path, tmp_path: Path) -> None:
    ids = np.where(np.arange(WIDTH) < 99, 4, 9).astype(np.uint8)
    label = write_raster(tmp_path / "ids.tif", np.broadcast_to(ids, (1, HEIGHT, WIDTH)))
    found = terrazzo.inspect(scene, label, write_classes=tmp_path / "t.csv")
    assert "need a table of classes" in str(found.refusal)
    assert [line.split(",")[:2] for line in (tmp_path / "t.csv").read_text().split()[1:]] == [
        ["4", "class_4"],
        ["9", "class_9"],
    ]
    done = terrazzo.prepare(scene, label, out=tmp_path / "out", classes=tmp_path / "t.csv", patch_size=SIZE)
    np.testing.assert_array_equal(
        mosaic(done.patches)[:192, :224], np.broadcast_to(ids == 9, (HEIGHT, WIDTH))[:192, :224]
    )


def test_the_advice_on_ids_without_names_can_be_followed_word_by_word(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scene.parent)
    write_raster(scene.parent / "ids.tif", np.full((1, HEIGHT, WIDTH), 4, np.uint8))
    size = ["--patch-size", str(SIZE)]
    assert run(["prepare", "scene.tif", "ids.tif", "--out", "new", *size]) == 2
    assert "`terrazzo inspect scene.tif ids.tif --write-classes classes.csv`" in capsys.readouterr().err
    assert run(["inspect", "scene.tif", "ids.tif", "--write-classes", "classes.csv", *size]) == 0
    said = capsys.readouterr()
    assert "error" not in said.err
    assert said.out.count("wrote classes.csv") == 1
    following = "terrazzo prepare scene.tif ids.tif --classes classes.csv --patch-size 32 --out patches"
    assert said.out.endswith(f"next: edit it, then {following}\n")
    assert run(following.split()[1:]) == 0


def test_what_is_smaller_than_a_patch_is_not_said_to_have_no_labels(scene: Path, labels: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(LabelError, match="smaller than a patch of 2048 px"):
        terrazzo.prepare(scene, labels, out=tmp_path / "out", class_field="cover", patch_size=2048, say=said.append)
    assert not any("have a label" in line for line in said)


def test_one_patch_is_one_patch() -> None:
    assert CutCount(n_blank=1, n_pixels=100, n_labelled=50).notes()[1] == "left out: 1 patch without a labelled pixel"


def test_a_quoted_pattern_names_what_a_folder_would(labels: Path, tmp_path: Path) -> None:
    for folder, bands in (("scenes", 3), ("ids", 1)):
        (tmp_path / folder).mkdir()
        for name in ("a", "b", "c"):
            write_raster(tmp_path / folder / f"{name}.tif", noise(bands, HEIGHT, WIDTH))
    scenes = tmp_path / "scenes"
    (scenes / "notes.txt").write_text("no raster")
    (scenes / ".a.tif").write_bytes(b"hidden")
    assert pair_rasters(scenes / "*", labels) == pair_rasters(scenes, labels)
    pairs, lone = pair_rasters(scenes / "[ab].tif", tmp_path / "ids" / "*.tif", "skip")
    assert [(pair.name, pair.image.name, pair.labels.name) for pair in pairs] == [
        ("a", "a.tif", "a.tif"),
        ("b", "b.tif", "b.tif"),
    ]
    assert lone == 1
    with pytest.raises(InputError, match=r"\*.jp2: no raster matches this pattern; expected a raster or a folder"):
        pair_rasters(scenes / "*.jp2", labels)
    with pytest.raises(InputError, match=r"a.tif: is one label raster, .*\* names 3 rasters; give a folder"):
        pair_rasters(scenes / "*", tmp_path / "ids" / "a.tif")
    done = terrazzo.prepare(scenes / "*.tif", labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE)
    assert done.patches.image_names == ("a", "b", "c")


def test_of_several_scenes_those_without_labels_are_left_out_where_it_is_asked(labels: Path, tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    east = Affine(0.5, 0, 900_000, 0, -0.5, 4_000_000)
    write_raster(tmp_path / "scenes" / "a.tif", noise(3, HEIGHT, WIDTH), transform=east, photometric="RGB")
    write_raster(tmp_path / "scenes" / "b.tif", noise(3, HEIGHT, WIDTH), photometric="RGB")
    options = {"class_field": "cover", "patch_size": SIZE, "split": "block"}
    with pytest.raises(LabelError, match=r"labels.gpkg: does not overlap .*a.tif"):
        terrazzo.prepare(tmp_path / "scenes", labels, out=tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
    said: list[str] = []
    done = terrazzo.prepare(
        tmp_path / "scenes",
        labels,
        out=tmp_path / "out",
        bad="skip",
        say=said.append,
        **options,  # type: ignore[arg-type]
    )
    assert done.patches.image_names == ("b",)
    assert any(line.startswith("left out: ") and "a.tif" in line for line in said)
    np.testing.assert_array_equal(mosaic(done.patches)[:192, :200], expected(done.patches.schema.names)[:192, :200])


def test_pictures_can_be_divided_into_blocks_too(tmp_path: Path) -> None:
    data = terrazzo.synthesize(tmp_path / "world", images=1, height=320, width=416).path
    with pytest.raises(SplitError, match="use --split block"):
        terrazzo.prepare(data, out=tmp_path / "out", patch_size=SIZE)
    done = terrazzo.prepare(data, out=tmp_path / "out", patch_size=SIZE, split="block", buffer=10)
    patches = done.patches
    train, val = (patches.corners[patches.sides == side] for side in ("train", "val"))
    apart = np.abs(train[:, None] - val[None]).max(axis=2) - SIZE
    assert apart.min() >= 10
    in_buffer = int((patches.sides == "none").sum())
    assert done.summary()[0].endswith(f"train {len(train)}, val {len(val)}, test 0, {in_buffer} in the buffer between")
    assert in_buffer == len(patches) - len(train) - len(val) > 0


def test_four_bands_go_all_the_way_and_a_block_split_is_told_for_what_it_is(labels: Path, tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "four.tif", noise(4, HEIGHT, WIDTH), photometric="MINISBLACK")
    terrazzo.prepare(scene, labels, out=tmp_path / "out", class_field="cover", patch_size=SIZE)
    said: list[str] = []
    run = terrazzo.train(
        tmp_path / "out",
        out=tmp_path / "run",
        recipe="unet",
        epochs=1,
        changes={"model.filters": [4, 8], "augment.saturation": 0.2},
        device="cpu",
        say=said.append,
    )
    assert (run.header.bands, run.header.gsd_m) == (4, pytest.approx(0.5, rel=1e-3))
    assert any("needs red, green and blue, which these images of 4 bands do not name" in line for line in said)
    assert run.header.training_data.leak == {"image": 1.0, "group": 1.0, "buffer_px": 32.0}
    done = terrazzo.evaluate(run.model, tmp_path / "out", out=tmp_path / "report", device="cpu")
    assert done.scores["protocol"]["leaky"] is False
    assert "on patches at least 32 px away; these scores say nothing about other places" in trained_on_line(done.scores)
    assert "at least 32 px from any training pixel" in (tmp_path / "report" / "report.html").read_text()
    mapped = terrazzo.predict(run.model, scene, out=tmp_path / "maps", device="cpu", vector_format="none")
    with rasterio.open(mapped.rasters[0].folder / "classes.tif") as classes:
        assert classes.shape == (HEIGHT, WIDTH)
        assert classes.tags()["CLASS_1"] == "meadow"
    again = terrazzo.prepare(
        scene, mapped.rasters[0].folder / "classes.tif", out=tmp_path / "pseudo", patch_size=SIZE
    )  # a map serves as labels
    assert again.patches.schema == run.header.schema


def far_away(folder: Path) -> str:
    write_layer(folder / "far.gpkg", [rectangle(5000, 0, 5100, 100)], ["a"])
    return "scene.tif far.gpkg --class-field cover"


def two_layers(folder: Path) -> str:
    for name in ("one", "two"):
        write_layer(folder / "both.gpkg", [rectangle(0, 0, 90, 90)], ["a"], layer=name)
    return "scene.tif both.gpkg --class-field cover"


def other_place(folder: Path) -> str:
    write_classes(folder / "there.tif", np.zeros((40, 30), np.uint8), Affine(1, 0, 900_000, 0, -1, 100_000))
    return "scene.tif there.tif"


def floats(folder: Path) -> str:
    write_raster(folder / "float.tif", np.zeros((1, HEIGHT, WIDTH), np.float32))
    return "scene.tif float.tif"


def nameless(folder: Path) -> str:
    write_raster(folder / "ids.tif", np.full((1, HEIGHT, WIDTH), 4, np.uint8))
    return "scene.tif ids.tif"


def field_of_raster(folder: Path) -> str:
    return f"{nameless(folder)} --class-field cover"


def text(folder: Path) -> str:
    (folder / "broken.gpkg").write_text("nothing of the kind")
    return "scene.tif broken.gpkg --class-field cover"


BAD: dict[str, tuple[Callable[[Path], str] | str, str]] = {
    "no class field is said": ("scene.tif labels.gpkg", "--class-field; there are cover, number"),
    "a field that is not there": (
        "scene.tif labels.gpkg --class-field landuse",
        "has no such field; there are cover, number",
    ),
    "labels elsewhere": (far_away, "does not overlap scene.tif: the labels span (500000, 3997450, 500050, 3997500)"),
    "a label raster elsewhere": (other_place, "the labels span (900000, 99960, 900030, 100000)"),
    "points": (points, "holds no polygon in its 1 feature (kinds: Point)"),
    "several layers": (two_layers, "has 2 layers (one, two); choose one with --layer NAME"),
    "no labels": ("scene.tif", "is a raster without labels"),
    "labels that are not there": ("scene.tif nowhere.gpkg", "nowhere.gpkg: no such file"),
    "a picture as its own labels": ("scene.tif scene.tif", "scene.tif: is both the images and the labels"),
    "a class field of a raster": (field_of_raster, "--class-field cover: is for polygons"),
    "ids of no names": (nameless, "needs a table of classes"),
    "labels that are no whole numbers": (floats, "expected one band of whole numbers"),
    "a file that is no layer": (text, "cannot be read as a layer of polygons"),
    "bands that are not there": ("scene.tif labels.gpkg --class-field cover --bands 1,2,9", "--bands 9"),
    "bands without labels": ("data --bands 1", "--bands 1: is for rasters with labels"),
    "a resized scene": ("scene.tif labels.gpkg --class-field cover --fit resize", "--fit resize"),
    "a downsampled scene": ("scene.tif labels.gpkg --class-field cover --downsample 2", "--downsample 2"),
    "a scene smaller than a patch": (
        "scene.tif labels.gpkg --class-field cover --patch-size 512",
        "smaller than a patch",
    ),
    "a field of numbers": ("scene.tif labels.gpkg --class-field number --ignore-class 9", "--ignore-class '9'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(
    name: str, scene: Path, labels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scene.parent)
    make, words = BAD[name]
    command = make if isinstance(make, str) else make(scene.parent)
    before = set(scene.parent.rglob("*"))
    size = () if "--patch-size" in command else ("--patch-size", "64")
    assert run(["prepare", *command.split(), "--out", "new", *size]) == 2
    captured = capsys.readouterr()
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("terrazzo: error: ")
    assert words in last
    assert "Traceback" not in captured.err
    assert set(scene.parent.rglob("*")) == before


def test_values_that_are_no_class_already_may_be_named_to_be_ignored() -> None:
    found = classes_of_values(
        ("forest", "water", "nodata"), Naming("--class-field kind", "the field", ignored=("NoData", "water"))
    )
    assert found.schema.names == ("forest",)
    with pytest.raises(ClassTableError):
        classes_of_values(("forest", "water"), Naming("--class-field kind", "the field", ignored=("lava",)))


def test_two_rasters_of_one_name_are_refused_not_dropped(tmp_path: Path) -> None:
    for name in ("a.tif", "a.jp2"):
        (tmp_path / name).touch()
    (tmp_path / "labels.gpkg").touch()
    with pytest.raises(InputError, match=r"a\.jp2 and .*a\.tif have one name"):
        pair_rasters(tmp_path, tmp_path / "labels.gpkg")


def test_the_command_takes_a_scale_for_each_band(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = write_raster(tmp_path / "deep.tif", noise(2, HEIGHT, WIDTH).astype(np.int16))
    words = ["prepare", str(scene), str(labels), "--out", str(tmp_path / "out"), "--class-field", "cover"]
    words += ["--patch-size", str(SIZE)]
    assert run([*words, "--scale", "2:-5,300", "--scale", "0,200"]) == 0
    assert open_patches(tmp_path / "out").description["value_scale"] == [[0, 200], [-5, 300]]
    assert run([*words, "--scale", "2:-5,300", "--scale", "2:0,200"]) == 2
    assert "--scale 2: is given 2 times; give it once" in capsys.readouterr().err


def test_what_cropping_takes_from_a_raster_is_told_with_the_classes_that_are_lost(tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "scene.tif", noise(3, 190, 190), photometric="RGB")
    shapes = [rectangle(0, 0, 90, 190), rectangle(90, 0, 160, 190), rectangle(165, 10, 185, 40)]
    fields = write_layer(tmp_path / "fields.gpkg", shapes, ["meadow", "water", "roof"])
    options = {"out": tmp_path / "out", "class_field": "cover", "patch_size": 32}
    done = terrazzo.prepare(scene, fields, **options)  # type: ignore[arg-type]
    # 160 of 190 rows and columns are in patches: 25600 of 36100 pixels.
    assert done.lines[:2] == (
        "--fit crop: 29.1% of the pixels fill no whole patch of 32 px and are cut off; --fit pad keeps them, a smaller "
        "--patch-size most of them",
        "--fit crop: roof has no pixel in any patch, only outside them; use --fit pad or a smaller --patch-size",
    )
    assert not any("without a pixel in any patch" in line for line in done.lines)
    padded = terrazzo.prepare(scene, fields, fit="pad", overwrite=True, **options)  # type: ignore[arg-type]
    assert not any("--fit" in line for line in padded.lines)
