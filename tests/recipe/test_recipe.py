"""Recipes: what they hold, how they change, what is refused and in which words."""

import re
from pathlib import Path

import pytest

from terrazzo.errors import InputError, RecipeError
from terrazzo.recipe.reading import changed_recipe, changes_of, load_recipe, recipe_names
from terrazzo.recipe.recipe import Recipe, parse_recipe
from terrazzo.recipe.sections import check_option, epochs_of


def test_the_shipped_recipes_load_under_their_names() -> None:
    assert {"unet", "unet-resnet34", "unet-lite0"} <= set(recipe_names())
    for name in recipe_names():
        assert load_recipe(name).name == name


def test_fast_is_best_with_another_network() -> None:
    best, fast = (load_recipe(name).model_dump(exclude={"name", "about", "model"}) for name in ("best", "fast"))
    assert fast == best
    network = {"input_stride": 2, "decoder_channels": (128, 64, 32, 16, 8)}
    assert load_recipe("fast").model == load_recipe("best").model.model_copy(update=network)


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
    changes = changes_of(["optimizer.lr=3e-4", "model.encoder=none", "augment.hflip=false"])
    recipe = Recipe().with_changes(changes)
    assert (recipe.optimizer.lr, recipe.model.encoder, recipe.augment.hflip) == (3e-4, None, False)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("optimizer.lr=fast", "optimizer.lr = 'fast': must be a valid number"),
        ("optimizer.lr=-1", "optimizer.lr = -1: must be greater than 0"),
        ("optimizer.learning_rate=1", "optimizer.learning_rate: no such field"),
        ("augment.hflipp=true", "augment.hflipp: no such field; did you mean hflip?"),
        ("optimiser.lr=1", "--set optimiser.lr: expected SECTION.FIELD=VALUE with a section of data, model, loss"),
        ("lr=1", "--set lr: expected SECTION.FIELD=VALUE"),
        ("lr", "--set lr: expected SECTION.FIELD=VALUE, as in"),
        ("model.encoder=resnet43", "no encoder 'resnet43'; similar names are resnet34"),
        ("model.arch=yunet", "no architecture 'yunet'; there are unet"),
        ("model.arch=fpn", "architecture fpn needs an encoder"),
        ("loss.terms=ce + diec", "diec"),
        ("train.epochs=0", "train.epochs = 0"),
        ("schedule.name=cosine", "schedule.name = 'cosine'"),
        ("augment.crop=100", "augment.crop = 100: must be a multiple of 32"),
        ("augment.robust=2", "augment.robust = 2: must be less than or equal to 1"),
        ("augment.mix_classes=-1", "augment.mix_classes = -1: must be greater than or equal to 0"),
        ("augment.scale=[0.2, 2]", "augment.scale.0 = 0.2: must be greater than or equal to 0.25"),
        ("augment.scale=[2, 0.5]", "augment.scale = [2, 0.5]: must be [low, high], the lower one first"),
        ("augment.scale=0.5,2", "augment.scale = '0.5,2': must be a valid list; write [0.5,2]"),
        ("augment.scale=2", "augment.scale = 2: must be a valid list"),
        ("train.precision=16", "train.precision = '16'"),
    ],
)
def test_a_bad_field_or_value_is_one_line_naming_it(assignment: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe().with_changes(changes_of([assignment]))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_scale_and_zoom_are_not_set_together_nor_a_window_and_a_shift() -> None:
    with pytest.raises(RecipeError, match=r"augment: zoom = 0.3 and scale are both set; leave scale out, or set zoom"):
        load_recipe("best").with_changes(changes_of(["augment.scale=[0.5, 2]"]))
    changed = load_recipe("best").with_changes(changes_of(["augment.scale=[0.5, 2]", "augment.zoom=0"]))
    assert changed.augment.scale == (0.5, 2)
    assert changed.with_changes({"augment.scale": "none"}).augment.scale is None
    with pytest.raises(RecipeError, match=r"augment: shift_x and shift_y have no effect with crop"):
        Recipe().with_changes({"augment.crop": 64, "augment.shift_y": 0.1})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1\n", "expected sections"),
        ("model: {arch: unet", "not valid YAML"),
        ("modell: {}\n", "modell: no such field; did you mean model?"),
        ("train: {epochs: 1}\ntrain: {seed: 1}\n", "train is given twice"),
        ("train: {seed: 1, seed: 2}\n", "seed is given twice"),
        ("about: 2020-13-45\n", "not valid YAML (month must be in 1..12)"),
        ("stages: " + "[" * 5000, "not valid YAML"),
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
        load_recipe("transformer")


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"^--recipe bset: no such recipe; did you mean best\? there are best, "):
        load_recipe("bset")


