"""Evaluation end to end, with models whose every answer is known: one hands its input through, one never changes.

Classes are Red, Green and Blue; the fourth colour is ignored. Patches are 36 px of images of 40 x 76, so two an image.
"""

import csv
import json
import math
import re
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import terrazzo
from terrazzo.classes.confusion import mean_ious
from terrazzo.classes.schema import ClassSchema
from terrazzo.errors import InputError, ModelFileError, OutputExistsError, PatchesError, TerrazzoError
from terrazzo.evaluation.metrics import CLASS_METRICS, MEANS
from terrazzo.evaluation.patchwise.boundaries import boundary_counts
from terrazzo.model import bundle
from terrazzo.model.header import Calibration, Header, TrainingData, read_header
from terrazzo.model.network import build_model
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.recipe.sections import LossSection, ModelSection
from tests.worlds.deep import CLASSES, fields, name_bands, write_labels
from tests.worlds.handmade import encoded, photo, write
from tests.worlds.rasters import noise, write_raster

NAMES = ("Red", "Green", "Blue")
COLORS = np.array([[200, 30, 30], [30, 160, 60], [20, 60, 220], [250, 250, 250]], np.uint8)
BANDS = np.array([[230, 20, 20], [20, 230, 20], [20, 20, 230]], np.uint8)  # what the model takes for each class
CONSTANT = (0.5, 0.3, 0.2)
PARTS = 2


