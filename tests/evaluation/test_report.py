"""The page and the lines are pure functions of scores.json, so their words can be asked for one by one."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from terrazzo.classes.confusion import class_counts
from terrazzo.classes.schema import ClassSchema
from terrazzo.evaluation.metrics import BEST_BY, METRICS, Pooled, Scores
from terrazzo.evaluation.panels import compare
from terrazzo.evaluation.report import N_BEST, N_WORST, Example, pick_examples, render_report, summary_lines

NAMES = ("Building <b>&", "Land", "Road", "Water")
SCHEMA = ClassSchema(NAMES, ((60, 16, 152), (132, 41, 246), (110, 193, 228), (226, 169, 41)))
CONFUSION = np.array([[3, 1, 0, 0], [1, 4, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0]])


def scores_json(leak: float = 0.0, trained_images: int = 0) -> dict[str, Any]:
    """A scores.json worked from CONFUSION."""
    scores = Scores.of(Pooled(class_counts(CONFUSION)), NAMES, "counts")
    per_class = scores.by_class
    return {
        "accuracy": scores["accuracy"],
        "mean_iou": scores["mean_iou"],
        "mean_iou_interval": [0.5, 0.75],
        "mean_iou_interval_over": "4 images",
        "mean_iou_interval_unit": "images",
        "mean_iou_interval_note": "too narrow: images of one place resemble each other",
        "mean_dice": scores["mean_dice"],
        "kappa": scores["kappa"],
        "loss": 0.71,
        "loss_terms": "ce + dice",
        "jaccard_soft_micro": 0.754,
        "published": [],
        "published_source": "",
        "published_protocol": "",
        **{key: dict(zip(NAMES, values, strict=True)) for key, values in per_class.items()},
        "absent": list(scores.absent),
        "confusion": CONFUSION.tolist(),
        "pixels": scores.pixels,
        "n_patches": 3,
        "n_images": 4,
        "protocol": {
            "split": "val",
            "split_method": "patch" if leak else "group",
            "leak": {"image": leak, "group": leak},
            "leaky": leak > 0,
            "patch_size": 256,
            "seed": 7,
        },
        "trained_on": {"images": trained_images, "share": trained_images / 4, "other_patches": False},
        "groups": {
            "Tile 4": {"accuracy": 0.7, "mean_iou": 0.6, "mean_dice": 0.7, "pixels": 12, "patches": 3, "images": 1,
                       "iou": dict(zip(NAMES, scores.by_class["iou"], strict=True))},
            "Tile 5": {"accuracy": None, "mean_iou": None, "mean_dice": None, "pixels": 0, "patches": 1, "images": 1,
                       "iou": dict.fromkeys(NAMES)},
        },
        "model": "runs/dubai/model.safetensors",
        "patches_folder": "patches",
        "batch_size": 8,
        "terrazzo_version": "1.2.3",
        "key": "0123abcd",
    }  # fmt: skip


def page(scores: dict[str, Any], schema: ClassSchema = SCHEMA) -> str:
    ids = np.array([[0, 1, 2, 255, 3]], np.uint8).repeat(3, axis=0)
    panels = compare(np.zeros((3, 5, 3), np.uint8), ids, np.roll(ids % 4, 1), SCHEMA)
    example = Example("Tile 4/image_part_003", 256, 512, 0.25, 0.125, panels)
    return render_report("unet / resnet34", scores, schema, [example], [example, example])


def test_the_page_needs_no_other_file_and_runs_no_script() -> None:
    html = page(scores_json())
    assert not re.search(r"https?://|//[a-z]|@import|url\(|<script|<link", html)
    sources = re.findall(r'src="([^"]{0,22})', html)
    assert len(sources) == 3 * 4
    assert {source.split(",")[0] for source in sources} == {"data:image/jpeg;base64", "data:image/png;base64"}


def test_names_from_the_data_are_escaped() -> None:
    html = page(scores_json())
    assert "Building &lt;b&gt;&amp;" in html
    assert "<b>&<" not in html


def test_a_leaky_split_is_called_leaky_wherever_scores_stand_and_a_clean_one_nowhere() -> None:
    leaky, clean = page(scores_json(leak=0.93)), page(scores_json())
    assert "93.0 % of the scored pixels are in groups that also have patches in training" in leaky
    assert leaky.count('<span class="flag">leaky split</span>') == 7  # five cards, the classes, the groups
    assert "leaky split<" not in clean.lower()
    assert "No leak found" in clean
    assert "No leak found" not in leaky
    lines = summary_lines(scores_json(leak=0.93))
    assert " ".join(line.strip() for line in lines[1:3]) == (
        "LEAKY split: 93% of the scored pixels share a group with training (93% an image); these scores are optimistic"
    )
    assert sum("[leaky split]" in line for line in lines) == 3
    assert not any("leaky" in line.lower() for line in summary_lines(scores_json()))


def test_where_nothing_is_known_of_places_no_absence_of_leaks_is_claimed() -> None:
    scores = scores_json()
    scores["protocol"]["places_known"] = False
    html = page(scores)
    assert "No leak found" not in html
    assert "Which images show one place is not known" in html


def test_pictures_that_the_model_was_trained_on_are_told() -> None:
    html = page(scores_json(trained_images=3))
    assert "The model was trained on 3 of the 4 scored images (75%)" in html
    assert "No leak found" not in html


def test_cells_say_the_share_of_the_row_and_the_tooltips_the_pixels() -> None:
    html = page(scores_json())
    cells = re.findall(r'<td class="([^"]*)" style="--v:[\d.]+" title="([^"]*)">([^<]*)</td>', html)
    assert len(cells) == 16
    assert cells[1] == ("", "Building &lt;b&gt;&amp; called Land: 1 of 4 pixels", "25")
    assert cells[5] == ("diagonal strong", "Land called Land: 4 of 5 pixels", "80")
    assert [cell[2] for cell in cells[12:]] == ["–"] * 4


def test_absent_classes_are_named_and_have_dashes() -> None:
    html, lines = page(scores_json()), summary_lines(scores_json())
    assert "outside the means: Water." in html
    assert "absent from truth and prediction, outside the means: Water" in lines
    assert [line.split()[1:] for line in lines if line.startswith("Water")] == [["–"] * 4]


def test_lines_show_means_interval_classes_and_groups() -> None:
    lines = summary_lines(scores_json())
    assert lines[0] == "3 patches of split val (by group, seed 7), 4 images, 12 valid pixels"
    assert lines[1] == "accuracy 0.7500  mean IoU 0.6127  mean Dice 0.7591  kappa 0.6087  loss 0.7100"
    assert lines[2] == "mean IoU 95 % interval 0.5000 to 0.7500 over 4 images"
    assert lines[3].startswith("    too narrow")
    assert lines[4] == "jaccard_soft_micro 0.7540, which is not mean IoU"
    assert [line.split() for line in lines if line.startswith("Road")] == [["Road", "0.667", "0.800", "1.000", "0.667"]]
    assert [line.split() for line in lines if line.startswith("Tile 5")] == [["Tile", "5", "–", "–"]]


def test_sources_have_a_table_of_their_own() -> None:
    scores = scores_json()
    assert "<h2>Sources" not in page(scores)
    scores["sources"] = {"dubai": scores["groups"]["Tile 4"], "sea": scores["groups"]["Tile 5"]}
    html, lines = page(scores), summary_lines(scores)
    assert html.count("<h2>Sources") == 1
    assert html.index("<h2>Sources") < html.index('<tr><th scope="row">dubai</th>') < html.index("<h2>Groups")
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("source")) :]
    assert [line.split() for line in table[:3]] == [
        ["source", "accuracy", "mean", "IoU"],
        ["dubai", "0.700", "0.600"],
        ["sea", "–", "–"],
    ]


def test_many_classes_turn_the_heads_and_leave_the_group_table_narrow() -> None:
    n = 23
    names = tuple(f"class {i}" for i in range(n))
    schema = ClassSchema(names, tuple((i, 255 - i, 7) for i in range(n)))
    scores = Scores.of(Pooled(class_counts(np.eye(n, dtype=int))), names, "counts")
    wide = scores_json() | {"confusion": np.eye(n, dtype=int).tolist(), "absent": []}
    for key, values in scores.by_class.items():
        wide[key] = dict(zip(names, values, strict=True))
    html = page(wide, schema)
    assert html.count('class="turned"') == n
    assert "IoU by class" not in html


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.0001, "&lt; 0.1 %"), (0.123, "12.3 %"), (0.99999, "&gt; 99.9 %"), (1, "100 %")],
)
def test_shares_never_round_to_none_or_all(share: float, text: str) -> None:
    html = page(scores_json() | {"protocol": scores_json()["protocol"] | {"leak": {"image": share, "group": 0.0}}})
    assert f"leak: {text} image, 0 % group" in html


@settings(deadline=None)
@given(arrays(np.int64, st.tuples(st.integers(1, 30), st.just(4), st.just(4)), elements=st.integers(0, 40)))
def test_examples_are_scored_patches_none_twice_in_order(confusion: np.ndarray) -> None:
    counts = class_counts(confusion)
    worst, best = pick_examples(counts)
    pixels = counts[:, 1].sum(axis=1)
    assert len(worst) <= N_WORST
    assert len(best) <= N_BEST
    assert len({*worst.tolist(), *best.tolist()}) == len(worst) + len(best)
    assert (pixels[worst] > 0).all()
    assert (pixels[best] > 0).all()
    assert bool(len(worst)) == bool(pixels.any())
    accuracy = counts[worst, 0].sum(axis=1) / pixels[worst]
    assert (np.diff(accuracy) >= 0).all()


def test_best_patches_are_mixed_ones_where_there_are_any() -> None:
    """Two lakes all right, a mixed patch nearly right, three that are wrong, and one with a single valid pixel."""
    lake, mixed, wrong, speck = (
        np.diag([0, 0, 0, 16]),
        np.diag([8, 7, 0, 0]),
        np.zeros((4, 4), int),
        np.zeros((4, 4), int),
    )
    mixed[0, 1], wrong[0, 1], speck[0, 1] = 1, 16, 1
    worst, best = pick_examples(class_counts(np.stack([lake, mixed, wrong, lake, wrong, wrong, speck])))
    assert worst.tolist() == [2, 4, 5]
    assert best.tolist() == [1]


def test_page_and_lines_show_every_metric_that_is_to_be_shown() -> None:
    scores = scores_json()
    html, text = page(scores), "\n".join(summary_lines(scores))
    for metric in METRICS.values():
        if metric.shown:
            assert metric.title in html
            assert metric.title in text
        if metric.shown and not metric.per_class and metric is not BEST_BY:  # which has its interval beside it
            assert metric.about in html


def test_lines_fit_a_terminal_of_100_columns() -> None:
    names = tuple(f"class number {number}" for number in range(30))
    scores = scores_json(leak=1.0) | {"absent": names, "published_source": "a project " * 20}
    figure = {"name": "iou", "value": 0.5, "split": "val", "ours": None, "ours_name": "mean_iou",
              "how": "by hand " * 20, "comparable": False, "why_not": "published with other classes " * 10}  # fmt: skip
    lines = summary_lines(scores | {"published": [figure]})
    assert max(map(len, lines)) <= 100
    assert "class number 29" in " ".join(" ".join(lines).split())
