"""Laws of the options that pictures share with rasters: the same averages, the same shares, keys of their own."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import terrazzo
from terrazzo.errors import InputError, OutputExistsError, PartialError
from terrazzo.maps.jobs.options import MapOptions
from terrazzo.maps.pictures import picture_map
from terrazzo.maps.pictures.files import MapFiles, map_key
from terrazzo.maps.pictures.picture_map import map_picture
from terrazzo.model.averaging.views import PLAIN, Views
from terrazzo.model.windows.tiling import Tiling
from terrazzo.pixels.keyed import key_of
from terrazzo.system.files import digest
from tests.worlds.mapping import TILING, Convolving, exit_code, mapped, model_file, read_map
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors")


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def by_convolution(out: Path, bands: NDArray[np.uint8], views: Views = PLAIN, tiling: Tiling = TILING) -> MapFiles:
    """The map of a photo of these bands (3, h, w), with confidences, by the convolving network."""
    files = MapFiles(out, "key", with_confidence=True)
    photo = Image.fromarray(np.ascontiguousarray(bands.transpose(1, 2, 0)))
    map_picture(Convolving(model_file(out.parent).header), photo, tiling, files, lambda pixels: None, views)
    return files


@pytest.mark.parametrize("views", [Views(), Views("flips"), Views("d4"), Views("none", (0.5, 1.0, 2.0))])
@pytest.mark.parametrize("size", [(107, 151), (20, 61)])
def test_a_photo_is_mapped_as_a_raster_of_the_same_pixels(tmp_path: Path, size: tuple[int, int], views: Views) -> None:
    """Photos are blended in float32, rasters in units of 2**-20: shares may differ by one in the last digit."""
    bands = noise(3, *size)
    files = by_convolution(tmp_path / "photo", bands, views)
    options = MapOptions(confidence=True, tta=views.tta, tta_scales=views.scales)
    mapped(write_raster(tmp_path / "a.tif", bands), tmp_path / "map", options)
    np.testing.assert_array_equal(pixels(files.classes), read_map(tmp_path / "map" / "classes.tif")[0])
    confidence = read_map(tmp_path / "map" / "confidence.tif")[0].astype(int)
    difference = abs(pixels(files.confidence) - confidence)
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


def test_augmentation_at_test_time_changes_a_photos_map(tmp_path: Path) -> None:
    bands = noise(3, 107, 151)
    plain, flips, d4, sizes = (
        pixels(by_convolution(tmp_path / f"photo{number}", bands, views).classes)
        for number, views in enumerate((PLAIN, Views("flips"), Views("d4"), Views(scales=(1.0, 2.0))))
    )
    assert (plain != sizes).mean() > 0.05
    assert (plain != flips).mean() > 0.05
    assert (flips != d4).mean() > 0.02


def test_confidence_is_the_winners_share_in_percent(tmp_path: Path) -> None:
    """One window: the network's own probabilities, rounded half up."""
    bands = noise(3, 32, 32)
    files = by_convolution(tmp_path / "photo", bands)
    probs = Convolving(model_file(tmp_path).header).classify(bands[None])[0].astype(float)
    shares = probs.max(axis=0) / probs.sum(axis=0)
    with Image.open(files.confidence) as image:
        assert image.mode == "L"
        image.verify()
    np.testing.assert_array_equal(pixels(files.confidence), np.floor(100 * shares + 0.5))
    np.testing.assert_array_equal(pixels(files.classes), probs.argmax(axis=0))


def test_the_key_without_options_is_that_of_the_version_before(tmp_path: Path) -> None:
    file = model_file(tmp_path)
    assert map_key(file, "p", MapOptions()) == digest("map", "digest", "p", "overlap=8", "precision=32", "window=32")
    others = [MapOptions(), MapOptions(tta="flips"), MapOptions(tta="d4"), MapOptions(confidence=True)]
    others.append(MapOptions(tta_scales=(1.0, 2.0)))
    assert len({map_key(file, "p", options) for options in others}) == 5


