"""What inspect tells of data sets and of model files."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from terrazzo.classes.palettes import DUBAI
from terrazzo.classes.tables import read_table
from terrazzo.cli import run
from terrazzo.errors import InputError, ModelFileError, OutputExistsError
from terrazzo.inspection import inspect
from terrazzo.scenes.inspection import Inspection
from tests.worlds.handmade import MAGENTA, bands_of_classes, color_mask, encoded, flat_set, photo, tile_set, write
from tests.worlds.models import write_model

GOOD = color_mask(40, 60)


def test_a_good_set_is_described_in_numbers(tmp_path: Path) -> None:
    told = inspect(tile_set(tmp_path / "set"), patch_size=32)
    assert told.refusal is None
    assert told.lines()[:9] == [
        f"{tmp_path / 'set'}: layout humans-in-the-loop, 6 images, 0.0 megapixels",
        "sizes: 60 to 60 px wide, 40 to 40 px high",
        "groups: 3, each to stay on one side of a split",
        "  Tile 1: 2 images, 0.0 megapixels",
        "  Tile 2: 2 images, 0.0 megapixels",
        "  Tile 10: 2 images, 0.0 megapixels",
        "classes: id, colour, name, pixels, share of the pixels that have a class",
        "    0  #3C1098  Building                     2400   16.67%",
        "    1  #8429F6  Land (unpaved area)          2400   16.67%",
    ]


def test_json_holds_what_the_text_says(tmp_path: Path) -> None:
    value = json.loads(json.dumps(inspect(tile_set(tmp_path / "set"), patch_size=32).to_dict()))
    assert value["layout"] == "humans-in-the-loop"
    assert (value["n_images"], value["n_scenes"], value["pixels"]) == (6, 6, 14_400)
    assert (value["heights"], value["widths"]) == ([40, 40], [60, 60])
    assert value["groups"][2] == {"name": "Tile 10", "images": 2, "pixels": 4800}
    assert value["classes"][5] == {
        "id": 5,
        "name": "Unlabeled",
        "color": "#9B9B9B",
        "pixels": 2400,
        "share": pytest.approx(1 / 6),
    }
    assert value["refusal"] is None


def test_masks_of_unknown_meaning_are_listed_and_the_other_findings_still_told(tmp_path: Path) -> None:
    mask = np.full((40, 60, 3), (10, 20, 30), np.uint8)
    mask[:10] = MAGENTA
    root = flat_set(tmp_path / "set", {"a": mask, "b": b"x"})
    told = inspect(root, patch_size=32)
    assert "  #0A141E           1800   75.00%" in told.lines()
    assert "  #FF00FF            600   25.00%" in told.lines()
    assert any(line.startswith("refuse: masks") and "b.png: is not an image" in line for line in told.lines())
    assert told.refusal is not None
    assert told.refusal.startswith(f"{root}: the masks' 2 colours match no known palette")
    assert told.to_dict()["classes"] == []
    assert told.to_dict()["values"][0] == {"value": "#0A141E", "pixels": 1800, "share": 0.75}


def write_table(root: Path, table: Path, **options: object) -> Inspection:
    return inspect(root, patch_size=32, write_classes=table, **options)


def test_the_written_table_makes_an_unknown_set_acceptable(tmp_path: Path) -> None:
    mask = np.full((40, 60, 3), (10, 20, 30), np.uint8)
    mask[:10] = MAGENTA
    root, table = flat_set(tmp_path / "set", {"a": mask}), tmp_path / "classes.csv"
    told = write_table(root, table)
    assert table.read_text(encoding="utf-8") == "name,color\nclass_1,#0A141E\nclass_2,#FF00FF\n"
    assert told.lines()[-1] == f"wrote {table}: 2 classes; edit it and give it as --classes {table}"
    assert inspect(root, patch_size=32, classes=table).refusal is None


@pytest.mark.parametrize("broken", [False, True])
def test_the_command_that_writes_the_missing_table_succeeds_and_says_how_to_go_on(
    broken: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = {"a": np.full((40, 60), 4, np.uint8)} | ({"b": b"x"} if broken else {})
    root, table = flat_set(tmp_path / "set", masks), tmp_path / "classes.csv"
    code = run(["inspect", str(root), "--patch-size", "32", "--write-classes", str(table)])
    said = capsys.readouterr()
    assert said.out.count(f"wrote {table}") == 1
    if not broken:
        assert code == 0
        wanted = f"next: edit it, then terrazzo prepare {root} --classes {table} --patch-size 32 --out patches\n"
        assert said.out.endswith(wanted)
        assert said.err == ""
    else:  # a file that cannot be read is refused whatever the classes are
        assert code == 1
        assert "prepare would refuse this" in said.err
    assert run(["prepare", str(root), "--out", str(tmp_path / "out")]) == 2
    assert f"`terrazzo inspect {root} --write-classes classes.csv`" in capsys.readouterr().err


def test_known_names_are_kept_and_void_stays_out_of_the_table(tmp_path: Path) -> None:
    mask = GOOD.copy()
    mask[3, 4:9], mask[5, 5] = MAGENTA, (0, 0, 0)
    root, table = flat_set(tmp_path / "set", {"a": mask}), tmp_path / "classes.csv"
    write_table(root, table)
    assert read_table(table).schema.names == (
        *("Building", "Land (unpaved area)", "Road", "Vegetation", "Water", "Unlabeled", "class_1"),
    )
    assert inspect(root, patch_size=32, classes=table).refusal is None


def test_ids_get_a_table_of_distinct_colors(tmp_path: Path) -> None:
    ids = bands_of_classes(40, 60)
    ids[0, 0] = 255
    root, table = flat_set(tmp_path / "set", {"a": ids}), tmp_path / "classes.csv"
    assert str(write_table(root, table).refusal).startswith(f"{root}: the masks' 7 ids need a table of classes")
    assert read_table(table).schema.names == tuple(f"class_{i}" for i in range(6))
    assert inspect(root, patch_size=32, classes=table).refusal is None


def test_the_table_of_noisy_masks_lists_what_stands_apart(tmp_path: Path) -> None:
    patchwork = np.kron(np.random.default_rng(0).integers(0, 6, (12, 18)), np.ones((20, 20))).astype(np.uint8)
    masks = {"a": encoded(DUBAI.decode(patchwork), "JPEG", quality=75)}
    root, table = flat_set(tmp_path / "set", masks, {"a": encoded(photo(240, 360))}), tmp_path / "classes.csv"
    write_table(root, table)
    schema = read_table(table).schema
    colors = np.array(schema.colors[:6], np.uint8)
    ids, distances = DUBAI.nearest(colors)
    assert sorted(ids.tolist()) == [0, 1, 2, 3, 4, 5]
    assert distances.max() < 8
    assert inspect(root, patch_size=32, classes=table, unknown="nearest").refusal is None


def test_a_table_in_the_way_is_kept_only_where_it_is_the_same(tmp_path: Path) -> None:
    root, table = flat_set(tmp_path / "set", {"a": GOOD}), tmp_path / "classes.csv"
    write_table(root, table)
    assert write_table(root, table).lines()[-1].startswith(f"kept {table}: 6 classes")
    table.write_text("name,color\nmine,#000001\n", encoding="utf-8")
    with pytest.raises(OutputExistsError, match=r"classes\.csv: already exists"):
        write_table(root, table)
    assert "mine" in table.read_text(encoding="utf-8")
    write_table(root, table, overwrite=True)
    assert read_table(table).schema.n_classes == 6


def test_what_is_no_data_set_and_no_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        inspect(tmp_path / "none")
    with pytest.raises(InputError, match="no such file; expected a model"):
        inspect(tmp_path / "none.safetensors")
    with pytest.raises(ModelFileError, match="is not a model file"):
        inspect(write(tmp_path / "x.safetensors", b"no model, but longer than eight bytes"))


def test_folders_that_prepare_does_not_hold_together_are_no_groups(tmp_path: Path) -> None:
    for side, seed in (("Train", 0), ("Val", 9)):
        for place in ("Urban", "Rural"):
            for number in range(2):
                name = f"{side}/{place}/{{}}/{seed + number}.png"
                seed += 2
                write(tmp_path / name.format("images_png"), encoded(photo(40, 60, seed + number)))
                write(tmp_path / name.format("masks_png"), encoded(np.eye(40, 60, dtype=np.uint8)))
    (tmp_path / "classes.csv").write_text("id,name\n0,land\n1,road\n", encoding="utf-8")
    told = inspect(tmp_path, patch_size=32)
    assert told.lines()[2] == (
        "groups: none, each image is its own, as the folders Rural, Urban name kinds of pictures or hold copies"
    )
    assert len(told.to_dict()["groups"]) == 8


def test_only_the_values_that_the_masks_mean_are_listed_of_black_and_white_palettes(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": np.eye(40, 60, dtype=np.uint8)})
    for path in (root / "masks").iterdir():
        mask = Image.fromarray(np.eye(40, 60, dtype=np.uint8), "P")
        mask.putpalette([0, 0, 0, 255, 255, 255])
        mask.save(path)
    values = inspect(root, patch_size=32).to_dict()["label_values"]
    assert [(one["value"], one["name"]) for one in values] == [(0, "background"), (255, "foreground")]


def test_a_model_as_json_has_its_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(tmp_path / "m.safetensors", names=("Dach", "Straße", "See"))
    assert run(["inspect", str(tmp_path / "m.safetensors"), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["classes"] == [
        {"id": 0, "name": "Dach", "color": "#C81E1E"},
        {"id": 1, "name": "Straße", "color": "#1EA03C"},
        {"id": 2, "name": "See", "color": "#143CDC"},
    ]
    assert value["schema"]["names"] == ["Dach", "Straße", "See"]
