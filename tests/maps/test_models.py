"""Several models as one: their words, what must agree, and maps that are the mean of their probabilities.

One model's class is the greatest band, with a probability of 1 to the last digit; the other's are constant.
"""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import InputError, OutputExistsError
from terrazzo.maps.models import model_file, models_among
from terrazzo.model.normalization import Normalization
from terrazzo.model.windows.tiling import plan
from terrazzo.pixels.bands.reading import BandReading
from terrazzo.system.files import file_digest
from tests.worlds.mapping import contents, exit_code, read_map
from tests.worlds.models import COLORS, NAMES, write_model
from tests.worlds.rasters import write_raster

CONSTANT = (0.2, 0.5, 0.3)
CPU: dict[str, Any] = {"device": "cpu", "precision": "32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, a photo and a raster of the same pixels; nothing else may be written here."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "a.safetensors")
    write_model(folder / "b.safetensors", constant=CONSTANT)
    bands = pixels()
    Image.fromarray(np.ascontiguousarray(bands.transpose(1, 2, 0))).save(folder / "photo.png")
    write_raster(folder / "scene.tif", bands)
    return folder


def pixels() -> np.ndarray:
    """Bands (3, 50, 70) of which one is 230 and the others are 20."""
    ids = np.random.default_rng(0).integers(0, 3, (50, 70))
    return np.where(np.arange(3)[:, None, None] == ids, 230, 20).astype(np.uint8)


# --- words


def test_model_files_among_the_images_are_models(tmp_path: Path) -> None:
    (tmp_path / "other.h5").write_bytes(b"no model of ours")
    words = ["b.onnx", "scene.tif", tmp_path / "other.h5", Path("c.SAFETENSORS"), "s3://bucket/d.safetensors"]
    models, images = models_among("a.safetensors", words)  # type: ignore[arg-type]
    assert models == [Path("a.safetensors"), Path("b.onnx"), Path("c.SAFETENSORS")]
    assert images == ["scene.tif", tmp_path / "other.h5", "s3://bucket/d.safetensors"]
    assert models_among(["a.h5", "b.h5"], "x.png") == ([Path("a.h5"), Path("b.h5")], ["x.png"])
    with pytest.raises(InputError, match=r"scene.tif: is no model, and a.onnx behind it is one; name the model first"):
        models_among("scene.tif", ["a.onnx", "b.tif"])
    assert models_among("a.h5", ["b.onnx", "x.png"])[0] == [Path("a.h5"), Path("b.onnx")]
    for words, expected in (([], "no model given"), (["a.onnx", "./a.onnx"], "a.onnx: is given 2 times")):
        with pytest.raises(InputError, match=expected):
            models_among(words, "x.png")  # type: ignore[arg-type]


def test_an_h5_of_ours_is_a_model(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    terrazzo.export(folder / "a.safetensors", format="h5", out=tmp_path / "a.h5")
    assert models_among("b.safetensors", tmp_path / "a.h5")[0] == [Path("b.safetensors"), tmp_path / "a.h5"]
    one, two = tmp_path / "one", tmp_path / "two"
    terrazzo.predict([folder / "b.safetensors", tmp_path / "a.h5"], folder / "photo.png", out=one, **CPU)
    terrazzo.predict([folder / "b.safetensors", folder / "a.safetensors"], folder / "photo.png", out=two, **CPU)
    with Image.open(one / "photo_classes.png") as found, Image.open(two / "photo_classes.png") as expected:
        assert found.tobytes() == expected.tobytes()


# --- what must agree


RASTERS = BandReading(("red", "green", "blue"))


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        ({}, {"schema": ClassSchema(("Red", "Blue", "Green"), COLORS)}, "class 1 is Blue, and .*Green; models are"),
        ({}, {"schema": ClassSchema(NAMES[:2], COLORS[:2])}, "class 2 is none, and .*Blue"),
        ({}, {"fit": "resize"}, "fit is resize, and .* windows"),
        ({}, {"downsample": 2.0}, "downsample is 2, and .* 1"),
        ({"gsd_m": 0.1}, {"gsd_m": 0.3}, "ground sampling distance is 0.3 m, and .* 0.1 m"),
        ({"band_reading": RASTERS}, {"band_reading": replace(RASTERS, names=("red", "nir", "blue"))}, "bands are red,"),
        (
            {"band_reading": replace(RASTERS, scale=(0.0, 3000.0))},
            {"band_reading": replace(RASTERS, scale=((0.0, 3000.0), (0.0, 1.0), (0.0, 3000.0)))},
            "scale of rasters is 0 to 3000, 0 to 1, 0 to 3000, and .* 0 to 3000, 0 to 3000, 0 to 3000",
        ),
        ({}, {"normalization": Normalization("minmax", (0.0,) * 3, (1.0,) * 3)}, "input scale is minmax, and .* unit"),
    ],
)
def test_the_first_difference_is_named(tmp_path: Path, ours: Any, theirs: Any, words: str) -> None:
    one = write_model(tmp_path / "a.safetensors", **ours)
    two = write_model(tmp_path / "b.safetensors", **theirs)
    with pytest.raises(InputError, match=rf"b\.safetensors: {words}") as caught:
        terrazzo.predict([one, two], tmp_path / "lost.png", out=tmp_path / "maps")
    assert "\n" not in str(caught.value)


