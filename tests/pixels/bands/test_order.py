"""The bands of a raster meet those of the training by what they show."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from terrazzo.errors import InputError
from terrazzo.pixels.bands.choice import choose
from terrazzo.pixels.bands.order import order_note
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.pixels.rasters.raster import Raster, read_raster
from tests.worlds.rasters import noise, write_raster

RGBN = BandReading(("red", "green", "blue", "nir"))


def named(path: Path, names: tuple[str, ...], colors: tuple[str, ...] = ()) -> Raster:
    write_raster(path, noise(len(names), 4, 5).astype(np.uint8), photometric="minisblack")
    with rasterio.open(path, "r+") as dataset:
        if colors:
            dataset.colorinterp = [ColorInterp[color] for color in colors]
        for band, name in enumerate(names, start=1):
            if name:
                dataset.set_band_description(band, name)
    return read_raster(path)


@pytest.mark.parametrize(
    ("names", "trained", "bands"),
    [
        (("B02", "B03", "B04"), None, (3, 2, 1)),
        (("B04", "B03", "B02"), None, (1, 2, 3)),
        (("SR_B2", "SR_B3", "SR_B4"), None, (3, 2, 1)),
        (("", "", ""), None, (1, 2, 3)),
        (("Band 1", "Band 2", "Band 3"), None, (1, 2, 3)),
        (("B02", "B03", "B04", "B08"), RGBN, (3, 2, 1, 4)),
        (("B08", "B02", "B03", "B04"), RGBN, (4, 3, 2, 1)),
        (("Band 1", "Band 2", "Band 3", "Band 4"), RGBN, (1, 2, 3, 4)),
        (("B04", "B08"), BandReading(("nir", "red")), (2, 1)),
        (("first", "second", "third"), None, (1, 2, 3)),
        (("a", "b", "c"), None, (1, 2, 3)),
        (("b", "g", "r"), None, (3, 2, 1)),
    ],
)
def test_bands_go_where_their_names_say(
    tmp_path: Path, names: tuple[str, ...], trained: BandReading | None, bands: tuple[int, ...]
) -> None:
    raster = named(tmp_path / "a.tif", names)
    assert choose(raster, len(names), trained=trained).bands == bands
    note = order_note(raster, bands, trained)
    assert (note is None) == (bands == tuple(range(1, len(names) + 1)))
    assert choose(raster, len(names), bands=range(1, len(names) + 1), trained=trained).bands[0] == 1


def test_colours_count_where_names_say_nothing(tmp_path: Path) -> None:
    raster = named(tmp_path / "a.tif", ("first", "second", "third"), ("blue", "green", "red"))
    assert choose(raster, 3).bands == (3, 2, 1)
    assert order_note(raster, (3, 2, 1)) == (
        f"{raster.path}: bands 3,2,1 (third, second, first) are read as red, green, blue, by what they show; "
        "--bands gives another order"
    )


@pytest.mark.parametrize(
    ("names", "trained", "words"),
    [
        (("nir", "red", "green"), None, "has the bands nir, red, green, the model was trained on red, green, blue"),
        (("VV", "VH", "dsm"), None, "with --bands 1,2,3"),
        (("red", "green", "blue", "dsm"), RGBN, "with --bands 1,2,3,4"),
        (("B05", "B06", "B07"), None, "with --bands 1,2,3"),
    ],
)
def test_bands_that_show_something_else_are_refused(
    tmp_path: Path, names: tuple[str, ...], trained: BandReading | None, words: str
) -> None:
    raster = named(tmp_path / "a.tif", names)
    with pytest.raises(InputError, match=words):
        choose(raster, len(names), trained=trained)
    assert choose(raster, len(names), bands=names, trained=trained).bands == tuple(range(1, len(names) + 1))