def test_confidences_belong_to_the_map(tmp_path: Path, model: Path) -> None:
    """Kept with it, made again if lost, refused under other options, removed by a map that has none."""
    photo = tmp_path / "a.png"
    Image.fromarray(noise(20, 30, 3)).save(photo)
    maps, words = tmp_path / "maps", {"out": tmp_path / "maps", "device": "cpu"}
    options: dict[str, Any] = {"confidence": True, "tta": "flips", **words}
    assert terrazzo.predict(model, photo, **options).written == ("a.png",)
    confidence = maps / "a_confidence.png"
    assert key_of(confidence) == key_of(maps / "a_classes.png") == key_of(maps / "a_overlay.jpg")
    assert terrazzo.predict(model, photo, **options).kept == ("a.png",)
    confidence.unlink()
    assert terrazzo.predict(model, photo, **options).written == ("a.png",)
    for others in ({}, {"confidence": True}, {"tta": "flips"}):
        with pytest.raises(OutputExistsError, match=r"a_classes\.png: is in the way"):
            terrazzo.predict(model, photo, **others, **words)
    assert terrazzo.predict(model, photo, overwrite=True, **words).written == ("a.png",)
    assert sorted(path.name for path in maps.iterdir()) == ["a_classes.png", "a_overlay.jpg", "areas.csv", "legend.png"]


def test_a_foreign_file_in_the_place_of_confidences(tmp_path: Path, model: Path) -> None:
    """Refused if confidences are wanted; else none of our business, also when the map is overwritten."""
    photo = tmp_path / "a.png"
    Image.fromarray(noise(20, 30, 3)).save(photo)
    (tmp_path / "maps").mkdir()
    foreign = tmp_path / "maps" / "a_confidence.png"
    foreign.write_text("mine")
    words = {"out": tmp_path / "maps", "device": "cpu"}
    with pytest.raises(OutputExistsError, match=r"a_confidence\.png: is in the way"):
        terrazzo.predict(model, photo, confidence=True, **words)
    terrazzo.predict(model, photo, **words)
    terrazzo.predict(model, photo, overwrite=True, **words)
    assert foreign.read_text() == "mine"


def test_what_is_for_rasters_is_reported_where_there_are_both(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(noise(20, 30, 3)).save(folder / "a.png")
    write_raster(folder / "b.tif", noise(3, 45, 70))
    said: list[str] = []
    options: dict[str, Any] = {"mapping_unit": 4, "max_memory": "4GB", "tta": "flips", "confidence": True}
    terrazzo.predict(model, folder, out=tmp_path / "maps", device="cpu", say=said.append, **options)
    assert said == ["--mapping-unit, --max-memory: for rasters; pictures are mapped without"]
    assert (tmp_path / "maps" / "a_confidence.png").is_file()
    assert (tmp_path / "maps" / "b" / "confidence.tif").is_file()


def photos(folder: Path) -> Path:
    """Four photos, a.png to d.png."""
    folder.mkdir()
    for name in "abcd":
        Image.fromarray(np.ascontiguousarray(noise(3, 45, 70).transpose(1, 2, 0))).save(folder / f"{name}.png")
    return folder


def broken_at_the_third(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The third photo ends the batch."""
    calls = itertools.count(1)

    def breaking(*arguments: Any) -> Any:
        if next(calls) == 3:
            raise error
        return picture_map.map_picture(*arguments)

    monkeypatch.setattr("terrazzo.maps.pictures.batch.map_picture", breaking)


def test_a_full_disk_lists_the_photos_finished_before(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, maps = photos(tmp_path / "in"), tmp_path / "maps"
    broken_at_the_third(monkeypatch, InputError("the disk is full"))
    assert exit_code(["predict", str(model), str(folder), "--out", str(maps), "--precision", "32"]) == 1
    told = capsys.readouterr()
    assert "mapped 2 images of 4" in told.out
    assert f"wrote {maps / 'b_overlay.jpg'}" in told.out
    assert "areas.csv" not in told.out  # it is written after the last photo
    assert f"2 of 4 images failed, the others are in {maps}; the first: the disk is full" in told.err
    broken_at_the_third(monkeypatch, InputError("the disk is full"))
    with pytest.raises(PartialError) as caught:
        terrazzo.predict(model, folder, out=maps, device="cpu", precision="32", overwrite=True)
    assert (caught.value.done.written, caught.value.done.n_failed) == (("a.png", "b.png"), 2)


def test_photos_stopped_by_ctrl_c_are_listed_and_kept(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, maps = photos(tmp_path / "in"), tmp_path / "maps"
    said: list[str] = []
    with monkeypatch.context() as patch:
        broken_at_the_third(patch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            terrazzo.predict(model, folder, out=maps, device="cpu", precision="32", say=said.append)
    assert said[-1] == f"2 maps of 4 were finished in {maps}: a.png, b.png"
    done = terrazzo.predict(model, folder, out=maps, device="cpu", precision="32")
    assert (done.kept, done.written) == (("a.png", "b.png"), ("c.png", "d.png"))
