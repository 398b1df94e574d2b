"""Which value of one channel is which class: ids first, then greys, and the order of rows only where no colour objects.

Every mask here is 40 x 60 = 2400 pixels, so that pixel counts say which value became which class.
"""

from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.errors import ClassTableError, InputError
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.detect import find_scenes
from tests.worlds.handmade import encoded, flat_set, photo, write
from tests.worlds.layers import rectangle, write_layer
from tests.worlds.rasters import noise, write_raster

WHITE_FIRST = "name,r,g,b\nroad,255,255,255\nbackground,0,0,0\n"
BLACK_FIRST = "name,color\nbackground,#000000\nroad,#FFFFFF\n"


def of_values(**pixels: int) -> np.ndarray:
    """A mask (40, 60) with so many pixels of each value, in rising order: `of_values(v0=1600, v255=800)`."""
    values = np.concatenate([np.full(n, int(name[1:])) for name, n in pixels.items()])
    assert values.size == 2400
    return values.reshape(40, 60).astype(np.uint8)


def checked(tmp_path: Path, mask: np.ndarray, table: str | None, inside: bool = False, **options: object) -> Checked:
    root = flat_set(tmp_path / "set", {"a": mask})
    if table is not None:
        path = write((root if inside else tmp_path) / "classes.csv", table.encode())
        options |= {} if inside else {"classes": path}
    return check(root, find_scenes(root), LabelOptions(**options), 32)


def pixels(result: Checked) -> dict[str, int]:
    assert result.report.refusal is None
    return dict(zip(result.schema.names, result.report.class_pixels, strict=True))


BINARY = of_values(v0=1600, v255=800)


@pytest.mark.parametrize("table", [WHITE_FIRST, BLACK_FIRST, "id,name,color\n1,road,#FFFFFF\n0,background,#000000\n"])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_grey_decides_whatever_the_order_of_the_rows(
    table: str, inside: bool, channels: int, tmp_path: Path
) -> None:
    mask = BINARY if channels == 1 else np.dstack([BINARY] * 3)
    result = checked(tmp_path, mask, table, inside)
    assert pixels(result) == {"background": 1600, "road": 800}
    told = "classes: the masks hold greys, which are colours of the table: 0 is background, 255 is road"
    assert told in result.report.notes
    label = read_label(result.scenes[0].scene, result.schema)
    assert np.array_equal(label == result.schema.names.index("road"), BINARY == 255)


def test_three_greys_in_any_order(tmp_path: Path) -> None:
    mask = of_values(v0=1200, v128=700, v255=500)
    table = "name;r;g;b\nroof;128;128;128\nroad;255;255;255\nground;0;0;0\n"
    assert pixels(checked(tmp_path, mask, table)) == {"roof": 700, "road": 500, "ground": 1200}


def test_a_value_that_is_no_grey_of_the_table_is_out_of_range(tmp_path: Path) -> None:
    mask, machine = of_values(v0=1200, v1=700, v2=500), '{"Water": [1, 1, 1], "Land": [2, 2, 2]}'
    refused = checked(tmp_path / "a", mask, machine).report.refusal
    assert "1200 pixels of id 0 out of range, which is 1..2 and 255" in str(refused)
    assert pixels(checked(tmp_path / "b", mask, machine, ignore_value=(0,))) == {"Water": 700, "Land": 500}


def test_255_is_ignored_where_no_row_is_white(tmp_path: Path) -> None:
    result = checked(tmp_path, of_values(v0=1200, v128=700, v255=500), "name,color\nroof,#808080\nground,#000000\n")
    assert pixels(result) == {"roof": 700, "ground": 1200}
    assert result.report.ignored_pixels == 500


def test_a_black_row_of_no_class_is_ignored(tmp_path: Path) -> None:
    result = checked(tmp_path, BINARY, "name,color\nroad,#FFFFFF\nvoid,#000000\n")
    assert pixels(result) == {"road": 800}
    assert result.report.ignored_pixels == 1600