def test_sections_are_frozen_and_described() -> None:
    recipe = parse_recipe({}, "test")
    with pytest.raises(ValueError, match="frozen"):
        recipe.optimizer.lr = 1.0
    for section in ("data", "model", "loss", "augment", "optimizer", "schedule", "train", "published"):
        for name, field in type(getattr(recipe, section)).model_fields.items():
            assert field.description, f"{section}.{name} has no description"


STAGES = [{"size": 128, "epochs": 4, "lr": "1e-3"}, {"size": 256, "epochs": 2}, {"size": 512, "epochs": 2}]


def test_the_epochs_of_stages_add_up() -> None:
    recipe = Recipe().with_changes({"stages": STAGES})
    assert recipe.train.epochs == 8
    assert [(stage.size, stage.lr) for stage in recipe.stages] == [(128, 1e-3), (256, None), (512, None)]
    with pytest.raises(RecipeError, match=r"train.epochs = 9, but the stages have 8"):
        parse_recipe({"train": {"epochs": 9}, "stages": STAGES}, "here")


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 7, 8, 9, 40])
def test_epochs_are_shared_out_among_stages_in_proportion(epochs: int) -> None:
    recipe = Recipe().with_changes({"stages": STAGES}).with_changes({"train.epochs": str(epochs)})
    shares = {stage.size: stage.epochs for stage in recipe.stages}
    assert sum(shares.values()) == recipe.train.epochs == epochs
    for stage in STAGES:
        assert abs(shares.get(stage["size"], 0) - stage["epochs"] * epochs / 8) < 1
    assert 512 in shares  # the full size is never the one left out


def test_a_described_recipe_loads_as_the_same_recipe(tmp_path: Path) -> None:
    recipe = Recipe(name="mine").with_changes({"stages": STAGES, "loss.class_weights": [1, 2, 3]})
    text = recipe.described()
    (tmp_path / "mine.yaml").write_text(text)
    assert load_recipe(tmp_path / "mine.yaml") == recipe
    comments = re.findall(r"(?:  |^)# (.*)$", text, re.MULTILINE)
    sections = (recipe, recipe.data, recipe.model, recipe.loss, recipe.augment, recipe.optimizer, recipe.train)
    told = {field.description for section in sections for field in type(section).model_fields.values()} - {None}
    assert told <= set(comments)


@pytest.mark.parametrize("name", recipe_names())
def test_a_described_recipe_fits_a_terminal_of_100_columns(tmp_path: Path, name: str) -> None:
    text = load_recipe(name).described()
    assert max(map(len, text.splitlines())) <= 100
    (tmp_path / f"{name}.yaml").write_text(text)
    assert load_recipe(tmp_path / f"{name}.yaml") == load_recipe(name)


def test_batch_size_is_a_number_or_auto() -> None:
    assert Recipe().with_changes({"train.batch_size": "auto"}).train.batch_size == "auto"
    assert Recipe().with_changes({"train.batch_size": "4"}).train.batch_size == 4
    for wrong in ("many", 0):
        with pytest.raises(RecipeError, match=rf"train.batch_size = {wrong!r}: must be"):
            Recipe().with_changes({"train.batch_size": wrong})


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (3, "stages = 3: must be a valid list"),
        ("abc", "stages = 'abc': must be a valid list"),
        ([3], "stages.0 = 3: must be a valid dictionary"),
        ([{"size": 128}], "stages.0.epochs: field required"),
        ([{"size": 128, "epochs": 0}], "stages.0.epochs = 0: must be greater than or equal to 1"),
        ([{"size": 128, "epochs": "2"}], "stages.0.epochs = '2': must be a valid integer"),
        ([{"size": 128, "epochs": 2, "sice": 1}], "stages.0.sice: no such field; did you mean size?"),
        ([{"size": 8, "epochs": 2}], "stages.0.size = 8: must be greater than or equal to 16"),
    ],
)
def test_bad_stages_are_named(stages: object, words: str) -> None:
    for changes in ({"stages": stages}, {"stages": stages, "train.epochs": 4}):
        with pytest.raises(RecipeError) as caught:
            Recipe().with_changes(changes)
        assert str(caught.value).startswith(f"--set: {words}")


