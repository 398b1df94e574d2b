"""Averages of weights: worked by hand, scored, and refused where they make no sense.

The models hand their input through, so each pixel's class is its greatest band; the data set is made for that.
"""

import hashlib
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import terrazzo
from terrazzo.classes.schema import ClassSchema
from terrazzo.cli import run
from terrazzo.errors import InputError, OutputExistsError, TerrazzoError
from terrazzo.evaluation.calibration.temperature import calibrated
from terrazzo.model import bundle
from terrazzo.model.averaging.weights import mean_state, renew_statistics
from terrazzo.model.header import Calibration, LineageStep, TrainingData, read_header
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import open_patches
from terrazzo.recipe.sections import LossSection, ModelSection
from terrazzo.system.reporting import Reporter
from tests.worlds.models import build, write_model
from tests.worlds.striped import COLORS, SMALL, striped_patches

CPU: dict[str, Any] = {"device": "cpu", "precision": "32"}
FROM_IMAGENET = ModelSection(filters=(3, 3), dropout=0, encoder_weights="imagenet")
RIGHT = {"mean_iou": 1.0, "accuracy": 1.0}


def member(path: Path, change: Callable[[dict[str, torch.Tensor]], None] | None = None, **header: Any) -> Path:
    """A model that hands its input through; `change` changes its weights in place."""
    known = {
        "model": FROM_IMAGENET,
        "schema": ClassSchema(("roof", "road", "lake"), COLORS),
        "recipe": {"loss": LossSection(terms="ce").model_dump(mode="json")},
    }
    write_model(path, **{**known, **header})
    if change is not None:
        state = load_file(path)
        change(state)
        bundle.save(path, read_header(path), state)
    return path


def swapped(state: dict[str, torch.Tensor]) -> None:
    """The same function with the first two channels before the head in each other's place."""
    state["body.merge.0.3.weight"] = state["body.merge.0.3.weight"][[1, 0, 2]]
    state["body.head.weight"] = state["body.head.weight"][:, [1, 0, 2]]


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striped_patches(tmp_path_factory.mktemp("average"), 5)


def test_floats_are_averaged_in_float64_and_whole_numbers_are_the_firsts() -> None:
    """(2^24 + 1 + 1) / 3 in float32 alone would lose both ones: 5592405.33 instead of 5592406."""
    states = [{"w": torch.tensor([value]), "n": torch.tensor(n)} for value, n in ((2.0**24, 7), (1.0, 8), (1.0, 9))]
    found = mean_state(states)
    assert found["w"].dtype == torch.float32
    assert found["w"].item() == torch.tensor((2**24 + 2) / 3, dtype=torch.float32).item()
    assert found["n"].item() == 7


def test_the_file_is_the_mean_with_the_first_ones_header_and_all_parents(tmp_path: Path) -> None:
    data = [TrainingData(name, "group", {}, 0, images, 1, 1) for name, images in (("f", ("b", "c")), ("g", ("a", "b")))]
    one = member(tmp_path / "a.safetensors", training_data=data[0], scores={"val_loss": 0.5}, gsd_m=0.1)
    two = member(tmp_path / "b.safetensors", lambda s: s["body.head.weight"].mul_(0.5), training_data=data[1])
    said: list[str] = []
    done = terrazzo.average([one, two], out=tmp_path / "soup.safetensors", say=said.append)
    assert (done.kept, done.scores, done.lines()) == (False, None, [])
    assert said == [
        "warning: the average was not scored, and may be far worse than its members; score it with --patches"
    ]
    state = load_file(tmp_path / "soup.safetensors")
    assert state["body.head.weight"][0, 0, 0, 0].item() == 30  # of 40 and 20
    header = read_header(tmp_path / "soup.safetensors")
    parents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, two)]
    assert header.lineage == (LineageStep("average", tuple(parents)),)
    assert header.scores is None
    assert header.gsd_m == 0.1
    assert header.training_data.train_images == ("a", "b", "c"), "evaluate finds the images of every member"
    assert header.training_data.fingerprint == "", "trained on other patches than those of the first alone"
    assert terrazzo.average([one, two], out=tmp_path / "soup.safetensors").kept
    with pytest.raises(OutputExistsError, match="is not an average of these"):
        terrazzo.average([two, one], out=tmp_path / "soup.safetensors")
    assert not terrazzo.average([two, one], out=tmp_path / "soup.safetensors", overwrite=True).kept


