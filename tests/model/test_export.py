"""Exports: what other programs find in them, that they compute what the model does, and what is refused."""

import importlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import ExportError, InputError, ModelFileError, OutputExistsError
from terrazzo.model import bundle
from terrazzo.model.exporting import onnx_graph, portable
from terrazzo.model.exporting.export import Exported
from terrazzo.model.exporting.formats import FORMATS, FREE_SIZE, format_of, read_notes
from terrazzo.model.exporting.gis import metadata
from terrazzo.model.header import Calibration, Header, read_header
from terrazzo.model.network import build_model
from terrazzo.model.normalization import Normalization
from terrazzo.model.onnx_model import load_onnx
from terrazzo.model.predictor import Halving
from terrazzo.model.windows.blend import Block
from terrazzo.model.windows.enlarging import enlarge
from terrazzo.model.windows.tiling import ArrayPicture, Tiling, blocks, plan
from terrazzo.pixels.image_view import ImageView
from terrazzo.recipe.sections import ModelSection
from terrazzo.system import extras
from tests.worlds.models import SCHEMA, build, header

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("h5py")

COLORS = np.array([[230, 60, 40], [50, 200, 70], [30, 70, 220]], np.uint8)
SIZE = (176, 232)  # neither square nor multiples of 32; windows of 64 px that share 8 fit it without a rest
SUFFIXES = {"onnx": ".onnx", "h5": ".h5", "pt2": ".pt2", "openvino": ".xml"}


