"""Preparing patches: what is written, that it is the same each time, and that nothing half-done is left."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.classes.schema import IGNORE
from terrazzo.errors import LabelError, OutputExistsError, PatchesError, SplitError
from terrazzo.patches import write_patches as preparation
from terrazzo.patches.folder import open_patches
from terrazzo.scenes import detect
from terrazzo.scenes.trees import open_tree
from tests.worlds.striped import TABLE, scene, striped_set


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six images, (70, 100) pixels each, and a class table inside."""
    return striped_set(tmp_path / "data", 6)


def test_what_is_written(data: Path, tmp_path: Path) -> None:
    done = terrazzo.prepare(data, out=tmp_path / "patches", patch_size=32)
    patches = done.patches
    # 70 // 32 = 2 rows, 100 // 32 = 3 columns, 6 images
    assert len(patches) == 36
    assert patches.images.shape == (36, 32, 32, 3)
    told = json.loads((tmp_path / "patches" / "dataset.json").read_text())
    assert told["n_patches"] == 36
    assert told["splits"] == {"train": 30, "val": 6, "test": 0}  # 0.2 * 6 images = 1.2, so one image
    assert told["leak"] == {"image": 0.0, "group": 0.0}
    assert [(entry["id"], entry["name"], entry["color"]) for entry in told["classes"]] == [
        (0, "roof", "#FF0000"),
        (1, "road", "#00FF00"),
        (2, "lake", "#0000FF"),
    ]
    assert sum(entry["pixels"] for entry in told["classes"]) == 36 * 32 * 32
    with (tmp_path / "patches" / "index.csv").open() as stream:
        index = list(csv.DictReader(stream))
    image = np.asarray(Image.open(data / "images" / "p1.png"))
    mine = [number for number, row in enumerate(index) if patches.image_names[int(row["image"])] == "p1"]
    assert len(mine) == 6
    for number in mine:
        row, col = int(index[number]["row"]), int(index[number]["col"])
        assert (patches.images[number] == image[row : row + 32, col : col + 32]).all()
        assert (patches.masks[number] == ((np.arange(col, col + 32) // 10 + 1) % 3)[None]).all()


def test_the_same_inputs_are_kept_and_others_refused(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "patches"
    first = terrazzo.prepare(data, out=out, patch_size=32)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert terrazzo.prepare(data, out=out, patch_size=32).kept
    with pytest.raises(OutputExistsError, match="--overwrite"):
        terrazzo.prepare(data, out=out, patch_size=48)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    again = terrazzo.prepare(data, out=out, patch_size=32, overwrite=True)
    assert not again.kept
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert again.patches.content_hash == first.patches.content_hash
    other = terrazzo.prepare(data, out=out, patch_size=48, overwrite=True)
    assert other.patches.patch_size == 48
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_layout_is_looked_for_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(detect, "open_tree", lambda root: opened.append(root) or open_tree(root))
    for number, recipe in enumerate((None, "dubai-unet-scratch")):  # the recipe is for another layout
        done = terrazzo.prepare(data, out=tmp_path / str(number), recipe=recipe, patch_size=32)
        assert done.patches.description["layout"] == "flat"
    assert opened == [data, data]


def test_an_interrupted_prepare_leaves_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(preparation, "make_split", interrupt)
    with pytest.raises(KeyboardInterrupt):
        terrazzo.prepare(data, out=tmp_path / "patches", patch_size=32)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_refusal_writes_nothing(data: Path, tmp_path: Path) -> None:
    (data / "masks" / "p3.png").unlink()
    with pytest.raises(LabelError, match=r"p3\.png"):
        terrazzo.prepare(data, out=tmp_path / "patches", patch_size=32)
    assert not (tmp_path / "patches").exists()
    said: list[str] = []
    done = terrazzo.prepare(data, out=tmp_path / "patches", patch_size=32, unpaired="skip", say=said.append)
    assert len(done.patches) == 30
    assert any("p3" in line for line in said)


@pytest.mark.parametrize("part", ["", "..", "images", "masks"])
def test_the_data_are_never_replaced_by_their_patches(data: Path, part: str) -> None:
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    with pytest.raises(OutputExistsError, match="holds the data or a part of them; choose another --out"):
        terrazzo.prepare(data, out=data / part, patch_size=32, overwrite=True)
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_patches_inside_the_data_may_be_made_anew(data: Path) -> None:
    for patch_size in (32, 40):
        terrazzo.prepare(data, out=data / "patches", patch_size=patch_size, overwrite=True)
        assert terrazzo.inspect(data, patch_size=32).to_dict()["n_images"] == 6


def test_padding_is_ignored_and_counted(data: Path, tmp_path: Path) -> None:
    patches = terrazzo.prepare(data, out=tmp_path / "patches", patch_size=64, fit="pad").patches
    assert len(patches) == 6 * 2 * 2
    assert (patches.masks != IGNORE).sum() == 6 * 70 * 100
    assert sum(entry["pixels"] for entry in patches.description["classes"]) == 6 * 70 * 100


def test_resizing_makes_one_patch_an_image(data: Path, tmp_path: Path) -> None:
    patches = terrazzo.prepare(data, out=tmp_path / "patches", patch_size=64, fit="resize").patches
    assert len(patches) == 6
    assert set(np.unique(patches.masks)) == {0, 1, 2}


def test_an_ignored_class_closes_up_the_ids(data: Path, tmp_path: Path) -> None:
    patches = terrazzo.prepare(data, out=tmp_path / "patches", patch_size=32, ignore_class=["road"]).patches
    assert patches.schema.names == ("roof", "lake")
    assert set(np.unique(patches.masks)) == {0, 1, IGNORE}


def test_images_too_small_for_one_patch(data: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="smaller --patch-size, or --fit pad or resize"):
        terrazzo.prepare(data, out=tmp_path / "patches", patch_size=256)


def test_one_image_alone(tmp_path: Path) -> None:
    scene(tmp_path / "one", "only")
    (tmp_path / "one" / "classes.csv").write_text(TABLE)
    with pytest.raises(SplitError, match="--split patch"):
        terrazzo.prepare(tmp_path / "one", out=tmp_path / "patches", patch_size=32)
    done = terrazzo.prepare(tmp_path / "one", out=tmp_path / "patches", patch_size=32, split="patch")
    assert done.patches.leak == {"image": 1.0, "group": 1.0}
    assert any("LEAKY" in line for line in done.summary())


def test_groups_of_tiles_stay_whole(tmp_path: Path) -> None:
    for tile in range(1, 5):
        for part in range(3):
            scene(tmp_path / "d" / f"Tile {tile}", f"image_part_00{part}", shift=10 * tile + part)
    (tmp_path / "d" / "classes.csv").write_text(TABLE)
    patches = terrazzo.prepare(tmp_path / "d", out=tmp_path / "patches", patch_size=32, val=0.25).patches
    assert patches.description["split_method"] == "group"
    groups = np.array([patches.image_groups[image] for image in patches.image_of])
    assert len(set(groups[patches.sides == "val"])) == 1
    assert patches.leak == {"image": 0.0, "group": 0.0}


def test_the_summary_names_the_groups_of_each_side(tmp_path: Path, data: Path) -> None:
    for tile in range(1, 8):
        for part in range(2):
            scene(tmp_path / "d" / f"Tile {tile}", f"image_part_00{part}", shift=10 * tile + part)
    (tmp_path / "d" / "classes.csv").write_text(TABLE)
    done = terrazzo.prepare(tmp_path / "d", out=tmp_path / "patches", patch_size=32, val=0.15)
    names = np.array(done.patches.image_groups)[done.patches.image_of]
    (held_out,) = set(names[done.patches.sides == "val"])
    others = [f"Tile {tile}" for tile in range(1, 8) if f"Tile {tile}" != held_out]
    assert done.summary()[-1] == f"groups: train {', '.join(others[:4])} and 2 more; val {held_out}"
    # Where every image stands for itself there is nothing to name.
    assert not any(
        line.startswith("groups") for line in terrazzo.prepare(data, out=tmp_path / "p", patch_size=32).summary()
    )


@pytest.mark.parametrize("name", ["images.npy", "index.csv", "dataset.json", "masks.npy"])
def test_a_damaged_folder_is_named(data: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "patches"
    terrazzo.prepare(data, out=out, patch_size=32)
    whole = (out / name).read_bytes()
    (out / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PatchesError, match="prepare"):
        open_patches(out)
    (out / name).unlink()
    with pytest.raises(PatchesError, match=name):
        open_patches(out)
    # A damaged set is in the way, and can be replaced.
    assert not terrazzo.prepare(data, out=out, patch_size=32, overwrite=True).kept


@pytest.mark.real
def test_dubai_with_no_option(dubai: Path, tmp_path: Path) -> None:
    said: list[str] = []
    patches = terrazzo.prepare(dubai, out=tmp_path / "patches", say=said.append).patches
    assert len(patches) == 1188
    assert patches.schema.names == ("Building", "Land (unpaved area)", "Road", "Vegetation", "Water", "Unlabeled")
    assert patches.description["splits"] == {"train": 936, "val": 252, "test": 0}
    held_out = {patches.image_groups[image] for image in patches.image_of[patches.rows("val")]}
    assert held_out == {"Tile 4", "Tile 5"}
    assert any("classes.json" in line for line in said)
    assert any("#000000" in line for line in said)
    random = terrazzo.prepare(dubai, out=tmp_path / "random", split="patch").patches
    assert random.description["splits"] == {"train": 950, "val": 238, "test": 0}
    assert random.leak["group"] == 1.0


@pytest.mark.real
def test_dubai_as_a_flat_folder_matches_the_known_palette(dubai: Path, tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        (tmp_path / "flat" / kind).mkdir(parents=True)
    for tile in ("Tile 1", "Tile 2"):
        for kind in ("images", "masks"):
            for path in sorted((dubai / tile / kind).iterdir()):
                name = f"{tile.replace(' ', '')}_{path.name}"
                (tmp_path / "flat" / kind / name).write_bytes(path.read_bytes())
    said: list[str] = []
    patches = terrazzo.prepare(tmp_path / "flat", out=tmp_path / "patches", say=said.append).patches
    assert len(patches) == 9 * 6 + 9 * 2
    assert patches.schema.names[4] == "Water"
    assert any("palette" in line for line in said)
