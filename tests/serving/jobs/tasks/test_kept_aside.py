"""Which polygons are kept aside, worked by hand."""

import pytest

from terrazzo.serving.jobs.tasks.kept_aside import kept_aside, with_uses
from terrazzo.serving.results.corrections import Correction, Corrections


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


@pytest.mark.parametrize(
    ("classes", "used", "kept"),
    [
        ("aaaaa", "tttta", (4,)),  # as it was
        ("aaaaaaaaaa", "tttta.....", (4, 9)),  # five more: one more, a new one
        ("aaaaaaaa", "tttta...", (4,)),  # three more are all trained on
        ("aaaaaaaaaa", "ttttattt..", (4, 9)),  # and two after them: the second five is full
        ("aaaaa", "ttta.", (3,)),  # the first was deleted and one drawn: still the one that was kept aside
        ("aaaaa", "ttttt", ()),  # what was trained on never scores
        ("aaaaa", ".tttt", (0,)),
        ("abaaa", ".....", (4,)),
        ("aabbb", "a.ttt", (0,)),
        ("abbbb", ".atat", (1, 3)),
        ("aaaab", "atttt", (0,)),
        ("abbbb", "aa.tt", (0, 1)),  # of the five some are aside already
        ("abcca", "..tta", (4,)),
        ("ab", "at", (0,)),
        ("aacbb", "t....", (4,)),
    ],
)
def test_what_was_used_keeps_its_part(classes: str, used: str, kept: tuple[int, ...]) -> None:
    before = [{"a": True, "t": False, ".": None}[letter] for letter in used]
    assert kept_aside(classes, before) == kept


def test_a_second_choice_changes_nothing() -> None:
    """Law: uses are final. Of ten polygons two are kept aside; each says so."""
    shape: dict[str, object] = {"type": "Polygon", "coordinates": []}
    once = with_uses(Corrections(tuple(Correction(name, shape) for name in "aaaabcaaaa")))
    assert [each.kept_aside for each in once.polygons] == [place in (3, 9) for place in range(10)]
    assert with_uses(once) == once
    fewer = with_uses(Corrections(once.polygons[1:]))
    assert fewer.polygons == once.polygons[1:]