def write_world(root: Path) -> Path:
    """Five tiles of two images: bands of classes, an ignored strip; the higher the tile, the more is shown wrong."""
    for tile in range(1, 6):
        rng = np.random.default_rng(tile)
        for part in range(1, PARTS + 1):
            truth = (np.indices((40, 76)).sum(axis=0) // (5 + tile + part)) % 3
            shown = np.where(rng.random((40, 76)) < 0.08 * tile, rng.integers(0, 3, (40, 76)), truth)
            truth[:, 20:23] = 3
            folder, name = root / f"Tile {tile}", f"image_part_{part:03d}"
            write(folder / "images" / f"{name}.jpg", encoded(BANDS[shown], "JPEG", quality=100, subsampling=0))
            write(folder / "masks" / f"{name}.png", COLORS[truth])
    table = "".join(
        f"{name},#{r:02X}{g:02X}{b:02X}\n" for name, (r, g, b) in zip((*NAMES, "Blank"), COLORS, strict=True)
    )
    (root / "classes.csv").write_text(f"name,color\n{table}", encoding="utf-8")
    return root


def write_model(
    path: Path,
    constant: bool = False,
    names: tuple[str, ...] = NAMES,
    bands: int = 3,
    training: TrainingData | None = None,
    recipe: dict[str, object] | None = None,
) -> Path:
    """A classic U-Net of two levels: logits are 40 x band, or `constant` ones whose softmax is CONSTANT."""
    section = ModelSection(filters=(3, 3), dropout=0)
    normalization = Normalization("unit", (0.0,) * bands, (1.0,) * bands)
    state = build_model(section, bands, 3, normalization).state_dict()
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.zero_()
            if name.startswith(("body.down.0", "body.merge.0")) and name.endswith("weight"):
                tensor[range(3), range(3), 1, 1] = 1
        if constant:
            state["body.head.bias"][:] = torch.tensor(CONSTANT).log()
        else:
            state["body.head.weight"][range(3), range(3)] = 40
    header = Header(
        terrazzo_version="0",
        model=section,
        bands=bands,
        schema=ClassSchema(names, tuple(map(tuple, COLORS[:3].tolist()))),
        normalization=normalization,
        patch_size=36,
        fit="crop",
        recipe={"loss": LossSection(terms="ce").model_dump(mode="json"), **(recipe or {})},
        training_data=training or TrainingData("", "group", {"image": 0, "group": 0}, 0, (), 0, 0),
        key="",
    )
    bundle.save(path, header, state)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world's patches by group and patch by patch, and the two models; nothing else may be written here."""
    folder = tmp_path_factory.mktemp("evaluation")
    write_world(folder / "data")
    for split, val in (("group", 0.4), ("patch", 0.5)):
        terrazzo.prepare(
            folder / "data",
            out=folder / split,
            classes=folder / "data" / "classes.csv",
            ignore_class=["Blank"],
            patch_size=36,
            split=split,
            val=val,
        )
    write_model(folder / "through.safetensors")
    write_model(folder / "constant.safetensors", constant=True)
    return folder


def truth_and_shown(patches: Patches, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth ids, the greatest band's ids, and patch numbers of the valid pixels of a split."""
    rows = patches.rows(split)
    truth, shown = patches.masks[rows], patches.images[rows].argmax(axis=-1)
    valid = truth != 255
    return truth[valid], shown[valid], np.broadcast_to(rows[:, None, None], truth.shape)[valid]


def test_scores_of_a_known_model_are_those_of_counting(folder: Path) -> None:
    scores = terrazzo.evaluate(
        folder / "through.safetensors", folder / "group", batch_size=3, device="cpu", precision="32"
    ).scores
    truth, shown, _ = truth_and_shown(open_patches(folder / "group"), "val")
    pairs = Counter(zip(truth.tolist(), shown.tolist(), strict=True))
    assert scores["confusion"] == [[pairs[row, column] for column in range(3)] for row in range(3)]
    assert scores["accuracy"] == pytest.approx((truth == shown).mean())
    iou = [((truth == c) & (shown == c)).sum() / ((truth == c) | (shown == c)).sum() for c in range(3)]
    assert list(scores["iou"]) == list(NAMES)
    assert list(scores["iou"].values()) == pytest.approx(iou)
    assert scores["mean_iou"] == pytest.approx(np.mean(iou))
    assert scores["pixels"] == len(truth) < 8 * 36 * 36


def test_a_constant_predictor_scores_what_arithmetic_says(folder: Path) -> None:
    """It says Red, and gives Red 0.5, Green 0.3, Blue 0.2 everywhere; n is the number of pixels of each class."""
    scores = terrazzo.evaluate(
        folder / "constant.safetensors", folder / "group", batch_size=3, device="cpu", precision="32"
    ).scores
    truth, _, _ = truth_and_shown(open_patches(folder / "group"), "val")
    n = np.bincount(truth)
    assert scores["accuracy"] == pytest.approx(n[0] / n.sum())
    assert list(scores["iou"].values()) == pytest.approx([n[0] / n.sum(), 0, 0])
    assert scores["kappa"] == pytest.approx(0)
    a = (n @ CONSTANT) / n.sum()
    assert scores["jaccard_soft_micro"] == pytest.approx(a / (2 - a))
    assert scores["true_class_probability"] == pytest.approx(a)
    entropy = (n @ -np.log(CONSTANT)) / n.sum()
    assert scores["cross_entropy"] == pytest.approx(entropy)
    assert scores["ce_plus_soft_dice"] == pytest.approx(entropy + 1 - a)
    assert scores["loss"] == pytest.approx(entropy)


PUBLISHED = {
    "source": "a <project>",
    "protocol": "ten images",
    "split": "patch",
    "fit": "crop",
    "classes": list(NAMES),
    "figures": {
        "accuracy": {"value": 0.85, "ours": "accuracy", "how": "share of right pixels"},
        "dice": {"value": 0.72, "ours": "true_class_probability", "how": "mean probability of the true class"},
        "mean_iou": {"value": 0.4286, "ours": None, "how": "a constant"},
        "train_loss": {"value": 0.25, "split": "train", "ours": "cross_entropy", "how": "of training"},
    },
}


def test_published_figures_stand_beside_ours_on_the_kind_of_split_that_they_were_taken_on(
    folder: Path, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "known.safetensors", constant=True, recipe={"published": PUBLISHED})
    done = terrazzo.evaluate(model, folder / "patch", out=tmp_path / "report", device="cpu", precision="32")
    found = {each["name"]: each for each in done.scores["published"]}
    assert found["accuracy"]["ours"] == done.scores["accuracy"]
    assert found["dice"]["ours"] == done.scores["true_class_probability"]
    assert found["mean_iou"]["ours"] is found["train_loss"]["ours"] is None
    fields = {"name", "value", "split", "ours", "ours_name", "how", "comparable", "why_not"}
    assert all(set(each) == fields for each in found.values())
    html = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "a &lt;project&gt;: ten images." in html
    assert f'{done.scores["accuracy"]:.4f} <span class="soft small">accuracy</span>' in html
    lines = done.lines()
    at = next(number for number, line in enumerate(lines) if line.split()[:2] == ["figure", "published"])
    assert "[leaky split]" in lines[at]
    assert lines[at + 1].split()[:4] == ["accuracy", "(val)", "0.85", f"{done.scores['accuracy']:.4f}"]
    assert "    published for train; this is val (--split train): not comparable" in lines[at + 5 :]

    train = terrazzo.evaluate(model, folder / "patch", split="train", device="cpu", precision="32").scores
    assert [each["name"] for each in train["published"] if each["comparable"]] == ["train_loss"]
    assert train["published"][3]["ours"] == train["cross_entropy"]


def test_published_figures_of_random_patches_do_not_stand_beside_whole_groups(folder: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path / "known.safetensors", recipe={"published": PUBLISHED})
    done = terrazzo.evaluate(model, folder / "group", out=tmp_path / "report", device="cpu", precision="32")
    words = "published on random patches; these groups are held out whole: not comparable"
    assert [each["ours"] for each in done.scores["published"]] == [None] * 4
    assert done.scores["published"][0]["why_not"] == words
    assert sum(words in line for line in done.lines()) == 2
    assert (tmp_path / "report" / "report.html").read_text(encoding="utf-8").count(words) == 2


def test_a_model_whose_recipe_knows_no_published_figures_has_no_table(folder: Path, tmp_path: Path) -> None:
    done = terrazzo.evaluate(folder / "through.safetensors", folder / "patch", out=tmp_path / "report")
    assert done.scores["published"] == []
    assert not any("published" in line for line in done.lines())
    assert "Published figures" not in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_neither_batch_size_nor_order_of_patches_changes_a_score(folder: Path) -> None:
    one, many = (
        terrazzo.evaluate(folder / "through.safetensors", folder / "group", batch_size=n, precision="32").scores
        for n in (1, 100)
    )
    assert one["confusion"] == many["confusion"]
    assert one["groups"] == many["groups"]
    assert one["mean_iou_interval"] == many["mean_iou_interval"]
    assert one["loss"] == pytest.approx(many["loss"])  # exactly so for cross-entropy alone


def test_groups_are_scored_apart_and_add_up(folder: Path) -> None:
    scores = terrazzo.evaluate(folder / "through.safetensors", folder / "group", precision="32").scores
    patches = open_patches(folder / "group")
    truth, shown, rows = truth_and_shown(patches, "val")
    owner = np.array(patches.image_groups)[patches.image_of[rows]]
    assert set(scores["groups"]) == set(owner)
    assert len(scores["groups"]) == 2
    for name, group in scores["groups"].items():
        assert group["accuracy"] == pytest.approx((truth == shown)[owner == name].mean())
        assert group["pixels"] == (owner == name).sum()
        assert (group["images"], group["patches"]) == (2, 4)
        assert list(group["iou"]) == list(NAMES)
    right = sum(group["accuracy"] * group["pixels"] for group in scores["groups"].values())
    assert right / scores["pixels"] == pytest.approx(scores["accuracy"])


def test_sources_are_scored_apart_and_add_up(folder: Path, tmp_path: Path) -> None:
    model, alone = folder / "through.safetensors", folder / "group"
    assert "sources" not in terrazzo.evaluate(model, alone, precision="32").scores
    shutil.copytree(alone, tmp_path / "two")
    told = json.loads((tmp_path / "two" / "dataset.json").read_text())
    told["sources"] = [{"name": "north"}, {"name": "south"}]
    patches = open_patches(alone)
    truth, shown, rows = truth_and_shown(patches, "val")
    first = patches.image_groups[patches.image_of[rows[0]]]
    for image in told["images"]:
        image["source"] = "north" if image["group"] == first else "south"
    (tmp_path / "two" / "dataset.json").write_text(json.dumps(told))
    scores = terrazzo.evaluate(model, tmp_path / "two", precision="32").scores
    is_north = np.array(patches.image_groups)[patches.image_of[rows]] == first
    assert list(scores["sources"]) == ["north", "south"]
    for name, where in (("north", is_north), ("south", ~is_north)):
        source = scores["sources"][name]
        assert source["accuracy"] == pytest.approx((truth == shown)[where].mean())
        assert source["mean_iou"] == pytest.approx(np.mean([value for value in source["iou"].values() if value]))
        assert (list(source["iou"]), source["images"], source["patches"]) == (list(NAMES), 2, 4)
    right = sum(source["accuracy"] * source["pixels"] for source in scores["sources"].values())
    assert right / scores["pixels"] == pytest.approx(scores["accuracy"])


def test_the_interval_draws_groups_from_five_on_and_images_below(folder: Path) -> None:
    def found(split: str) -> dict[str, object]:
        return terrazzo.evaluate(folder / "through.safetensors", folder / split, precision="32").scores

    by_image, by_group = found("group"), found("patch")
    assert by_image["mean_iou_interval_over"] == "4 images"
    assert by_group["mean_iou_interval_over"] == "5 groups"
    for scores in (by_image, by_group):
        low, high = scores["mean_iou_interval"]
        assert 0 <= low < scores["mean_iou"] < high <= 1
        assert "too narrow" in scores["mean_iou_interval_note"]


def test_every_score_has_an_interval_that_holds_it(folder: Path) -> None:
    scores = terrazzo.evaluate(folder / "through.safetensors", folder / "patch", precision="32").scores
    assert set(scores["intervals"]) == {*MEANS, "boundary_iou", "ece", "ece_uncalibrated"}
    for name, (low, high) in scores["intervals"].items():
        assert low <= {**scores["calibration"], **scores}[name] <= high, name
        assert low < high, name
    assert set(scores["class_intervals"]) == {*CLASS_METRICS, "class_boundary_iou"}
    for name, table in scores["class_intervals"].items():
        assert list(table) == list(NAMES)
        assert all(low <= scores[name][one] <= high for one, (low, high) in table.items())
    assert scores["interval_units"] == scores["mean_iou_interval_over"] == "5 groups"
    assert scores["intervals"]["mean_iou"] == scores["mean_iou_interval"]


def test_boundary_iou_is_that_of_counting_near_edges_at_the_width_asked_for(folder: Path, tmp_path: Path) -> None:
    patches, model = open_patches(folder / "group"), folder / "through.safetensors"
    out = tmp_path / "report"
    done = terrazzo.evaluate(model, folder / "group", precision="32", boundary_px=2, out=out)
    rows = patches.rows("val")
    counts = boundary_counts(patches.masks[rows], patches.images[rows].argmax(axis=-1).astype(np.uint8), 3, 2)
    assert done.scores["boundary_px"] == 2
    assert done.scores["boundary_iou"] == pytest.approx(float(mean_ious(counts.sum(axis=0))))
    assert list(done.scores["class_boundary_iou"]) == list(NAMES)
    assert any(line.startswith("boundary IoU 0.") and "within 2 px" in line for line in done.lines())
    assert "within 2 px of an edge" in (out / "report.html").read_text(encoding="utf-8")
    with pytest.raises(OutputExistsError):  # another width is another report
        terrazzo.evaluate(model, folder / "group", precision="32", out=out)


def test_a_model_that_says_one_class_has_no_edges_of_its_own(folder: Path) -> None:
    """So its boundaries are all missed: 0 for each class, which all have an edge in the truth."""
    scores = terrazzo.evaluate(folder / "constant.safetensors", folder / "group", precision="32").scores
    assert scores["boundary_iou"] == 0
    assert scores["class_boundary_iou"] == dict.fromkeys(NAMES, 0)


def test_the_worst_patches_stand_in_a_table_worst_first(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    scores = terrazzo.evaluate(folder / "through.safetensors", folder / "group", precision="32", out=out).scores
    patches = open_patches(folder / "group")
    with (out / "worst.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [int(row["patch"]) for row in table] == [row["patch"] for row in scores["worst"]]
    found = [float(row["accuracy"]) for row in table]
    assert found == sorted(found)
    for row in table:
        number = int(row["patch"])
        truth, shown = patches.masks[number], patches.images[number].argmax(axis=-1)
        assert float(row["accuracy"]) == pytest.approx((truth == shown)[truth != 255].mean(), abs=1e-6)
        pairs = Counter(zip(truth[truth != 255].tolist(), shown[truth != 255].tolist(), strict=True))
        most = max(count for (one, other), count in pairs.items() if one != other)
        assert int(row["confused_px"]) == pairs[NAMES.index(row["truth"]), NAMES.index(row["predicted"])] == most
        assert row["image"] == patches.image_names[patches.image_of[number]]
        assert (int(row["row"]), int(row["col"])) == tuple(patches.corners[number].tolist())
        assert row["x"] == row["y"] == row["crs"] == ""
    html = (out / "report.html").read_text(encoding="utf-8")
    assert f"{table[0]['truth']} called {table[0]['predicted']}" in html
    first = re.search(r"Worst patches</h2>.*?<header><b>([^ <]+ [^ <]+)", html, re.S)
    assert first is not None
    assert first[1] == table[0]["image"]  # the pictures are those of the table's first rows


def test_the_protocol_says_what_leaks_as_the_patches_do(folder: Path) -> None:
    for split, leaky in (("group", False), ("patch", True)):
        done = terrazzo.evaluate(folder / "through.safetensors", folder / split)
        protocol = done.scores["protocol"]
        assert protocol["leak"] == open_patches(folder / split).leak
        assert (protocol["leaky"], protocol["split_method"]) == (leaky, split)
        assert (protocol["split"], protocol["patch_size"], protocol["seed"]) == ("val", 36, 0)
        assert any("LEAKY split" in line for line in done.lines()) is leaky
    assert protocol["leak"]["group"] == 1


def test_pictures_of_the_training_are_noticed_by_their_pixels(folder: Path, tmp_path: Path) -> None:
    patches = open_patches(folder / "group")
    val_images = sorted({patches.image_hashes[image] for image in patches.image_of[patches.rows("val")]})
    elsewhere = TrainingData("other", "patch", {"image": 1, "group": 1}, 0, tuple(val_images[:3]), 9, 9)
    said: list[str] = []
    model = write_model(tmp_path / "seen.safetensors", training=elsewhere)
    scores = terrazzo.evaluate(model, folder / "group", say=said.append).scores
    assert scores["trained_on"] == {"images": 3, "share": 0.75, "other_patches": False}
    line = "the model was trained on 3 of the 4 scored images (75%), the same pictures; these scores are optimistic"
    assert said == [f"warning: {line}"]
    terrazzo.evaluate(folder / "through.safetensors", folder / "group", say=said.append)
    assert len(said) == 1


def test_other_patches_of_a_training_picture_are_told_from_the_same_ones(folder: Path, tmp_path: Path) -> None:
    patches = open_patches(folder / "patch")
    data = TrainingData(patches.content_hash, "patch", patches.leak, 0, patches.image_hashes, 9, 9)
    model = write_model(tmp_path / "seen.safetensors", training=data)
    for split, other in (("val", True), ("train", False)):
        found = terrazzo.evaluate(model, folder / "patch", split=split).scores["trained_on"]
        assert (found["share"], found["other_patches"]) == (1, other)


def test_copies_across_a_given_split_are_the_same_pictures(tmp_path: Path) -> None:
    for number in range(4):
        for side in ("train", "val"):
            folder, seed = tmp_path / "d" / side, number if number < 3 else (3 if side == "train" else 30)
            write(folder / "images" / f"{number}.png", photo(36, 36, seed))
            write(folder / "masks" / f"{number}.png", np.indices((36, 36)).sum(axis=0).astype(np.uint8) % 3)
    (tmp_path / "c.csv").write_text("id,name\n0,Red\n1,Green\n2,Blue\n", encoding="utf-8")
    patches = terrazzo.prepare(
        tmp_path / "d", classes=tmp_path / "c.csv", out=tmp_path / "patches", patch_size=36
    ).patches
    trained = sorted({patches.image_hashes[image] for image in patches.image_of[patches.rows("train")]})
    data = TrainingData(patches.content_hash, "given", patches.leak, 0, tuple(trained), 4, 4)
    said: list[str] = []
    model = write_model(tmp_path / "m.safetensors", training=data)
    done = terrazzo.evaluate(model, tmp_path / "patches", say=said.append, out=tmp_path / "report")
    line = "the model was trained on 3 of the 4 scored images (75%), the same pictures; these scores are optimistic"
    assert said == [f"warning: {line}"]
    assert done.scores["protocol"]["leak"] == {"image": 0.75, "group": 0.75}
    assert done.scores["protocol"]["leaky"] is True
    assert "the same pictures" in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")


def test_the_folder_holds_the_same_scores_and_a_page_with_them(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs" / "report"
    done = terrazzo.evaluate(folder / "through.safetensors", folder / "patch", out=out)
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "scores.json", "worst.csv"]
    assert json.loads((out / "scores.json").read_text(encoding="utf-8")) == done.scores
    html = (out / "report.html").read_text(encoding="utf-8")
    assert f"{done.scores['mean_iou']:.3f}" in html
    assert "Leaky split" in html
    assert html.count("data:image/jpeg;base64") == 2 * len(re.findall(r'<article class="card patch">', html)) > 0
    assert "Tile 5/image_part_" in html  # the tile that is shown most wrongly
    assert not math.isnan(done.scores["loss"])


def test_without_out_nothing_is_written(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    terrazzo.evaluate(folder / "through.safetensors", folder / "group")
    assert sorted(folder.rglob("*")) == before


def test_a_finished_report_is_kept_and_another_one_refused_unless_overwritten(folder: Path, tmp_path: Path) -> None:
    out, model = tmp_path / "report", folder / "through.safetensors"
    first = terrazzo.evaluate(model, folder / "group", out=out)
    (out / "notes.txt").write_text("mine")
    stamp = (out / "scores.json").stat().st_mtime_ns
    again = terrazzo.evaluate(model, folder / "group", out=out)
    assert (first.kept, again.kept) == (False, True)
    assert again.scores == first.scores
    assert (out / "scores.json").stat().st_mtime_ns == stamp
    with pytest.raises(OutputExistsError, match="already exists and is not a finished report of these inputs"):
        terrazzo.evaluate(model, folder / "group", out=out, split="train")
    other = terrazzo.evaluate(model, folder / "group", out=out, split="train", overwrite=True)
    assert json.loads((out / "scores.json").read_text(encoding="utf-8")) == other.scores
    assert (out / "notes.txt").read_text() == "mine"


def test_views_are_averaged_named_and_a_part_of_the_key(folder: Path, tmp_path: Path) -> None:
    """Flips change nothing for a model that looks at each pixel alone; other sizes blur a patch."""
    model, out = folder / "through.safetensors", tmp_path / "report"
    options = {"device": "cpu", "precision": "32"}
    plain = terrazzo.evaluate(model, folder / "group", out=out, **options)  # type: ignore[arg-type]
    assert (plain.scores["tta"], plain.scores["tta_scales"]) == ("none", [])
    assert terrazzo.evaluate(model, folder / "group", out=out, tta_scales="1", **options).kept  # type: ignore[arg-type]
    with pytest.raises(OutputExistsError):
        terrazzo.evaluate(model, folder / "group", out=out, tta="flips", **options)  # type: ignore[arg-type]
    flips = terrazzo.evaluate(model, folder / "group", tta="flips", **options)  # type: ignore[arg-type]
    assert flips.scores["confusion"] == plain.scores["confusion"]
    out = tmp_path / "views"
    views = terrazzo.evaluate(
        model,
        folder / "group",
        out=out,
        tta="flips",
        tta_scales=["2,0.75"],
        **options,  # type: ignore[arg-type]
    )
    assert views.scores["confusion"] != plain.scores["confusion"]
    assert sum(map(sum, views.scores["confusion"])) == plain.scores["pixels"]
    assert (views.scores["tta"], views.scores["tta_scales"]) == ("flips", [0.75, 2])
    line = "each patch predicted with --tta flips --tta-scales 0.75,2"
    assert line in views.lines()
    assert line in (out / "report.html").read_text(encoding="utf-8")
    assert not any("each patch predicted" in text for text in plain.lines())
    for words in ({"tta": "d9"}, {"tta_scales": "9"}):
        with pytest.raises(InputError, match="--tta"):
            terrazzo.evaluate(model, folder / "group", **words)  # type: ignore[arg-type]


def test_a_page_without_scores_is_no_finished_report(folder: Path, tmp_path: Path) -> None:
    terrazzo.evaluate(folder / "through.safetensors", folder / "group", out=tmp_path / "report")
    (tmp_path / "report" / "scores.json").write_text('{"key": ')
    with pytest.raises(OutputExistsError, match="already exists"):
        terrazzo.evaluate(folder / "through.safetensors", folder / "group", out=tmp_path / "report")


REFUSALS: list[tuple[dict[str, object], type[TerrazzoError], str]] = [
    ({"model": "none.safetensors"}, InputError, r"none\.safetensors: no such file"),
    ({"model": "group/images.npy"}, ModelFileError, r"images\.npy: is not a model file"),
    ({"patches": "data"}, PatchesError, r"data: has no dataset\.json"),
    ({"split": "valid"}, PatchesError, "--split valid: expected train, val, test"),
    ({"split": "test"}, PatchesError, r"its split test has no patches \(train 12, val 8, test 0\)"),
    ({"batch_size": 0}, InputError, "--batch-size 0: expected at least 1"),
    ({"boundary_px": 0}, InputError, "--boundary-px 0: expected at least 1"),
    ({"precision": "fp8"}, InputError, "--precision fp8: expected auto, 32, bf16"),
    ({"device": "tpu"}, InputError, "--device tpu: expected auto, cpu, cuda, cuda:N or mps"),
    ({"out": "through.safetensors"}, OutputExistsError, r"through\.safetensors: is a file; --out takes a folder"),
    ({"out": "group/index.csv/report"}, OutputExistsError, r"index\.csv: is a file; --out takes a folder"),
    ({"out": "data"}, OutputExistsError, "data: already exists and is not a finished report"),
]


@pytest.mark.parametrize(("change", "kind", "words"), REFUSALS)
def test_what_cannot_be_scored_is_refused_before_anything_heavy_is_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], kind: type[TerrazzoError], words: str
) -> None:
    monkeypatch.setitem(sys.modules, "terrazzo.model.bundle", None)  # importing it now would be an ImportError
    asked = {"model": "through.safetensors", "patches": "group", **change}
    paths = {key: folder / str(asked.pop(key)) for key in ("model", "patches", "out") if key in asked}
    before = sorted(folder.rglob("*"))
    with pytest.raises(kind, match=words):
        terrazzo.evaluate(**paths, **asked)
    assert sorted(folder.rglob("*")) == before


def test_classes_are_matched_by_name(folder: Path, tmp_path: Path) -> None:
    """The network says the number of the patches' class, which this model calls by the names in another order."""
    swapped = write_model(tmp_path / "swapped.safetensors", names=("Red", "Blue", "Green"))
    said: list[str] = []
    scores = terrazzo.evaluate(swapped, folder / "group", say=said.append).scores
    truth, shown, _ = truth_and_shown(open_patches(folder / "group"), "val")
    meant = np.array([0, 2, 1])[shown]  # its class 1 is Blue, class 2 of the patches
    assert scores["accuracy"] == pytest.approx((meant == truth).mean())
    assert list(scores["iou"]) == ["Red", "Blue", "Green"]
    assert f"{folder / 'group'}: classes are matched by name; 2 have another id than in the model" in said


def test_a_model_of_other_classes_or_bands_is_refused(folder: Path, tmp_path: Path) -> None:
    other = write_model(tmp_path / "other.safetensors", names=("Red", "Green", "Pond"))
    with pytest.raises(
        PatchesError, match=r"has the classes Blue, which the model .* lacks; it knows Red, Green, Pond"
    ):
        terrazzo.evaluate(other, folder / "group")
    four = write_model(tmp_path / "four.safetensors", bands=4)
    with pytest.raises(PatchesError, match=r"has 3 bands, the model .* takes 4"):
        terrazzo.evaluate(four, folder / "group")


def test_patches_of_bands_in_another_order_are_refused(tmp_path: Path) -> None:
    """The three bands of light are blue, green and red; a model of photos takes red, green and blue."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        ids = fields(64, 64, seed=ord(name))
        write_labels(tmp_path / f"labels/{name}.tif", ids)
        name_bands(write_raster(tmp_path / f"images/{name}.tif", noise(3, 64, 64)), ("B02", "B03", "B04"))
    prepared = {"patch_size": 32, "split": "patch"}
    terrazzo.prepare(tmp_path / "images", tmp_path / "labels", out=tmp_path / "p", **prepared)  # type: ignore[arg-type]
    model = write_model(tmp_path / "m.safetensors", names=CLASSES)
    with pytest.raises(PatchesError, match=r"has the bands B02, B03, B04, the .* was trained on red, green, blue"):
        terrazzo.evaluate(model, tmp_path / "p")


def test_a_split_without_a_valid_pixel_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "patches"
    copy.mkdir()
    for path in (folder / "group").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    masks = np.load(copy / "masks.npy")
    np.save(copy / "masks.npy", np.full_like(masks, 255))
    with pytest.raises(PatchesError, match="every pixel of its split val is ignored, so there is nothing to score"):
        terrazzo.evaluate(folder / "through.safetensors", copy)


# --- calibration


def heated(folder: Path, path: Path, temperature: float) -> Path:
    """The model that hands its input through, with a temperature."""
    header = replace(read_header(folder / "through.safetensors"), calibration=Calibration(temperature, 0.5, 0.25))
    bundle.save(path, header, load_file(folder / "through.safetensors"))
    return path


def test_the_calibration_error_of_a_constant_predictor_is_what_arithmetic_says(folder: Path) -> None:
    """It says Red with 0.5 everywhere, so the error is the distance of 0.5 from the share of Red in the truth."""
    scores = terrazzo.evaluate(folder / "constant.safetensors", folder / "group", device="cpu", precision="32").scores
    truth, _, _ = truth_and_shown(open_patches(folder / "group"), "val")
    found = scores["calibration"]
    assert found["ece"] == found["ece_uncalibrated"] == pytest.approx(abs(0.5 - (truth == 0).mean()), abs=1e-6)
    assert found["temperature"] == 1
    assert found["bins"][7]["pixels"] == len(truth)


@pytest.mark.parametrize("views", [{}, {"tta": "d4"}, {"tta": "flips", "tta_scales": "1,2"}])
def test_the_temperature_changes_the_calibration_error_alone(
    folder: Path, tmp_path: Path, views: dict[str, str]
) -> None:
    """Loss and scores of probabilities are at temperature 1, over the same views: published figures know no other."""
    options = {"device": "cpu", "precision": "32", **views}
    plain = terrazzo.evaluate(folder / "through.safetensors", folder / "group", **options).scores  # type: ignore[arg-type]
    warm = heated(folder, tmp_path / "warm.safetensors", 8.0)
    found = terrazzo.evaluate(warm, folder / "group", **options).scores  # type: ignore[arg-type]
    assert found["calibration"]["temperature"] == 8
    assert found["calibration"]["ece_uncalibrated"] == pytest.approx(plain["calibration"]["ece"], abs=1e-5)
    assert found["calibration"]["ece"] != pytest.approx(plain["calibration"]["ece"], abs=1e-2)
    assert found["loss"] == pytest.approx(plain["loss"], rel=1e-4)
    for name in ("cross_entropy", "jaccard_soft_micro", "true_class_probability", "ce_plus_soft_dice"):
        assert found[name] == pytest.approx(plain[name], rel=1e-4), name
    if not views:
        assert found["confusion"] == plain["confusion"]


def test_the_report_shows_the_diagrams_before_and_after(folder: Path, tmp_path: Path) -> None:
    for model, n in ((heated(folder, tmp_path / "warm.safetensors", 8.0), 2), (folder / "through.safetensors", 1)):
        done = terrazzo.evaluate(model, folder / "group", out=tmp_path / model.stem, device="cpu", precision="32")
        html = (tmp_path / model.stem / "report.html").read_text(encoding="utf-8")
        assert html.count('aria-label="reliability diagram') == n
        assert sum("expected calibration error" in line for line in done.lines()) == 1
