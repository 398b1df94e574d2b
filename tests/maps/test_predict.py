"""From a model file and pictures to maps: a model whose answer is known pixel by pixel, so that every id is too.

Its classes are Red, Green and Blue, and each pixel's class is its greatest band.
"""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from terrazzo.classes.drawing import draw_legend, tint
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import ImageError, InputError, ModelFileError, OutputExistsError, PartialError, TerrazzoError
from terrazzo.maps.pictures import files as picture_files
from terrazzo.maps.pictures.png import png_of_rows
from terrazzo.maps.predict import Maps, predict
from terrazzo.model import bundle
from terrazzo.pixels import photos as images
from tests.worlds.models import COLORS, NAMES, write_model

BANDS = np.array([[230, 20, 20], [20, 230, 20], [20, 20, 230]], np.uint8)  # what the model takes for each class


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors")


@pytest.fixture
def run(model: Path, tmp_path: Path) -> Callable[..., Maps]:
    """predict into tmp_path/maps on the CPU."""

    def run(*inputs: Path, **options: object) -> Maps:
        return predict(model, inputs, **{"out": tmp_path / "maps", "device": "cpu", **options})  # type: ignore[arg-type]

    return run


def ids(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 3, (height, width), np.uint8)


def write_photo(path: Path, classes: NDArray[np.uint8], **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(BANDS[classes]).save(path, **options)  # type: ignore[arg-type]
    return path


def read_map(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


def read_areas(folder: Path) -> list[list[str]]:
    return list(csv.reader((folder / "areas.csv").read_text(encoding="utf-8").splitlines()))


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.height, image.width


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {name: ((folder / name).stat().st_mtime_ns, (folder / name).read_bytes()) for name in files(folder)}


# --- what is written


def test_files_and_folders_become_maps_overlays_areas_and_a_legend(run: Callable[..., Maps], tmp_path: Path) -> None:
    one, two = ids(5, 7), ids(70, 45)
    write_photo(tmp_path / "photos" / "north" / "b.v2.PNG", two)
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    said: list[str] = []
    result = run(write_photo(tmp_path / "a.png", one), tmp_path / "photos", say=said.append)
    out = tmp_path / "maps"
    assert files(out) == [
        "a_classes.png",
        "a_overlay.jpg",
        "areas.csv",
        "legend.png",
        "north/b.v2_classes.png",
        "north/b.v2_overlay.jpg",
    ]
    np.testing.assert_array_equal(read_map(out / "a_classes.png"), one)
    np.testing.assert_array_equal(read_map(out / "north" / "b.v2_classes.png"), two)
    with Image.open(out / "a_classes.png") as image:
        assert image.getpalette() == [value for color in COLORS for value in color]
    assert size_of(out / "north" / "b.v2_overlay.jpg") == (70, 45)
    rows = read_areas(out)
    assert rows[0] == ["file", "class_id", "class", "pixels", "share"]
    for offset, (name, expected) in enumerate((("a.png", one), ("north/b.v2.PNG", two))):
        for i in range(3):
            pixels = int((expected == i).sum())
            assert rows[1 + 3 * offset + i] == [name, str(i), NAMES[i], str(pixels), f"{pixels / expected.size:.8f}"]
    assert said == ["ignored 1 file, hidden or not an image"]
    assert (result.written, result.kept) == (("a.png", "north/b.v2.PNG"), ())
    assert sum(result.areas[0].shares) == pytest.approx(1)


def test_a_class_that_is_nowhere_is_listed_with_no_pixels(run: Callable[..., Maps], tmp_path: Path) -> None:
    run(write_photo(tmp_path / "a.png", np.full((3, 4), 2, np.uint8)))
    assert [row[3:] for row in read_areas(tmp_path / "maps")[1:]] == [
        ["0", "0.00000000"],
        ["0", "0.00000000"],
        ["12", "1.00000000"],
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (100, 1), (97, 33), (64, 64), (65, 300)])
def test_any_size_and_shape_is_mapped_whole(run: Callable[..., Maps], tmp_path: Path, size: tuple[int, int]) -> None:
    expected = ids(*size)
    run(write_photo(tmp_path / "a.png", expected), window=64, overlap=20, batch_size=3)
    np.testing.assert_array_equal(read_map(tmp_path / "maps" / "a_classes.png"), expected)


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "bmp", "webp"])
def test_each_format_of_ordinary_images_is_read(run: Callable[..., Maps], tmp_path: Path, suffix: str) -> None:
    expected = np.repeat(np.repeat(ids(4, 3), 16, axis=0), 16, axis=1)  # as large as JPEG's blocks
    run(write_photo(tmp_path / f"a.{suffix}", expected))
    np.testing.assert_array_equal(read_map(tmp_path / "maps" / "a_classes.png"), expected)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_the_map_sees_photos_as_training_does(run: Callable[..., Maps], tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.fromarray(BANDS[ids(40, 24)]).convert(mode).save(path)
    expected = images.read_photo(path.read_bytes(), "a").argmax(axis=2)
    run(path)
    np.testing.assert_array_equal(read_map(tmp_path / "maps" / "a_classes.png"), expected)


def test_the_map_has_the_orientation_that_viewers_show(run: Callable[..., Maps], tmp_path: Path) -> None:
    """Orientation 6: the file's rows are the picture's columns, turned clockwise for viewing."""
    stored = np.repeat(np.repeat(ids(2, 3), 16, axis=0), 16, axis=1)
    exif = Image.Exif()
    exif[0x0112] = 6
    run(write_photo(tmp_path / "a.jpg", stored, exif=exif))
    np.testing.assert_array_equal(read_map(tmp_path / "maps" / "a_classes.png"), np.rot90(stored, -1))
    with Image.open(tmp_path / "maps" / "a_overlay.jpg") as overlay:
        assert (overlay.width, overlay.height) == (32, 48)
        assert not overlay.getexif()


def test_the_overlay_shows_the_photo_under_the_class_colours(run: Callable[..., Maps], tmp_path: Path) -> None:
    expected = np.repeat(np.repeat(ids(6, 5), 32, axis=0), 32, axis=1)
    run(write_photo(tmp_path / "a.png", expected), window=64)
    with Image.open(tmp_path / "maps" / "a_overlay.jpg") as overlay:
        middles = np.asarray(overlay)[16::32, 16::32].astype(int)
    by_hand = 0.55 * BANDS[expected[16::32, 16::32]] + 0.45 * np.array(COLORS)[expected[16::32, 16::32]]
    assert np.abs(middles - by_hand).max() < 8  # JPEG


def test_tinting_worked_by_hand() -> None:
    """(100 * 141 + 200 * 115 + 128) / 256 = 145.4; white on white stays white, black on black black."""
    palette = np.array([[200, 255, 0]], np.uint8)
    pixels = np.array([[[100, 255, 0]]], np.uint8)
    assert tint(pixels, np.zeros((1, 1), np.uint8), palette).tolist() == [[[145, 255, 0]]]


def test_an_overlay_too_large_for_a_jpeg_is_shrunk_and_said(
    run: Callable[..., Maps], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture_files, "JPEG_MAX_SIDE", 50)
    said: list[str] = []
    run(write_photo(tmp_path / "a.png", ids(20, 200)), say=said.append)
    assert size_of(tmp_path / "maps" / "a_overlay.jpg") == (5, 50)
    assert "a_overlay.jpg: shrunk" in said[0]


def test_the_legend_has_the_colour_of_each_class_in_id_order() -> None:
    legend = np.asarray(draw_legend(ClassSchema(NAMES, COLORS)))
    swatches = legend[:, 30]
    changes = [tuple(color) for i, color in enumerate(swatches) if (color != swatches[i - 1]).any()]
    assert [color for color in changes if color in COLORS] == list(COLORS)


def test_a_model_of_resized_images_sees_the_whole_picture(tmp_path: Path) -> None:
    """32 x 32 blocks of 8 x 4 pixels: resized to 32 x 32 each block is one pixel, so the map is known but at seams."""
    blocks = ids(32, 32)
    expected = np.repeat(np.repeat(blocks, 8, axis=0), 4, axis=1)
    path = write_model(tmp_path / "model.safetensors", fit="resize")
    predict(path, write_photo(tmp_path / "a.png", expected), out=tmp_path / "maps", device="cpu")
    found = read_map(tmp_path / "maps" / "a_classes.png")
    assert found.shape == (256, 128)
    np.testing.assert_array_equal(found[4::8, 2::4], blocks)


# --- the array interface


@pytest.mark.parametrize("size", [(1, 1), (33, 70), (130, 90)])
def test_a_bundle_predicts_arrays(model: Path, size: tuple[int, int]) -> None:
    expected = ids(*size)
    found, probs = bundle.load(model, device="cpu", precision="32").predict(BANDS[expected])
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.uint8
    assert probs.shape == (3, *size)
    # By hand: bands 230, 20, 20 of 255, times 40, softmax: 1 / (1 + 2 exp(-40 * 210 / 255)).
    np.testing.assert_allclose(probs.max(axis=0), 1 / (1 + 2 * np.exp(-40 * 210 / 255)), rtol=1e-5)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 5), np.uint8), "an array (4, 5) of uint8; expected uint8 (height, width, 3)"),
        (np.zeros((4, 5, 4), np.uint8), "an array (4, 5, 4) of uint8"),
        (np.zeros((4, 5, 3), np.float32), "an array (4, 5, 3) of float32"),
        (np.zeros((0, 5, 3), np.uint8), "an array (0, 5, 3) of uint8"),
    ],
)
def test_other_arrays_are_refused(model: Path, array: NDArray[np.generic], words: str) -> None:
    with pytest.raises(InputError) as caught:
        bundle.load(model, device="cpu").predict(array)  # type: ignore[arg-type]
    assert words in str(caught.value)


