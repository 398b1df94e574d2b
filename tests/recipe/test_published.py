"""Published figures beside ours: what may stand side by side, and the words where nothing may."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from terrazzo.errors import RecipeError
from terrazzo.recipe.catalogue import recipes
from terrazzo.recipe.published import Comparison, Published, compare_published, published_lines
from terrazzo.recipe.reading import load_recipe, recipe_names
from terrazzo.recipe.recipe import parse_recipe

PUBLISHED = Published.model_validate(
    yaml.safe_load("""
source: a project
protocol: 72 images, random patches
split: patch
fit: crop
classes: [Roof, Road, Lake]
figures:
  accuracy: {value: 0.85, ours: accuracy, how: right pixels}
  jaccard: {value: 0.755, ours: jaccard_soft_micro, how: a / (2 - a)}
  mean_iou: {value: 0.4286, ours: null, how: a constant}
  test_loss: {value: 0.9, split: test, ours: cross_entropy, how: ten images}
""")
)
SAME = {"split": "val", "split_method": "patch", "fit": "crop", "classes": ["Roof", "Road", "Lake"]}
OURS = {"accuracy": 0.8125, "jaccard_soft_micro": 0.75, "cross_entropy": 0.5}


def test_ours_stands_where_everything_agrees_and_nowhere_else() -> None:
    found = {each.name: each for each in compare_published(PUBLISHED, SAME, OURS)}
    assert list(found) == ["accuracy", "jaccard", "mean_iou", "test_loss"]
    assert found["accuracy"] == Comparison("accuracy", 0.85, "val", 0.8125, "accuracy", "right pixels", True, "")
    assert found["jaccard"].ours == 0.75
    assert found["mean_iou"] == Comparison(
        "mean_iou", 0.4286, "val", None, None, "a constant", False,
        "computed in a way that has no meaning: not comparable",
    )  # fmt: skip
    loss = found["test_loss"]
    assert (loss.ours, loss.ours_name) == (None, "cross_entropy")
    assert loss.why_not == "published for test; this is val (--split test): not comparable"
    on_test = {each.name: each for each in compare_published(PUBLISHED, SAME | {"split": "test"}, OURS)}
    assert on_test["test_loss"].ours == 0.5
    assert on_test["accuracy"].why_not == "published for val; this is test (--split val): not comparable"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"split_method": "group"}, "published on random patches; these groups are held out whole: not comparable"),
        ({"split_method": "image"}, "published on random patches; these images are held out whole: not comparable"),
        (
            {"split_method": "given"},
            "published on random patches; these patches follow the data set's own split: not comparable",
        ),
        ({"fit": "resize"}, "published on images made patches by crop; these by resize: not comparable"),
        (
            {"classes": ["Roof", "Road"]},
            "published with the class Lake, which these patches have not: not comparable",
        ),
        (
            {"classes": ["Roof", "Road", "Lake", "Wood", "Sand", "Snow", "Ice"]},
            "published without the classes Ice, Sand, Snow and 1 more, which these patches have: not comparable",
        ),
        (
            {"split_method": "group", "split": "train"},
            "published on random patches; these groups are held out whole; "
            "published for val; this is train (--split val): not comparable",
        ),
    ],
)
def test_what_differs_is_said(other: dict[str, object], words: str) -> None:
    accuracy = compare_published(PUBLISHED, SAME | other, OURS)[0]
    assert accuracy.why_not == words
    assert (accuracy.comparable, accuracy.ours) == (False, None)


def test_the_order_of_classes_does_not_matter() -> None:
    turned = SAME | {"classes": ["Lake", "Roof", "Road"]}
    assert compare_published(PUBLISHED, turned, OURS) == compare_published(PUBLISHED, SAME, OURS)


@given(
    st.sampled_from(["given", "group", "image", "patch"]),
    st.sampled_from(["train", "val", "test"]),
    st.sampled_from(["crop", "pad", "resize"]),
    st.lists(st.sampled_from(["Roof", "Road", "Lake", "Wood"]), min_size=1, unique=True),
)
def test_there_is_a_figure_of_ours_or_a_reason_never_both(method: str, side: str, fit: str, classes: list[str]) -> None:
    protocol = {"split_method": method, "split": side, "fit": fit, "classes": classes}
    for each in compare_published(PUBLISHED, protocol, OURS):
        assert each.comparable == (each.ours is not None) == (each.why_not == "")
        if each.comparable:
            assert (method, side, fit) == ("patch", each.split, "crop")
            assert set(classes) == {"Roof", "Road", "Lake"}


def test_each_figure_is_a_line_with_its_reason_and_its_way_below() -> None:
    compared = compare_published(PUBLISHED, SAME, OURS)[:3]
    assert published_lines(compared, PUBLISHED.source, PUBLISHED.protocol, " [leaky split]") == [
        "published: a project (72 images, random patches)",
        "figure          published  ours, computed the same way [leaky split]",
        "accuracy (val)       0.85  0.8125  accuracy",
        "    right pixels",
        "jaccard (val)       0.755  0.7500  jaccard_soft_micro",
        "    a / (2 - a)",
        "mean_iou (val)     0.4286  -",
        "    computed in a way that has no meaning: not comparable",
        "    a constant",
    ]
    assert published_lines((), "a project", "72 images") == []


@pytest.mark.parametrize("name", recipe_names())
def test_figures_and_recipes_fit_a_terminal_of_100_columns(name: str) -> None:
    published = load_recipe(name).published
    protocol = {"split_method": "given", "split": "test", "fit": "pad", "classes": [20 * "C", 20 * "D", 20 * "E", "F"]}
    scores = dict.fromkeys(("accuracy", "jaccard_soft_micro", "true_class_probability", "cross_entropy"), 0.5)
    compared = compare_published(published, protocol, scores)
    lines = [*published_lines(compared, published.source, published.protocol), *recipes(name)[0].lines()]
    assert max(map(len, lines)) <= 100
    said = " ".join(line.strip() for line in lines)
    for each in compared:
        assert each.why_not in said and each.how in said


def test_nothing_published_compares_with_nothing() -> None:
    assert compare_published(Published(), SAME, OURS) == ()


@pytest.mark.parametrize("missing", ["source", "protocol", "split", "fit", "classes"])
def test_figures_without_their_protocol_are_refused(missing: str) -> None:
    value = PUBLISHED.model_dump(mode="json")
    del value[missing]
    with pytest.raises(RecipeError, match=rf"published: figures without their {missing} compare with nothing"):
        parse_recipe({"published": value}, "mine.yaml")


def test_the_shipped_figures_are_those_published() -> None:
    figures = {
        name: {key: figure.value for key, figure in load_recipe(name).published.figures.items()}
        for name in recipe_names()
    }
    assert {name: found for name, found in figures.items() if found} == {
        "cityscapes-unet": {
            "train_loss": 0.2486, "train_accuracy": 0.9208, "val_loss": 0.6316, "val_accuracy": 0.8446,
            "test_loss": 0.887, "test_accuracy": 0.787, "mean_iou": 0.4155,
        },
        "dubai-resnet34": {"accuracy": 0.85, "jaccard": 0.755},
        "dubai-unet-resized": {"loss": 0.9238, "accuracy": 0.8113, "mean_iou": 0.4286, "dice": 0.7199},
        "dubai-unet-scratch": {"accuracy": 0.65, "jaccard": 0.51},
    }  # fmt: skip


def test_the_artefacts_have_no_figure_of_ours_and_say_how_they_came_about() -> None:
    resized, cityscapes = (load_recipe(name).published.figures for name in ("dubai-unet-resized", "cityscapes-unet"))
    assert resized["mean_iou"].value == pytest.approx(((6 / 7) + 0) / 2, abs=5e-5)
    assert "((6/7) + 0) / 2" in resized["mean_iou"].how
    assert cityscapes["mean_iou"].how == "the mean IoU of one single test image"
    assert resized["mean_iou"].ours is cityscapes["mean_iou"].ours is None
    # J = a / (2 - a): what the texts behind the two soft Jaccards say of a.
    for name, a in (("dubai-unet-scratch", 0.675), ("dubai-resnet34", 0.860)):
        jaccard = load_recipe(name).published.figures["jaccard"]
        assert a / (2 - a) == pytest.approx(jaccard.value, abs=1e-3)
        assert f"a = {a:.3f}" in jaccard.how
