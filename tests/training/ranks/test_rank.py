"""What the ranks of a run share of a batch, and what each draws."""

import numpy as np
import pytest
import torch

from terrazzo.recipe.sections import AugmentSection
from terrazzo.training.augmentation.draws import draw
from terrazzo.training.batches import BatchOrder
from terrazzo.training.ranks.rank import Rank


def test_the_shares_of_five_patches_among_three_are_as_long_and_padded_at_the_end() -> None:
    rows = np.array([7, 3, 9, 4, 8])
    assert [Rank(number, 3).share(rows).tolist() for number in range(3)] == [[7, 3], [9, 4], [8, ~8]]
    assert [Rank(number, 3).share(rows[:1]).tolist() for number in range(3)] == [[7], [~7], [~7]]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_every_patch_comes_once_an_epoch_on_all_ranks_together(count: int, batch_size: int) -> None:
    rows = np.arange(10, 21)
    whole = BatchOrder(rows, batch_size * count, seed=3)
    orders = [BatchOrder(rows, batch_size, seed=3, rank=Rank(number, count)) for number in range(count)]
    for epoch in range(3):
        for order in (whole, *orders):
            order.set_epoch(epoch)
        shared = list(zip(*orders, strict=True))
        together = [[row for share in batch for row in share if row >= 0] for batch in shared]
        assert together == list(whole)
        assert sorted(row for batch in together for row in batch) == rows.tolist()
        assert all(len({len(share) for share in batch}) == 1 for batch in shared)
        assert [whole.n_patches(epoch, number) for number in range(len(whole))] == [len(batch) for batch in whole]


def test_ranks_draw_what_one_process_draws_for_the_whole_batch() -> None:
    section = AugmentSection(hflip=True, quarter_turns=True, brightness=0.2, crop=32)
    whole, halves = draw(section, 6, seed=5), [draw(section, 3, 5, Rank(number, 2)) for number in range(2)]
    for name, numbers in vars(whole).items():
        assert torch.equal(torch.cat([getattr(half, name) for half in halves]), numbers), name


def test_the_leading_rank_has_the_seed_itself_and_the_others_have_theirs() -> None:
    assert Rank(0, 3).seed(11) == 11
    assert len({Rank(number, 3).seed(11) for number in range(3)}) == 3
