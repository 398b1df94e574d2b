"""Photos of every kind become 8-bit RGB, the right way up, or are refused with a reason."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from terrazzo.errors import ImageError, InputError
from terrazzo.pixels import upright
from terrazzo.pixels.image_files import decode, read_size
from terrazzo.pixels.photos import open_photo, pixel_hash, read_photo
from tests.worlds.handmade import encoded, exif, photo, tiff

PHOTO = photo(5, 7)
LOSSLESS = [("PNG", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("BMP", {}), ("WEBP", {"lossless": True})]


@pytest.mark.parametrize(("kind", "options"), LOSSLESS)
def test_rgb_is_read_as_it_is(kind: str, options: dict[str, object]) -> None:
    assert np.array_equal(read_photo(encoded(PHOTO, kind, **options), "a"), PHOTO)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_turns_the_picture_as_a_viewer_shows_it(kind: str, orientation: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    raw = encoded(PHOTO, kind, exif=exif(orientation), **options)
    if kind == "TIFF":
        stream = io.BytesIO()
        Image.fromarray(PHOTO).save(stream, "TIFF", tiffinfo={0x0112: orientation})
        raw = stream.getvalue()
    upright = Image.fromarray(PHOTO)
    upright.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(upright))
    assert np.array_equal(read_photo(raw, "a"), expected)
    assert read_size(raw, "a") == expected.shape[:2]


def test_jpeg_orientation_six_is_a_quarter_turn_clockwise() -> None:
    grey = np.zeros((8, 16, 3), np.uint8)
    grey[:, 8:] = 200  # bright on the right, so after a clockwise turn bright at the bottom
    turned = read_photo(encoded(grey, "JPEG", exif=exif(6), quality=95), "a")
    assert turned.shape == (16, 8, 3)
    assert turned[:7].max() < 20
    assert turned[9:].min() > 180


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(raw: bytes, made: bytes, before: bytes) -> bytes:
    """A PNG with one chunk more, before the first of a kind."""
    at = raw.index(before) - 4
    return raw[:at] + made + raw[at:]


XMP = b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
SAYS_SIX = {"EXIF": chunk(b"eXIf", exif(6).removeprefix(b"Exif\0\0")), "XMP": chunk(b"iTXt", XMP)}


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("says", SAYS_SIX)
def test_the_size_of_a_turned_png_is_told_wherever_in_the_file_it_says_so(says: str, before: bytes) -> None:
    raw = with_chunk(encoded(PHOTO), SAYS_SIX[says], before)
    assert read_photo(raw, "a").shape == (7, 5, 3)
    assert read_size(raw, "a") == (7, 5)


def test_the_size_of_a_png_is_told_without_decoding_its_pixels() -> None:
    raw = with_chunk(encoded(PHOTO), SAYS_SIX["EXIF"], b"IEND")
    at = raw.index(b"IDAT")
    spoilt = raw[: at + 4] + b"\xff" * 8 + raw[at + 12 :]
    assert read_size(spoilt, "a") == (7, 5)
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_photo(spoilt, "a")


def photos_of_every_mode() -> dict[str, Image.Image]:
    rgb = Image.fromarray(photo(11, 17))
    palette = rgb.quantize(7)
    palette.info["transparency"] = bytes([0, 99])
    modes = {mode: rgb.convert(mode) for mode in ("1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr")}
    modes["RGBA"].putalpha(Image.fromarray(photo(11, 17, seed=1)[..., 0]))
    return modes | {"P": palette}


def turned_files() -> dict[str, bytes]:
    """A file of each mode and orientation that a file can have."""
    files = {}
    for mode, image in photos_of_every_mode().items():
        kind = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
        for orientation in range(1, 9):
            stream = io.BytesIO()
            image.save(stream, kind, exif=exif(orientation))
            files[f"{mode} {orientation}"] = stream.getvalue()
    return files


@pytest.mark.parametrize("rows", [1, 4, 100])
def test_large_pictures_pass_through_a_file_and_come_out_the_same(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    files = turned_files()
    expected = {name: read_photo(raw, name) for name, raw in files.items()}
    monkeypatch.setattr(upright, "_LARGE", 0)
    monkeypatch.setattr(upright, "_STRIP", rows * 17)
    for name, raw in files.items():
        opened = open_photo(raw, name)
        assert opened.mode == "RGB"
        assert np.array_equal(np.asarray(opened), expected[name]), name


def test_no_room_for_a_large_picture_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upright, "_LARGE", 0)
    monkeypatch.setattr(upright.tempfile, "TemporaryFile", full)
    with pytest.raises(InputError, match=r"no room for .* GB .*No space left on device.*; set TMPDIR"):
        open_photo(encoded(np.zeros((40, 50, 4), np.uint8)), "a")


PEAK = """
import io, re, sys
from pathlib import Path
from PIL import Image
from terrazzo.pixels.photos import open_photo

