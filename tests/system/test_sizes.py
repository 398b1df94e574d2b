"""Sizes as people write them, and back."""

import pytest

from terrazzo.errors import InputError
from terrazzo.system.sizes import bytes_of, size_words


@pytest.mark.parametrize(
    ("words", "bytes_"),
    [
        ("4GB", 4_000_000_000),
        ("4g", 4_000_000_000),
        ("3.5 GB", 3_500_000_000),
        ("2048MB", 2_048_000_000),
        ("1GiB", 1 << 30),
        ("2.5 GiB", 5 << 29),
        ("900000000", 900_000_000),
        (900_000_000, 900_000_000),
        ("512b", 512),
    ],
)
def test_sizes_as_people_write_them(words: str | int, bytes_: int) -> None:
    assert bytes_of(words) == bytes_


@pytest.mark.parametrize("words", ["", "much", "-4GB", "4 GBs", "0", "4,5GB", "inf", "0GB", "1.5.2GB", "4 G B"])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(InputError, match=r"--max-memory .*: expected a size as in 4GB, 3\.5G or 2048MB"):
        bytes_of(words)


def test_sizes_are_told_rounded_up() -> None:
    found = [size_words(size) for size in (1_230_000_001, 4_000_000_000, 45_000_001, 678)]
    assert found == ["1.24 GB", "4.00 GB", "46 MB", "678 bytes"]
    assert bytes_of(size_words(1_230_000_001)) >= 1_230_000_001
