"""Bands of more than 8 bits from raster to patches, model, map and export, and back."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.transform import Affine

import terrazzo
from terrazzo.classes.schema import IGNORE
from terrazzo.errors import InputError, PatchesError
from terrazzo.model import bundle
from terrazzo.model.exporting.formats import read_notes
from terrazzo.model.header import read_header
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import open_patches
from terrazzo.recipe.sections import ModelSection
from tests.worlds.deep import HEIGHTS, SENTINEL, DeepScene, height_scene, name_bands, sentinel_scene
from tests.worlds.models import build, header, write_model
from tests.worlds.rasters import noise, write_raster

TRAINING = {
    "model.filters": (8, 16),
    "model.dropout": 0,
    "model.batch_norm": True,
    "optimizer.lr": 0.01,
    "augment.brightness": 0.1,
    "augment.contrast": 0.1,
}


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> DeepScene:
    return sentinel_scene(tmp_path_factory.mktemp("sentinel"))


@pytest.fixture(scope="module")
def model(sentinel: DeepScene) -> Path:
    folder = sentinel.raster.parent
    terrazzo.prepare(sentinel.raster, sentinel.labels, out=folder / "patches", patch_size=32, split="patch")
    done = terrazzo.train(
        folder / "patches", out=folder / "run", recipe="unet", epochs=6, batch_size=8, changes=TRAINING, device="cpu"
    )
    return done.model


def write_deep_model(path: Path) -> Path:
    """A model of three deep bands, with random weights."""
    section = ModelSection(filters=(4, 8))
    spans = {"low": (0, 0, 0), "high": (9, 9, 9), "clips": (False,) * 3}
    normalization = Normalization("bands", (5, 5, 5), (2, 2, 2), dtype="uint16", **spans)  # type: ignore[arg-type]
    bundle.save(path, replace(header(section), normalization=normalization), build(section).state_dict())
    return path


OPTIONS = {"device": "cpu", "precision": "32", "vector_format": "none"}


def map_of(model: Path, raster: Path | str, out: Path, **options: object) -> NDArray[np.uint8]:
    given = {**OPTIONS, "device": "auto", "precision": "auto"} if model.suffix == ".onnx" else OPTIONS
    maps = terrazzo.predict(model, raster, out=out, **given | options)  # type: ignore[arg-type]
    with rasterio.open(maps.rasters[0].folder / "classes.tif") as dataset:
        ids: NDArray[np.uint8] = dataset.read(1)
    return ids


def test_a_sentinel_scene_is_mapped_from_its_reflectances(sentinel: DeepScene, model: Path, tmp_path: Path) -> None:
    patches = open_patches(sentinel.raster.parent / "patches")
    assert (patches.dtype, patches.images.dtype) == ("uint16", np.uint16)
    assert isinstance(patches.images, np.memmap)
    for (row, col), image in zip(patches.corners, patches.images, strict=True):
        there = sentinel.pixels[:, row : row + 32, col : col + 32].transpose(1, 2, 0)
        np.testing.assert_array_equal(image, np.where(there == 0, 65535, there))
    normalization = read_header(model).normalization
    assert (normalization.scale, normalization.dtype, normalization.clips) == ("bands", "uint16", (False,) * 6)

    ids, valid = map_of(model, sentinel.raster, tmp_path / "maps"), sentinel.pixels.any(axis=0)
    np.testing.assert_array_equal(ids == IGNORE, ~valid)
    assert (ids == sentinel.ids)[valid].mean() > 0.95


def test_mean_and_deviation_are_those_of_the_labelled_training_pixels(sentinel: DeepScene, model: Path) -> None:
    """By hand: from the pixels of the scene under the training patches, clipped to 0.5 and 99.5 %."""
    patches, normalization = open_patches(sentinel.raster.parent / "patches"), read_header(model).normalization
    train = np.zeros(sentinel.ids.shape, bool)
    for (row, col), side in zip(patches.corners, patches.sides, strict=True):
        train[row : row + 32, col : col + 32] = side == "train"
    assert 0 < train.sum() < train.size
    values = sentinel.pixels[:, train & sentinel.pixels.any(axis=0)].astype(float)
    low, high = np.percentile(values, [0.5, 99.5], axis=1)
    clipped = values.clip(low[:, None], high[:, None])
    np.testing.assert_allclose(normalization.low, low)
    np.testing.assert_allclose(normalization.high, high)
    np.testing.assert_allclose(normalization.mean, clipped.mean(axis=1))
    np.testing.assert_allclose(normalization.std, clipped.std(axis=1))
    for found, level in zip(normalization.levels(), (low, high), strict=True):
        np.testing.assert_allclose(found, level, rtol=1e-6)


@pytest.mark.parametrize("format", ["onnx", "h5"])
def test_an_export_takes_reflectances_and_gives_the_same_map(
    format: str, sentinel: DeepScene, model: Path, tmp_path: Path
) -> None:
    pytest.importorskip({"onnx": "onnxruntime", "h5": "h5py"}[format])
    out = tmp_path / f"model.{format}"
    done = terrazzo.export(model, format=format, out=out)
    assert done.difference is not None
    assert done.difference <= 1e-4
    stated = json.loads(read_notes(out)["terrazzo_input"])
    normalization = read_header(model).normalization
    assert stated["units"] == "pixel values as stored; a value that is not finite is missing"
    assert (stated["dtype"], stated["bands"]) == ("uint16", list(SENTINEL))
    assert (tuple(stated["low"]), tuple(stated["high"])) == (normalization.low, normalization.high)
    found = map_of(out, sentinel.raster, tmp_path / "export")
    assert (found == map_of(model, sentinel.raster, tmp_path / "model")).mean() >= 0.9999


def test_an_onnx_graph_computes_from_stored_values_and_fills_what_is_missing(
    sentinel: DeepScene, model: Path, tmp_path: Path
) -> None:
    """onnxruntime alone, as another program would: raw reflectances in; NaN is what the mean is."""
    onnxruntime = pytest.importorskip("onnxruntime")
    terrazzo.export(model, format="onnx", out=tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["standardization_mean"]) == [0.0] * 6
    # Deepness: (values / 255 - mean) / std
    np.testing.assert_allclose(json.loads(metadata["standardization_std"]), 1 / 255)
    side = session.get_inputs()[0].shape[2]
    image = np.pad(sentinel.pixels, ((0, 0), (0, side - 160), (0, side - 208)), mode="symmetric").astype(np.float32)
    (probs,) = session.run(None, {"image": image[None]})
    assert (probs[0].argmax(axis=0)[40:150, 50:200] == sentinel.ids[40:150, 50:200]).mean() > 0.95
    holes, filled = image.copy(), image.copy()
    holes[2, 60:70, 60:70] = np.nan
    filled[2, 60:70, 60:70] = read_header(model).normalization.mean[2]
    (with_holes,), (with_means,) = (session.run(None, {"image": each[None]}) for each in (holes, filled))
    np.testing.assert_allclose(with_holes, with_means, atol=1e-6)


def test_bands_are_read_by_name_and_other_units_by_a_scale(sentinel: DeepScene, model: Path, tmp_path: Path) -> None:
    """A raster in another order, and one in reflectances of 0..1, are mapped as the raster of the training."""
    expected = map_of(model, sentinel.raster, tmp_path / "same")
    order = [5, 4, 3, 2, 1, 0]
    turned = write_raster(tmp_path / "turned.tif", sentinel.pixels[order], nodata=0, photometric="minisblack")
    name_bands(turned, tuple(SENTINEL[i] for i in order))
    np.testing.assert_array_equal(map_of(model, turned, tmp_path / "turned"), expected)

    normalization = read_header(model).normalization
    shares = (sentinel.pixels / 10000).astype(np.float32)
    shares[:, ~sentinel.pixels.any(axis=0)] = np.nan
    share = name_bands(write_raster(tmp_path / "share.tif", shares, photometric="minisblack"), SENTINEL)
    spans = zip(SENTINEL, normalization.low, normalization.high, strict=True)
    scale = [f"{name}:{low / 10000!r},{high / 10000!r}" for name, low, high in spans]
    said: list[str] = []
    found = map_of(model, share, tmp_path / "share", scale=scale, say=said.append)
    assert (found == expected).mean() > 0.999
    assert not any("unlike" in line for line in said)
    map_of(model, share, tmp_path / "wrong", say=said.append)
    words = f"warning: {share}: its values, 0.0"
    assert any(line.startswith(words) and "say with --scale B02:LOW,HIGH which of them" in line for line in said)


def test_eight_bits_for_a_deep_model_and_deep_values_for_one_of_eight_bits_are_refused(
    sentinel: DeepScene, model: Path, tmp_path: Path
) -> None:
    eight = write_raster(tmp_path / "eight.tif", noise(6, 64, 64), photometric="minisblack")
    with pytest.raises(InputError, match=r"eight.tif: holds uint8 values, the model was trained on deeper ones, of"):
        map_of(model, eight, tmp_path / "eight")
    assert map_of(model, eight, tmp_path / "eight", scale="0,255").shape == (64, 64)
    with pytest.raises(InputError, match=r"--scale auto: is for prepare"):
        map_of(model, sentinel.raster, tmp_path / "auto", scale="auto")
    photo = write_model(tmp_path / "photo.safetensors", bands=6)
    with pytest.raises(InputError, match=r"holds uint16 values, a network sees uint8; say with --scale LOW,HIGH"):
        map_of(photo, sentinel.raster, tmp_path / "photo")
    three = write_deep_model(tmp_path / "three.safetensors")
    Image.fromarray(noise(40, 50, 3)).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match=r"three.safetensors: takes values as uint16 of rasters; ordinary images have"):
        terrazzo.predict(three, tmp_path / "photo.png", out=tmp_path / "three")
    with pytest.raises(InputError, match=r"an array \(8, 8, 6\) of bool; expected numbers as uint16"):
        terrazzo.load(model, device="cpu").predict(np.zeros((8, 8, 6), bool))


def test_evaluation_and_previews_show_deep_patches(sentinel: DeepScene, model: Path, tmp_path: Path) -> None:
    patches = sentinel.raster.parent / "patches"
    done = terrazzo.evaluate(model, patches, split="train", out=tmp_path / "report", device="cpu", precision="32")
    assert done.scores["accuracy"] > 0.9
    assert terrazzo.show(patches, out=tmp_path / "a.png").path.is_file()
    eight = terrazzo.prepare(
        write_raster(tmp_path / "eight.tif", noise(6, 160, 208), photometric="minisblack"),
        sentinel.labels, out=tmp_path / "eight", patch_size=32, split="patch",
    )  # fmt: skip
    with pytest.raises(PatchesError, match=r"holds uint8 values, the model .* was trained on uint16"):
        terrazzo.evaluate(model, eight.patches.path, split="train")


@pytest.mark.parametrize(("dtype", "scale"), [("float32", "unit"), ("int16", "unit"), ("float32", "minmax")])
def test_heights_with_holes_are_learned_and_mapped(dtype: str, scale: str, tmp_path: Path) -> None:
    """NaN and -9999 are no heights: a hole of all bands is nodata of the map, one of a band is filled."""
    scene = height_scene(tmp_path, dtype)
    done = terrazzo.prepare(scene.raster, scene.labels, out=tmp_path / "patches", patch_size=32, split="patch")
    assert done.patches.dtype == dtype
    changes = TRAINING | {"model.scale": scale, "augment.zoom": 0.1}
    options = {"recipe": "unet", "epochs": 8, "batch_size": 8, "changes": changes, "device": "cpu"}
    model = terrazzo.train(done.patches.path, out=tmp_path / "run", **options).model  # type: ignore[arg-type]
    normalization = read_header(model).normalization
    assert 510 < normalization.low[0] / (10 if dtype == "int16" else 1) < 513
    ids = map_of(model, scene.raster, tmp_path / "maps", tta="flips")
    valid = np.ones(ids.shape, bool)
    valid[:24, :40] = False
    np.testing.assert_array_equal(ids == IGNORE, ~valid)
    assert (ids == scene.ids)[valid].mean() > 0.9
    smaller = map_of(model, doubled(scene, tmp_path), tmp_path / "resampled", resample=True)
    assert smaller.shape == (320, 416)
    assert (smaller[::2, ::2] == ids).mean() > 0.9


def doubled(scene: DeepScene, folder: Path) -> Path:
    """The scene with each pixel cut into four."""
    fine = np.kron(scene.pixels, np.ones((1, 2, 2), scene.pixels.dtype))
    with rasterio.open(scene.raster) as dataset:
        profile = {"transform": dataset.transform @ Affine.scale(0.5), "nodata": dataset.nodata}
    return name_bands(write_raster(folder / "fine.tif", fine, photometric="minisblack", **profile), HEIGHTS)
