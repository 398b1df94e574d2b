"""The table of leaner networks: its figures, and that every candidate is a network that recipes can have."""

import pytest

from benchmarks import lean
from terrazzo.model.network import build_model, normalization_for
from terrazzo.recipe.reading import load_recipe
from terrazzo.recipe.sections import ModelSection


def test_rates_and_ratios_by_hand() -> None:
    """Four windows of 256 px are 0.262144 Mpx: in 0.5 s 0.524 a second, in 0.2 s 1.311 and 2.5 times as many."""
    assert lean.row({"best": 0.5, "stride-2": 0.2}) == {
        "best": {"mpx_per_s": 0.524, "times_best": 1.0},
        "stride-2": {"mpx_per_s": 1.311, "times_best": 2.5},
    }


@pytest.mark.parametrize("name", lean.CANDIDATES)
def test_each_candidate_is_the_network_of_best_with_fewer_weights_or_half_the_pixels(name: str) -> None:
    best = load_recipe("best").model

    def n_weights(section: ModelSection) -> int:
        network = build_model(section, 3, 6, normalization_for(section, 3))
        return sum(weight.numel() for weight in network.parameters())

    section = ModelSection.model_validate({**best.model_dump(), **lean.CANDIDATES[name]})
    assert n_weights(section) < n_weights(best) or (section.input_stride, n_weights(section)) == (2, n_weights(best))
