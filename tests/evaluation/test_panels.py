"""Pictures are checked by their pixels: what is red, striped or dark, and that colours survive the file format."""

import io

import numpy as np
from PIL import Image

from terrazzo.classes.drawing import IGNORED_COLORS
from terrazzo.classes.schema import ClassSchema
from terrazzo.evaluation.panels import ERROR_COLOR, compare, error_map

SCHEMA = ClassSchema(("Building", "Land", "Road"), ((60, 16, 152), (132, 41, 246), (110, 193, 228)))
TRUTH = np.array([[0, 0, 1, 1, 255], [0, 2, 1, 1, 255], [2, 2, 1, 0, 255]], np.uint8)
PREDICTED = np.array([[0, 1, 1, 1, 2], [0, 2, 1, 0, 2], [2, 1, 1, 0, 0]], np.uint8)
IMAGE = np.full((3, 5, 4), 200, np.uint8)


def pixels(raw: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))


def test_wrong_pixels_are_red_ignored_ones_striped_and_right_ones_grey() -> None:
    errors = error_map(IMAGE, TRUTH, PREDICTED).astype(int)
    wrong, ignored = TRUTH != PREDICTED, TRUTH == 255
    red = errors[wrong & ~ignored]
    assert (red[:, 0] > 2 * red[:, 1]).all()
    assert {tuple(color) for color in errors[ignored]} <= set(IGNORED_COLORS)
    right = errors[~wrong]
    assert (right == right[:, :1]).all()
    assert right.max() < ERROR_COLOR[0] * 0.6


def test_stripes_show_both_colours_on_a_wide_ignored_area() -> None:
    ignored = np.full((9, 14), 255, np.uint8)
    errors = error_map(np.zeros((9, 14, 3), np.uint8), ignored, np.zeros_like(ignored))
    assert {tuple(color) for color in errors.reshape(-1, 3).tolist()} == set(IGNORED_COLORS)


def test_class_panels_hold_exactly_the_class_colours() -> None:
    panels = compare(IMAGE, TRUTH, PREDICTED, SCHEMA)
    valid = TRUTH != 255
    assert (pixels(panels.truth)[valid] == SCHEMA.decode(TRUTH)[valid]).all()
    assert (pixels(panels.prediction) == SCHEMA.decode(PREDICTED)).all()
    assert {tuple(color) for color in pixels(panels.truth)[~valid].tolist()} <= set(IGNORED_COLORS)


def test_the_photo_shows_its_first_three_bands_or_its_only_one() -> None:
    bands = np.zeros((3, 5, 5), np.uint8)
    bands[..., 0], bands[..., 3] = 180, 255
    assert abs(pixels(compare(bands, TRUTH, PREDICTED, SCHEMA).image).mean(axis=(0, 1)) - (180, 0, 0)).max() < 4
    assert abs(pixels(compare(bands[..., :1], TRUTH, PREDICTED, SCHEMA).image).mean(axis=(0, 1)) - 180).max() < 4


def test_large_patches_shrink_without_new_colours() -> None:
    truth = np.repeat(np.repeat(TRUTH, 10, axis=0), 10, axis=1)
    panels = compare(np.repeat(np.repeat(IMAGE, 10, axis=0), 10, axis=1), truth, truth, SCHEMA, max_px=25)
    assert pixels(panels.image).shape == pixels(panels.truth).shape == (15, 25, 3)
    assert {tuple(c) for c in pixels(panels.truth).reshape(-1, 3).tolist()} <= {*SCHEMA.colors, *IGNORED_COLORS}