# --- finished, in the way, interrupted


def test_a_second_run_keeps_everything_and_says_so(run: Callable[..., Maps], tmp_path: Path) -> None:
    photos = [write_photo(tmp_path / f"{name}.png", ids(9, 7, seed)) for seed, name in enumerate("ab")]
    first = run(*photos)
    before = stamps(tmp_path / "maps")
    said: list[str] = []
    second = run(*photos, say=said.append)
    assert stamps(tmp_path / "maps") == before
    assert said == ["kept 2 of 2 maps, finished from the same image, model and options"]
    assert (second.written, second.kept, second.areas) == ((), ("a.png", "b.png"), first.areas)


@pytest.mark.parametrize("lost", ["a_classes.png", "a_overlay.jpg", "legend.png", "areas.csv"])
def test_an_interrupted_run_is_completed(run: Callable[..., Maps], tmp_path: Path, lost: str) -> None:
    photos = [write_photo(tmp_path / f"{name}.png", ids(9, 7, seed)) for seed, name in enumerate("ab")]
    run(*photos)
    before = stamps(tmp_path / "maps")
    (tmp_path / "maps" / lost).unlink()
    run(*photos)
    after = stamps(tmp_path / "maps")
    assert {name: content for name, (_, content) in after.items()} == {n: content for n, (_, content) in before.items()}
    assert after["b_classes.png"] == before["b_classes.png"]


