"""What the words of `--scale` mean."""

from typing import Any

import pytest

from terrazzo.errors import InputError
from terrazzo.pixels.bands.reading import BandScales, parse_scale


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ("0,3000", (0.0, 3000.0)),
        (["-5,40"], (-5.0, 40.0)),
        ((0, 3000), (0.0, 3000.0)),
        ([0.5, 2], (0.5, 2.0)),
        ("auto", "auto"),
        (["auto"], "auto"),
        ("dsm:-5,40", BandScales((("dsm", (-5.0, 40.0)),))),
        (
            ["red:0,3000", "dsm:-5,40"],
            BandScales((("red", (0.0, 3000.0)), ("dsm", (-5.0, 40.0)))),
        ),
        (["0,3000", "dsm:-5,40"], BandScales((("dsm", (-5.0, 40.0)),), (0.0, 3000.0))),
        (["B04: 10 m:0,1"], BandScales((("B04: 10 m", (0.0, 1.0)),))),  # a name may hold a colon
        ({"red": (0, 3000), "dsm": [-5, 40]}, BandScales((("red", (0.0, 3000.0)), ("dsm", (-5.0, 40.0))))),
        ({"*": (0, 3000), "dsm": (-5, 40)}, BandScales((("dsm", (-5.0, 40.0)),), (0.0, 3000.0))),
        ({"red": "0,3000"}, BandScales((("red", (0.0, 3000.0)),))),
    ],
)
def test_scales(given: Any, expected: Any) -> None:
    assert parse_scale(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("3000", "--scale 3000: expected two numbers LOW,HIGH, as in 0,3000, or with a band, as in red:0,3000"),
        (["red:9,3"], "--scale red:9,3: expected LOW below HIGH"),
        (["red:9"], "--scale red:9: expected two numbers"),
        ([":0,3"], "--scale :0,3: expected two numbers"),
        (["red:0,3", "Red:0,4"], "--scale red: is given 2 times; give it once"),
        (["0,3", "0,4"], "--scale LOW,HIGH: is given 2 times; give it once"),
        (["auto", "red:0,3"], "--scale auto: is for all bands; leave the others out"),
        ((1, 2, 3), "--scale 1,2,3: expected two numbers"),
        ((0, float("inf")), "expected LOW below HIGH"),
        ({"red": 3}, "--scale red:3: expected two numbers"),
        ({"red": (3, 1)}, "--scale red:3,1: expected LOW below HIGH"),
        (7, "--scale 7: expected two numbers"),
    ],
)
def test_what_is_no_scale_is_refused_with_what_was_given(given: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_scale(given)
    assert words in str(caught.value)
