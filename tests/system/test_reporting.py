"""Words of lines for the user."""

import pytest

from terrazzo.system.reporting import how_many


@pytest.mark.parametrize(
    ("n", "noun", "words"),
    [(1, "box", "1 box"), (2, "box", "2 boxes"), (2, "patch", "2 patches"), (0, "image", "0 images")],
)
def test_how_many_has_the_plural(n: int, noun: str, words: str) -> None:
    assert how_many(n, noun) == words