def test_more_inputs_extend_a_finished_folder(run: Callable[..., Maps], tmp_path: Path) -> None:
    write_photo(tmp_path / "photos" / "a.png", ids(9, 7))
    run(tmp_path / "photos")
    write_photo(tmp_path / "photos" / "b.png", ids(4, 6))
    assert run(tmp_path / "photos").kept == ("a.png",)
    assert {row[0] for row in read_areas(tmp_path / "maps")[1:]} == {"a.png", "b.png"}


Change = Callable[[Path, Path], dict[str, object]]


def _other_options(photo: Path, out: Path) -> dict[str, object]:
    return {"window": 64}


def _other_picture(photo: Path, out: Path) -> dict[str, object]:
    write_photo(photo, ids(9, 7, seed=5))
    return {}


def _foreign(name: str) -> Change:
    def change(photo: Path, out: Path) -> dict[str, object]:
        (out / name).write_bytes(b"mine")
        return {}

    return change


def _areas_of_others(photo: Path, out: Path) -> dict[str, object]:
    with (out / "areas.csv").open("a", encoding="utf-8") as stream:
        stream.write("other.png,0,Red,1,1.0\n")
    return {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_other_options, "a_classes.png: is in the way, it was not made from this image, model and options"),
        (_other_picture, "a_classes.png: is in the way"),
        (_foreign("a_classes.png"), "a_classes.png: is in the way"),
        (_foreign("a_overlay.jpg"), "a_overlay.jpg: is in the way"),
        (_foreign("legend.png"), "legend.png: is in the way, it was not made from this model's classes"),
        (_foreign("areas.csv"), "areas.csv: is not a table of areas"),
        (_areas_of_others, "areas.csv: holds the areas of other images (other.png)"),
    ],
)
def test_anything_else_in_the_way_is_refused_unless_overwritten(
    run: Callable[..., Maps], tmp_path: Path, change: Change, words: str
) -> None:
    photo = write_photo(tmp_path / "a.png", ids(9, 7))
    run(photo)
    options = change(photo, tmp_path / "maps")
    before = stamps(tmp_path / "maps")
    with pytest.raises(OutputExistsError) as caught:
        run(photo, **options)
    assert words in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert stamps(tmp_path / "maps") == before
    assert run(photo, overwrite=True, **options).written == ("a.png",)
    assert {row[0] for row in read_areas(tmp_path / "maps")[1:]} == {"a.png"}


