"""Exports in int8: what they cost stands in the file, too great a cost is refused, and they map in int8."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import ExportError, InputError, PatchesError
from terrazzo.model.exporting import int8
from terrazzo.model.exporting.portable import INPUT
from terrazzo.model.header import Calibration, Int8, read_header
from terrazzo.model.opening import open_model
from terrazzo.model.runtimes.registry import RUNTIMES
from terrazzo.model.runtimes.runtime import Asked
from terrazzo.patches.folder import open_patches
from terrazzo.system.devices import ONNXRUNTIME, OPENVINO
from tests.worlds.models import write_model
from tests.worlds.rasters import noise, write_raster
from tests.worlds.striped import striped_patches

onnx = pytest.importorskip("onnx")

SUFFIX = {"onnx": ".onnx", "openvino": ".xml"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Striped patches, and a model.safetensors that takes the greatest band for the class, as their colours do."""
    folder = tmp_path_factory.mktemp("int8")
    striped_patches(folder, 3)
    write_model(folder / "model.safetensors", names=("roof", "road", "lake"))
    write_raster(folder / "scene.tif", noise(3, 70, 90))
    return folder


@pytest.fixture(scope="module")
def exported(world: Path) -> Callable[[str], Path]:
    """The model in int8, by format; written once."""

    def export(format: str) -> Path:
        if format == "openvino":
            pytest.importorskip("openvino")
        out = world / f"int8{SUFFIX[format]}"
        if not out.is_file():
            terrazzo.export(
                world / "model.safetensors",
                format=format,
                out=out,
                int8=True,
                calibrate=world / "patches",
                resolution=10,
            )
        return out

    return export


