"""Recipes: what they hold, how they change, what is refused and in which words."""

from pathlib import Path

import pytest

from terrazzo.errors import RecipeError
from terrazzo.recipe import Recipe, load_recipe, parse_assignments, parse_recipe, recipe_names


def test_the_shipped_recipes_load_under_their_names() -> None:
    assert {"unet", "unet-resnet34", "unet-lite0"} <= set(recipe_names())
    for name in recipe_names():
        assert load_recipe(name).name == name


def test_the_classic_unet_is_the_published_one() -> None:
    model = load_recipe("unet").model
    assert (model.encoder, model.filters, model.dropout) == (None, (16, 32, 64, 128, 256), 0.2)


def test_yaml_and_back_is_the_same_recipe(tmp_path: Path) -> None:
    changed = load_recipe("unet-resnet34").with_changes({"optimizer.lr": "3e-4", "loss.class_weights": [1, 2, 3]})
    path = tmp_path / "mine.yaml"
    path.write_text(changed.to_yaml())
    assert load_recipe(path) == changed
    assert changed.optimizer.lr == 3e-4


def test_three_e_minus_four_is_a_number() -> None:
    # PyYAML reads 3e-4 as a string; the field makes a number of it.
    changes = parse_assignments(["optimizer.lr=3e-4", "model.encoder=none", "augment.hflip=false"])
    recipe = Recipe().with_changes(changes)
    assert (recipe.optimizer.lr, recipe.model.encoder, recipe.augment.hflip) == (3e-4, None, False)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("optimizer.lr=fast", "optimizer.lr = 'fast': input should be a valid number"),
        ("optimizer.lr=-1", "optimizer.lr = -1: input should be greater than 0"),
        ("optimizer.learning_rate=1", "optimizer.learning_rate: no such field"),
        ("augment.hflipp=true", "augment.hflipp: no such field; did you mean hflip?"),
        ("optimiser.lr=1", "--set optimiser.lr: expected SECTION.FIELD=VALUE with a section of model, loss"),
        ("lr=1", "--set lr: expected SECTION.FIELD=VALUE"),
        ("lr", "--set lr: expected SECTION.FIELD=VALUE, as in"),
        ("model.encoder=resnet43", "no encoder 'resnet43'; near it are resnet34"),
        ("model.arch=yunet", "no architecture 'yunet'; there are unet"),
        ("model.arch=fpn", "architecture fpn needs an encoder"),
        ("loss.terms=ce + diec", "diec"),
        ("train.epochs=0", "train.epochs = 0"),
        ("schedule.name=cosine", "schedule.name = 'cosine'"),
        ("train.precision=16", "train.precision = '16'"),
    ],
)
def test_a_bad_field_or_value_is_one_line_naming_it(assignment: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe().with_changes(parse_assignments([assignment]))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1\n", "expected sections"),
        ("model: {arch: unet", "not valid YAML"),
        ("modell: {}\n", "modell: no such field; did you mean model?"),
        ("train: 5\n", "train = 5"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert words in str(caught.value)
    assert "bad.yaml" in str(caught.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"no such recipe; there are .*unet-resnet34"):
        load_recipe("unet-resnet35")


def test_sections_are_frozen_and_described() -> None:
    recipe = parse_recipe({}, "test")
    with pytest.raises(ValueError, match="frozen"):
        recipe.optimizer.lr = 1.0
    for section in ("model", "loss", "augment", "optimizer", "schedule", "train"):
        for name, field in type(getattr(recipe, section)).model_fields.items():
            assert field.description, f"{section}.{name} has no description"
