"""The shipped recipes: listed, described, and each from a data set to scores by one command."""

import json
from pathlib import Path

import pytest
import yaml

import terrazzo
from terrazzo.classes.palettes import CAMVID, DUBAI
from terrazzo.cli import run
from terrazzo.errors import InputError, OutputExistsError, RecipeError, SplitError, TerrazzoError
from terrazzo.model.header import read_header
from terrazzo.patches.folder import open_patches
from terrazzo.recipe.catalogue import ANY_LAYOUT
from terrazzo.recipe.reading import load_recipe, recipe_names
from terrazzo.recipe.sections import DataSection
from terrazzo.scenes.layouts import flat
from tests.worlds.striped import SMALL, striped_set

PUBLISHED = (
    "cityscapes-unet", "drone-resnet34", "dubai-resnet34", "dubai-resnet34-combined", "dubai-unet-resized",
    "dubai-unet-scratch",
)  # fmt: skip
NAMES = ("best", *PUBLISHED)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six images of (70, 100) px with three classes."""
    striped_set(tmp_path / "data", 6)
    return tmp_path / "data"


def test_the_list_has_every_recipe_once_in_order() -> None:
    listed = terrazzo.recipes()
    assert [each.recipe.name for each in listed] == list(recipe_names())
    assert {*NAMES, "fast", "finetune", "unet", "unet-resnet34", "unet-lite0"} == {each.recipe.name for each in listed}
    for each in listed:
        assert each.recipe.about, each.recipe.name
        assert "\n" not in each.recipe.about


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert all(set(each) == {"name", "about", "layout", "published"} for each in listed.values())
    assert listed["dubai-resnet34"]["published"] == {"accuracy": 0.85, "jaccard": 0.755}
    assert listed["drone-resnet34"]["published"] == listed["best"]["published"] == {}
    assert {name: each["layout"] for name, each in listed.items()} == {
        "best": "flat",
        "cityscapes-unet": "cityscapes",
        "drone-resnet34": "semantic-drone",
        "dubai-resnet34": "humans-in-the-loop",
        "dubai-resnet34-combined": "humans-in-the-loop",
        "dubai-unet-resized": "humans-in-the-loop",
        "dubai-unet-scratch": "humans-in-the-loop",
        "fast": "flat",
        "finetune": "flat",
        "unet": "flat",
        "unet-lite0": "flat",
        "unet-resnet34": "flat",
    }
    assert flat.NAME == ANY_LAYOUT


def test_the_list_as_text_and_one_recipe_as_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes"]) == 0
    out = capsys.readouterr().out
    assert "    humans-in-the-loop; published: accuracy 0.65, jaccard 0.51\n" in out
    assert "    semantic-drone; published: none\n" in out
    assert run(["recipes", "dubai-unet-scratch"]) == 0
    text = capsys.readouterr().out
    assert "  dropout: 0.2" in text
    assert "# classic U-Net: share of activations dropped in each block" in text
    # What is printed is a recipe file, the same one.
    (tmp_path / "dubai-unet-scratch.yaml").write_text(text, encoding="utf-8")
    assert load_recipe(tmp_path / "dubai-unet-scratch.yaml") == load_recipe("dubai-unet-scratch")
    assert yaml.safe_load(text)["published"]["figures"]["jaccard"]["value"] == 0.51


def test_a_recipe_file_is_listed_too_and_an_unknown_name_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("about: my own\nmodel: {encoder: none}\n")
    (mine,) = terrazzo.recipes(tmp_path / "mine.yaml")
    assert mine.lines() == ["mine: my own", "    any; published: none"]
    with pytest.raises(
        RecipeError,
        match=r"^unet-resnet35: no such recipe; did you mean unet-resnet34",
    ):
        terrazzo.recipes("unet-resnet35")


def test_the_recipes_are_what_was_published() -> None:
    """The table of the projects: loss, optimizer, size, batch, epochs, split; what it does not say is not held here."""
    combined, scratch, resnet, resized, drone, cityscapes = (
        load_recipe(name)
        for name in (
            "dubai-resnet34-combined", "dubai-unet-scratch", "dubai-resnet34", "dubai-unet-resized", "drone-resnet34",
            "cityscapes-unet",
        )
    )  # fmt: skip
    for recipe in (combined, resnet, drone):
        assert (recipe.model.arch, recipe.model.encoder, recipe.model.encoder_weights) == ("unet", "resnet34", "auto")
    for recipe in (scratch, resized, cityscapes):
        assert (recipe.model.encoder, recipe.model.filters) == (None, (16, 32, 64, 128, 256))
    assert combined.loss.terms == "dice + jaccard + ce"
    assert combined.schedule.name == "plateau"
    assert min(combined.augment.rotate_deg, combined.augment.shift_x, combined.augment.shift_y, combined.augment.zoom)
    assert combined.augment.hflip
    assert combined.augment.vflip
    assert (scratch.loss.terms, scratch.model.dropout, scratch.model.scale) == ("focal + dice", 0.2, "minmax")
    assert (resnet.loss.terms, resnet.model.mean, resnet.model.std) == ("ce", None, None)
    for recipe in (scratch, resnet):
        assert (recipe.data.patch_size, recipe.data.split) == (256, "patch")
        assert (recipe.train.epochs, recipe.train.batch_size) == (100, 4)
    assert (resized.data.fit, resized.data.patch_size, resized.data.split) == ("resize", 256, "image")
    assert (resized.loss.terms, resized.model.batch_norm, resized.schedule.name) == ("ce + dice", True, "plateau")
    assert [(stage.size, stage.epochs) for stage in drone.stages] == [(128, 8), (256, 8), (512, 8)]
    assert (drone.data.patch_size, drone.data.fit, drone.train.batch_size) == (512, "resize", "auto")
    assert drone.train.freeze_epochs == 1
    assert drone.optimizer.encoder_lr is not None
    assert drone.optimizer.encoder_lr < drone.optimizer.lr
    assert (cityscapes.data.fit, cityscapes.data.patch_size, cityscapes.loss.terms) == ("resize", 416, "ce")
    assert (cityscapes.optimizer.lr, cityscapes.train.epochs, cityscapes.train.batch_size) == (1e-3, 100, 8)
    for recipe in (combined, scratch, resnet, resized, cityscapes):
        assert (recipe.optimizer.name, recipe.optimizer.weight_decay) == ("adam", 0)
    for recipe in (combined, resized, cityscapes):
        assert recipe.schedule.early_stopping


def test_prepare_takes_what_the_recipe_says_and_options_win(data: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("data: {patch_size: 32, fit: pad, split: patch, val: 0.5, seed: 7}\n")
    told = terrazzo.prepare(data, out=tmp_path / "a", recipe=tmp_path / "r.yaml").patches.description
    # (70, 100) padded to (96, 128): 3 x 4 patches of each of 6 images, half of them for validation
    assert (told["patch_size"], told["fit"], told["split_method"], told["seed"]) == (32, "pad", "patch", 7)
    assert told["splits"] == {"train": 36, "val": 36, "test": 0}
    own = terrazzo.prepare(
        data, out=tmp_path / "b", recipe=tmp_path / "r.yaml", fit="resize", split="image", val=1 / 3, seed=0
    ).patches.description
    assert (own["patch_size"], own["fit"], own["split_method"], own["seed"]) == (32, "resize", "image", 0)
    assert own["splits"] == {"train": 4, "val": 2, "test": 0}


def test_without_recipe_and_options_prepare_does_what_the_data_section_says(data: Path, tmp_path: Path) -> None:
    default = DataSection()
    with pytest.raises(TerrazzoError, match=f"all 6 images are smaller than a patch of {default.patch_size} pixels"):
        terrazzo.prepare(data, out=tmp_path / "new")
    told = terrazzo.prepare(data, out=tmp_path / "new", patch_size=32).patches.description
    assert (told["fit"], told["seed"], told["downsample"]) == (default.fit, default.seed, default.downsample)
    assert told["split_options"] == {"method": default.split, "val": default.val, "test": default.test, "seed": 0}


def test_the_recipe_s_layout_is_for_data_that_have_it(data: Path, tmp_path: Path) -> None:
    """Dubai as one flat folder works with the Dubai recipes; an explicit layout is not negotiable."""
    made = terrazzo.prepare(data, out=tmp_path / "new", recipe="dubai-unet-scratch", patch_size=32)
    assert made.patches.description["layout"] == "flat"
    with pytest.raises(InputError, match="humans-in-the-loop"):
        terrazzo.prepare(data, out=tmp_path / "other", layout="humans-in-the-loop", patch_size=32)


SETTINGS = {**SMALL, "data.patch_size": 32, "data.split": "image"}


def test_one_command_prepares_and_trains(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(data), "--recipe", "unet", "--epochs", "1", "--device", "cpu", "--out", str(tmp_path / "run")]
    words += [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    assert run(words) == 0
    printed = capsys.readouterr()
    assert " ".join(printed.err.split()).count("is a data set: preparing it into") == 1
    patches = tmp_path / "run" / "patches"
    assert open_patches(patches).patch_size == 32
    assert f" {patches} --split val" in printed.out.splitlines()[-1]
    model = tmp_path / "run" / "model.safetensors"
    assert read_header(model).training_data.fingerprint == open_patches(patches).content_hash

    # Again: both are kept. Another data section, or a run that began with patches: refused, and nothing is written.
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run(words) == 0
    assert "kept" in capsys.readouterr().out
    assert run([word.replace("split=image", "split=patch") for word in words]) == 2
    assert f"{patches}: already exists" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_patches_of_an_earlier_start_are_no_obstacle(data: Path, tmp_path: Path) -> None:
    """Killed after preparing, or while, or prepared there by hand: the command goes on, with --resume or without."""
    for number, (resume, source) in enumerate([(True, data), (False, data), (False, None)]):
        run = tmp_path / f"run {number}"
        terrazzo.prepare(data, out=run / "patches", patch_size=32, split="image")
        (run / ".patches.xyz.partial").mkdir()
        options = {"changes": SMALL if source is None else SETTINGS, "resume": resume}
        done = terrazzo.train(source or run / "patches", out=run, recipe="unet", epochs=1, device="cpu", **options)
        assert done.model.is_file()


def test_what_is_refused_before_a_data_set_is_prepared_leaves_nothing(data: Path, tmp_path: Path) -> None:
    def refused(kind: type[TerrazzoError], words: str, **options: object) -> None:
        before = set(tmp_path.rglob("*"))
        with pytest.raises(kind, match=words):
            terrazzo.train(**{"patches": data, "out": tmp_path / "run", "recipe": "unet", **options})  # type: ignore[arg-type]
        assert set(tmp_path.rglob("*")) == before

    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "beach.jpg").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    small = {"data.patch_size": 32}
    refused(OutputExistsError, "holiday: already exists", out=tmp_path / "holiday", changes=small)
    refused(InputError, "--device tpu", device="tpu", changes=small)
    refused(InputError, "empty: no images with masks found", patches=tmp_path / "empty")
    refused(TerrazzoError, "nowhere: no such folder; expected the folder", patches=tmp_path / "nowhere")
    refused(TerrazzoError, "classes.csv: is a file; expected the folder", patches=data / "classes.csv")
    refused(TerrazzoError, "smaller than a patch of 256 pixels")
    refused(InputError, "--layout heap: no such layout", changes={"data.layout": "heap"})
    refused(SplitError, "--val 0.9 and --test 0.9", changes={**small, "data.val": 0.9, "data.test": 0.9})
    refused(SplitError, "--split given: this layout gives none", changes={**small, "data.split": "given"})


QUICK: dict[str, object] = {"model.encoder_weights": "none", "data.patch_size": 64}
"""What makes each recipe quick enough for a test."""
ALSO: dict[str, dict[str, object]] = {
    "best": {"data.fit": "resize"},
    "drone-resnet34": {"stages": [{"size": 32, "epochs": 1}, {"size": 64, "epochs": 1}], "data.downsample": 1},
    "dubai-unet-resized": {"data.val": 0.5},
}
FORMATS = {"dubai-resnet34": "onnx", "cityscapes-unet": "onnx", "dubai-unet-scratch": "pt2"}
"""What each recipe's model is exported as; the others as the published .h5."""
WORLDS = {"flat": 4, "humans-in-the-loop": 9, "semantic-drone": 4, "cityscapes": 4, "camvid": 6}
"""Images by layout."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated data set of each layout, 66 to 74 x 70 to 78 px an image."""
    folder = tmp_path_factory.mktemp("worlds")
    for layout, images in WORLDS.items():
        terrazzo.synthesize(folder / layout, layout=layout, images=images, height=66, width=70)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_goes_from_its_data_to_scores(name: str, worlds: Path, tmp_path: Path) -> None:
    (listed,) = terrazzo.recipes(name)
    changes = {**QUICK, **({} if listed.recipe.stages else {"train.epochs": 1}), **ALSO.get(name, {})}
    done = terrazzo.train(worlds / listed.layout, out=tmp_path / "run", recipe=name, changes=changes, device="cpu")
    asked = done.header.recipe["data"]
    patches = open_patches(tmp_path / "run" / "patches")
    assert patches.description["layout"] == listed.layout
    assert patches.fit == asked["fit"]
    assert asked["split"] in (None, patches.description["split_method"])
    scored = terrazzo.evaluate(done.model, tmp_path / "run" / "patches", device="cpu").scores
    assert 0 <= scored["mean_iou"] <= scored["accuracy"] <= 1
    assert [each["name"] for each in scored["published"]] == list(listed.published)
    # None of the made-up worlds has the classes behind the figures, so nothing published stands beside its scores.
    assert not any(each["comparable"] for each in scored["published"])
    format = FORMATS.get(name, "h5")
    exported = terrazzo.export(done.model, format=format, out=tmp_path / f"model.{format}")
    assert exported.difference is not None
    assert exported.difference < 1e-4