# --- failures


def truncated(path: Path) -> Path:
    write_photo(path, ids(40, 50))
    path.write_bytes(path.read_bytes()[:-60])
    return path


def test_the_others_are_done_where_some_fail(run: Callable[..., Maps], tmp_path: Path) -> None:
    write_photo(tmp_path / "photos" / "good.png", ids(9, 7))
    truncated(tmp_path / "photos" / "bad.jpg")
    (tmp_path / "photos" / "empty.jpg").write_bytes(b"")
    said: list[str] = []
    with pytest.raises(PartialError) as caught:
        run(tmp_path / "photos", say=said.append)
    assert caught.value.exit_code == 1
    assert "2 of 3 images failed, the others are in" in str(caught.value)
    assert [line.split(":")[0].rsplit("/", 1)[-1] for line in said] == ["empty.jpg", "bad.jpg"]
    assert files(tmp_path / "maps") == ["areas.csv", "good_classes.png", "good_overlay.jpg", "legend.png"]
    write_photo(tmp_path / "photos" / "bad.jpg", ids(6, 6))
    (tmp_path / "photos" / "empty.jpg").unlink()
    result = run(tmp_path / "photos")
    assert (result.written, result.kept) == (("bad.jpg",), ("good.png",))


def test_nothing_is_written_where_all_fail(run: Callable[..., Maps], tmp_path: Path) -> None:
    bad = [truncated(tmp_path / "a.jpg"), truncated(tmp_path / "b.jpg")]
    with pytest.raises(InputError, match=r"all 2 images failed; the first: .*a\.jpg: is truncated") as caught:
        run(*bad)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "maps").exists()
    said: list[str] = []
    with pytest.raises(InputError, match=r"a\.jpg: is truncated"):
        run(bad[0], say=said.append)
    assert said == []


def _huge(path: Path) -> Path:
    with png_of_rows(path, 30_000, 20_000, {}, np.zeros((1, 3), np.uint8)):
        return path


def _renamed_tiff(path: Path) -> Path:
    Image.new("RGB", (4, 4)).save(path, "TIFF")
    return path


def _text(path: Path) -> Path:
    path.write_text("no picture")
    return path


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("none.png", lambda path: path, "none.png: no such file or folder"),
        ("a.png", _renamed_tiff, "a.png: is a TIFF by its content; rename it to a.tif"),
        ("a.txt", _text, "a.txt: is not an image by its name; expected png, jpg, jpeg, bmp, webp, tif, tiff, jp2"),
        ("a.jpg", _text, "a.jpg: is not an image that can be read"),
        ("a.png", _huge, "a.png: has 600 megapixels; at most 400 are read"),
        ("a.jpg", truncated, "a.jpg: is truncated or damaged"),
    ],
)
def test_bad_pictures_are_refused_in_one_line(
    run: Callable[..., Maps], tmp_path: Path, name: str, make: Callable[[Path], Path], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        run(make(tmp_path / name))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "maps").exists()


