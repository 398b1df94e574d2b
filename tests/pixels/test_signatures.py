"""What the first bytes of an image file say: laws of reading TIFF tags, BigTIFFs and damaged files among them."""

import struct
from pathlib import Path

import numpy as np
import pytest

from terrazzo.errors import ImageError
from terrazzo.pixels.masks import read_mask
from terrazzo.pixels.photos import read_photo
from terrazzo.pixels.signatures import png_kind, tiff_tags
from tests.worlds.handmade import encoded, photo, tiff
from tests.worlds.rasters import noise, write_raster

BITS, BANDS, SAMPLE_FORMAT = 258, 277, 339


@pytest.mark.parametrize("big", ["NO", "YES"])
@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
def test_tags_are_read_in_both_byte_orders_and_of_bigtiffs(tmp_path: Path, order: str, big: str) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((3, 5, 7), np.float32), ENDIANNESS=order, BIGTIFF=big)
    raw = path.read_bytes()
    assert raw[:4] == {"LITTLENO": b"II*\0", "LITTLEYES": b"II+\0", "BIGNO": b"MM\0*", "BIGYES": b"MM\0+"}[order + big]
    tags = tiff_tags(raw, "a.tif")
    assert tags is not None
    assert (tags[BITS], tags[BANDS], tags[SAMPLE_FORMAT]) == ((32,) * 3, (3,), (3,) * 3)


def test_a_bigtiff_is_a_photo(tmp_path: Path) -> None:
    bands = noise(3, 5, 7)
    path = write_raster(tmp_path / "a.tif", bands, BIGTIFF="YES", INTERLEAVE="PIXEL", PHOTOMETRIC="RGB")
    np.testing.assert_array_equal(read_photo(path.read_bytes(), "a.tif"), np.moveaxis(bands, 0, 2))


def test_a_float_mask_that_is_cut_before_its_sample_format_does_not_pass_for_ids() -> None:
    """The directory stands at the end of the file, as libtiff writes it."""
    raw = tiff(np.ones((5, 7, 1), np.float32), photometric=1, sample_format=3)
    (start,) = struct.unpack_from("<I", raw, 4)
    (n_tags,) = struct.unpack_from("<H", raw, start)
    directory = raw[start : start + 2 + 12 * n_tags + 4]
    at_the_end = raw[:4] + struct.pack("<I", len(raw)) + raw[8:] + directory
    with pytest.raises(ImageError, match=r"a\.tif: a floating-point mask"):
        read_mask(at_the_end, "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif: is truncated or damaged \(the TIFF header ends early\)"):
        read_mask(at_the_end[: len(raw) + 2 + 12 * (n_tags - 1)], "a.tif")


def test_other_formats_have_no_tags_and_no_kind() -> None:
    assert tiff_tags(encoded(photo(4, 6)), "a.png") is None
    assert png_kind(encoded(np.zeros((4, 6), np.uint8))) == (8, 0)
    assert png_kind(encoded(np.zeros((4, 6, 3), np.uint8))) == (8, 2)
    assert png_kind(tiff(np.zeros((4, 6, 1), np.uint8), photometric=1)) is None