def test_camvid_in_the_recipe_of_cityscapes_compares_with_what_was_measured_on_it(worlds: Path, tmp_path: Path) -> None:
    changes = {**QUICK, "train.epochs": 1, "model.filters": [4, 8]}
    done = terrazzo.train(
        worlds / "camvid", out=tmp_path / "run", recipe="cityscapes-unet", changes=changes, device="cpu"
    )
    patches = tmp_path / "run" / "patches"
    assert open_patches(patches).description["layout"] == "camvid"
    for side in ("train", "val", "test"):
        scored = terrazzo.evaluate(done.model, patches, split=side, device="cpu").scores
        found = {each["name"]: each["ours"] for each in scored["published"] if each["comparable"]}
        assert found == {f"{side}_loss": scored["cross_entropy"], f"{side}_accuracy": scored["accuracy"]}


def test_the_classes_behind_published_figures_are_those_of_their_data() -> None:
    classes = {name: load_recipe(name).published.classes for name in PUBLISHED}
    assert classes["dubai-unet-scratch"] == classes["dubai-resnet34"] == DUBAI.names
    assert classes["dubai-unet-resized"] == (*DUBAI.names, "Black")
    assert classes["cityscapes-unet"] == CAMVID.names


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_change_of_the_data_section_is_refused_on_patches(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    terrazzo.prepare(data, out=tmp_path / "patches", patch_size=32)
    words = [command, str(tmp_path / "patches"), "--out", str(tmp_path / "run"), "--set", "data.patch_size=64"]
    assert run(words) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "--set data.patch_size: has no effect on" in err
    assert "prepare again with --patch-size" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--epochs", "0"], "--epochs 0: must be greater than or equal to 1"),
        (["--epochs", str(10**30)], "must be less than or equal to 100000"),
        (["--batch-size", "1000000"], "--batch-size"),
        (["--set", "train.epochs=0"], "--set: train.epochs = 0: must be greater than or equal to 1"),
        (["--set", "model.filters=[4, 1000000]"], "must be less than or equal to 4096"),
        (["--epochs", "3", "--set", "train.epochs=3"], "--epochs and --set train.epochs: are the same field"),
        (["--set", "optimizer.lr=1", "--set", "optimizer.lr=2"], "--set optimizer.lr: is given twice"),
    ],
)
def test_numbers_out_of_bounds_and_fields_given_twice_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    (tmp_path / "patches").mkdir()
    assert run(["train", str(tmp_path / "patches"), "--out", str(tmp_path / "run"), *words]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert told in err
    assert "Traceback" not in err


def test_tune_refuses_the_learning_rate_that_it_looks_for(data: Path, tmp_path: Path) -> None:
    terrazzo.prepare(data, out=tmp_path / "patches", patch_size=32)
    with pytest.raises(RecipeError, match=r"--set optimizer.lr: tune looks for it, from 1e-06 to 1; leave it out"):
        terrazzo.tune(tmp_path / "patches", out=tmp_path / "tune", changes={"optimizer.lr": 1e-3})
    # With a rate of the encoder's own it decides the ratio of the two.
    encoder = {"model.encoder": "resnet18", "model.encoder_weights": "none", "optimizer.encoder_lr": 1e-4}
    found = terrazzo.tune(
        tmp_path / "patches", out=tmp_path / "tune", changes={"optimizer.lr": 1e-3, **encoder}, steps=20, device="cpu"
    )
    assert found.lr > 0
