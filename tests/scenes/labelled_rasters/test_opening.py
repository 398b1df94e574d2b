"""Rasters of one data set are read with the same bands in the same order."""

from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.errors import InputError
from tests.worlds.deep import fields, name_bands, write_labels
from tests.worlds.rasters import write_raster


def two_rasters(folder: Path, names: tuple[str, ...], values: tuple[int, ...]) -> tuple[Path, Path]:
    """a.tif of red 10, green 20, blue 30, and b.tif of bands with these names and values, with their labels."""
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for name, bands, levels in (("a", ("red", "green", "blue"), (10, 20, 30)), ("b", names, values)):
        pixels = np.repeat(np.array(levels, np.uint8), 64 * 64).reshape(3, 64, 64)
        name_bands(write_raster(folder / "images" / f"{name}.tif", pixels), bands)
        write_labels(folder / "labels" / f"{name}.tif", fields(64, 64, seed=ord(name)))
    return folder / "images", folder / "labels"


def test_a_later_raster_is_read_in_the_order_of_the_first(tmp_path: Path) -> None:
    images, labels = two_rasters(tmp_path, ("B02", "B03", "B04"), (30, 20, 10))
    said: list[str] = []
    patches = terrazzo.prepare(
        images, labels, out=tmp_path / "p", patch_size=32, split="patch", say=said.append
    ).patches
    assert np.unique(patches.images.reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]
    assert f"{images / 'b.tif'}: bands 3,2,1 (B04, B03, B02) are read as red, green, blue" in " ".join(said)


def test_a_raster_of_other_bands_than_the_first_is_refused(tmp_path: Path) -> None:
    images, labels = two_rasters(tmp_path, ("nir", "red", "green"), (40, 10, 20))
    with pytest.raises(InputError, match=r"b.tif: has the bands nir, red, green, .*a.tif red, green, blue; choose"):
        terrazzo.prepare(images, labels, out=tmp_path / "p", patch_size=32, split="patch")
