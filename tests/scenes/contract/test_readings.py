"""Masks that hold colours, read as colours or as ids: palette images and equal channels, by what the table gives."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.classes.palettes import DUBAI, numbered_color
from terrazzo.classes.schema import Color
from terrazzo.classes.tables import read_table
from terrazzo.errors import ClassTableError
from terrazzo.inspection import inspect
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.contract.readings import CHANNELS_NOTE, INDICES_NOTE
from terrazzo.scenes.detect import find_scenes
from tests.worlds.handmade import bands_of_classes, encoded, flat_set, photo, write

IDS = bands_of_classes(40, 60) % 3  # 800 pixels each
NUMBERED = [numbered_color(i) for i in range(256)]
BY_ID = "id,name\n0,background\n1,building\n2,road\n"


def indexed(indices: np.ndarray, palette: Sequence[Color]) -> bytes:
    """A palette PNG."""
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette([value for color in palette for value in color])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def data_set(root: Path, masks: dict[str, bytes]) -> Path:
    return flat_set(root, masks, {name: encoded(photo(40, 60, i)) for i, name in enumerate(masks)})


def checked(root: Path, table: str | None, **options: object) -> Checked:
    if table is not None:
        options["classes"] = write(root.parent / "table.csv", table.encode())
    return check(root, find_scenes(root), LabelOptions(**options), 32)


def labels(result: Checked) -> list[np.ndarray]:
    assert result.report.refusal is None
    return [read_label(scene.scene, result.schema) for scene in result.scenes]


@pytest.mark.parametrize(
    "table", [BY_ID, "background\nbuilding\nroad\n", '{"0": "background", "1": "building", "2": "road"}']
)
def test_indices_are_ids_where_the_table_gives_ids_and_no_colours(table: str, tmp_path: Path) -> None:
    root = data_set(tmp_path / "set", {"a": indexed(IDS, NUMBERED), "b": indexed(2 - IDS, NUMBERED)})
    result = checked(root, table)
    assert result.schema.names == ("background", "building", "road")
    assert INDICES_NOTE in result.report.notes
    assert [label.tolist() for label in labels(result)] == [IDS.tolist(), (2 - IDS).tolist()]


def test_indices_of_one_colour_are_two_classes_by_ids_and_refused_by_colours(tmp_path: Path) -> None:
    twins = [(0, 0, 0), (200, 0, 0), (200, 0, 0)]
    root = data_set(tmp_path / "set", {"a": indexed(IDS, twins)})
    assert labels(checked(root, BY_ID))[0].tolist() == IDS.tolist()
    with pytest.raises(ClassTableError) as caught:
        checked(root, "name,color\nbackground,#000000\nbuilding,#C80000\n")
    assert "a.png: the indices 1 and 2 of its palette both have the colour #C80000" in str(caught.value)
    with pytest.raises(ClassTableError, match="3 ids need a table of classes"):
        checked(root, None)


def test_an_unused_index_of_the_same_colour_does_not_matter(tmp_path: Path) -> None:
    palette = [*DUBAI.colors, DUBAI.colors[0]]
    root = data_set(tmp_path / "set", {"a": indexed(bands_of_classes(40, 60), palette)})
    assert labels(checked(root, None))[0].tolist() == bands_of_classes(40, 60).tolist()


@pytest.mark.parametrize(
    "other",
    [
        indexed(IDS, [NUMBERED[i] for i in (0, 2, 1)]),
        indexed(IDS % 2 * 2, [NUMBERED[i] for i in (0, 5, 1)]),
        indexed(IDS % 2, [NUMBERED[i] for i in (0, 2)]),
    ],
    ids=["another order", "one colour at another index", "a shorter palette of another order"],
)
def test_palettes_that_differ_are_no_ids(other: bytes, tmp_path: Path) -> None:
    root = data_set(tmp_path / "set", {"a": indexed(IDS, NUMBERED[:3]), "b": other})
    with pytest.raises(ClassTableError, match="palette images whose palettes differ at index") as caught:
        checked(root, BY_ID)
    assert "give a table with the colours of the classes (id,name for masks of ids, or name,color" in str(caught.value)
    colors = "".join(
        f"{name},{' '.join(map(str, NUMBERED[i]))}\n" for i, name in enumerate(["a", "b", "c", "d", "e", "f"])
    )
    assert checked(root, f"name,color\n{colors}").report.refusal is None


def test_a_palette_cut_to_what_is_used_is_the_same(tmp_path: Path) -> None:
    masks = {"a": indexed(IDS, NUMBERED), "b": indexed(IDS % 2, NUMBERED[:2])}
    assert [label.max() for label in labels(checked(data_set(tmp_path / "set", masks), BY_ID))] == [2, 1]


def test_colours_of_the_table_decide_where_they_occur(tmp_path: Path) -> None:
    order = [2, 0, 1]  # index 0 has the colour of the class 2, ...
    root = data_set(tmp_path / "set", {"a": indexed(IDS, [DUBAI.colors[i] for i in order])})
    rows = "".join(f"{i},c{i},{' '.join(map(str, DUBAI.colors[i]))}\n" for i in range(3))
    assert labels(checked(root, f"id,name,color\n{rows}"))[0].tolist() == np.array(order)[IDS].tolist()


def test_ids_decide_where_the_colours_of_the_table_are_others(tmp_path: Path) -> None:
    root = data_set(tmp_path / "set", {"a": indexed(IDS, NUMBERED)})
    result = checked(root, "id,name,color\n2,road,#999999\n0,ground,#112233\n1,roof,#FF8800\n")
    assert result.schema.names == ("ground", "roof", "road")
    assert labels(result)[0].tolist() == IDS.tolist()


def test_the_written_table_of_indices_is_read_back_as_ids(tmp_path: Path) -> None:
    twins = [(0, 0, 0), (200, 0, 0), (200, 0, 0)]
    root, table = data_set(tmp_path / "set", {"a": indexed(IDS, twins)}), tmp_path / "classes.csv"
    inspect(root, patch_size=32, write_classes=table)
    assert read_table(table).values == (0, 1, 2)
    assert inspect(root, patch_size=32, classes=table).refusal is None


def test_equal_channels_are_ids(tmp_path: Path) -> None:
    rgb = encoded(np.dstack([IDS] * 3))
    root = data_set(tmp_path / "set", {"a": rgb, "b": encoded(IDS)})
    result = checked(root, BY_ID)
    assert CHANNELS_NOTE in result.report.notes
    assert [label.tolist() for label in labels(result)] == [IDS.tolist()] * 2
    with pytest.raises(ClassTableError, match=r"3 ids need a table of classes: id 0 33\.3%"):
        checked(root, None)


def test_palette_images_and_single_channels_together_are_ids(tmp_path: Path) -> None:
    masks = {"a": indexed(IDS, NUMBERED), "b": encoded(2 - IDS), "c": indexed(IDS, NUMBERED)}
    result = checked(data_set(tmp_path / "set", masks), BY_ID)
    assert [label.tolist() for label in labels(result)] == [IDS.tolist(), (2 - IDS).tolist(), IDS.tolist()]


def test_a_list_of_names_inside_the_data_does_not_undo_a_known_palette(tmp_path: Path) -> None:
    ids = bands_of_classes(40, 60)
    turned = indexed(5 - ids, DUBAI.colors[::-1])
    root = data_set(tmp_path / "set", {"a": indexed(ids, DUBAI.colors), "b": turned})
    write(root / "classes.txt", b"road\nroof\n")
    result = checked(root, None)
    assert result.schema.names == DUBAI.names
    assert [label.tolist() for label in labels(result)] == [ids.tolist()] * 2
    assert (
        "the data's own classes.txt is not used: it has no colours, and the masks hold colours" in result.report.notes
    )


def test_the_list_of_names_inside_the_data_reads_the_indices(tmp_path: Path) -> None:
    root = data_set(tmp_path / "set", {"a": indexed(IDS, NUMBERED)})
    write(root / "class_names.txt", b"_background_\nbuilding\nroad\n")
    result = checked(root, None)
    assert result.schema.names == ("_background_", "building", "road")
    assert labels(result)[0].tolist() == IDS.tolist()


def test_one_mask_with_a_colour_makes_all_of_them_colours(tmp_path: Path) -> None:
    grey = np.full((40, 60, 3), DUBAI.colors[5], np.uint8)
    root = data_set(tmp_path / "set", {"a": encoded(grey), "b": encoded(DUBAI.decode(bands_of_classes(40, 60)))})
    assert np.unique(labels(checked(root, None))[0]).tolist() == [5]


def test_black_masks_alone_are_no_ids(tmp_path: Path) -> None:
    root = data_set(tmp_path / "set", {"a": encoded(np.zeros((40, 60, 3), np.uint8))})
    refused = checked(root, "name,color\nroad,#FF0000\nroof,#00FF00\n").report.refusal
    assert "2400 pixels of #000000 in no class" in str(refused)


def test_black_and_white_palette_images_are_read_by_their_greys_through_to_the_patches(tmp_path: Path) -> None:
    two = (IDS > 0).astype(np.uint8)
    masks = {"a": indexed(two, [(0, 0, 0), (255, 255, 255)]), "b": indexed(1 - two, [(255, 255, 255), (0, 0, 0)])}
    root = data_set(tmp_path / "set", masks)
    assert [label.tolist() for label in labels(checked(root, None))] == [two.tolist()] * 2
    done = terrazzo.prepare(root, out=tmp_path / "out", patch_size=32, split="image", val=0.0)
    assert np.array_equal(np.load(tmp_path / "out" / "masks.npy")[0], two[:32, :32])
    assert [entry["name"] for entry in done.patches.description["classes"]] == ["background", "foreground"]


def test_ids_and_colours_that_do_not_meet_are_told(tmp_path: Path) -> None:
    colors = DUBAI.decode(bands_of_classes(40, 60))
    root = data_set(tmp_path / "set", {"a": encoded(colors)})
    with pytest.raises(ClassTableError, match=r"table\.csv: it has no colours, but the masks hold 6 colours; add"):
        checked(root, BY_ID)
    far = "id,name,color\n" + "".join(
        f"{9000000 + i},c{i},{' '.join(map(str, c))}\n" for i, c in enumerate(DUBAI.colors)
    )
    result = checked(root, far)
    assert any("are no values of masks and are dropped, e.g. 9000000" in note for note in result.report.notes)
    with pytest.raises(ClassTableError, match="the id 9000000 of 'c0' cannot occur in a mask of ids; write the values"):
        checked(data_set(tmp_path / "ids", {"a": encoded(IDS + 1)}), far)
