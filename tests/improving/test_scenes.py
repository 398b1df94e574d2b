"""The scenes that a model is adapted to, and their windows in memory."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import InputError
from terrazzo.improving.layout import lay_out
from terrazzo.improving.scenes import Reading, Scene, find_scenes, open_scenes, sha256_of
from terrazzo.improving.windows import read_windows
from terrazzo.model.header import Header
from terrazzo.model.opening import ModelFile
from terrazzo.model.windows.tiling import plan
from terrazzo.system.reporting import silent
from tests.worlds.headers import HEADER
from tests.worlds.rasters import noise, write_raster

SMALL = replace(HEADER, patch_size=32)
OUT = Path("a.safetensors")


def opened(paths: list[Path], header: Header = SMALL, reading: Reading = Reading()) -> tuple[Scene, ...]:  # noqa: B008
    model = ModelFile(Path("model.safetensors"), "", header, plan(header), "cpu", "32")
    return open_scenes(find_scenes(paths, OUT), model, reading, lambda line: None)


def test_scenes_of_one_name_in_two_folders_are_both_read_and_one_named_twice_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_raster(tmp_path / name / "scene.tif", noise(3, 68, 32))
    both = [tmp_path / "a" / "scene.tif", tmp_path / "b" / "scene.tif"]
    assert [file.path for file in find_scenes([*both, both[0], tmp_path / "b"], OUT)] == both


def test_the_hash_of_a_scene_is_that_of_its_file_and_of_a_stack_that_of_its_hashes(tmp_path: Path) -> None:
    one = write_raster(tmp_path / "one.tif", noise(2, 68, 32))
    two = write_raster(tmp_path / "two.tif", noise(1, 68, 32, seed=1))
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, two)]
    assert sha256_of(one) == hashes[0]
    (stack,) = find_scenes([f"x={one},y={two}"], OUT)
    assert sha256_of(stack.path) == hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def test_windows_hold_the_pixels_of_their_places(tmp_path: Path) -> None:
    bands = noise(3, 168, 96)
    (scene,) = opened([write_raster(tmp_path / "scene.tif", bands)])
    layout = lay_out((168, 96), 32)
    assert scene.layout == layout
    assert layout is not None
    for windows, corners in zip(read_windows([scene], SMALL, silent), (layout.training, layout.guard), strict=True):
        assert windows.valid.all()
        for pixels, (row, col) in zip(windows.pixels, corners, strict=True):
            np.testing.assert_array_equal(pixels, bands[:, row : row + 32, col : col + 32])


def test_a_model_of_smaller_images_sees_a_smaller_scene(tmp_path: Path) -> None:
    """At half the size, 336 x 192 px are 168 x 96: of a raster and of a photo alike."""
    whole = np.repeat(np.repeat(noise(3, 168, 96), 2, axis=1), 2, axis=2)
    write_raster(tmp_path / "scene.tif", whole)
    Image.fromarray(whole.transpose(1, 2, 0)).save(tmp_path / "photo.png")
    header = replace(SMALL, downsample=2.0)
    scenes = opened([tmp_path / "scene.tif", tmp_path / "photo.png"], header)
    assert [scene.layout for scene in scenes] == [lay_out((168, 96), 32)] * 2
    raster, photo = (read_windows([scene], header, silent)[0].pixels for scene in scenes)
    np.testing.assert_array_equal(raster, photo)
    np.testing.assert_array_equal(raster[0], whole[:, :64:2, :64:2])


def test_a_scene_is_too_small_in_its_own_pixels(tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "scene.tif", noise(3, 134, 100))
    with pytest.raises(InputError, match=r"has 134 x 100 px, too few .* expected at least 136 x 64 px"):
        opened([scene], replace(SMALL, downsample=2.0))


def test_bands_and_nodata_are_read_as_asked(tmp_path: Path) -> None:
    bands = noise(4, 168, 96)
    bands[:, :, :48] = 9
    scene = write_raster(tmp_path / "scene.tif", bands)
    (found,) = opened([scene], reading=Reading(bands=("4", "2", "1"), nodata=9))
    training, _ = read_windows([found], SMALL, silent)
    shares = training.valid.mean(axis=(1, 2))
    assert len(training) == 8  # the first column of windows has no valid pixel, the second has half
    assert sorted(set(shares.round(2).tolist())) == [0.5, 1.0]
    right: NDArray[np.uint8] = training.pixels[shares == 1][0]
    np.testing.assert_array_equal(right, bands[[3, 1, 0], 0:32, 64:96])


def test_of_a_large_scene_the_same_windows_are_drawn_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from terrazzo.improving import windows

    monkeypatch.setattr(windows, "MOST_TRAINING", 10)
    monkeypatch.setattr(windows, "MOST_GUARD", 3)
    (scene,) = opened([write_raster(tmp_path / "scene.tif", noise(3, 336, 192))])
    training, guard = read_windows([scene], SMALL, silent)
    assert (len(training), len(guard)) == (10, 3)
    again = read_windows([scene], SMALL, silent)[0]
    np.testing.assert_array_equal(training.pixels, again.pixels)
