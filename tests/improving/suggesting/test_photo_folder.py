"""Photos: crops and their predicted masks, which `prepare` reads as they are."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.errors import OutputExistsError
from terrazzo.improving.suggesting.suggestion import Suggestion
from tests.worlds.models import COLORS, write_model
from tests.worlds.quarters import knowing_model, town


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with model.safetensors and photos/a.png and photos/b.jpg."""
    knowing_model(tmp_path / "model.safetensors")
    (tmp_path / "photos").mkdir()
    Image.fromarray(town(100, 140).transpose(1, 2, 0)).save(tmp_path / "photos" / "a.png")
    Image.fromarray(town(70, 100, seed=4).transpose(1, 2, 0)).save(tmp_path / "photos" / "b.jpg", quality=95)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def suggested(overwrite: bool = False) -> Suggestion:
    return terrazzo.suggest(
        "model.safetensors",
        "photos",
        out="out",
        boxes=5,
        box_size=32,
        device="cpu",
        precision="32",
        overwrite=overwrite,
    )


def test_crops_are_the_photos_pixels_and_masks_the_classes_of_their_maps(world: Path) -> None:
    found = suggested()
    assert len(found.boxes) == 5
    terrazzo.predict("model.safetensors", "photos", out="maps", device="cpu", precision="32")
    names = [f"{box.rank:03d}_{Path(box.scene).stem}.png" for box in found.boxes]
    for name, box in zip(names, found.boxes, strict=True):
        window = slice(box.row, box.row + 32), slice(box.col, box.col + 32)
        with Image.open(world / "photos" / box.scene) as photo, Image.open(world / "out/images" / name) as crop:
            assert (np.asarray(crop) == np.asarray(photo.convert("RGB"))[window]).all()
        ids = Image.open(world / "maps" / f"{Path(box.scene).stem}_classes.png")
        with Image.open(world / "out/masks" / name) as mask:
            assert mask.mode == "P"
            assert (np.asarray(mask) == np.asarray(ids)[window]).all()
            assert mask.getpalette()[:9] == [value for color in COLORS for value in color]
    for folder in ("images", "masks"):
        assert sorted(path.name for path in (world / "out" / folder).iterdir()) == sorted(names)
    with (world / "out/boxes.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0])[:5] == ["rank", "reason", "uncertainty", "novelty", "checked"]
    assert [row["file"] for row in rows] == names
    assert [int(row["rank"]) for row in rows] == [1, 2, 3, 4, 5]
    assert {row["checked"] for row in rows} == {"false"}
    assert all(float(row["novelty"]) > 0 for row in rows)
    assert [entry["name"] for entry in json.loads((world / "out/classes.json").read_text())] == ["Red", "Green", "Blue"]


def test_prepare_reads_the_folder_with_the_models_classes(world: Path) -> None:
    suggested()
    prepared = terrazzo.prepare("out", out="patches", patch_size=32)
    table = json.loads((Path("patches") / "dataset.json").read_text())["classes"]
    assert [(entry["id"], entry["name"]) for entry in table] == [(0, "Red"), (1, "Green"), (2, "Blue")]
    assert prepared is not None


def test_prepare_counts_the_masks_that_nobody_looked_at(world: Path) -> None:
    """Of five, one is changed, one is checked, one is deleted with its crop: two are left."""
    suggested()
    names = sorted(path.name for path in Path("out/masks").iterdir())
    with Image.open(f"out/masks/{names[0]}") as mask:
        changed = mask.copy()
    changed.putpixel((3, 4), (changed.getpixel((3, 4)) + 1) % 3)
    changed.save(f"out/masks/{names[0]}")
    table = Path("out/boxes.csv")
    lines = table.read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("false", "TRUE")
    table.write_text("".join(lines))
    for folder in ("images", "masks"):
        Path(f"out/{folder}/{names[2]}").unlink()

    def told() -> list[str]:
        said: list[str] = []
        terrazzo.prepare("out", out="p", for_model="model.safetensors", overwrite=True, say=said.append)
        return [line for line in said if "still" in line]

    assert told() == [
        "warning: out: 2 of 5 masks are still as the model predicted them, and teach it nothing new; correct them, "
        "delete them, or set checked to true in boxes.csv where they are right"
    ]
    table.write_text("".join(lines).replace("false", "1"))
    assert told() == []
    table.write_text("file,predicted\n")
    assert told() == []
    table.unlink()
    assert told() == []


def test_a_finished_folder_is_replaced_only_if_asked_to(world: Path) -> None:
    suggested()
    with pytest.raises(OutputExistsError, match="out: already exists, and may hold corrections"):
        suggested()
    suggested(overwrite=True)
    (world / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"holds notes\.txt"):
        suggested(overwrite=True)


@pytest.mark.parametrize("changes", [{"fit": "resize"}, {"downsample": 2.0}])
def test_models_that_see_photos_smaller_give_crops_of_the_photo(world: Path, changes: dict[str, object]) -> None:
    write_model(world / "model.safetensors", **changes)
    for box in suggested().boxes:
        with Image.open(world / "out/masks" / f"{box.rank:03d}_{Path(box.scene).stem}.png") as mask:
            assert mask.size == (32, 32)


def test_photos_of_one_name_in_two_folders_are_two_scenes(world: Path) -> None:
    (world / "more").mkdir()
    (world / "more" / "a.png").write_bytes((world / "photos" / "a.png").read_bytes())
    found = terrazzo.suggest("model.safetensors", ["photos", "more"], out="out", boxes=40, box_size=32, device="cpu")
    assert {Path(box.scene).as_posix() for box in found.boxes} == {"photos/a.png", "photos/b.jpg", "more/a.png"}
    assert len(list((world / "out" / "images").iterdir())) == len(found.boxes) == 12 + 6 + 12
