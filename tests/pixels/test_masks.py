"""Mask files become ids: colours through the schema, ids as they are, and nothing in between."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from terrazzo.classes.palettes import DUBAI
from terrazzo.classes.schema import IGNORE, ClassSchema, pack_colors
from terrazzo.errors import ImageError, LabelError
from terrazzo.pixels.masks import NEAREST_DISTANCE, Mask, ids_of, read_mask, too_strange, translate
from tests.worlds.handmade import BLACK, MAGENTA, bands_of_classes, color_mask, encoded, exif, tiff

IDS = bands_of_classes(5, 13)


def palette_png(ids: np.ndarray, order: list[int]) -> bytes:
    """The Dubai classes of `ids` as a palette PNG whose palette lists the classes in the given order."""
    indices = np.argsort(order).astype(np.uint8)[ids]
    image = Image.fromarray(indices, "L")
    image.putpalette([value for i in order for value in DUBAI.colors[i]])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    assert Image.open(io.BytesIO(stream.getvalue())).mode == "P"
    return stream.getvalue()


def read_ids(raw: bytes, schema: ClassSchema = DUBAI, unknown: str = "error") -> np.ndarray:
    return ids_of(read_mask(raw, "m.png"), schema, unknown)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 4, 2]])
def test_palette_masks_are_read_by_color_whatever_the_order_of_their_palette(order: list[int]) -> None:
    assert np.array_equal(read_ids(palette_png(IDS, order)), IDS)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("BMP", {}), ("WEBP", {"lossless": True})])
def test_color_masks_of_every_lossless_kind(kind: str, options: dict[str, object]) -> None:
    assert np.array_equal(read_ids(encoded(color_mask(5, 13), kind, **options)), IDS)


def test_alpha_is_dropped() -> None:
    rgba = np.dstack([color_mask(5, 13), np.arange(65, dtype=np.uint8).reshape(5, 13)])
    assert np.array_equal(read_ids(encoded(rgba)), IDS)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_id_masks_keep_their_values_and_255_is_ignore(dtype: type) -> None:
    ids = IDS.copy()
    ids[2, 3:5] = IGNORE
    raw = encoded(ids.astype(dtype), "TIFF" if dtype == np.int32 else "PNG")
    mask = read_mask(raw, "m")
    assert not mask.is_color
    assert np.array_equal(ids_of(mask, DUBAI), ids)


def test_a_one_bit_mask_holds_ids_zero_and_one() -> None:
    bits = np.array([[True, False, False], [False, True, True]])
    assert read_ids(encoded(bits)).tolist() == [[1, 0, 0], [0, 1, 1]]


@pytest.mark.parametrize("raw", [palette_png(IDS, [2, 1, 0, 3, 4, 5]), encoded(color_mask(5, 13)), encoded(IDS)])
def test_orientation_turns_masks_as_it_turns_photos(raw: bytes) -> None:
    stream = io.BytesIO()
    Image.open(io.BytesIO(raw)).save(stream, "PNG", exif=exif(6))
    assert np.array_equal(read_ids(stream.getvalue()), np.rot90(IDS, -1))


def test_void_is_ignored_and_unknown_is_refused_with_its_place() -> None:
    colors = color_mask(5, 13)
    colors[1, 2] = BLACK
    assert read_ids(encoded(colors))[1, 2] == IGNORE
    colors[3, 11] = MAGENTA
    with pytest.raises(LabelError, match=r"m\.png: colour #FF00FF at row 3, col 11 is in no class"):
        read_ids(encoded(colors))
    ids = read_ids(encoded(colors), unknown="ignore")
    assert np.argwhere(ids == IGNORE).tolist() == [[1, 2], [3, 11]]


def test_unknown_palette_entries_count_only_where_they_are_used() -> None:
    image = Image.fromarray(IDS, "L")
    image.putpalette([value for color in (*DUBAI.colors, MAGENTA) for value in color])
    used = image.copy()
    used.putpixel((12, 4), 6)
    for picture, refused in ((image, False), (used, True)):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        if not refused:
            assert np.array_equal(read_ids(stream.getvalue()), IDS)
            continue
        with pytest.raises(LabelError, match="#FF00FF at row 4, col 12"):
            read_ids(stream.getvalue())
        assert read_ids(stream.getvalue(), unknown="ignore")[4, 12] == IGNORE


@pytest.mark.parametrize("value", [6, 254, 1000])
def test_an_id_out_of_range_is_refused_not_clamped(value: int) -> None:
    ids = IDS.astype(np.uint16)
    ids[4, 7] = value
    with pytest.raises(LabelError, match=f"id {value} at row 4, col 7 is out of range"):
        read_ids(encoded(ids), unknown="ignore")


def test_label_ids_translate_the_values_of_a_source() -> None:
    mask = read_mask(encoded(np.array([[0, 1, 2, 3], [3, 2, 255, 0]], np.uint8)), "m")
    three = ClassSchema(DUBAI.names[:3], DUBAI.colors[:3])
    assert ids_of(mask, three, "error", (IGNORE, 0, 1, 2)).tolist() == [[255, 0, 1, 2], [2, 1, 255, 255]]


def test_nearest_takes_close_colors_and_refuses_far_areas() -> None:
    colors = color_mask(50, 60)
    colors[10, 5] = (67, 13, 156)  # Building is (60, 16, 152)
    assert np.array_equal(read_ids(encoded(colors), unknown="nearest"), bands_of_classes(50, 60))
    colors[20:30, 20:30] = (0, 255, 0)
    with pytest.raises(LabelError, match="#00FF00 at row 20, col 20 is in no class"):
        read_ids(encoded(colors), unknown="nearest")


def test_the_stated_distance_is_the_limit() -> None:
    schema = ClassSchema(("a", "b"), ((0, 0, 0), (255, 255, 255)))
    reach = int(NEAREST_DISTANCE)
    meaning = translate(
        pack_colors(np.array([[reach, 0, 0], [reach + 1, 0, 0]], np.uint8)).astype(int), schema, "nearest"
    )
    assert meaning.ids.tolist() == [0, IGNORE]
    assert meaning.mapped.tolist() == [True, False]
    assert meaning.unknown.tolist() == [False, True]


def test_what_nearest_lets_pass_beyond_its_distance() -> None:
    assert not too_strange("nearest", n_unknown=20, n_mapped=500, n_pixels=1000)  # edges of a noisy mask
    assert too_strange("nearest", n_unknown=21, n_mapped=500, n_pixels=1000)  # more than 2 %
    assert too_strange("nearest", n_unknown=2, n_mapped=1, n_pixels=1000)  # a clean mask: these are no mixtures
    assert too_strange("error", 1, 0, 1000)
    assert not too_strange("ignore", 1000, 0, 1000)


@pytest.mark.parametrize("quality", [75, 95])
def test_jpeg_masks_are_read_through_nearest_up_to_their_edges(quality: int) -> None:
    truth = bands_of_classes(120, 300)
    ids = read_ids(encoded(color_mask(120, 300), "JPEG", quality=quality), unknown="nearest")
    near_an_edge = np.zeros(truth.shape, bool)
    near_an_edge[:, np.flatnonzero(np.diff(truth[0]))[:, None] + np.arange(-9, 10)] = True
    assert np.array_equal(ids[~near_an_edge], truth[~near_an_edge])
    assert (ids == truth).mean() > 0.97


def test_a_tally_counts_runs_across_rows_and_gives_the_first_place() -> None:
    tally = Mask("m", np.array([[7, 7, 2], [2, 7, 0]], np.uint8)).value_counts()
    assert tally.values.tolist() == [0, 2, 7]
    assert tally.counts.tolist() == [1, 2, 3]
    assert tally.first.tolist() == [5, 2, 0]


@pytest.mark.parametrize("raw", [encoded(color_mask(5, 13)), palette_png(IDS, [3, 1, 2, 0, 5, 4])])
def test_a_tally_of_colors_is_the_same_for_rgb_and_palette(raw: bytes) -> None:
    tally = read_mask(raw, "m").value_counts()
    packed = pack_colors(np.array(DUBAI.colors, np.uint8)).tolist()
    expected = dict(zip(packed, np.bincount(IDS.ravel()).tolist(), strict=True))
    assert dict(zip(tally.values.tolist(), tally.counts.tolist(), strict=True)) == expected


def test_palette_entries_of_one_color_are_tallied_together() -> None:
    palette = np.zeros((256, 3), np.uint8)
    palette[:3] = [(1, 2, 3), (9, 9, 9), (1, 2, 3)]
    tally = Mask("m", np.array([[0, 1, 2], [2, 2, 1]], np.uint8), palette).value_counts()
    assert tally.values.tolist() == [0x010203, 0x090909]
    assert tally.counts.tolist() == [4, 2]


def grey_png(bits: int) -> bytes:
    raw = bytearray(encoded(np.zeros((4, 8), np.uint8)))
    raw[24] = bits
    raw[29:33] = struct.pack(">I", zlib.crc32(bytes(raw[12:29])))
    return bytes(raw)


REFUSED = {
    "2-bit grey": (grey_png(2), "a 2-bit grey mask: its values may be ids or scaled greys; save it with 8 bits"),
    "4-bit grey": (grey_png(4), "a 4-bit grey mask"),
    "float": (encoded(np.zeros((4, 6), np.float32), "TIFF"), "a floating-point mask; expected colours or whole-number"),
    "16-bit colours": (tiff(np.zeros((4, 6, 3), np.uint16)), "a mask of 16-bit colours"),
    "six bands": (tiff(np.zeros((4, 6, 6), np.uint8), extra=(0, 0, 0)), "a mask of 6 bands; expected one band of ids"),
    "empty": (b"", "is empty"),
    "cut": (encoded(color_mask(40, 60))[:90], "truncated or damaged"),
}


@pytest.mark.parametrize(("raw", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_masks_of_other_kinds_are_refused(raw: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        read_mask(raw, "a/m.png")
    assert str(caught.value).startswith("a/m.png: ")
