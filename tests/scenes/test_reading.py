"""Pictures read smaller: the size they get, what their pixels are, and that each file is decoded once."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.errors import ImageError, InputError, LabelError, OutputExistsError
from terrazzo.patches.folder import open_patches
from terrazzo.pixels.image_view import ImageView
from terrazzo.pixels.masks import read_mask
from terrazzo.pixels.photos import read_photo
from terrazzo.scenes.contract import reading
from terrazzo.scenes.contract.check import check
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.reading import Reader
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.synthetic import render
from tests.worlds.handmade import bands_of_classes, color_mask, encoded, exif, flat_set, photo, write

BY_4 = ImageView(downsample=4)


# --- the laws of a view


@pytest.mark.parametrize(
    ("size", "downsample", "reduced"),
    [
        ((4000, 6000), 4, (1000, 1500)),
        ((4000, 6000), 2.5, (1600, 2400)),
        ((4000, 6000), 7, (571, 857)),  # 571.4, 857.1
        ((45, 70), 4, (11, 18)),  # 11.25, 17.5
        ((3, 1), 64, (1, 1)),
        ((45, 70), 1, (45, 70)),
    ],
)
def test_a_side_is_divided_and_rounded(size: tuple[int, int], downsample: float, reduced: tuple[int, int]) -> None:
    assert ImageView(downsample=downsample).reduced(size) == reduced


def test_picture_and_mask_of_one_size_stay_of_one_size() -> None:
    for height, width in ((45, 70), (64, 96), (33, 31)):
        for downsample in (1.0, 1.3, 2.0, 3.0, 4.0, 5.5):
            view = ImageView(downsample=downsample)
            image = read_photo(encoded(photo(height, width), "JPEG"), "a", view)
            mask = read_mask(encoded(bands_of_classes(height, width)), "a", view)
            assert image.shape[:2] == mask.size == view.reduced((height, width))
            assert mask.file_size == (height, width)


def test_a_pixel_is_the_mean_of_its_area() -> None:
    pixels = photo(48, 72)
    means = pixels.reshape(12, 4, 18, 4, 3).mean(axis=(1, 3))
    read = read_photo(encoded(pixels), "a", BY_4)
    assert np.abs(read - means).max() <= 0.5 + 1e-6


def test_a_jpeg_that_its_decoder_makes_smaller_is_nearly_the_mean() -> None:
    pixels, _ = render(5, 240, 320)
    raw = encoded(pixels, "JPEG", quality=92)
    whole = read_photo(raw, "a").astype(np.float64)
    for downsample in (2, 4, 8):
        means = whole.reshape(240 // downsample, downsample, 320 // downsample, downsample, 3).mean(axis=(1, 3))
        read = read_photo(raw, "a", ImageView(downsample=downsample))
        assert np.abs(read - means).mean() < 1.5


def test_a_jpeg_is_decoded_smaller_only_where_no_pixel_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    drafts: list[tuple[int, int]] = []
    from PIL import JpegImagePlugin

    draft = JpegImagePlugin.JpegImageFile.draft

    def noted(image: JpegImagePlugin.JpegImageFile, mode: str | None, size: tuple[int, int]) -> object:
        drafts.append(size)
        return draft(image, mode, size)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "draft", noted)
    for height, width in ((48, 72), (44, 72), (45, 72)):
        read_photo(encoded(photo(height, width), "JPEG"), "a", ImageView(downsample=9))
    assert drafts == [(72 // 8, 48 // 8), (72 // 4, 44 // 4), (72, 45)]


def test_a_mask_has_the_value_at_the_centre_of_each_area() -> None:
    ids = np.arange(12 * 15, dtype=np.uint8).reshape(12, 15)
    # Of three rows the middle one; of four the third, as the centre lies between the second and the third.
    assert np.array_equal(read_mask(encoded(ids), "a", ImageView(downsample=3)).pixels, ids[1::3, 1::3])
    assert np.array_equal(read_mask(encoded(ids[:, :12]), "a", BY_4).pixels, ids[2::4, 2:12:4])


@pytest.mark.parametrize("downsample", [1.7, 2.5, 3.3])
def test_a_mask_is_never_more_than_half_a_pixel_off(downsample: float) -> None:
    rows = np.broadcast_to(np.arange(90, dtype=np.uint8)[:, None], (90, 65))
    read = read_mask(encoded(np.ascontiguousarray(rows)), "a", ImageView(downsample=downsample)).pixels[:, 0]
    centres = (np.arange(len(read)) + 0.5) * 90 / len(read)
    assert np.abs(read + 0.5 - centres).max() <= 0.5 + 1e-6


def test_colours_and_palettes_are_sampled_never_mixed() -> None:
    colors = color_mask(40, 60)
    read = read_mask(encoded(colors), "a", BY_4)
    assert np.array_equal(read.pixels, colors[2::4, 2::4])
    palette = Image.fromarray(bands_of_classes(40, 60))
    palette.putpalette([9, 8, 7] * 256)
    assert read_mask(encoded(np.asarray(palette)), "a", BY_4).size == (10, 15)


def test_a_turned_photo_is_read_upright_at_any_scale() -> None:
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32] = 200
    raw = encoded(pixels, "JPEG", exif=exif(6), quality=100)  # to be turned clockwise: the left half comes on top
    read = read_photo(raw, "a", ImageView(downsample=8))
    assert read.shape == (8, 4, 3)
    assert (read[:4] > 190).all()
    assert (read[4:] < 10).all()


def test_halves_are_cut_before_they_are_made_smaller() -> None:
    pixels = photo(40, 120)
    left, right = (ImageView(half, 4.0) for half in ("left", "right"))
    assert np.array_equal(read_photo(encoded(pixels), "a", left), read_photo(encoded(pixels[:, :60]), "a", BY_4))
    assert np.array_equal(read_mask(encoded(pixels), "a", right).pixels, pixels[2::4, 62::4])
    with pytest.raises(ImageError, match=r"odd\.png: is 121 pixels wide; expected two halves of equal width"):
        read_photo(encoded(photo(40, 121)), "odd.png", ImageView("left"))


def test_a_position_leads_back_into_the_file() -> None:
    assert BY_4.in_file((2, 3), (40, 60)) == (10, 14)
    assert ImageView("right", 4.0).in_file((2, 3), (40, 60)) == (10, 74)
    assert ImageView().in_file((2, 3), (40, 60)) == (2, 3)


# --- a data set read smaller


def four_images(root: Path) -> Path:
    return flat_set(root, {name: color_mask(80, 120) for name in "abcd"})


def test_prepare_cuts_what_was_read_smaller(tmp_path: Path) -> None:
    root = four_images(tmp_path / "set")
    said: list[str] = []
    done = terrazzo.prepare(root, out=tmp_path / "patches", patch_size=32, downsample=2, say=said.append)
    # 80 x 120 at a half is 40 x 60: one patch of 32 an image.
    assert len(done.patches) == 4
    told = json.loads((tmp_path / "patches/dataset.json").read_text())
    assert told["downsample"] == done.patches.downsample == 2.0
    assert {(image["height"], image["width"]) for image in told["images"]} == {(40, 60)}
    assert "downsampled: images and masks are read and counted at 1/2 of their height and width" in said
    whole = np.asarray(Image.open(root / "images/a.png"))
    means = whole.reshape(40, 2, 60, 2, 3).mean(axis=(1, 3))[:32, :32]
    assert np.abs(done.patches.images[0] - means).max() <= 0.5 + 1e-6
    assert np.array_equal(done.patches.masks[0], bands_of_classes(80, 120)[1:64:2, 1:64:2])


def test_the_scale_is_one_of_the_options_that_a_finished_output_is_known_by(tmp_path: Path) -> None:
    root, out = four_images(tmp_path / "set"), tmp_path / "patches"
    terrazzo.prepare(root, out=out, patch_size=32, downsample=2)
    assert terrazzo.prepare(root, out=out, patch_size=32, downsample=2).kept
    with pytest.raises(OutputExistsError, match="--overwrite"):
        terrazzo.prepare(root, out=out, patch_size=32)
    assert open_patches(out).downsample == 2.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["patches", "set"]


def test_each_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    for name in ("read_photo", "read_mask"):
        original = getattr(reading, name)

        def noted(raw: bytes, where: str, *further: object, original: object = original) -> object:
            decoded.append(where)
            return original(raw, where, *further)  # type: ignore[operator]

        monkeypatch.setattr(reading, name, noted)
    root = four_images(tmp_path / "set")
    terrazzo.prepare(root, out=tmp_path / "patches", patch_size=32, downsample=2)
    assert sorted(decoded) == sorted(
        str(root / kind / f"{name}.png") for kind in ("images", "masks") for name in "abcd"
    )


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": color_mask(40, 60)})
    scene = find_scenes(root).scenes[0]
    (tmp_path / "kept").mkdir()
    reader, plain = Reader(4.0, tmp_path / "kept"), Reader(4.0)
    for _ in range(2):
        assert np.array_equal(reader.photo(scene).pixels, plain.photo(scene).pixels)
        assert reader.photo(scene).file_size == (40, 60)
        assert np.array_equal(reader.mask(scene).pixels, plain.mask(scene).pixels)
        assert reader.mask(scene).palette is None
        assert reader.mask(scene).file_size == (40, 60)


def test_a_refusal_leaves_nothing_of_what_was_kept(tmp_path: Path) -> None:
    root = four_images(tmp_path / "set")
    write(root / "masks/c.png", color_mask(80, 121))
    # 120 and 121 columns are 30 at a quarter: sizes are compared as they are in the files.
    with pytest.raises(LabelError, match=r"c\.png: is 121x80 pixels, its image 120x80"):
        terrazzo.prepare(root, out=tmp_path / "new/patches", patch_size=8 * 4, downsample=4, fit="pad")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_an_example_is_told_as_the_file_has_it(tmp_path: Path) -> None:
    mask = color_mask(80, 120)
    mask[44:48, 60:64] = (255, 0, 255)
    root = flat_set(tmp_path, {"a": mask})
    report = check(root, find_scenes(root), LabelOptions(downsample=4), 16).report
    finding = next(finding for finding in report.findings if finding.kind == "unknown")
    assert (finding.count, finding.example) == (1, (46, 62))  # the centre of the area of 4 x 4


@pytest.mark.parametrize("downsample", [0.5, 0.0, -1.0, float("nan"), 65.0])
def test_scales_out_of_range_are_refused(tmp_path: Path, downsample: float) -> None:
    with pytest.raises(InputError, match=r"--downsample .*: expected a number from 1 \(full size\) to 64"):
        terrazzo.prepare(tmp_path, out=tmp_path / "patches", downsample=downsample)


def test_images_that_exif_turns_are_counted_and_a_mask_of_the_stored_size_is_told_why(tmp_path: Path) -> None:
    """Stored 40 x 60, shown 60 x 40: the mask of a is drawn upright, that of b on the picture as stored."""
    for name, mask in (("a", color_mask(60, 40)), ("b", color_mask(40, 60))):
        write(tmp_path / f"images/{name}.jpg", encoded(photo(40, 60), "JPEG", exif=exif(6)))
        write(tmp_path / f"masks/{name}.png", mask)
    write(tmp_path / "images/c.jpg", encoded(photo(40, 60, 1), "JPEG"))
    write(tmp_path / "masks/c.png", color_mask(40, 60))
    report = check(tmp_path, find_scenes(tmp_path), LabelOptions(), 16).report
    assert "turned upright by EXIF: 2 images, e.g. images/a.jpg" in report.notes
    assert report.refusal is not None
    assert "b.png: is 60x40 pixels, its image 40x60 once turned upright by EXIF" in report.refusal
