"""A network with outputs for new classes: the old ones are as before, the new ones start low."""

import pytest
import torch

from terrazzo.model.network import build_model, normalization_for
from terrazzo.recipe.sections import ModelSection
from terrazzo.training.starting.weights import SMALL, grown

SECTIONS = (
    ModelSection(filters=(4, 8), batch_norm=True),
    ModelSection(encoder="resnet18", decoder_channels=(8, 8, 8, 8, 8)),
    ModelSection(arch="fpn", encoder="resnet18"),
)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: f"{section.arch} {section.encoder}")
def test_the_old_classes_logits_are_unchanged(section: ModelSection) -> None:
    torch.manual_seed(3)
    normalization = normalization_for(section, 3)
    old, new = (build_model(section, 3, n, normalization).eval() for n in (3, 5))
    new.load_state_dict(grown(old.state_dict(), new.state_dict(), seed=0))
    pixels = torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)
    with torch.inference_mode():
        before, after = old(pixels), new(pixels)
    assert after.shape == (2, 5, 64, 96)
    assert torch.allclose(after[:, :3], before, atol=1e-5)


def test_a_new_row_is_small_and_its_bias_is_the_lowest() -> None:
    weight, bias = torch.tensor([[3.0, -1.0], [1.0, -3.0]]), torch.tensor([0.5, -0.25])
    wanted = {"weight": torch.zeros(1002, 2), "bias": torch.zeros(1002), "count": torch.tensor(3)}
    found = grown({"weight": weight, "bias": bias, "count": torch.tensor(7)}, wanted, seed=0)
    assert torch.equal(found["weight"][:2], weight)
    assert found["bias"].tolist()[:3] == [0.5, -0.25, -0.25]
    assert found["count"] == 7
    deviation = weight.std()  # of 3, -1, 1, -3: the root of 20 / 3
    assert float(deviation) == pytest.approx((20 / 3) ** 0.5)
    assert float(found["weight"][2:].std()) == pytest.approx(SMALL * float(deviation), rel=0.05)


def test_the_seed_decides_the_new_rows() -> None:
    old, wanted = {"w": torch.randn(2, 4)}, {"w": torch.zeros(3, 4)}
    one, same, other = (grown(old, wanted, seed)["w"] for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
