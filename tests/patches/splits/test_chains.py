"""Chains: numbers are equal where a path of pairs leads from one to the other, and only there."""

from hypothesis import given
from hypothesis import strategies as st

from terrazzo.patches.splits.chains import chains


def test_a_chain_has_the_least_of_its_numbers() -> None:
    assert chains(7, [(6, 4), (2, 5), (4, 2), (1, 1)]).tolist() == [0, 1, 2, 3, 2, 2, 2]
    assert chains(0, []).tolist() == []


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=14))
def test_equal_numbers_are_connected_and_others_are_not(pairs: list[tuple[int, int]]) -> None:
    reached = [{one} for one in range(12)]
    for _ in range(12):
        for one, other in pairs:
            both = reached[one] | reached[other]
            for member in both:
                reached[member] = both
    assert chains(12, pairs).tolist() == [min(reached[one]) for one in range(12)]
