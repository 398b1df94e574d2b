"""The limit beyond which an image is unlike the training data, and how it is stated."""

from dataclasses import replace

import pytest

import terrazzo
from terrazzo.model.description import describe_header
from terrazzo.model.familiarity.reference import Seen, limit
from terrazzo.model.header import Header, _parsed
from tests.worlds.familiarity import stated
from tests.worlds.headers import HEADER


def test_the_limit_is_a_fifth_beyond_what_was_reached() -> None:
    assert limit(1.25, {"a": 1.0, "b": 1.5}) == pytest.approx(1.8)


def test_where_validation_shows_no_other_place_the_training_patches_decide() -> None:
    assert limit(1.25, {"a": 1.0}) == pytest.approx(1.5)


def test_an_image_is_unlike_beyond_the_limit_not_at_it() -> None:
    assert Seen(2.001, 2.0).unlike
    assert not Seen(2.0, 2.0).unlike
    assert Seen(3.41449, 2.0).to_json() == {"distance": 3.414, "threshold": 2.0, "unlike": True}


def test_a_header_states_it_and_inspect_shows_it() -> None:
    header: Header = replace(HEADER, familiarity=stated(2.0, 1.5))
    assert _parsed(header.to_json(), terrazzo.__file__) == header
    line = "feature distance: 95 % of the training patches within 1.2; limit 2; validation places reached 1.5"
    assert line in describe_header(header)
    assert header.without_familiarity() == HEADER


def test_places_that_are_in_training_too_are_not_called_places() -> None:
    assert stated(other_places=False).words == "limit 2; validation patches reached 1.5"


def test_nothing_is_said_of_files_of_earlier_versions() -> None:
    assert not any("feature distance" in line for line in describe_header(HEADER))