def test_bands_must_agree(tmp_path: Path) -> None:
    one, two = write_model(tmp_path / "a.safetensors"), write_model(tmp_path / "b.safetensors", bands=4)
    with pytest.raises(InputError, match=r"b\.safetensors: number of bands is 4, and .*a\.safetensors 3"):
        terrazzo.predict(one, [two, tmp_path / "lost.png"], out=tmp_path / "maps")


def test_what_need_not_agree(tmp_path: Path) -> None:
    """Colours, one unknown ground sampling distance, and patch sizes, of which a note speaks."""
    one = write_model(tmp_path / "a.safetensors", patch_size=64, gsd_m=0.1)
    two = write_model(tmp_path / "b.safetensors", schema=ClassSchema(NAMES, COLORS[::-1]))
    three = write_model(tmp_path / "c.safetensors", patch_size=64, gsd_m=0.11)
    said: list[str] = []
    found = model_file([one, two, three], plan, "cpu", "32", said.append)
    assert said == [
        f"all models see the windows of {one} (patches of 64 px), also {two} (patches of 32 px)",
    ]
    assert [each.path for each in found.every] == [one, two, three]
    assert len({each.tiling for each in found.every}) == 1


# --- one model


def test_one_model_is_as_it_was(folder: Path) -> None:
    file = model_file([folder / "a.safetensors"], plan, "auto", "auto", lambda line: None)
    assert file.identity == file.digest == file_digest(file.path)
    assert file.every == (file,)


# --- maps


def test_a_map_is_the_mean_of_both(folder: Path, tmp_path: Path) -> None:
    """Half of 1 and half of 0.2, 0.5 or 0.3: the greatest band wins, with 60, 75 or 65 %."""
    both = [folder / "a.safetensors", folder / "b.safetensors"]
    options = {"out": tmp_path / "maps", "confidence": True, "probabilities": True, **CPU}
    terrazzo.predict(both, [folder / "photo.png", folder / "scene.tif"], **options)
    ids = pixels().argmax(axis=0)
    expected = np.array([60, 75, 65])[ids]
    np.testing.assert_array_equal(read_map(tmp_path / "maps" / "scene" / "classes.tif")[0], ids)
    np.testing.assert_array_equal(read_map(tmp_path / "maps" / "scene" / "confidence.tif")[0], expected)
    with Image.open(tmp_path / "maps" / "photo_classes.png") as image:
        np.testing.assert_array_equal(np.asarray(image), ids)
    with Image.open(tmp_path / "maps" / "photo_confidence.png") as image:
        np.testing.assert_array_equal(np.asarray(image), expected)
    record = json.loads((tmp_path / "maps" / "scene" / "run.json").read_text())
    assert [each["path"] for each in record["models"]] == [str(path) for path in both]
    assert [each["digest"] for each in record["models"]] == [file_digest(path) for path in both]


def test_the_command_takes_models_before_images(folder: Path, tmp_path: Path, capsys: Any) -> None:
    both, out = [str(folder / "a.safetensors"), str(folder / "b.safetensors")], str(tmp_path / "maps")
    words = ["predict", *both, str(folder / "scene.tif"), "--out", out, "--device", "cpu", "--confidence"]
    assert exit_code([*words, "--dry-run"]) == 0
    assert exit_code([*words, "--tta", "flips", "--tta-scales", "1,2", "--tta-scales", "0.5"]) == 0
    record = json.loads((tmp_path / "maps" / "scene" / "run.json").read_text())
    assert record["made_of"]["tta_scales"] == [0.5, 1, 2]
    assert record["made_of"]["tta"] == "flips"
    capsys.readouterr()
    assert exit_code(["predict", *both, "--out", out]) == 2
    assert capsys.readouterr().err.strip() == "terrazzo: error: no image given; name at least one image file or folder"


