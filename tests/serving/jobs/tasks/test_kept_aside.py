"""Which polygons are kept aside, worked by hand."""

import pytest

from terrazzo.serving.jobs.tasks.kept_aside import kept_aside


@pytest.mark.parametrize(
    ("classes", "kept"),
    [
        ("", ()),
        ("aaaa", ()),
        ("aaaaa", (4,)),
        ("aaaaaaaaaa", (4, 9)),
        ("aaaaaaaaaaaaaa", (4, 9)),
        ("aabbc", (3,)),  # c has one polygon, which is learnt from
        ("abcde", ()),
        ("aaaab" + "caaaa", (3, 9)),  # b and c have one each
        ("aabcd" + "bcdef", (4, 6)),  # then d has one left, as e and f have; c has another
    ],
)
def test_of_each_five_the_last_is_kept_aside_whose_class_has_another(classes: str, kept: tuple[int, ...]) -> None:
    assert kept_aside(classes) == kept
