"""Networks tried before training: what fits passes without a trace, and what does not is one line naming the pair."""

from pathlib import Path

import pytest
import torch

import terrazzo
from terrazzo.errors import InputError, RecipeError
from terrazzo.model.bundle import load, save
from terrazzo.model.hardware import choose
from terrazzo.model.trial import Trial, try_model
from terrazzo.recipe.sections import ModelSection
from tests.worlds.models import build, header

COMPUTE = choose("cpu", "32")


def trial(size: int, window: int = 128) -> Trial:
    return Trial(bands=3, n_classes=3, sizes=(size,), window=window)


def test_what_fits_passes_and_leaves_the_random_state_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    try_model(ModelSection(encoder="resnet18"), trial(64), COMPUTE)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_classic_unet_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terrazzo.model.trial.build_model", None)
    try_model(ModelSection(filters=(4, 8)), trial(32), COMPUTE)


@pytest.mark.parametrize(
    ("arch", "encoder", "size", "words"),
    [
        (
            "pan",
            "resnet18",
            64,
            r"cannot be trained on patches of 64 px .*too small.; prepare with --patch-size 128",
        ),
        ("unet", "tu-coatnet_pico_rw_224", 64, r"cannot be trained on patches of 64 px .*; docs/models.md"),
        ("unet", "tu-coatnet_pico_rw_224", 224, r"cannot map windows of 128 px .*; docs/models.md"),
        ("unet", "tu-vit_tiny_patch16_224", 64, r"cannot be built: .*; docs/models.md"),
        ("deeplabv3", "tu-swin_tiny_patch4_window7_224", 64, r"cannot be built: .*output_stride"),
        ("linknet", "mit_b0", 64, "cannot be built: .*not supported for Linknet"),
        ("dpt", "resnet18", 64, "cannot be built: .*Only Timm encoders"),
    ],
)
def test_what_does_not_go_together_is_one_line(arch: str, encoder: str, size: int, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        try_model(ModelSection(arch=arch, encoder=encoder), trial(size), COMPUTE)
    assert str(caught.value).startswith(f"model: {arch} with encoder {encoder} ")
    assert "\n" not in str(caught.value)


def test_a_network_whose_map_has_another_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terrazzo.model.trial.build_model", lambda *_: torch.nn.Conv2d(3, 3, 2, stride=2))
    with pytest.raises(RecipeError, match="maps patches of 64 px as 32 x 32 px"):
        try_model(ModelSection(encoder="resnet18"), trial(64), COMPUTE)


def test_memory_is_not_the_trials_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    class Large(torch.nn.Conv2d):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr("terrazzo.model.trial.build_model", lambda *_: Large(3, 3, 1))
    try_model(ModelSection(encoder="resnet18"), trial(64), COMPUTE)


def test_a_model_that_cannot_map_a_window_is_one_line_wherever_it_is_used(tmp_path: Path) -> None:
    section, path = ModelSection(arch="pan", encoder="resnet18"), tmp_path / "model.safetensors"
    save(path, header(section), build(section).state_dict())
    with pytest.raises(InputError, match=r"pan / resnet18: .* window of 64 x 96 px .*trained on patches of 64 px"):
        load(path, device="cpu").probs(torch.zeros(1, 3, 64, 96))


@pytest.mark.parametrize("format", ["onnx", "pt2"])
def test_exporting_such_a_model_is_one_line(format: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    section, path = ModelSection(encoder="tu-coatnet_pico_rw_224"), tmp_path / "model.safetensors"
    save(path, header(section), build(section).state_dict())
    with pytest.raises(terrazzo.errors.ExportError) as caught:
        terrazzo.export(path, format=format, out=tmp_path / f"model.{format}")
    assert "\n" not in str(caught.value)
    assert [found.name for found in tmp_path.iterdir()] == ["model.safetensors"]
