"""What cutting loses, counted by hand."""

import numpy as np

from terrazzo.patches.cut_loss import CutLoss
from terrazzo.patches.raster_cutting import margins, strips

NAMES = ("ground", "roof", "road")
ONE_PATCH = np.array([[10, 0, 5]])


def test_the_share_that_cropping_drops() -> None:
    loss = CutLoss(128, "crop")
    loss.add(190, 190)  # one patch of 128 x 128 = 16384 of 36100 px: 54.6 % are cut off
    assert loss.notes() == []
    assert loss.warnings(ONE_PATCH, NAMES) == [
        "--fit crop: 54.6% of the pixels fill no whole patch of 128 px and are cut off; --fit pad keeps them, a "
        "smaller --patch-size most of them"
    ]


def test_up_to_a_fifth_it_is_a_note() -> None:
    loss = CutLoss(100, "crop")
    loss.add(100, 125)  # 2500 of 12500 px: 20 %
    assert loss.notes() == ["--fit crop: 20.0% of the pixels fill no whole patch of 100 px and are cut off"]
    assert loss.warnings(ONE_PATCH, NAMES) == []
    loss.add(99, 1)  # smaller than a patch: all of it is lost
    assert loss.notes() == []


def test_nothing_is_cut_off_of_whole_patches_and_under_pad_and_resize() -> None:
    for fit, side in (("crop", 256), ("pad", 190), ("resize", 190)):
        loss = CutLoss(128, fit)
        loss.add(side, side)
        assert (loss.share, loss.notes(), loss.warnings(ONE_PATCH, NAMES)) == (0, [], [])


def test_classes_that_the_images_hold_and_the_patches_do_not() -> None:
    for fit, words in (("crop", "in any patch, only outside them"), ("resize", "in the smaller images")):
        loss = CutLoss(128, fit, classes={0, 1, 2})
        loss.add(128, 128)
        (line,) = loss.warnings(ONE_PATCH, NAMES)
        assert line.startswith(f"--fit {fit}: roof has no pixel {words}; use --fit pad or")


def test_patches_without_a_label_are_counted() -> None:
    loss = CutLoss(64, "pad")
    loss.add(128, 128, np.array([True, False, False, False]))
    assert loss.notes() == ["left out: 3 of 4 patches without a labelled pixel"]


def test_margins_and_patches_cover_each_pixel_of_a_raster_once() -> None:
    for height, width in ((100, 70), (64, 64), (31, 200), (20, 20), (96, 33)):
        times = np.zeros((height, width), int)
        for row, col, rows, cols in (*strips(height, width, 3, 32, "crop"), *margins(height, width, 32)):
            assert rows > 0 < cols
            times[row : row + rows, col : col + cols] += 1
        assert (times == 1).all()