def scene(height: int, width: int, side: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A noisy image (h, w, 3) of squares of `side` px, and the class of each pixel (h, w)."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 3, (-(-height // side), -(-width // side)), np.uint8)
    ids = np.kron(ids, np.ones((side, side), np.uint8))[:height, :width]
    noise = rng.normal(0, 12, (height, width, 3))
    return (COLORS[ids] + noise).clip(0, 255).astype(np.uint8), ids


def learned(section: ModelSection) -> dict[str, torch.Tensor]:
    """The weights of a network after some steps on scenes: classes told apart with wide margins."""
    network = build(section).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(80):
        scenes = [scene(64, 96, 16, seed=4 * step + i) for i in range(4)]
        logits = network(torch.from_numpy(np.stack([image for image, _ in scenes])).permute(0, 3, 1, 2))
        target = torch.from_numpy(np.stack([ids for _, ids in scenes])).long()
        loss = torch.nn.functional.cross_entropy(logits, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3
    return network.state_dict()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small trained models by kind; patches of 64 px."""
    folder = tmp_path_factory.mktemp("models")
    unit = ModelSection(filters=(4, 8), batch_norm=True, dropout=0)
    minmax = ModelSection(filters=(4, 8), scale="minmax", dropout=0)
    weights = learned(unit)
    kinds = {
        "crop": (header(unit), weights),
        "resize": (replace(header(unit), fit="resize", patch_size=100), weights),
        "minmax": (header(minmax), learned(minmax)),
        "smaller": (replace(header(unit), downsample=2.5), weights),
    }
    for name, (head, state) in kinds.items():
        bundle.save(folder / f"{name}.safetensors", head, state)
    return {name: folder / f"{name}.safetensors" for name in kinds}


@pytest.fixture(scope="module")
def exports(models: dict[str, Path]) -> Callable[[str, str], Path]:
    """The export of a model, by kind and format, made once."""
    made: dict[tuple[str, str], Path] = {}

    def export(kind: str, format: str) -> Path:
        if (kind, format) not in made:
            out = models[kind].with_name(f"{kind}{SUFFIXES[format]}")
            terrazzo.export(models[kind], format=format, out=out, resolution=15)
            made[kind, format] = out
        return made[kind, format]

    return export


def noise(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(7).random(shape, np.float32)


def probs_of(model: Path, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The model's own probabilities for an image in 0..1."""
    return bundle.load(model, "cpu", "32").probs(torch.from_numpy(image * 255)).numpy()


def save_photo(path: Path, pixels: NDArray[np.uint8]) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def map_of(model: Path, photo: Path, out: Path, **options: object) -> NDArray[np.uint8]:
    terrazzo.predict(model, photo, out=out, device="cpu", precision="32", **options)  # type: ignore[arg-type]
    with Image.open(out / f"{photo.stem}_classes.png") as image:
        return np.asarray(image)


# --- what other programs find


def test_an_onnx_file_is_what_qgis_tools_expect(exports: Callable[[str, str], Path], models: dict[str, Path]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(exports("crop", "onnx"), providers=["CPUExecutionProvider"])
    (into,), (out,) = session.get_inputs(), session.get_outputs()
    assert (into.name, into.type, into.shape) == ("image", "tensor(float)", ["batch", 3, 512, 512])
    assert (out.name, out.shape) == ("probs", ["batch", 3, 512, 512])
    found = session.get_modelmeta().custom_metadata_map
    values = {name: json.loads(text) for name, text in found.items() if not name.startswith("terrazzo")}
    assert values == {
        "model_type": "Segmentor",
        "class_names": {"0": "a", "1": "b", "2": "c"},
        "resolution": 15.0,
        "tile_size": 512,
        "tiles_size": 512,
        "tiles_overlap": 12.5,
        "standardization_mean": [0, 0, 0],
        "standardization_std": [1, 1, 1],
        "seg_thresh": 0,
        "seg_small_segment": 0,
    }
    assert read_header(exports("crop", "onnx")) == replace(read_header(models["crop"]), gsd_m=0.15)
    raw = exports("crop", "onnx").read_bytes()
    assert b"site-packages" not in raw, "the graph tells where it was made"


def test_the_metadata_of_other_windows_worked_by_hand() -> None:
    """Images of 0.05 m read at a quarter are seen at 20 cm/px; of 64 px 8 are an eighth, of 96 px 10 are 10.41... %."""
    head = replace(header(ModelSection()), gsd_m=0.05, downsample=4.0)
    assert metadata(head, Tiling(64, 16, 64), 64)["resolution"] == "20.0"
    assert metadata(head, Tiling(64, 16, 64), 64)["tiles_overlap"] == "25"
    assert json.loads(metadata(head, Tiling(96, 10, 96), 96)["tiles_overlap"]) == pytest.approx(1000 / 96)


@pytest.mark.parametrize("kind", ["crop", "minmax"])
def test_an_onnx_graph_takes_any_batch_and_holds_the_normalization(
    kind: str, exports: Callable[[str, str], Path], models: dict[str, Path]
) -> None:
    import onnxruntime

    side = plan(read_header(models[kind])).window
    session = onnxruntime.InferenceSession(exports(kind, "onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 3):
        image = noise(count, 3, side, side)
        (found,) = session.run(None, {"image": image})
        np.testing.assert_allclose(found, probs_of(models[kind], image), atol=1e-4)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_a_dynamic_graph_takes_other_sizes(format: str, models: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / f"free{SUFFIXES[format]}"
    done = terrazzo.export(models["minmax"], format=format, out=out, dynamic=True, resolution=10)
    assert done.difference is not None
    assert done.difference <= 1e-4
    image = noise(2, 3, 96, 160)
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
        assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
        (found,) = session.run(None, {"image": image})
    else:
        found = torch.export.load(out).module()(torch.from_numpy(image)).detach().numpy()
    np.testing.assert_allclose(found, probs_of(models["minmax"], image), atol=1e-4)


def test_a_pt2_holds_the_program_and_the_header(exports: Callable[[str, str], Path], models: dict[str, Path]) -> None:
    path = exports("minmax", "pt2")
    extra = {"terrazzo.json": ""}
    program = torch.export.load(path, extra_files=extra).module()
    image = noise(3, 3, 64, 64)
    found = program(torch.from_numpy(image)).detach().numpy()
    np.testing.assert_allclose(found, probs_of(models["minmax"], image), atol=1e-4)
    assert json.loads(json.loads(extra["terrazzo.json"])["terrazzo"])["patch_size"] == 64


def test_an_hdf5_file_describes_itself(exports: Callable[[str, str], Path], models: dict[str, Path]) -> None:
    import h5py

    state = bundle.load(models["minmax"], "cpu", "32").network.state_dict()
    with h5py.File(exports("minmax", "h5")) as file:
        assert list(file.attrs["class_names"]) == ["a", "b", "c"]
        assert file.attrs["class_colors"].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
        assert (file.attrs["scale"], file.attrs["fit"], file.attrs["patch_size"]) == ("minmax", "crop", 64)
        np.testing.assert_allclose(file.attrs["mean"], read_header(models["minmax"]).normalization.mean)
        kernel = file["weights/body/down/0/0/weight"]
        assert kernel.shape == (4, 3, 3, 3)
        for name, tensor in state.items():
            np.testing.assert_array_equal(file[f"weights/{name.replace('.', '/')}"][()], tensor.numpy())


@pytest.mark.parametrize("format", ["onnx", "h5", "pt2"])
def test_inspect_tells_of_an_export_what_it_tells_of_the_model(
    format: str, exports: Callable[[str, str], Path], models: dict[str, Path]
) -> None:
    found, model = terrazzo.inspect(exports("minmax", format)), terrazzo.inspect(models["minmax"])
    assert found.to_dict() | {"graph": model.to_dict()["graph"]} == model.to_dict() | {"gsd_m": 0.15}
    told = [line for line in model.lines()[1:] if not line.startswith("graph: ")]  # an export holds no second graph
    assert set(told) < set(found.lines())


# --- temperature


@pytest.mark.parametrize("format", ["onnx", "h5", "pt2", "openvino"])
def test_exports_hold_the_temperature(format: str, models: dict[str, Path], tmp_path: Path) -> None:
    """At temperature 2 each gives the model's probabilities, which are far from those at 1."""
    if format == "openvino":
        pytest.importorskip("openvino")
    plain = bundle.load(models["minmax"], "cpu", "32")
    model, out = tmp_path / "model.safetensors", tmp_path / f"a{SUFFIXES[format]}"
    head = replace(plain.header, calibration=Calibration(2.0))
    bundle.save(model, head, plain.network.state_dict())
    terrazzo.export(model, format=format, out=out, resolution=15)
    image = noise(2, 3, 64, 64)
    if format == "onnx":
        found = load_onnx(out).probs(image)
    elif format == "h5":
        found = probs_of(out, image)
    elif format == "openvino":
        import openvino

        found = openvino.compile_model(out, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([image])[0]
    else:
        found = torch.export.load(out).module()(torch.from_numpy(image)).detach().numpy()
    with torch.no_grad():
        logits = plain.network(torch.from_numpy(image * 255))
    np.testing.assert_allclose(found, (logits / 2).softmax(dim=1).numpy(), atol=1e-4)
    assert np.abs(found - logits.softmax(dim=1).numpy()).max() > 0.05
    assert read_header(out).temperature == 2


def test_probabilities_of_logits_beyond_the_range_of_exp(models: dict[str, Path]) -> None:
    """The softmax of the export is the library's, of logits whose exponentials are no float32 too."""
    plain = bundle.load(models["minmax"], "cpu", "32")
    network = portable.Portable(plain).eval()
    for factor in (1, 1e4):
        network.temperature = 1 / factor
        with torch.no_grad():
            image = torch.from_numpy(noise(2, 3, 64, 64))
            found, expected = network(image), (plain.network(image * 255) * factor).softmax(dim=1)
        assert torch.allclose(found, expected, atol=1e-4)
        assert torch.allclose(found.sum(dim=1), torch.ones(()), atol=1e-5)


def test_onnxruntimes_slow_softmax_is_not_in_the_graph(models: dict[str, Path], tmp_path: Path) -> None:
    """One over the classes moves them to the last axis and back; see `portable`."""
    import onnx

    out = terrazzo.export(models["minmax"], format="onnx", out=tmp_path / "a.onnx").path
    operations = [node.op_type for node in onnx.load(out).graph.node]
    assert operations.count("Exp") == 1
    assert "Softmax" not in operations


def test_an_export_without_the_temperature_is_refused(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parity check compares with the model itself, not with the graph that was written."""
    plain = bundle.load(models["minmax"], "cpu", "32")
    model = tmp_path / "model.safetensors"
    bundle.save(model, replace(plain.header, calibration=Calibration(2.0)), plain.network.state_dict())
    build = portable.Portable.__init__

    def forgetful(self: portable.Portable, model: bundle.Bundle) -> None:
        build(self, model)
        self.temperature = 1.0

    monkeypatch.setattr(portable.Portable, "__init__", forgetful)
    for format in ("onnx", "pt2", "h5"):
        with pytest.raises(ExportError, match="differ by up to"):
            terrazzo.export(model, format=format, out=tmp_path / f"a{SUFFIXES[format]}", resolution=15)


def test_an_hdf5_file_names_its_temperature(models: dict[str, Path], tmp_path: Path) -> None:
    import h5py

    plain = bundle.load(models["minmax"], "cpu", "32")
    for name, calibration in (("with", Calibration(2.0)), ("without", None)):
        model = tmp_path / f"{name}.safetensors"
        bundle.save(model, replace(plain.header, calibration=calibration), plain.network.state_dict())
        terrazzo.export(model, format="h5", out=tmp_path / f"{name}.h5")
        with h5py.File(tmp_path / f"{name}.h5") as file:
            assert file.attrs.get("temperature") == (None if calibration is None else 2.0)


# --- deep bands

DEEP = {
    "as stored": Normalization(
        "bands", (900.0, 20.0, -9.0), (500.0, 8.0, 3.0), dtype="float32",
        low=(100.0, 0.0, -20.0), high=(2600.0, 40.0, 0.0), clips=(False,) * 3,
    ),
    "clipped": Normalization(
        "bands", (900.0, 20.0, -9.0), (500.0, 8.0, 3.0), dtype="int16",
        low=(100.0, 0.0, -20.0), high=(2600.0, 40.0, 0.0), clips=(True, False, True),
    ),
    "minmax": Normalization(
        "minmax", (0.0,) * 3, (1.0,) * 3, dtype="uint16",
        low=(100.0, 0.0, -20.0), high=(2600.0, 40.0, 0.0), clips=(False,) * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("format", ["onnx", "h5", "pt2"])
def test_exports_of_deep_bands_take_values_as_stored(kind: str, format: str, tmp_path: Path) -> None:
    """Values far beyond what was seen in training, and missing ones, are those of the model, too."""
    normalization = DEEP[kind]
    section = ModelSection(filters=(4, 8), dropout=0, scale="minmax" if kind == "minmax" else "unit")
    head = replace(header(section), normalization=normalization, gsd_m=0.5)
    network = build_model(section, 3, 3, normalization)
    model, out = tmp_path / "model.safetensors", tmp_path / f"a{SUFFIXES[format]}"
    bundle.save(model, head, network.state_dict())
    said: list[str] = []
    terrazzo.export(model, format=format, out=out, dynamic=format != "h5", say=said.append)
    assert any("GeoDeep takes three bands" in line for line in said) == (format == "onnx")
    low, high = (level[:, None, None] for level in normalization.levels())
    image = low + (noise(2, 3, 96, 160) * 3 - 1) * (high - low)
    image[0, 1, 20:30, 40:60] = np.nan
    image[1, 2, 5, 7] = np.inf
    if format == "pt2":
        found = torch.export.load(out).module()(torch.from_numpy(image)).detach().numpy()
    else:
        found = (load_onnx(out) if format == "onnx" else bundle.load(out, "cpu", "32")).classify(image)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, bundle.load(model, "cpu", "32").classify(image), atol=1e-4)
    stated = json.loads(read_notes(out)["terrazzo_input"])
    assert (stated["dtype"], stated["low"]) == (normalization.dtype, [100, 0, -20])
    assert stated["clipped_to_low_and_high"] == list(normalization.clips)


def test_an_export_of_eight_bits_states_its_input(exports: Callable[[str, str], Path]) -> None:
    assert json.loads(read_notes(exports("crop", "onnx"))["terrazzo_input"]) == {
        "units": "0..1: the pixel values divided by 255",
        "dtype": "uint8",
        "bands": ["red", "green", "blue"],
    }


# --- the same maps


@pytest.mark.parametrize("kind", ["crop", "resize", "minmax", "smaller"])
@pytest.mark.parametrize("format", ["onnx", "h5"])
def test_the_map_is_that_of_the_model_file(
    kind: str, format: str, exports: Callable[[str, str], Path], models: dict[str, Path], tmp_path: Path
) -> None:
    photo = save_photo(tmp_path / "a.png", scene(*SIZE, side=23)[0])
    expected = map_of(models[kind], photo, tmp_path / "model")
    found = map_of(exports(kind, format), photo, tmp_path / "export")
    assert expected.shape == SIZE
    assert set(np.unique(expected)) == {0, 1, 2}
    assert (found == expected).mean() >= 0.999


@pytest.mark.parametrize("options", [{"window": 96}, {"window": 64, "overlap": 20, "batch_size": 3}])
def test_other_windows_than_the_declared_one_give_the_model_files_map(
    options: dict[str, int], exports: Callable[[str, str], Path], models: dict[str, Path], tmp_path: Path
) -> None:
    photo = save_photo(tmp_path / "a.png", scene(*SIZE, side=23)[0])
    expected = map_of(models["crop"], photo, tmp_path / "model", **options)
    found = map_of(exports("crop", "onnx"), photo, tmp_path / "export", **options)
    assert (found == expected).mean() >= 0.999


def test_a_graph_of_one_size_is_filled_up_and_refuses_more(exports: Callable[[str, str], Path]) -> None:
    model = replace(load_onnx(exports("minmax", "onnx")), window=64)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 40, 50), np.uint8)
    filled = np.pad(pixels, ((0, 0), (0, 0), (0, 24), (0, 14)), mode="edge")
    np.testing.assert_array_equal(model.classify(pixels), model.classify(filled)[:, :, :40, :50])
    with pytest.raises(InputError, match="--window 96: this graph takes at most 64 px"):
        model.classify(np.zeros((1, 3, 64, 96), np.uint8))


def test_networks_whose_graph_holds_to_one_size_are_exported_so(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network like PSPNet, whose pooling torch traces for one size only."""
    original = onnx_graph._write

    def write(path: Path, graph: object, notes: object, free: bool) -> None:
        if free:
            raise torch.onnx.errors.OnnxExporterError("adaptive pooling")
        original(path, graph, notes, free)  # type: ignore[arg-type]

    monkeypatch.setattr(onnx_graph, "_write", write)
    out = tmp_path / "a.onnx"
    terrazzo.export(models["minmax"], format="onnx", out=out, resolution=10)
    assert FREE_SIZE not in read_notes(out)
    assert load_onnx(out).window == 64
    with pytest.raises(ExportError, match="--dynamic: the graph of this network takes one height and width only"):
        terrazzo.export(models["minmax"], format="onnx", out=tmp_path / "b.onnx", dynamic=True, resolution=10)
    assert not (tmp_path / "b.onnx").exists()


def test_an_onnx_file_is_predicted_without_torch(exports: Callable[[str, str], Path], tmp_path: Path) -> None:
    photo = save_photo(tmp_path / "a.png", scene(*SIZE, side=23)[0])
    code = f"""
import sys, terrazzo
terrazzo.predict({str(exports("crop", "onnx"))!r}, {str(photo)!r}, out={str(tmp_path / "maps")!r})
print(sorted({{"torch", "h5py", "lightning", "matplotlib", "onnxruntime"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['onnxruntime']"


@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning", "ignore::PendingDeprecationWarning")
def test_geodeep_sees_the_same_classes(
    exports: Callable[[str, str], Path], models: dict[str, Path], tmp_path: Path
) -> None:
    """A GeoTIFF of 15 cm pixels, of two windows of 512 px that share an eighth, at the same places in both programs.

    GeoDeep then takes medians over 5 x 5 pixels; our map is compared as it is, and, on finer detail, after the same.
    """
    geodeep = pytest.importorskip("geodeep")
    rasterio = pytest.importorskip("rasterio")
    height, width = 512, 960
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(0.15, 0, 500_000, 0, -0.15, 5_000_000)}
    for side, cleaned in ((170, False), (23, True)):
        pixels, _ = scene(height, width, side=side)
        with rasterio.open(tmp_path / "a.tif", "w", **profile, **place, tiled=True) as raster:
            raster.write(pixels.transpose(2, 0, 1))
        theirs = geodeep.segment(str(tmp_path / "a.tif"), str(exports("crop", "onnx")), output_type="raw")
        ours = map_of(models["crop"], save_photo(tmp_path / f"{side}.png", pixels), tmp_path / f"{side}")
        assert set(np.unique(ours)) == {0, 1, 2}
        expected = geodeep.geodeep.median_filter(ours, 5) if cleaned else ours
        assert (theirs == expected).mean() >= 0.999


# --- images seen smaller


def test_a_model_of_images_read_smaller_gives_maps_of_their_own_size() -> None:
    """Read at 1/4, blocks of 4 px are single pixels: the classifier sees each block's mean, the map has each block."""
    ids = np.random.default_rng(0).integers(0, 3, (13, 21))
    image = np.kron(COLORS[ids].transpose(2, 0, 1), np.ones((1, 4, 4))).astype(np.uint8).transpose(1, 2, 0)
    seen: list[NDArray[np.uint8]] = []

    def nearest(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(pixels)
        distance = np.abs(pixels[:, None].astype(int) - COLORS[None, :, :, None, None]).sum(axis=2)
        return (distance == distance.min(axis=1, keepdims=True)).astype(np.float32)

    found = np.full(image.shape[:2], 9, np.uint8)
    for block in blocks(nearest, ArrayPicture(image), Tiling(32, 8, 32, downsample=4.0)):
        assert (found[block.place] == 9).all()
        found[block.place] = block.ids
    np.testing.assert_array_equal(seen[0][0, :, :13, :21], COLORS[ids].transpose(2, 0, 1))
    np.testing.assert_array_equal(found[1::4, 1::4], ids)
    np.testing.assert_array_equal(found[2::4, 2::4], ids)


@pytest.mark.parametrize("size", [(1, 1), (33, 70), (150, 101)])
def test_windows_of_the_smaller_image_do_not_show(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)

    def shares(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = pixels.astype(np.float32) + 1
        return values / values.sum(axis=1, keepdims=True)

    maps = []
    for tiling in (Tiling(32, 8, 32, downsample=2.5), Tiling(512, 0, 32, downsample=2.5)):
        whole = np.full((3, *size), np.nan, np.float32)
        for block in blocks(shares, ArrayPicture(image), tiling):
            whole[:, *block.place] = block.probs
        maps.append(whole)
    np.testing.assert_allclose(maps[0], maps[1], rtol=1e-5)
    assert Tiling(32, 8, 32, downsample=2.5).n_windows(150, 101) == 6  # 60 x 40 px: 3 rows of 2


def test_the_plan_and_the_size_follow_the_header() -> None:
    head = replace(header(ModelSection()), downsample=4.0)
    assert plan(head) == Tiling(512, 64, 64, downsample=4.0)
    assert ImageView(downsample=4.0).reduced((150, 101)) == (38, 25)


def test_a_header_without_the_field_reads_as_before(models: dict[str, Path]) -> None:
    value = json.loads(read_header(models["crop"]).to_json())
    del value["downsample"]
    from pydantic import TypeAdapter

    assert TypeAdapter(Header).validate_python(value) == read_header(models["crop"])


def test_enlarging_in_parts_equals_enlarging_at_once() -> None:
    probs = noise(3, 60, 41)
    parts = [
        Block(row, col, probs[:, row : row + 17, col : col + 13])
        for row in range(0, 60, 17)
        for col in range(0, 41, 13)
    ]
    for size in ((150, 101), (61, 300), (59, 20)):
        (whole,) = enlarge([Block(0, 0, probs)], (60, 41), size)
        found = np.full((3, *size), np.nan, np.float32)
        for block in enlarge(parts, (60, 41), size, side=32):
            assert np.isnan(found[:, *block.place]).all()
            found[:, *block.place] = block.probs
        np.testing.assert_array_equal(found, whole.probs)


# --- memory


class Cramped:
    """A predictor whose memory holds two windows."""

    batch_pixels = 1 << 20
    header = header(ModelSection())

    def __init__(self, most: int = 2) -> None:
        self.most, self.tried = most, list[int]()

    def classify(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.tried.append(len(pixels))
        if len(pixels) > self.most:
            raise MemoryError
        return pixels / np.float32(255)


def test_a_batch_that_does_not_fit_is_halved_once_and_for_all() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 5), np.uint8)
    cramped, said = Cramped(), list[str]()
    halving = Halving(cramped, said.append)
    for _ in range(2):
        np.testing.assert_array_equal(halving.classify(pixels), pixels / np.float32(255))
    assert cramped.tried == [9, 4, 2, 2, 2, 2, 1, 2, 2, 2, 2, 1]
    assert said == [
        f"{many} windows of 4 x 5 px do not fit into memory; continuing with {fewer} at a time "
        f"(--batch-size {fewer} starts that way)"
        for many, fewer in ((9, 4), (4, 2))
    ]
    with pytest.raises(InputError, match="one window of 4 x 5 px does not fit into memory; use a smaller --window"):
        Halving(Cramped(most=0)).classify(pixels)


def test_an_accelerator_out_of_memory_is_halved_too(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probs, tried = bundle.Bundle.probs, list[int]()

    def short_of_memory(self: bundle.Bundle, pixels: torch.Tensor) -> torch.Tensor:
        tried.append(len(pixels))
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return probs(self, pixels)

    photo = save_photo(tmp_path / "a.png", scene(*SIZE, side=23)[0])
    options: dict[str, object] = {"window": 64, "batch_size": 6}
    expected = map_of(models["crop"], photo, tmp_path / "one", **options)
    monkeypatch.setattr(bundle.Bundle, "probs", short_of_memory)
    said: list[str] = []
    np.testing.assert_array_equal(map_of(models["crop"], photo, tmp_path / "two", say=said.append, **options), expected)
    assert tried[:3] == [6, 3, 1]
    assert [line.split(" (")[0] for line in said] == [
        "6 windows of 64 x 64 px do not fit into memory; continuing with 3 at a time",
        "3 windows of 64 x 64 px do not fit into memory; continuing with 1 at a time",
    ]


# --- kept, in the way, refused


def test_a_finished_export_is_kept_and_another_one_refused(models: dict[str, Path], tmp_path: Path) -> None:
    for format, suffix in SUFFIXES.items():
        out = tmp_path / f"model{suffix}"
        first = terrazzo.export(models["minmax"], format=format, out=out)
        before = out.read_bytes()
        assert not first.kept
        assert terrazzo.export(models["minmax"], format=format, out=out) == Exported(out, True, None)
        assert out.read_bytes() == before
        with pytest.raises(OutputExistsError, match="already exists and is not an export of these inputs"):
            terrazzo.export(models["minmax"], format=format, out=out, resolution=3)
        out.write_bytes(b"mine")
        with pytest.raises(OutputExistsError, match="--overwrite"):
            terrazzo.export(models["minmax"], format=format, out=out)
        assert not terrazzo.export(models["minmax"], format=format, out=out, overwrite=True).kept


@pytest.mark.parametrize("format", ["onnx", "h5", "pt2"])
def test_an_export_that_computes_something_else_is_refused_and_leaves_nothing(
    format: str, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from terrazzo.model.exporting import hdf5, program

    for module in (onnx_graph, program, hdf5):
        monkeypatch.setattr(module, "greatest_difference", lambda *arguments: 2e-4)
    with pytest.raises(ExportError, match=r"differ by up to 0\.0002 from the model's, more than 0\.0001; nothing"):
        terrazzo.export(models["minmax"], format=format, out=tmp_path / f"a{SUFFIXES[format]}")
    assert list(tmp_path.iterdir()) == []


def test_the_difference_is_the_greatest_and_nan_is_none() -> None:
    from terrazzo.model.exporting.parity import TOLERANCE, greatest_difference

    def off(image: NDArray[np.float32]) -> NDArray[np.float32]:
        return image + np.float32(0.25 if len(image) == 2 else 0.125)

    assert greatest_difference(lambda image: image, off, [(2, 1, 3, 3), (1, 1, 3, 3)]) == pytest.approx(0.25, abs=1e-6)
    assert not greatest_difference(lambda image: image, lambda image: image * np.nan, [(1, 1, 2, 2)]) <= TOLERANCE


def test_an_unknown_ground_resolution_is_written_as_ten_and_said(models: dict[str, Path], tmp_path: Path) -> None:
    said: list[str] = []
    terrazzo.export(models["minmax"], format="onnx", out=tmp_path / "a.onnx", say=said.append)
    assert read_notes(tmp_path / "a.onnx")["resolution"] == "10.0"
    assert said[0].startswith("warning: ground sampling distance unknown, so 10 cm/px is written")
    assert read_header(tmp_path / "a.onnx").gsd_m is None
    said.clear()
    terrazzo.export(models["resize"], format="onnx", out=tmp_path / "b.onnx", resolution=7.5, say=said.append)
    assert read_notes(tmp_path / "b.onnx")["resolution"] == "7.5"
    assert said == ["warning: QGIS tools give the model tiles of 100 px; it was trained on whole images (--fit resize)"]


def cut(path: Path, keep: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    return path


@pytest.mark.parametrize("format", ["onnx", "h5", "pt2"])
@pytest.mark.parametrize("keep", [0, 0.01, 0.5, 0.99])
def test_an_export_cut_short_is_refused(
    format: str, keep: float, exports: Callable[[str, str], Path], tmp_path: Path
) -> None:
    path = tmp_path / f"cut{SUFFIXES[format]}"
    path.write_bytes(exports("minmax", format).read_bytes())
    with pytest.raises(ModelFileError, match=r"export the model again|was not written by `terrazzo export`") as caught:
        read_header(cut(path, keep))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_weight_of_an_hdf5_file_is_found(exports: Callable[[str, str], Path], tmp_path: Path) -> None:
    import h5py

    raw = bytearray(exports("minmax", "h5").read_bytes())
    with h5py.File(exports("minmax", "h5")) as file:
        kernel = file["weights/body/down/0/0/weight"]
        raw[kernel.id.get_chunk_info(0).byte_offset + 5] ^= 1
    path = tmp_path / "a.h5"
    path.write_bytes(raw)
    with pytest.raises(ModelFileError, match=r"a\.h5: is damaged"):
        bundle.load(path, "cpu", "32")


def foreign(path: Path) -> Path:
    """A file of that kind that another program wrote."""
    if path.suffix == ".onnx":
        import onnx
        from onnx import TensorProto, helper

        value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 64, 64]) for name in "xy"]
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", value[:1], value[1:])
        onnx.save(helper.make_model(graph), path)
    elif path.suffix == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            file.attrs["keras_version"] = "2.15.0"
            file["model_weights/dense/kernel"] = np.zeros((3, 4), np.float32)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/models/model.json", "{}")
    return path


@pytest.mark.parametrize("suffix", [".onnx", ".h5", ".pt2"])
def test_a_model_from_elsewhere_is_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="was not written by `terrazzo export`, so its classes and input are"):
        read_header(foreign(tmp_path / f"other{suffix}"))
    (tmp_path / f"text{suffix}").write_text("no model at all")
    with pytest.raises(ModelFileError, match=r"export the model again|was not written by"):
        read_header(tmp_path / f"text{suffix}")


@pytest.mark.parametrize(
    ("package", "format", "extra"), [("onnx", "onnx", "train"), ("h5py", "h5", "hdf5"), ("torch", "pt2", "train")]
)
def test_a_package_that_is_not_installed_is_named_with_its_extra(
    package: str, format: str, extra: str, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = foreign(tmp_path / f"a{SUFFIXES[format]}")
    found = extras.importlib.util.find_spec
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None if name == package else found(name))
    install = rf'needs {package}, not installed here; install the extra with `pip install "terrazzo\[{extra}\]"`'
    with pytest.raises(InputError, match=install):
        terrazzo.export(models["crop"], format=format, out=tmp_path / f"b{SUFFIXES[format]}")
    reading = (InputError, install) if package == "h5py" else (ModelFileError, "was not written by")
    with pytest.raises(reading[0], match=reading[1]):
        read_header(path)  # without onnx and torch, too


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("export crop.safetensors --format tflite --out a.tflite", "--format tflite: expected onnx, openvino, h5, pt2"),
        ("export crop.safetensors --format onnx --out a.h5", "--out a.h5: expected a name that ends in .onnx"),
        ("export crop.safetensors --format h5 --dynamic --out a.h5", "--dynamic: an HDF5 file holds weights"),
        ("export crop.safetensors --format onnx --resolution 0 --out a.onnx", "--resolution 0: expected centimetres"),
        ("export none.safetensors --format onnx --out a.onnx", "none.safetensors: no such file"),
        ("export minmax.onnx --format onnx --out a.onnx", "minmax.onnx: is an export itself"),
        ("export crop.safetensors --format onnx --out folder.onnx", "folder.onnx: is a folder"),
        ("predict minmax.onnx a.png --out maps --device cuda", "--device cuda: an ONNX file runs on the CPU"),
        ("predict minmax.onnx a.png --out maps --precision bf16", "--precision bf16: an ONNX file computes in float32"),
        ("predict minmax.pt2 a.png --out maps", "minmax.pt2: is for programs of your own"),
        ("predict cut.h5 a.png --out maps", "cut.h5: is cut short; export the model again"),
        ("predict other.onnx a.png --out maps", "other.onnx: was not written by `terrazzo export`"),
        ("predict other.h5 a.png --out maps", "other.h5: was not written by `terrazzo export`"),
        ("inspect other.onnx", "other.onnx: was not written by `terrazzo export`"),
        ("inspect cut.h5", "cut.h5: is cut short"),
    ],
)
def test_bad_input_is_one_line(
    words: str,
    named: str,
    models: dict[str, Path],
    exports: Callable[[str, str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (models["crop"], *(exports("minmax", format) for format in SUFFIXES)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    save_photo(tmp_path / "a.png", scene(40, 50, 8)[0])
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "cut.h5").write_bytes((tmp_path / "minmax.h5").read_bytes())
    cut(tmp_path / "cut.h5", 0.9)
    foreign(tmp_path / "other.onnx")
    foreign(tmp_path / "other.h5")
    before = set(tmp_path.rglob("*"))
    assert run(words.split()) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("terrazzo: error: ")
    assert named in line
    assert set(tmp_path.rglob("*")) == before


def test_only_weights_are_loaded_by_torch(exports: Callable[[str, str], Path]) -> None:
    with pytest.raises(InputError, match=r"minmax\.onnx: holds a compiled graph"):
        bundle.load(exports("minmax", "onnx"), "cpu", "32")
    found = terrazzo.load(exports("minmax", "h5"), device="cpu", precision="32")
    assert found.header.schema == SCHEMA


# --- the command line


def test_the_commands_lead_on(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import shlex

    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(models["minmax"].read_bytes())
    save_photo(tmp_path / "a.png", scene(40, 50, 8)[0])
    words = ["predict", "model.safetensors", "a.png", "--out", "maps"]
    seen = []
    for _ in range(3):
        assert run(words) == 0
        lines = capsys.readouterr().out.splitlines()
        seen.append(lines)
        words = shlex.split(lines[-1].removeprefix("next: terrazzo "))
    assert seen[0][-1] == "next: terrazzo export model.safetensors --format onnx --out model.onnx"
    assert seen[1][0].startswith("parity: probabilities differ by ")
    assert seen[1][1:] == ["wrote model.onnx", "next: terrazzo inspect model.onnx"]
    assert seen[2][0] == "model.onnx: a terrazzo model"
    assert words == ["predict", "model.onnx", "IMAGE", "--out", "maps"]


def test_every_format_has_its_writer_and_its_suffix_and_names_load_no_torch() -> None:
    script = "import sys; from terrazzo.model.exporting.formats import FORMATS; print(*FORMATS, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*FORMATS, "False"]
    assert {name: format.suffix for name, format in FORMATS.items()} == SUFFIXES | {"openvino": ".xml"}
    for name, format in FORMATS.items():
        module, function = format.writer.split(":")
        assert callable(getattr(importlib.import_module(f"terrazzo.model.exporting.{module}"), function))
        assert format_of(Path(f"a{format.suffix.upper()}")) is FORMATS[name]
    assert format_of(Path("model.safetensors")) is None