@pytest.mark.parametrize("knob", ["optimizer.lr", "optimizer.weight_decay", "loss.focal_gamma", "data.downsample"])
def test_a_number_is_finite(knob: str) -> None:
    for text in (".inf", "1e999", ".nan"):
        with pytest.raises(RecipeError, match=rf"{knob} = '?(inf|1e999|nan)'?: "):
            Recipe().with_changes(changes_of([f"{knob}={text}"]))


def test_contradicting_epochs_are_told_without_the_whole_recipe() -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe({"train": {"epochs": 9}, "stages": STAGES}, "here")
    assert str(caught.value) == "here: train.epochs = 9, but the stages have 8; leave train.epochs out"


def test_options_take_what_the_data_section_takes_and_name_their_flag() -> None:
    check_option("patch_size", 64)
    check_option("split", None)
    for field, value, words in (
        ("patch_size", 31, "--patch-size 31: expected a value greater than or equal to 32"),
        ("patch_size", 4097, "--patch-size 4097: expected a value less than or equal to 4096"),
        ("fit", "stretch", "--fit stretch: expected crop, pad or resize"),
        ("split", "random", "--split random: expected given, group, image, block or patch"),
    ):
        with pytest.raises(InputError) as caught:
            check_option(field, value)
        assert str(caught.value) == words


@pytest.mark.parametrize(
    ("steps", "epochs"), [(1, 1), (7, 7), (11, 1), (25, 5), (40, 10), (250, 10), (251, 1), (252, 9), (22, 2)]
)
def test_steps_are_divided_into_at_most_ten_equal_epochs(steps: int, epochs: int) -> None:
    assert epochs_of(steps) == epochs
    assert steps % epochs == 0
    recipe = Recipe().with_changes({"train.steps": steps})
    assert (recipe.train.steps, recipe.train.epochs) == (steps, epochs)
    assert parse_recipe({"train": {"steps": str(steps)}}, "it").train.epochs == epochs


def test_epochs_follow_from_steps_and_are_not_set_beside_them() -> None:
    finetune = load_recipe("finetune")
    assert (finetune.train.steps, finetune.train.epochs) == (250, 10)
    assert finetune.with_changes({"train.steps": 60}).train.epochs == 10
    assert finetune.with_changes({"train.steps": 0, "train.epochs": 3}).train.epochs == 3
    assert finetune.with_changes({"train.steps": 0}).train.epochs == 15, "the default"
    with pytest.raises(RecipeError, match=r"--epochs 3, but train.steps = 250 is the length; set train.steps alone"):
        changed_recipe("finetune", {"train.epochs": 3}, {})
    with pytest.raises(RecipeError, match=r"train.steps = 250 and stages are both set; leave one of them out"):
        finetune.with_changes({"stages": [{"size": 32, "epochs": 10}]})
    with pytest.raises(RecipeError, match=r"train.steps = -1: must be greater than or equal to 0"):
        finetune.with_changes({"train.steps": -1})


def test_finetune_keeps_statistics_and_a_running_mean_and_has_no_network_of_its_own() -> None:
    finetune = load_recipe("finetune")
    assert finetune.model == Recipe().model
    assert finetune.train.freeze_statistics
    assert finetune.train.distill > 0
    assert finetune.train.ema > 0
    assert finetune.schedule.early_stopping == 0
    assert finetune.optimizer.lr < load_recipe("best").optimizer.lr