def test_a_good_average_is_scored_against_its_members(tmp_path: Path, patches: Path) -> None:
    one = member(tmp_path / "a.safetensors")
    two = member(tmp_path / "b.safetensors", lambda state: state["body.head.weight"].mul_(0.5))
    done = terrazzo.average([one, two], out=tmp_path / "soup.safetensors", patches=patches, **CPU)
    assert done.members == {str(one): RIGHT, str(two): RIGHT}
    assert done.scores == RIGHT
    assert done.lines()[-1].split() == ["the", "average", "1.0000", "1.0000"]
    assert read_header(tmp_path / "soup.safetensors").scores == {"val_mean_iou": 1.0, "val_accuracy": 1.0}
    again = terrazzo.average([one, two], out=tmp_path / "soup.safetensors", patches=patches, **CPU)
    assert (again.kept, again.scores) == (True, RIGHT)
    evaluated = terrazzo.evaluate(tmp_path / "soup.safetensors", patches, **CPU).scores
    assert evaluated["mean_iou"] == 1


def test_the_next_command_scores_on_the_test_split_and_never_on_the_patches_that_judged_it(
    tmp_path: Path, patches: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = [str(member(tmp_path / f"{name}.safetensors")) for name in "ab"]
    terrazzo.prepare(patches.parent / "data", out=tmp_path / "tested", patch_size=32, test=0.2)
    said = {}
    for name, given in (("without", patches), ("with", tmp_path / "tested")):
        soup = str(tmp_path / f"{name}.safetensors")
        assert run(["average", *models, "--patches", str(given), "--device", "cpu", "--out", soup]) == 0
        said[name] = shlex.split(capsys.readouterr().out.splitlines()[-1])[2:]
    assert said["with"] == ["evaluate", soup, str(tmp_path / "tested"), "--split", "test"]
    assert said["without"] == ["predict", str(tmp_path / "without.safetensors"), "IMAGE", "--out", "maps"]


def test_an_average_far_below_its_best_member_is_refused(tmp_path: Path, patches: Path) -> None:
    """Both members are right everywhere. Their channels are in another order, so roof and road get one logit in the
    mean: the lower id wins, road has an IoU of 0 and roof about a half, so the mean is about a half.
    """
    one, two = member(tmp_path / "a.safetensors"), member(tmp_path / "b.safetensors", swapped)
    out, said = tmp_path / "soup.safetensors", list[str]()
    with pytest.raises(InputError, match=r"points of mean IoU below .*a\.safetensors, more than 0\.5: these") as caught:
        terrazzo.average([one, two], out=out, patches=patches, say=said.append, **CPU)
    assert not out.exists()
    assert any("the average" in line for line in said), "the scores are shown"
    allowed = float(str(caught.value).rpartition(" ")[2])
    assert 40 < allowed < 60
    with pytest.raises(InputError, match="more than 30:"):
        terrazzo.average([one, two], out=out, patches=patches, worst=30, **CPU)
    done = terrazzo.average([one, two], out=out, patches=patches, worst=allowed, **CPU)
    assert done.scores is not None
    assert done.members[str(two)] == RIGHT
    assert 1 - done.scores["mean_iou"] <= allowed / 100


def test_images_of_the_training_are_reported_as_evaluate_does(tmp_path: Path, patches: Path) -> None:
    from terrazzo.patches.folder import open_patches

    data = TrainingData("", "group", {}, 0, tuple(open_patches(patches).image_hashes), 1, 1)
    one = member(tmp_path / "a.safetensors")
    two = member(tmp_path / "b.safetensors", training_data=data)
    said: list[str] = []
    terrazzo.average([one, two], out=tmp_path / "soup.safetensors", patches=patches, say=said.append, **CPU)
    assert [line.partition(": the model was trained on")[0] for line in said] == [
        f"warning: {two}",
        f"warning: {tmp_path / 'soup.safetensors'}",
    ]


# --- statistics of batch normalizations


def test_renewed_statistics_are_the_means_over_the_batches() -> None:
    network = build(ModelSection(filters=(2, 4), batch_norm=True))
    model = bundle.Bundle(None, network, bundle.choose("cpu", "32"))  # type: ignore[arg-type]
    batches = [torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8) for _ in range(3)]
    assert renew_statistics(model, batches)
    first, norm = network.body.down[0][0], network.body.down[0][1]  # type: ignore[index, union-attr]
    with torch.no_grad():
        means = torch.stack([first(network.normalizer(batch)).mean(dim=(0, 2, 3)) for batch in batches]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, means)
    assert not any(module.training for module in network.modules())
    assert norm.momentum == 0.1
    assert not renew_statistics(bundle.Bundle(None, build(FROM_IMAGENET), model.compute), batches)  # type: ignore[arg-type]


def test_statistics_are_renewed_where_that_scores_better(tmp_path: Path, patches: Path) -> None:
    """The second member is the first with variances that are 10,000 times too large: so is their mean's."""
    changes = {**SMALL, "train.batch_size": 8, "augment.zoom": 0}
    trained = terrazzo.train(patches, out=tmp_path / "run", recipe="unet", epochs=4, changes=changes, device="cpu")
    header, state = read_header(trained.model), load_file(trained.model)
    header = replace(header, model=header.model.model_copy(update={"encoder_weights": "imagenet"}))
    one, two, out = (tmp_path / f"{name}.safetensors" for name in ("a", "b", "soup"))
    bundle.save(one, header, state)
    bundle.save(two, header, {name: t * (1e4 if "running_var" in name else 1) for name, t in state.items()})
    done = terrazzo.average([one, two], out=out, patches=patches, worst=100, **CPU)
    assert "statistics of batch normalizations: computed on 24 training patches (mean IoU" in done.lines()[-1]
    assert done.scores is not None
    found = load_file(out)
    name = next(name for name in found if "running_var" in name)
    assert found[name].mean() < 100 * state[name].mean()
    assert terrazzo.evaluate(out, patches, **CPU).scores["mean_iou"] == done.scores["mean_iou"]