def test_one_black_or_white_row_of_two_says_what_0_and_255_are(tmp_path: Path) -> None:
    for number, (table, road) in enumerate(
        [
            ("name,color\nroad,#FF0000\nground,#000000\n", 800),
            ("name,color\nground,#000000\nroad,#FF0000\n", 800),
            ("name,color\nground,#FFFFFF\nroad,#FF0000\n", 1600),
            ("name,color\nroad,#FF0000\nground,#FFFFFF\n", 1600),
        ]
    ):
        assert pixels(checked(tmp_path / str(number), BINARY, table))["road"] == road


def test_a_single_black_mask_is_no_first_row(tmp_path: Path) -> None:
    result = checked(tmp_path, of_values(v0=2400), WHITE_FIRST)
    assert pixels(result) == {"road": 0, "background": 2400}


@pytest.mark.parametrize(
    ("mask", "table", "why"),
    [
        (of_values(v0=1600, v1=800), WHITE_FIRST, "by its rows 0 is 'road', by its colours 'background'"),
        (of_values(v0=1600, v1=800), "road,#FF0000\nroof,#808080\nrest,#000000\n", "by its colours 'rest'"),
        (
            of_values(v0=1600, v1=800),
            '{"Water": [1, 1, 1], "Land": [2, 2, 2]}',
            "by its rows 1 is 'Land', by its",
        ),
        (of_values(v0=1600, v1=800), "road\nbackground\n", "its first row is 'road', but 'background' is usually 0"),
        (
            of_values(v1=1600, v2=500, v3=300),
            "a\nb\nc\n",
            "it has 3 rows without ids, but the masks hold values up",
        ),
        (
            of_values(v0=1600, v2=500, v3=300),
            "a\nb\nc\n",
            "it has 3 rows without ids, but the masks hold values up",
        ),
        (BINARY, "road\nbackground\n", "its first row is 'road', but the masks hold 0 and 255"),
        (
            BINARY,
            "name,color\na,#FF0000\nb,#00FF00\nc,#0000FF\n",
            "it has 3 rows without ids, but the masks",
        ),
        (of_values(v1=1600, v0=800), "a,#909090\nb,#101010\n", "the order of its rows is not that of their greys"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_table_to_write(
    mask: np.ndarray, table: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(ClassTableError, match="not clear which value is which class") as caught:
        checked(tmp_path, mask, table)
    assert why in str(caught.value)
    assert "id,name for masks of ids" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_inside_the_data_that_is_not_clear_is_not_used_and_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClassTableError, match="2 ids need a table of classes") as caught:
        checked(tmp_path, of_values(v0=1600, v1=800), WHITE_FIRST, inside=True)
    assert "classes.csv is not used: by its rows 0 is 'road', by its colours 'background'" in str(caught.value)


def test_ids_0_and_1_are_not_0_and_255(tmp_path: Path) -> None:
    table = "id,name\n0,ground\n1,roof\n"
    with pytest.raises(ClassTableError, match="its ids are 0 and 1, but the masks hold 0 and 255; write 255 for"):
        checked(tmp_path / "a", BINARY, table)
    assert pixels(checked(tmp_path / "b", BINARY, table, ignore_value=(255,))) == {"ground": 1600, "roof": 0}


def test_rows_count_from_0_where_no_colour_objects_and_a_line_says_so(tmp_path: Path) -> None:
    mask = of_values(v0=1200, v1=700, v2=500)
    for number, table in enumerate(["name,color\na,#FF0000\nb,#00FF00\nc,#0000FF\n", "a\nb\nc\n", '["a", "b", "c"]']):
        result = checked(tmp_path / str(number), mask, table)
        assert pixels(result) == {"a": 1200, "b": 700, "c": 500}
        line = "classes: the table has no ids: its rows count from 0, so 0 is a, 1 is b, and so on"
        assert line in result.report.notes


def test_ids_that_occur_come_before_greys(tmp_path: Path) -> None:
    table = "id,name,color\n0,a,#FFFFFF\n1,b,#010101\n2,c,#000000\n"
    assert pixels(checked(tmp_path, of_values(v0=1200, v1=700, v2=500), table)) == {"a": 1200, "b": 700, "c": 500}


def test_values_of_one_name_are_one_class(tmp_path: Path) -> None:
    result = checked(tmp_path, of_values(v0=1200, v1=700, v2=500), "id,name\n0,ground\n1,roof\n2,roof\n")
    assert pixels(result) == {"ground": 1200, "roof": 1200}
    assert "classes: 'roof' stands in several rows, which are merged: the values 1, 2" in result.report.notes
    assert (
        read_label(result.scenes[0].scene, result.schema).tolist()
        == np.minimum(of_values(v0=1200, v1=700, v2=500), 1).tolist()
    )


def test_colors_of_one_name_are_one_class(tmp_path: Path) -> None:
    ids = of_values(v0=1200, v1=700, v2=500)
    mask = np.array([(9, 90, 200), (200, 0, 0), (250, 90, 90)], np.uint8)[ids]
    table = "name,color\nwater,#095AC8\nroof,#C80000\nroof,#FA5A5A\n"
    result = checked(tmp_path, mask, table)
    assert pixels(result) == {"water": 1200, "roof": 1200}
    assert np.array_equal(read_label(result.scenes[0].scene, result.schema), np.minimum(ids, 1))
    options = {"classes": tmp_path / "classes.csv", "patch_size": 32, "split": "image", "val": 0.0}
    patches = terrazzo.prepare(tmp_path / "set", out=tmp_path / "patches", **options).patches
    assert [entry["name"] for entry in patches.description["classes"]] == ["water", "roof"]
    swapped = write(tmp_path / "classes.csv", b"name,color\nwater,#095AC8\nroof,#C80000\nwater,#FA5A5A\n")
    other = terrazzo.prepare(tmp_path / "set", out=tmp_path / "other", **options | {"classes": swapped}).patches
    assert other.description["key"] != patches.description["key"]


# --- 0 and 255 with greys along the edges

EDGES = of_values(v0=1500, v3=20, v90=30, v127=10, v128=15, v250=25, v255=800)


def jpeg_set(root: Path, mask: np.ndarray) -> Path:
    """A set of one scene whose mask is a JPEG of quality 90, in one channel or three."""
    write(root / "images" / "a.png", photo(*mask.shape[:2]))
    write(root / "masks" / "a.jpg", encoded(mask, "JPEG", quality=90))
    return root


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("table", [None, WHITE_FIRST, BLACK_FIRST, "id,name\n255,road\n0,background\n"])
def test_greys_between_0_and_255_are_told_and_never_classes(table: str | None, channels: int, tmp_path: Path) -> None:
    mask = EDGES if channels == 1 else np.dstack([EDGES] * 3)
    with pytest.raises(ClassTableError, match=r"the masks hold 0 and 255 on 95\.8% of the pixels and 5 greys between"):
        checked(tmp_path / "error", mask, table)
    near = checked(tmp_path / "nearest", mask, table, unknown="nearest")
    fore = 1 if table is None else near.schema.names.index("road")
    assert near.report.class_pixels[fore] == 800 + 15 + 25  # from 128 on
    assert near.report.class_pixels[1 - fore] == 1500 + 20 + 30 + 10
    line = "nearest: 100 pixels (4.17%) of 5 greys taken for the nearest of the table's values 0, 255"
    assert line in near.report.notes
    assert np.array_equal(read_label(near.scenes[0].scene, near.schema) == fore, EDGES >= 128)
    left = checked(tmp_path / "ignore", mask, table, unknown="ignore")
    assert (left.report.class_pixels[fore], left.report.ignored_pixels) == (800, 100)


def test_a_jpeg_of_a_black_and_white_mask(tmp_path: Path) -> None:
    y, x = np.mgrid[:96, :128]
    truth = (y - 50) ** 2 + (x - 64) ** 2 < 900
    for number, channels in enumerate((1, 3)):
        mask = np.dstack([truth * np.uint8(255)] * channels).squeeze()
        root = jpeg_set(tmp_path / str(number), mask)
        result = check(root, find_scenes(root), LabelOptions(unknown="nearest"), 32)
        assert result.schema.names == ("background", "foreground")
        assert (read_label(result.scenes[0].scene, result.schema) == truth).mean() > 0.995


def test_greys_of_noisy_masks_go_to_the_nearest_row(tmp_path: Path) -> None:
    mask = of_values(v0=1000, v5=50, v120=150, v128=600, v200=30, v255=570)
    table = "name,color\nlow,#808080\nhigh,#FFFFFF\nnone of them,#000000\n"
    result = checked(tmp_path, mask, table, unknown="nearest")
    assert pixels(result) == {"low": 750, "high": 600, "none of them": 1050}  # 200 is nearer to 255


def test_few_ids_and_255_are_no_smooth_edges(tmp_path: Path) -> None:
    mask = of_values(v0=1500, v1=60, v2=20, v3=20, v255=800)
    with pytest.raises(ClassTableError, match="5 ids need a table of classes"):
        checked(tmp_path, mask, None)


def test_a_skipped_file_is_left_out_alone(tmp_path: Path) -> None:
    root = flat_set(tmp_path / "set", {"a": BINARY, "b": EDGES, "c": BINARY})
    table = write(tmp_path / "classes.csv", WHITE_FIRST.encode())
    result = check(root, find_scenes(root), LabelOptions(classes=table, bad="skip"), 32)
    assert [scene.scene.name for scene in result.scenes] == ["a", "c"]


# --- label rasters


@pytest.mark.parametrize(("unknown", "counts"), [("nearest", [840, 1560]), ("ignore", [800, 1500])])
def test_label_rasters_are_read_by_the_same_rules(unknown: str, counts: list[int], tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "scene.tif", noise(3, 40, 60), photometric="RGB")
    label = write_raster(tmp_path / "label.tif", EDGES[None])
    options = {
        "classes": write(tmp_path / "classes.csv", WHITE_FIRST.encode()),
        "patch_size": 32,
        "fit": "pad",
        "split": "patch",
    }
    with pytest.raises(ClassTableError, match=r"the masks hold 0 and 255 on 95\.8% of the pixels"):
        terrazzo.prepare(scene, label, out=tmp_path / "out", **options)
    said: list[str] = []
    done = terrazzo.prepare(scene, label, out=tmp_path / "out", unknown=unknown, say=said.append, **options)
    assert done.patches.schema.names == ("road", "background")
    ids, found = np.unique(done.patches.masks, return_counts=True)
    assert dict(zip(ids.tolist(), found.tolist(), strict=True)).items() >= dict(enumerate(counts)).items()
    assert any("0 is background, 255 is road" in line for line in said)


def test_polygons_have_no_palette(tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "scene.tif", noise(3, 40, 60), photometric="RGB")
    layer = write_layer(tmp_path / "fields.gpkg", [rectangle(0, 0, 40, 30)], ["Water"])
    with pytest.raises(InputError, match=r"--palette isprs: is for masks of colours, .*fields\.gpkg holds polygons"):
        terrazzo.prepare(scene, layer, out=tmp_path / "out", class_field="cover", palette="isprs")


def test_fields_of_merged_ids_are_one_class(tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "scene.tif", noise(3, 40, 60), photometric="RGB")
    layer = write_layer(tmp_path / "fields.gpkg", [rectangle(0, 0, 40, 30), rectangle(0, 30, 40, 60)], ["4", "7"])
    table = write(tmp_path / "classes.csv", b"id,name\n4,wood\n7,wood\n9,lake\n")
    options = {"classes": table, "class_field": "cover", "patch_size": 32, "fit": "pad", "split": "patch"}
    done = terrazzo.prepare(scene, layer, out=tmp_path / "out", **options)
    assert np.unique(done.patches.masks).tolist() == [0, 255]
    assert (done.patches.masks == 0).sum() == 2400
