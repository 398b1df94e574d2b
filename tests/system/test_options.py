"""Options: declared in a function's signature, read from there by the command line and by `next:` lines."""

from collections.abc import Sequence
from typing import Annotated

from terrazzo.system.options import Option, options_of, words_of

Side = Annotated[int, Option("Side of a patch.", "Data")]


def cut(
    source: Annotated[str, Option("What to cut.")],
    labels: Annotated[str | None, Option("Its labels.")] = None,
    *,
    side: Side = 256,
    ignore: Annotated[Sequence[str], Option("A class to ignore.", many=True)] = (),
    assignments: Annotated[Sequence[str] | None, Option("Any field.", flags=("--set",), many=True)] = None,
    overwrite: Annotated[bool, Option("Replace.")] = False,
    say: object = None,
) -> None:
    """Cut."""


def test_parameters_without_an_option_are_for_python_alone() -> None:
    assert list(options_of(cut)) == ["source", "labels", "side", "ignore", "assignments", "overwrite"]


def test_a_flag_is_the_name_with_dashes_unless_another_is_declared() -> None:
    assert options_of(cut)["assignments"][1].flag("assignments") == "--set"
    assert Option("").flag("patch_size") == "--patch-size"


def test_the_words_of_a_call_leave_out_defaults_and_what_is_no_parameter() -> None:
    assert words_of(cut, {"source": "a b", "side": 256, "color": 3}) == ["a b"]
    values = {
        "source": "a",
        "labels": "l",
        "side": 32,
        "ignore": ["x", "y"],
        "overwrite": True,
        "assignments": ("k=1",),
    }
    expected = "a l --side 32 --ignore x --ignore y --set k=1 --overwrite"
    assert words_of(cut, values) == expected.split()