def test_finished_maps_belong_to_their_models(folder: Path, tmp_path: Path) -> None:
    a, b = folder / "a.safetensors", folder / "b.safetensors"
    images, out = [folder / "photo.png", folder / "scene.tif"], tmp_path / "maps"
    assert terrazzo.predict([a, b], images, out=out, **CPU).kept == ()
    assert terrazzo.predict(a, [b, *images], out=out, **CPU).written == ()
    for others in ([a], [b, a]):
        for image in images:
            with pytest.raises(OutputExistsError):
                terrazzo.predict(others, image, out=out, **CPU)
    with pytest.raises(OutputExistsError):
        terrazzo.predict([a, b], images, out=out, tta_scales="1,2", **CPU)
    assert terrazzo.predict([a, b], images, out=out, tta_scales=1, **CPU).written == (), (
        "1 alone is the window as it is"
    )


KILLED = """
import os, signal, sys
import terrazzo
from terrazzo.maps.jobs import job
from terrazzo.maps.pieces.journal import Journal

one, two, raster, out = sys.argv[1:]
written = []
write = Journal.write

def killing(*args):
    write(*args)
    written.append(args)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

job.free_bytes = lambda: 0  # pieces as small as they can be
Journal.write = killing
terrazzo.predict([one, two], raster, out=out, window=32, device="cpu", precision="32")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on Windows")
def test_a_killed_run_of_two_models_is_resumed(folder: Path, tmp_path: Path) -> None:
    """Its journal belongs to both models in their order: one alone, or the other order, is refused."""
    a, b, raster, out = folder / "a.safetensors", folder / "b.safetensors", folder / "scene.tif", tmp_path / "maps"
    words = [sys.executable, "-c", KILLED, *map(str, (a, b, raster, out))]
    killed = subprocess.run(words, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    options: dict[str, Any] = {"window": 32, **CPU}
    for others in (a, [b, a]):
        with pytest.raises(OutputExistsError, match="holds unfinished work of another model"):
            terrazzo.predict(others, raster, out=out, **options)
    with pytest.raises(OutputExistsError, match="holds unfinished work"):
        terrazzo.predict([a, b], raster, out=out, tta_scales=2, **options)
    said: list[str] = []
    terrazzo.predict([a, b], raster, out=out, say=said.append, **options)
    assert [line for line in said if "resumed, 3 of 6 pieces are done" in line], said
    terrazzo.predict([a, b], raster, out=tmp_path / "whole", **options)
    assert contents(out / "scene") == contents(tmp_path / "whole" / "scene")


def test_a_cluster_computes_the_same(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    both = [folder / "a.safetensors", folder / "b.safetensors"]
    for engine, words in (("local", {}), ("dask", {"workers": 1})):
        options = {"engine": engine, "tta_scales": (1, 2), "window": 32, **words, **CPU}
        terrazzo.predict(both, folder / "scene.tif", out=tmp_path / engine, **options)  # type: ignore[arg-type]
    assert contents(tmp_path / "local" / "scene") == contents(tmp_path / "dask" / "scene")


def test_beside_a_graph_all_compute_on_the_cpu_in_float32(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    terrazzo.export(folder / "b.safetensors", format="onnx", out=tmp_path / "b.onnx")
    file = model_file([folder / "a.safetensors", tmp_path / "b.onnx"], plan, "auto", "auto", lambda line: None)
    assert {(each.device, each.precision) for each in file.every} == {("cpu", "32")}
    with pytest.raises(InputError, match="--device cuda: an ONNX file runs on the CPU"):
        terrazzo.predict([folder / "a.safetensors", tmp_path / "b.onnx"], "x.png", out=tmp_path / "m", device="cuda")
    words = {"out": tmp_path / "maps", "confidence": True, "tta_scales": (1, 2)}
    terrazzo.predict(file.path, [tmp_path / "b.onnx", folder / "scene.tif"], **words)  # type: ignore[arg-type]
    ids = pixels().argmax(axis=0)
    np.testing.assert_array_equal(read_map(tmp_path / "maps" / "scene" / "classes.tif")[0], ids)


def test_a_graph_of_one_size_takes_no_enlarged_windows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    terrazzo.export(folder / "a.safetensors", format="onnx", out=tmp_path / "a.onnx")
    monkeypatch.setattr("terrazzo.model.opening.read_notes", lambda path: {})
    with pytest.raises(InputError, match=r"--tta-scales 2: .*a\.onnx is a graph for windows of one size; leave"):
        terrazzo.predict(tmp_path / "a.onnx", folder / "photo.png", out=tmp_path / "m", tta_scales="0.5,2")
    terrazzo.predict(tmp_path / "a.onnx", folder / "photo.png", out=tmp_path / "m", tta_scales="0.5")