# --- refusals


def other(section: ModelSection, **changes: Any) -> ModelSection:
    return section.model_copy(update=changes)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"schema": ClassSchema(("roof", "lake", "road"), COLORS)}, "class 1 is lake, and .* road"),
        ({"model": other(FROM_IMAGENET, filters=(3, 4))}, r"model.filters is \(3, 4\), and .* \(3, 3\)"),
        ({"model": other(FROM_IMAGENET, encoder_weights="none")}, "was trained from random weights"),
        (
            {"model": other(FROM_IMAGENET, encoder_weights="w.pth")},
            "was trained from the encoder weights w.pth, and ",
        ),
        ({"normalization": Normalization("unit", (0.1,) * 3, (1.0,) * 3)}, "is normalized with other numbers"),
    ],
)
def test_models_without_a_common_mean_are_refused(tmp_path: Path, header: dict[str, Any], words: str) -> None:
    one, two = member(tmp_path / "a.safetensors"), member(tmp_path / "b.safetensors", **header)
    with pytest.raises(InputError, match=rf"b\.safetensors: {words}"):
        terrazzo.average([one, two], out=tmp_path / "soup.safetensors")
    assert not (tmp_path / "soup.safetensors").exists()


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ("a", {}, "1 model given; an average takes two or more"),
        ("aa", {}, "a.safetensors: is given 2 times"),
        ("ab", {"out": "soup.onnx"}, "soup.onnx: expected a name that ends in .safetensors"),
        ("ab", {"out": "b.safetensors"}, "b.safetensors: is one of the models"),
        ("ab", {"worst": 2}, "--worst 2: is for --patches FOLDER"),
        ("ab", {"device": "cpu"}, "--device cpu: is for --patches FOLDER"),
        ("ab", {"worst": -1, "patches": "p"}, "--worst -1: expected 0 to 100 points"),
        ("ac", {}, "c.safetensors: no such file"),
        ("ax", {}, "x.safetensors: is not a model file"),
    ],
)
def test_words_that_cannot_be_used(tmp_path: Path, names: str, options: dict[str, Any], words: str) -> None:
    for name in "ab":
        member(tmp_path / f"{name}.safetensors")
    (tmp_path / "x.safetensors").write_text("no model of ours")
    out = tmp_path / options.get("out", "soup.safetensors")
    options = {name: value for name, value in options.items() if name != "out"}
    with pytest.raises(TerrazzoError) as caught:
        terrazzo.average([tmp_path / f"{name}.safetensors" for name in names], out=out, **options)
    assert words in str(caught.value)


# --- temperature


def test_a_scored_average_has_a_temperature_of_its_own_and_an_unscored_one_none(tmp_path: Path, patches: Path) -> None:
    """Logits of 40, 20 and 30 times a band are fitted alike, so the temperatures go as 4 to 2 to 3.

    The models are right everywhere, so their temperature is the least one; some truth is changed to be wrong.
    """
    changed = tmp_path / "patches"
    shutil.copytree(patches, changed)
    masks = np.load(changed / "masks.npy")
    masks[:, :8] = (masks[:, :8] + 1) % 3
    np.save(changed / "masks.npy", masks)
    one = member(tmp_path / "a.safetensors", calibration=Calibration(7.0, 0.5, 0.25))
    two = member(tmp_path / "b.safetensors", lambda state: state["body.head.weight"].mul_(0.5))
    terrazzo.average([one, two], out=tmp_path / "unscored.safetensors")
    assert read_header(tmp_path / "unscored.safetensors").calibration is None
    terrazzo.average([one, two], out=tmp_path / "scored.safetensors", patches=changed, **CPU)
    opened = open_patches(changed)
    of_two = calibrated(bundle.load(two, "cpu", "32").network, opened, Reporter())
    found = read_header(tmp_path / "scored.safetensors").calibration
    assert of_two is not None
    assert found is not None
    assert found.temperature == pytest.approx(1.5 * of_two.temperature, rel=1e-3)
    scores = terrazzo.evaluate(tmp_path / "scored.safetensors", changed, **CPU).scores["calibration"]
    assert scores["ece"] == pytest.approx(found.ece_after, abs=1e-5)
    assert scores["ece_uncalibrated"] == pytest.approx(found.ece_before, abs=1e-5)
