"""The header of a model in words."""

from dataclasses import replace

from terrazzo.model.description import describe_header
from tests.worlds.headers import HEADER


def test_the_split_and_its_leak() -> None:
    data = replace(HEADER.training_data, split="block", leak={"image": 0.5, "buffer_px": 32.0}, seed=7)
    lines = describe_header(replace(HEADER, training_data=data))
    assert "split: by block, seed 7; leak: image 50%, buffer 32 px" in lines


def test_none_held_out_is_called_so() -> None:
    data = replace(HEADER.training_data, split="none held out")
    assert "split: none held out" in describe_header(replace(HEADER, training_data=data))
