"""A media type and a content are one of six formats, and must agree."""

import io

import numpy as np
import pytest
from PIL import Image

from terrazzo.serving.uploads.errors import ContentError, MediaTypeError
from terrazzo.serving.uploads.sniffing import FORMATS, format_of_content, format_of_type, refuse_other_content

PIXELS = np.random.default_rng(0).integers(0, 255, (37, 51, 3), np.uint8)


def image(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("TIFF", "image/tiff"),
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("JPEG2000", "image/jp2"),
    ],
)
def test_the_first_bytes_of_a_written_file_tell_its_format(kind: str, media_type: str) -> None:
    found = format_of_content(image(kind)[:64])
    assert found is not None
    assert found.media_type == media_type


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_both_byte_orders_and_both_sizes_of_tiff_are_known(start: bytes) -> None:
    found = format_of_content(start)
    assert found is not None
    assert found.driver == "GTiff"


@pytest.mark.parametrize("start", [b"", b"BM", b"BM<html>" * 4, b"RIFF\0\0\0\0AVI ", b"GIF89a", b"%PDF-1.7", b"PK\3\4"])
def test_other_content_is_no_format(start: bytes) -> None:
    assert format_of_content(start) is None


def test_parameters_and_capitals_of_a_content_type_do_not_matter() -> None:
    assert format_of_type("Image/TIFF; application=geotiff; profile=cloud-optimized").suffix == ".tif"


@pytest.mark.parametrize("stated", [None, "", "image", "image/gif", "image/svg+xml", "multipart/form-data; boundary=x"])
def test_other_content_types_are_refused_with_those_that_are_taken(stated: str | None) -> None:
    with pytest.raises(MediaTypeError, match="expected image/tiff, image/jpeg, image/png"):
        format_of_type(stated)


def test_another_content_than_stated_is_refused_with_the_type_to_send() -> None:
    with pytest.raises(ContentError, match=r"^a\.tif: was sent as image/tiff but its content is image/png; send it"):
        refuse_other_content(image("PNG"), FORMATS[0], "a.tif")
    refuse_other_content(image("TIFF"), FORMATS[0], "a.tif")