def pixels(height: int, width: int) -> np.ndarray:
    """Noise as dark as the stripes, whose values int8 was fitted to."""
    return noise(3, height, width)[None] // 2


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_what_int8_cost_stands_in_the_file(
    world: Path, exported: Callable[[str], Path], format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The classes of the stripes are their greatest bands, so both precisions find all of them."""
    patches = open_patches(world / "patches")
    n = len(patches.rows("val"))
    out = exported(format)
    assert read_header(out).int8 == Int8(1.0, 1.0, n, patches.content_hash)
    assert run(["inspect", str(out)]) == 0
    assert f"precision: int8; mean IoU 1.000, 1.000 in float32, on {n} patches\n" in capsys.readouterr().out
    assert terrazzo.inspect(out).value["int8"]["mean_iou"] == 1.0


def test_convolutions_are_in_int8_but_the_last_stays_in_float32(exported: Callable[[str], Path]) -> None:
    graph = onnx.load(exported("onnx")).graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    inputs = [made_by.get(node.input[0]) for node in graph.node if node.op_type == "Conv"]
    assert len(inputs) > 2
    assert all(each == "DequantizeLinear" for each in inputs[:-1])
    last = [node for node in graph.node if node.op_type == "Conv"][-1]
    assert last.input[1] not in made_by, "its weights are stored in float32"
    softmax = [node for node in graph.node if node.op_type in ("ReduceMax", "Sub", "Exp", "ReduceSum", "Div")][-5:]
    assert [node.op_type for node in softmax] == ["ReduceMax", "Sub", "Exp", "ReduceSum", "Div"]
    assert all(made_by.get(name) != "DequantizeLinear" for node in softmax for name in node.input)


def test_other_programs_run_the_onnx_at_the_size_that_it_declares(exported: Callable[[str], Path]) -> None:
    session = InferenceSession(exported("onnx"), providers=["CPUExecutionProvider"])
    _, bands, height, width = session.get_inputs()[0].shape
    assert (bands, height, width) == (3, 512, 512)
    (probs,) = session.run(None, {INPUT: np.zeros((1, 3, height, width), np.float32)})
    assert probs.shape == (1, 3, height, width)


@pytest.mark.parametrize("name", [ONNXRUNTIME, OPENVINO])
def test_int8_maps_windows_of_any_size_as_float32_does(world: Path, exported: Callable[[str], Path], name: str) -> None:
    """Classes of noise agree on 95 % and more in both runtimes, at several sizes, the second time as the first."""
    if name == OPENVINO:
        pytest.importorskip("openvino")
    expected = open_model(world / "model.safetensors", "cpu", "32")
    found = RUNTIMES[name].open(exported("onnx"), Asked("cpu"))
    for height, width in ((64, 96), (96, 64), (64, 96)):
        image = pixels(height, width)
        first = found.classify(image)
        assert np.array_equal(found.classify(image), first)
        assert np.mean(first.argmax(axis=1) == expected.classify(image).argmax(axis=1)) >= 0.95


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_maps_and_scores_name_the_precision(world: Path, exported: Callable[[str], Path], format: str) -> None:
    model = exported(format)
    runtime = {"onnx": ONNXRUNTIME, "openvino": OPENVINO}[format]
    record = (
        terrazzo.predict(model, world / "scene.tif", out=world / format, runtime=runtime)
        .rasters[0]
        .record["computed_by"]
    )
    assert record["precision"] == "int8"
    assert record["runtime"] == runtime
    assert terrazzo.evaluate(model, world / "patches", runtime=runtime).scores["mean_iou"] == 1.0
    said: list[str] = []
    plan = terrazzo.predict(
        model, world / "scene.tif", out=world / "dry", runtime=runtime, dry_run=True, say=said.append
    )
    assert f"(cpu, int8, {runtime})" in plan.planned[0].lines[2]


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_int8_holds_the_temperature(world: Path, format: str, tmp_path: Path) -> None:
    """Logits are 40 times the bands, here divided by 40: confidences lie far below those at temperature 1."""
    if format == "openvino":
        pytest.importorskip("openvino")
    model = write_model(tmp_path / "m.safetensors", names=("roof", "road", "lake"), calibration=Calibration(40.0))
    out = tmp_path / f"warm{SUFFIX[format]}"
    terrazzo.export(model, format=format, out=out, int8=True, calibrate=world / "patches", resolution=10)
    assert read_header(out).temperature == 40
    runtime, image = {"onnx": ONNXRUNTIME, "openvino": OPENVINO}[format], pixels(64, 96)
    found = open_model(out, "cpu", "auto", runtime=runtime).classify(image).astype(np.float32)
    warm = open_model(model, "cpu", "32").classify(image)
    cold = open_model(world / "model.safetensors", "cpu", "32").classify(image)
    assert np.abs(found - warm).max() < 0.02
    assert np.abs(cold - warm).mean() > 0.2


def test_a_precision_that_a_file_lacks_is_refused_in_one_line(world: Path, exported: Callable[[str], Path]) -> None:
    scene, out = world / "scene.tif", world / "refused"
    with pytest.raises(InputError, match=r"--precision 32: .*int8\.onnx computes in int8; leave it out, or give"):
        terrazzo.predict(exported("onnx"), scene, out=out, precision="32")
    with pytest.raises(InputError, match=r"--precision int8: .*model\.safetensors is not in int8; make a file"):
        terrazzo.predict(world / "model.safetensors", scene, out=out, precision="int8")
    with pytest.raises(InputError, match="--precision int8: expected auto, 32, bf16"):
        terrazzo.load(world / "model.safetensors", precision="int8")
    assert not out.exists()


def test_a_cost_above_the_limit_is_refused_and_worst_allows_it(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 0.75 to 0.72 is a loss of 3 points: more than 1, and as much as --worst 3 allows."""
    scores = iter((0.75, 0.72) * 2)
    monkeypatch.setattr(int8, "mean_iou", lambda *_: next(scores))
    model, out = world / "model.safetensors", tmp_path / "a.onnx"
    given = {"format": "onnx", "out": out, "int8": True, "calibrate": world / "patches", "resolution": 10}
    with pytest.raises(ExportError) as refused:
        terrazzo.export(model, **given)
    assert str(refused.value).startswith("--int8: mean IoU 0.720, 0.750 in float32, on the ")
    assert ": a loss of 3.0 points, more than 1; nothing was written; allow it with --worst 3," in str(refused.value)
    assert not out.exists()
    done = terrazzo.export(model, **given, worst=3)
    assert done.int8 is not None
    assert done.int8.points == pytest.approx(3)
    kept = terrazzo.export(model, **given, worst=3)
    assert kept.kept
    assert kept.int8 == done.int8


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"calibrate": "patches"}, "--calibrate patches: is for --int8; add that, or leave --calibrate out"),
        ({"worst": 2.0}, "--worst 2.0: is for --int8; add that, or leave --worst out"),
        ({"int8": True}, "--int8: needs the patches that the model was trained on; give --calibrate PATCHES"),
        ({"int8": True, "calibrate": "p", "worst": -1.0}, "--worst -1: expected points of mean IoU, 0 to 100"),
    ],
)
def test_options_without_effect_and_missing_ones_are_refused(
    world: Path, tmp_path: Path, given: dict[str, object], line: str
) -> None:
    with pytest.raises(InputError) as refused:
        terrazzo.export(world / "model.safetensors", format="onnx", out=tmp_path / "a.onnx", **given)
    assert str(refused.value) == line


def test_formats_and_patches_that_do_not_fit_are_refused(world: Path, tmp_path: Path) -> None:
    model = world / "model.safetensors"
    with pytest.raises(InputError, match=r"--int8: a \.pt2 file holds no int8; expected --format onnx or openvino"):
        terrazzo.export(model, format="pt2", out=tmp_path / "a.pt2", int8=True, calibrate=world / "patches")
    other = write_model(tmp_path / "other.safetensors")
    with pytest.raises(PatchesError, match=r"has the classes roof, road, lake, which the model .* lacks"):
        terrazzo.export(other, format="onnx", out=tmp_path / "a.onnx", int8=True, calibrate=world / "patches")
    assert not (tmp_path / "a.onnx").exists()