def test_inputs_that_cannot_start_are_refused(run: Callable[..., Maps], model: Path, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "photos" / "a.png", ids(4, 5))
    (tmp_path / "bare").mkdir()
    (tmp_path / "file").write_text("")
    four_bands = write_model(tmp_path / "four.safetensors", bands=4)
    cases: list[tuple[type[TerrazzoError], str, Callable[[], object]]] = [
        (InputError, "no image given", lambda: run()),
        (InputError, "bare: holds no image", lambda: run(tmp_path / "bare")),
        (InputError, "is the folder of the images itself", lambda: run(photo.parent, out=photo.parent)),
        (OutputExistsError, "file: is a file; --out takes a folder", lambda: run(photo, out=tmp_path / "file")),
        (InputError, "takes 4 bands; ordinary images have 3", lambda: predict(four_bands, photo, out=tmp_path / "o")),
        (InputError, "no such file", lambda: predict(tmp_path / "no.safetensors", photo, out=tmp_path / "o")),
        (ModelFileError, "a.png: is not a model file", lambda: predict(photo, photo, out=tmp_path / "o")),
        (InputError, "--window 7", lambda: run(photo, window=7)),
    ]
    for kind, words, call in cases:
        with pytest.raises(kind) as caught:
            call()
        assert words in str(caught.value)
        assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("first", "second"),
    [("x/a.jpg", "x/a.png"), ("x/a.png", "y/a.png"), ("x/a.png", "y/A.webp"), ("x/s/a.png", "y/s/a.bmp")],
)
def test_two_pictures_of_one_name_are_refused_before_starting(
    run: Callable[..., Maps], tmp_path: Path, first: str, second: str
) -> None:
    write_photo(tmp_path / first, ids(4, 5))
    write_photo(tmp_path / second, ids(4, 5))
    folders = sorted({tmp_path / first[0], tmp_path / second[0]})
    with pytest.raises(InputError) as caught:
        run(*folders)
    assert all(str(tmp_path / name) in str(caught.value) for name in (first, second))
    assert "would both be written to" in str(caught.value)
    assert not (tmp_path / "maps").exists()


def test_the_same_file_named_twice_is_one_picture(run: Callable[..., Maps], tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "photos" / "a.png", ids(4, 5))
    assert run(photo, photo.parent, photo.parent / "." / "a.png").written == ("a.png",)


def test_maps_inside_the_folder_of_the_images_are_no_inputs(run: Callable[..., Maps], tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png", ids(4, 5))
    write_photo(tmp_path / ".hidden" / "b.png", ids(4, 5))
    assert run(tmp_path).written == ("a.png",)
    assert run(tmp_path).kept == ("a.png",)


# --- parts


@pytest.mark.parametrize(("height", "width"), [(1, 1), (37, 61), (300, 5)])
def test_a_png_written_in_strips_is_read_back(tmp_path: Path, height: int, width: int) -> None:
    expected = ids(height, width)
    with png_of_rows(tmp_path / "a.png", height, width, {"key": "value"}, np.array(COLORS, np.uint8)) as write:
        for row in range(0, height, 16):
            write(expected[row : row + 16])
    np.testing.assert_array_equal(read_map(tmp_path / "a.png"), expected)
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["key"] == "value"
        image.verify()  # checksums


def test_progress_counts_every_pixel_once(run: Callable[..., Maps], tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    write_photo(tmp_path / "photos" / "a.png", ids(70, 90))
    truncated(tmp_path / "photos" / "b.jpg")
    with pytest.raises(PartialError):
        run(tmp_path / "photos", window=32, progress=lambda *line: told.append(line))
    assert told[:2] == [("checking images", 1, 2), ("checking images", 2, 2)]
    done = [count for what, count, total in told if what == "predicting pixels" and total == 70 * 90 + 40 * 50]
    assert done == sorted(done)
    assert done[-1] == 70 * 90 + 40 * 50


def test_a_photo_opened_is_a_photo_read(tmp_path: Path) -> None:
    for mode in ("RGB", "RGBA", "L", "P", "1"):
        Image.fromarray(BANDS[ids(8, 9)]).convert(mode).save(tmp_path / "a.png")
        raw = (tmp_path / "a.png").read_bytes()
        opened = images.open_photo(raw, "a.png")
        assert opened.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(opened), images.read_photo(raw, "a.png"))
    with pytest.raises(ImageError, match=r"b\.png"):
        images.open_photo(b"", "b.png")


def test_refusals_wait_for_no_torch_and_predict_needs_no_training_library(model: Path, tmp_path: Path) -> None:
    photo, bad = write_photo(tmp_path / "a.png", ids(9, 7)), truncated(tmp_path / "b.jpg")
    code = f"""
import json, sys
from terrazzo.errors import TerrazzoError
from terrazzo.maps.predict import predict
try:
    predict({str(model)!r}, {str(bad)!r}, out={str(tmp_path / "bad")!r})
except TerrazzoError:
    refused = "torch" in sys.modules
predict({str(model)!r}, {str(photo)!r}, out={str(tmp_path / "maps")!r}, device="cpu")
print(json.dumps([refused, [name for name in ("torch", "lightning", "kornia", "matplotlib") if name in sys.modules]]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, ["torch"]]