def peak():
    # Not ru_maxrss: that begins with the parent's, which is a large one.
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

mode, orientation = sys.argv[1], int(sys.argv[2])
tags = Image.Exif()
tags[0x0112] = orientation
tiny = io.BytesIO()
Image.new(mode, (8, 8)).save(tiny, "PNG", exif=tags)
open_photo(tiny.getvalue(), "tiny")
raw = open(0, "rb").read()
before = peak()
opened = open_photo(raw, "large")
assert opened.mode == "RGB"
print(peak() - before, opened.width * opened.height)
"""


@pytest.mark.parametrize(("mode", "orientation"), [("RGBA", 1), ("RGB", 6)])
def test_a_large_photo_of_any_kind_stands_in_memory_once(mode: str, orientation: int) -> None:
    if not Path("/proc/self/status").is_file():
        pytest.skip("peak memory is read from /proc")
    stream = io.BytesIO()
    image = Image.new(mode, (7_000, 5_000))
    image.save(stream, "PNG", exif=exif(orientation), compress_level=1)
    del image
    done = subprocess.run(
        [sys.executable, "-c", PEAK, mode, str(orientation)], input=stream.getvalue(), capture_output=True, check=True
    )
    kilobytes, pixels = map(int, done.stdout.split())
    assert pixels == 35_000_000
    # Pillow keeps RGB in 4 bytes a pixel: once is 140 MB, twice 280 MB.
    assert kilobytes * 1024 < 1.4 * 4 * pixels


def test_grey_is_repeated_and_alpha_dropped() -> None:
    grey = PHOTO[..., 0]
    assert np.array_equal(read_photo(encoded(grey), "a"), np.stack([grey] * 3, axis=-1))
    with_alpha = np.dstack([PHOTO, np.full((5, 7), 77, np.uint8)])
    assert np.array_equal(read_photo(encoded(with_alpha), "a"), PHOTO)
    assert np.array_equal(read_photo(tiff(with_alpha, extra=(2,)), "a"), PHOTO)
    one_bit = encoded(np.array([[True, False, True]]))
    assert read_photo(one_bit, "a")[0, :, 0].tolist() == [255, 0, 255]


def test_a_palette_is_looked_up_even_with_transparency() -> None:
    image = Image.fromarray(np.array([[0, 1, 2], [2, 1, 0]], np.uint8), "L").convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    stream = io.BytesIO()
    image.save(stream, "PNG", transparency=bytes([0, 128, 255]))
    assert read_photo(stream.getvalue(), "a")[0].tolist() == [[10, 20, 30], [40, 50, 60], [70, 80, 90]]


def test_cmyk_is_converted_adobe_inversion_included() -> None:
    # No ink is white, all of it black; Pillow writes Adobe's inverted CMYK.
    inks = np.zeros((8, 16, 4), np.uint8)
    inks[:, 8:] = 255
    stream = io.BytesIO()
    Image.frombytes("CMYK", (16, 8), inks.tobytes()).save(stream, "JPEG", quality=95)
    read = read_photo(stream.getvalue(), "a")
    assert read[:, :7].min() > 245
    assert read[:, 9:].max() < 10


REFUSED = {
    "16-bit PNG": (encoded(np.zeros((4, 6), np.uint16)), "is a 16-bit image; expected 8 bits a band; save it as 8-bit"),
    "16-bit RGB TIFF": (tiff(np.zeros((4, 6, 3), np.uint16)), "is a 16-bit image"),
    "float TIFF": (encoded(np.zeros((4, 6), np.float32), "TIFF"), "is a floating-point image"),
    "five bands": (tiff(np.zeros((4, 6, 5), np.uint8), extra=(0, 0)), "has 5 bands; expected red, green and blue"),
    "four bands, no alpha": (tiff(np.zeros((4, 6, 4), np.uint8), extra=(0,)), "has 4 bands"),
    "two bands": (tiff(np.zeros((4, 6, 2), np.uint8), photometric=1, extra=(0,)), "has 2 bands"),
    "empty": (b"", r"is empty \(0 bytes\)"),
    "text": (b"version https://git-lfs.github.com/spec/v1", "is not an image that can be read; expected JPEG, PNG"),
    "GIF": (encoded(PHOTO[..., 0], "GIF"), "is not an image that can be read"),
}


@pytest.mark.parametrize(("raw", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_other_kinds_are_refused_by_name(raw: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        read_photo(raw, "folder/x.png")
    assert str(caught.value).startswith("folder/x.png: ")
    assert "\n" not in str(caught.value)


def test_16_bit_rgb_png_is_refused_though_pillow_would_halve_it() -> None:
    raw = bytearray(encoded(np.zeros((4, 6, 3), np.uint8)))
    raw[24] = 16  # the bit depth in the header
    with pytest.raises(ImageError, match="is a 16-bit image"):
        read_photo(bytes(raw), "a")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_every_truncation_is_an_error_of_one_line(kind: str) -> None:
    raw = encoded(photo(37, 52), kind)
    # Formats end in a few bytes that carry no pixels (end markers and their checksums).
    for length in [*range(1, 60), len(raw) // 2, len(raw) - 40, len(raw) - 9]:
        with pytest.raises(ImageError, match=r"^a: ") as caught:
            read_photo(raw[:length], "a")
        assert "\n" not in str(caught.value)


def test_a_flipped_bit_in_a_png_is_noticed() -> None:
    raw = bytearray(encoded(photo(20, 30)))
    raw[-30] ^= 4
    with pytest.raises(ImageError, match="truncated or damaged"):
        read_photo(bytes(raw), "a")


def test_too_many_pixels_are_refused_from_the_header_alone() -> None:
    raw = bytearray(encoded(PHOTO, "BMP"))
    raw[18:26] = struct.pack("<ii", 30_000, 20_000)
    with pytest.raises(ImageError, match="has 600 megapixels; at most 400 are read"):
        read_photo(bytes(raw), "a")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_large_image_below_the_limit_gives_no_warning_and_changes_no_setting(kind: str) -> None:
    # Pillow by itself warns of decompression bombs above 89 megapixels; warnings are errors in these tests.
    before = Image.MAX_IMAGE_PIXELS
    assert decode(encoded(np.zeros((9_500, 9_500), np.bool_), kind), "a").size == (9_500, 9_500)
    assert before == Image.MAX_IMAGE_PIXELS == 89_478_485


def test_equal_pictures_have_equal_hashes_and_shape_counts() -> None:
    assert pixel_hash(PHOTO) == pixel_hash(PHOTO.copy())
    assert len(pixel_hash(PHOTO)) == 16
    changed = PHOTO.copy()
    changed[4, 6, 2] ^= 1
    assert pixel_hash(changed) != pixel_hash(PHOTO)
    assert pixel_hash(PHOTO.reshape(7, 5, 3)) != pixel_hash(PHOTO)
    assert pixel_hash(PHOTO[:, ::-1]) == pixel_hash(np.ascontiguousarray(PHOTO[:, ::-1]))
