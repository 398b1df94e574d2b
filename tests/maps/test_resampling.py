"""Laws of the working grid: a pixel does not depend on where it is read, and every valid pixel of the input counts."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rasterio.transform import Affine

import terrazzo
from terrazzo.errors import InputError
from terrazzo.maps.jobs.job import RasterJob, plan_map
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.jobs.resolution import other_resolution, working_grid
from terrazzo.maps.pieces import working_grid as working_grids
from terrazzo.maps.pieces.resampling import MOST_WEIGHT, ScaledAxis
from terrazzo.maps.pieces.sums import CLASSES, CONFIDENCE, PROBABILITIES
from terrazzo.maps.pieces.working_grid import WorkingGrid, WorkingPixels
from terrazzo.model.opening import ModelFile
from terrazzo.pixels.geodesy import pixel_sides
from terrazzo.pixels.rasters.raster import read_raster
from terrazzo.pixels.rasters.reading import open_pixels
from tests.worlds.mapping import TILING, Convolving, blend_in_one_go, contents, holey, map_here, model_file, read_map
from tests.worlds.models import write_model
from tests.worlds.rasters import GRID, noise, write_raster

LAYERS = (CLASSES, CONFIDENCE, PROBABILITIES)
SIZES = [(107, 31), (31, 107), (64, 16), (50, 50), (1, 7), (9, 1), (97, 96), (100_003, 13)]


@dataclass(frozen=True)
class InMemory:
    """An array as a source; it remembers how much was read at a time."""

    pixels: NDArray[Any]
    valid: NDArray[np.bool_]
    reads: list[int] = field(default_factory=list)

    def read(self, row: int, col: int, height: int, width: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        assert min(row, col) >= 0
        assert row + height <= self.valid.shape[0]
        assert col + width <= self.valid.shape[1]
        self.reads.append(height * width)
        place = slice(row, row + height), slice(col, col + width)
        return self.pixels[place], self.valid[place]


def scene(height: int, width: int, seed: int = 0) -> InMemory:
    """Noise of which a third is invalid."""
    return InMemory(noise(height, width, 3, seed=seed), noise(height, width, seed=seed + 1) > 85)


def deep_scene(height: int, width: int) -> InMemory:
    """Heights of which a third is invalid, and some are missing in one band."""
    pixels = np.random.default_rng(height).normal(800, 30, (height, width, 3)).astype(np.float32)
    pixels[noise(height, width, 3, seed=2) < 30] = np.nan
    valid = (noise(height, width, seed=1) > 85) & ~np.isnan(pixels).all(axis=2)
    pixels[~valid] = np.nan
    return InMemory(pixels, valid)


# --- one axis


@pytest.mark.parametrize("kernel", ["area", "triangle"])
@pytest.mark.parametrize(("length", "seen"), SIZES)
def test_a_run_of_pixels_is_made_and_written_back_as_part_of_the_whole(length: int, seen: int, kernel: Any) -> None:
    axis = ScaledAxis(length, seen, kernel)
    every, at = axis.taps(0, seen), axis.at(0, length)
    for start in range(0, seen, 5):
        stop = min(start + 3, seen)
        taps = axis.taps(start, stop)
        np.testing.assert_array_equal(taps.first, every.first[start:stop])
        width = taps.weights.shape[1]
        np.testing.assert_array_equal(taps.weights, every.weights[start:stop, :width])
        assert not every.weights[start:stop, width:].any()
        first, end = axis.sources(start, stop)
        assert first == taps.first[0]
        assert end == min(length, (taps.first + (taps.weights > 0).sum(axis=1)).max())
        first, end = axis.covered(start, stop)
        np.testing.assert_array_equal(np.flatnonzero((at >= start) & (at < stop)), np.arange(first, end))
    weight_where_written = [
        every.weights[pixel, source - every.first[pixel]] for source, pixel in enumerate(at.tolist())
    ]
    assert min(weight_where_written) > 0, "the pixel that a place is written back from has seen that place"


@pytest.mark.parametrize(("length", "seen"), SIZES[:-1])
def test_area_weights_are_the_shares_of_the_pixels_below(length: int, seen: int) -> None:
    taps = ScaledAxis(length, seen).taps(0, seen)
    for pixel in range(seen):
        top, bottom = Fraction(pixel * length, seen), Fraction((pixel + 1) * length, seen)
        shares = [max(Fraction(0), min(bottom, source + 1) - max(top, source)) for source in range(length)]
        weights = [0] * length
        for k, weight in enumerate(taps.weights[pixel].tolist()):
            if weight:
                weights[taps.first[pixel] + k] = weight
        assert [Fraction(weight, sum(weights)) for weight in weights] == [share / sum(shares) for share in shares]


def test_weights_worked_by_hand() -> None:
    """Five pixels as two: each 2.5 wide. Two as three by a tent: the middle one is half of each, the others one."""
    np.testing.assert_array_equal(ScaledAxis(5, 2).taps(0, 2).weights, [[2, 2, 1], [1, 2, 2]])
    taps = ScaledAxis(2, 3, "triangle").taps(0, 3)
    np.testing.assert_array_equal(taps.first, [0, 0, 1])
    np.testing.assert_array_equal(taps.weights, [[5, 0], [3, 3], [5, 0]])
    assert ScaledAxis(7_000_003, 5).taps(2, 3).weights.sum() < 1.5 * MOST_WEIGHT


@pytest.mark.parametrize(("length", "seen"), SIZES)
def test_a_tent_is_what_pillow_makes_patches_with(length: int, seen: int) -> None:
    pixels = noise(length, 4, 3, seed=length)
    grid = WorkingGrid(ScaledAxis(length, seen, "triangle"), ScaledAxis(4, 4, "triangle"))
    found, _ = WorkingPixels(InMemory(pixels, np.ones((length, 4), bool)), grid).read(0, 0, seen, 4)
    expected = np.asarray(Image.fromarray(pixels).resize((4, seen), Image.Resampling.BILINEAR))
    assert abs(found.astype(int) - expected).max() <= 1


# --- the grid


def test_means_over_valid_pixels_worked_by_hand() -> None:
    pixels = np.array([[10, 20, 90, 1], [30, 41, 7, 7], [5, 5, 5, 6], [5, 5, 6, 6]], np.uint8)[..., None]
    valid = np.array([[1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 1, 1], [0, 0, 1, 1]], bool)
    grid = WorkingGrid(ScaledAxis(4, 2), ScaledAxis(4, 2))
    means, any_valid = WorkingPixels(InMemory(pixels, valid), grid).read(0, 0, 2, 2)
    np.testing.assert_array_equal(means[..., 0], [[25, 7], [0, 6]])  # 25.25; one pixel; none; 5.75
    np.testing.assert_array_equal(any_valid, [[True, True], [False, True]])


def test_means_of_floats_are_of_the_values_that_are_there() -> None:
    """Not rounded; a band that is missing in a pixel does not count, nor does an invalid pixel."""
    nan = np.nan
    height = np.array([[1.5, nan, nan, 8], [2.5, 5, nan, nan]], np.float32)
    light = np.array([[100, 200, nan, 9], [300, nan, 4, 9]], np.float32)
    valid = np.array([[1, 1, 0, 1], [1, 1, 1, 0]], bool)
    grid = WorkingGrid(ScaledAxis(2, 1), ScaledAxis(4, 2))
    means, any_valid = WorkingPixels(InMemory(np.dstack((height, light)), valid), grid).read(0, 0, 1, 2)
    assert means.dtype == np.float32
    np.testing.assert_array_equal(means[0], [[3, 200], [8, 6.5]])  # 9 / 3, 600 / 3; one pixel, (9 + 4) / 2
    assert any_valid.all()
    none, _ = WorkingPixels(InMemory(np.dstack((height, light)), np.zeros_like(valid)), grid).read(0, 0, 1, 2)
    assert np.isnan(none).all()


@pytest.mark.parametrize("make", [scene, deep_scene])
@pytest.mark.parametrize(("height", "width"), [(107, 151), (64, 40), (13, 200)])
@pytest.mark.parametrize("factors", [(0.37, 0.21), (0.25, 0.25), (2.3, 1.7), (0.6, 1.9)])
def test_a_pixel_does_not_depend_on_the_part_in_which_it_is_read(
    height: int,
    width: int,
    factors: tuple[float, float],
    make: Callable[[int, int], InMemory],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = max(1, int(height * factors[0])), max(1, int(width * factors[1]))
    source = make(height, width)
    for kernel in ("area", "triangle"):
        grid = WorkingGrid(ScaledAxis(height, seen[0], kernel), ScaledAxis(width, seen[1], kernel))  # type: ignore[arg-type]
        whole, valid = WorkingPixels(source, grid).read(0, 0, *seen)
        rng = np.random.default_rng(height)
        for budget in (1 << 20, 500, 1):
            monkeypatch.setattr(working_grids, "SOURCE_PIXELS", budget)
            row, col = (int(rng.integers(0, n)) for n in seen)
            size = [int(rng.integers(1, min(n - at, 40) + 1)) for n, at in zip(seen, (row, col), strict=True)]
            pixels, shown = WorkingPixels(source, grid).read(row, col, *size)
            np.testing.assert_array_equal(pixels, whole[row : row + size[0], col : col + size[1]])
            np.testing.assert_array_equal(shown, valid[row : row + size[0], col : col + size[1]])
        monkeypatch.setattr(working_grids, "SOURCE_PIXELS", 1 << 20)
        at = grid.rows.at(0, height)[:, None], grid.cols.at(0, width)
        assert valid[at][source.valid].all(), "every valid pixel is written back from a valid one"


def test_a_large_raster_is_read_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_grids, "SOURCE_PIXELS", 20_000)
    source = scene(1500, 1900)
    WorkingGrid(ScaledAxis(1500, 32, "triangle"), ScaledAxis(1900, 32, "triangle")).source(source).read(0, 0, 32, 32)
    assert len(source.reads) > 100
    assert max(source.reads) < 5 * 20_000, "a tent is twice as wide and high as the pixels that it makes"


# --- maps


def model_of(tmp_path: Path, gsd_m: float | None = None, **tiling: Any) -> ModelFile:
    """A model that looks at images as the tiling says."""
    found = model_file(tmp_path, replace(TILING, **tiling))
    header = replace(found.header, gsd_m=gsd_m, downsample=found.tiling.downsample)
    return replace(found, header=replace(header, fit="resize" if found.tiling.whole else "crop"))


KINDS = {
    "trained on a quarter": ({"downsample": 4.0}, None, False),
    "trained on 1 / 2.6": ({"downsample": 2.6}, None, False),
    "trained on whole images": ({"whole": True, "overlap": 0}, None, False),
    "finer than the model": ({}, 1.3, True),
    "coarser than the model": ({}, 0.31, True),
    "reduced in training as well": ({"downsample": 2.0}, 0.4, True),
}


def seen_by(job: RasterJob) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    with open_pixels(job.raster, job.choice) as source:
        return job.grid.source(source).read(0, 0, *job.grid.seen)


@pytest.mark.parametrize("kind", KINDS)
def test_the_map_is_that_of_the_working_grid_however_it_is_cut(tmp_path: Path, kind: str) -> None:
    tiling, gsd_m, resample = KINDS[kind]
    bands = noise(3, 107, 151)
    raster = write_raster(tmp_path / "a.tif", bands)
    model = model_of(tmp_path, gsd_m, **tiling)
    found = []
    for run in ((1, 1), (9, 9)):
        options = MapOptions(confidence=True, probabilities=True, run=run, resample=resample)
        job = plan_map(raster, tmp_path / str(run), model, options)
        steps: list[int] = []
        map_here(job, Convolving(model.header), False, steps.append)
        assert sum(steps) == 107 * 151
        found.append(contents(job.folder))
    assert found[0] == found[1]
    pixels, valid = seen_by(job)
    assert valid.all()
    working = blend_in_one_go(pixels, Convolving(model.header), replace(job.model.tiling, whole=False, downsample=1.0))
    assert working.shape == job.grid.seen != (107, 151)
    rows, cols = ((2 * np.arange(n) + 1) * m // (2 * n) for n, m in zip((107, 151), job.grid.seen, strict=True))
    np.testing.assert_array_equal(read_map(job.folder / "classes.tif")[0], working[rows[:, None], cols])
    shares = read_map(job.folder / "probabilities.tif")
    np.testing.assert_array_equal(read_map(job.folder / "confidence.tif")[0], shares.max(axis=0))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_valid_is_the_input_s_own(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_grids, "PART_ROWS", 7)
    monkeypatch.setattr(working_grids, "PART_COLS", 11)
    tiling, gsd_m, resample = KINDS[kind]
    raster = holey(tmp_path / "a.tif", 107, 151)
    model = model_of(tmp_path, gsd_m, **tiling)
    job = plan_map(raster, tmp_path / "map", model, MapOptions(confidence=True, probabilities=True, resample=resample))
    map_here(job, Convolving(model.header))
    with open_pixels(job.raster, job.choice) as source:
        invalid = ~source.valid(0, 0, 107, 151)
    assert 0.2 < invalid.mean() < 0.5
    for layer in LAYERS:
        for band in read_map(tmp_path / "map" / f"{layer}.tif"):
            np.testing.assert_array_equal(band == 255, invalid)


def test_a_lone_valid_pixel_gets_a_class(tmp_path: Path) -> None:
    bands = np.zeros((3, 90, 70), np.uint8)
    bands[:, 51, 33] = 200
    raster = write_raster(tmp_path / "a.tif", bands, nodata=0)
    model = model_of(tmp_path, downsample=8.7)
    record = map_here(
        plan_map(raster, tmp_path / "map", model, MapOptions()), Convolving(model.header), False, lambda pixels: None
    )
    assert record["windows_computed"] == 1
    ((row, col),) = np.argwhere(read_map(tmp_path / "map" / "classes.tif")[0] != 255)
    assert (row, col) == (51, 33)


# --- resolutions


def test_sides_of_pixels_worked_by_hand() -> None:
    """UTM on its central meridian is 0.9996 to 1; Web Mercator at 60 degrees about 2 to 1; a degree has 111 km."""
    assert pixel_sides(GRID, "EPSG:32618", 10, 10) == pytest.approx((0.5 / 0.9996,) * 2, rel=1e-6)
    north = Affine(1, 0, 0, 0, -1, 8_399_737)
    down, right = pixel_sides(north, "EPSG:3857", 4, 4) or (0, 0)
    assert down == pytest.approx(0.5, rel=5e-3)
    assert right == pytest.approx(0.5, rel=5e-3)
    down, right = pixel_sides(Affine(1e-5, 0, 8, 0, -1e-5, 60), "EPSG:4326", 4, 4) or (0, 0)
    assert down == pytest.approx(1.1141, rel=1e-3)
    assert right == pytest.approx(0.5580, rel=1e-3)
    assert pixel_sides(GRID, None, 10, 10) is None


def test_each_side_of_a_pixel_is_brought_to_the_training_s(tmp_path: Path) -> None:
    """1e-5 degrees at 60 degrees north are 1.114 m by 0.558 m: at 1 m a pixel 100 x 100 become 111 x 56."""
    raster = read_raster(
        write_raster(
            tmp_path / "a.tif", noise(3, 100, 100), crs="EPSG:4326", transform=Affine(1e-5, 0, 8, 0, -1e-5, 60)
        )
    )
    grid = working_grid(raster, model_of(tmp_path, 1.0), True, 10**6)
    assert grid.seen == (111, 56)
    assert (grid.rows.kernel, grid.cols.kernel) == ("triangle", "area")
    assert working_grid(raster, model_of(tmp_path, 1.0), False, 10**6).is_input


@pytest.mark.parametrize(
    ("gsd_m", "words"),
    [
        (0.6, None),
        (0.41, None),
        (None, None),
        (0.63, "a.tif: has 0.5 m a pixel, the model was trained at 0.63 m; read it at that resolution with --resample"),
        (0.1, "a.tif: has 0.5 m a pixel, the model was trained at 0.1 m"),
    ],
)
def test_another_resolution_is_told_with_both_values(tmp_path: Path, gsd_m: float | None, words: str | None) -> None:
    raster = read_raster(write_raster(tmp_path / "a.tif", noise(3, 20, 30)))
    found = other_resolution(raster, model_of(tmp_path, gsd_m).header)
    assert (found is None) == (words is None)
    assert words is None or words in str(found)


@pytest.mark.parametrize(
    ("model", "crs", "words"),
    [
        ({}, "EPSG:32618", "--resample: .*does not know the ground sampling distance of its training"),
        ({"whole": True, "gsd_m": 1.0}, "EPSG:32618", "--resample: .*sees whole images"),
        ({"gsd_m": 1.0}, None, r"a\.tif: --resample: its ground sampling distance is not known"),
        ({"gsd_m": 1e-3}, "EPSG:32618", r"a\.tif: --resample makes 10004 x 15006 pixels of 20 x 30, more than 1000000"),
    ],
)
def test_resampling_that_cannot_be_is_refused(tmp_path: Path, model: dict[str, Any], crs: Any, words: str) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 20, 30), crs=crs)
    options = MapOptions(resample=True, max_pixels=10**6)
    with pytest.raises(InputError, match=words):
        plan_map(raster, tmp_path / "map", model_of(tmp_path, **model), options)


def test_resampling_changes_the_key_only_where_it_is_asked_for(tmp_path: Path) -> None:
    raster = write_raster(tmp_path / "a.tif", noise(3, 20, 30))
    model = model_of(tmp_path, 1.0)
    plain = plan_map(raster, tmp_path / "map", model, MapOptions())
    asked = plan_map(raster, tmp_path / "map", model, MapOptions(resample=True))
    assert "resample" not in plain.made_of
    assert asked.made_of["resample"] == [10, 15]
    assert plain.key != asked.key


def test_predict_says_the_warning_once_and_the_remedy_works(tmp_path: Path) -> None:
    from terrazzo.model import bundle

    path = write_model(tmp_path / "model.safetensors")
    loaded = terrazzo.load(path)
    bundle.save(path, replace(loaded.header, gsd_m=1.0), loaded.network.state_dict())
    for name in ("a", "b"):
        write_raster(tmp_path / f"{name}.tif", noise(3, 45, 70))
    inputs = [tmp_path / "a.tif", tmp_path / "b.tif"]
    said: list[str] = []
    options = {"device": "cpu", "precision": "32", "say": said.append}
    terrazzo.predict(path, inputs, out=tmp_path / "plain", **options)
    assert [line for line in said if "--resample" in line] == [
        f"{inputs[0]}: has 0.5 m a pixel, the model was trained at 1 m; "
        "read it at that resolution with --resample (and 1 more raster)"
    ]
    said.clear()
    terrazzo.predict(path, inputs, out=tmp_path / "seen", resample=True, **options)
    assert not said
    assert json.loads((tmp_path / "seen" / "a" / "run.json").read_text())["made_of"]["resample"] == [23, 35]
    grid = WorkingGrid(ScaledAxis(45, 23), ScaledAxis(70, 35))
    bands = noise(3, 45, 70).transpose(1, 2, 0)
    means, _ = grid.source(InMemory(bands, np.ones((45, 70), bool))).read(0, 0, 23, 35)
    expected = means.argmax(axis=2)[grid.rows.at(0, 45)[:, None], grid.cols.at(0, 70)]
    np.testing.assert_array_equal(read_map(tmp_path / "seen" / "a" / "classes.tif")[0], expected)
