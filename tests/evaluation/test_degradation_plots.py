"""Where the points of a plot stand, worked by hand in its frame: x from 30 to 228, y from 112 (score 0) up to 8."""

from terrazzo.evaluation.degradation_plots import degradation_lines, plots_of

ROWS = [
    {"kind": kind, "strength": strength, "mean_iou": score, "accuracy": 0.9}
    for kind, strength, score in (
        ("clean", 0, 0.5),
        ("resolution", 2, 0.4),
        ("resolution", 4, 0.25),
        ("brightness", -1, 0.3),
        ("brightness", 1, 0.45),
    )
]


def test_strengths_stand_at_equal_distances_after_the_clean_images() -> None:
    plot = plots_of(ROWS)[0]
    assert (plot.kind, plot.unit) == ("resolution", "factor")
    assert [point.x for point in plot.points] == [30, 129, 228]
    assert [point.mean_iou for point in plot.points] == [0.5, 0.4, 0.25]
    assert [plot.is_clean(point) for point in plot.points] == [True, False, False]
    assert [point.strength for point in plot.degraded] == [2, 4]


def test_the_scale_runs_from_0_to_the_next_tenth_above_all_scores() -> None:
    """The clean 0.5 is the top, at y = 8; 0.25 is in the middle, at 60; 0.4 is at 112 - 104 * 0.8."""
    plots = plots_of(ROWS)
    assert plots[0].line == "30,8 129,28.8 228,60"
    assert plots[0].clean_y == plots[1].clean_y == 8
    assert plots[0].ticks == ((0, 112), (0.25, 60), (0.5, 8))
    assert plots_of([*ROWS, {**ROWS[-1], "strength": 2, "mean_iou": 0.51}])[0].ticks[-1] == (0.6, 8)


def test_between_strengths_of_both_signs_the_clean_images_stand_at_0() -> None:
    plot = plots_of(ROWS)[1]
    assert [point.mean_iou for point in plot.points] == [0.3, 0.5, 0.45]
    assert plot.is_clean(plot.points[1])
    assert [round(point.drop, 6) for point in plot.degraded] == [20, 5]


def test_the_lines_have_a_kind_each() -> None:
    assert degradation_lines(ROWS) == [
        "mean IoU of degraded images, strength: score; clean: 0.500",
        "resolution (factor)    2: 0.400    4: 0.250",
        "brightness (stops)    -1: 0.300    1: 0.450",
    ]


def test_without_rows_there_is_nothing_to_draw() -> None:
    assert plots_of([]) == degradation_lines([]) == []
