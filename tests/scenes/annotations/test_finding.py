"""Annotation files of every format read into masks, with areas worked by hand."""

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from terrazzo.errors import ClassTableError, InputError
from terrazzo.scenes.annotations.label_studio import decoded_strokes
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.naming import Naming, hold_pictures
from tests.worlds.annotations import BAR, HEIGHT, SQUARE, WIDTH, coco, labelme, pairs, picture, shares, write_json

EXPECTED = np.full((HEIGHT, WIDTH), 255, np.uint8)
EXPECTED[0:2, 6:12] = 0
EXPECTED[1:5, 1:5] = 1
"""A bar of road (12 px) and a square of building (16 px); the rest is ignored."""


def checked(root: Path, **options: Any) -> Checked:
    return check(root, find_scenes(root), LabelOptions(**options))


def ids(done: Checked, number: int = 0) -> NDArray[np.uint8]:
    return read_label(done.scenes[number].scene, done.schema)


def as_coco(root: Path) -> None:
    picture(root / "train/a.jpg")
    annotations = [
        {"image_id": 1, "category_id": 3, "segmentation": [BAR]},
        {"image_id": 1, "category_id": 7, "segmentation": [SQUARE]},
    ]
    write_json(root / "train/_annotations.coco.json", coco(["a.jpg"], annotations))


def as_coco_run_lengths(root: Path) -> None:
    """Run lengths go down the columns, beginning with what is outside."""
    picture(root / "images/a.png")
    bar = [6 * HEIGHT, *[2, 6] * 6]
    square = [HEIGHT + 1, 4, *[4, 4] * 3, 3 + 7 * HEIGHT]
    annotations = [
        {"image_id": 1, "category_id": c, "iscrowd": 1, "segmentation": {"size": [HEIGHT, WIDTH], "counts": counts}}
        for c, counts in ((3, bar), (7, square))
    ]
    write_json(root / "annotations/instances_default.json", coco(["a.png"], annotations))


def as_coco_packed(root: Path) -> None:
    from pycocotools import mask as rle

    as_coco_run_lengths(root)
    path = root / "annotations/instances_default.json"
    value = json.loads(path.read_text())
    for one, number in zip(value["annotations"], (0, 1), strict=True):
        packed = rle.encode(np.asfortranarray(number == EXPECTED, np.uint8))
        one["segmentation"]["counts"] = packed["counts"].decode()
    write_json(path, value)


def as_labelme(root: Path) -> None:
    picture(root / "a.jpg")
    shapes = [
        {"label": "road", "points": pairs(BAR)},
        {"label": "building", "points": [[5, 5], [1, 1]], "shape_type": "rectangle"},
    ]
    write_json(root / "a.json", labelme("..\\elsewhere\\a.jpg", shapes))


def as_labelme_masks(root: Path) -> None:
    picture(root / "a.jpg")
    stream = io.BytesIO()
    Image.fromarray(np.ones((4, 4), bool)).save(stream, format="PNG")
    mask = base64.b64encode(stream.getvalue()).decode()
    shapes = [
        {"label": "road", "points": pairs(BAR)},
        {"label": "building", "points": [[1.0, 1.0], [4.0, 4.0]], "shape_type": "mask", "mask": mask},
    ]
    write_json(root / "a.json", labelme("a.jpg", shapes))


def as_via(root: Path) -> None:
    picture(root / "a.jpg")
    regions = [
        {
            "shape_attributes": {"name": "polygon", "all_points_x": BAR[::2], "all_points_y": BAR[1::2]},
            "region_attributes": {"class": "road", "note": "wet"},
        },
        {
            "shape_attributes": {"name": "rect", "x": 1, "y": 1, "width": 4, "height": 4},
            "region_attributes": {"class": "building"},
        },
    ]
    files = {"a.jpg123": {"filename": "a.jpg", "size": 123, "regions": regions, "file_attributes": {}}}
    write_json(root / "via_project.json", {"_via_settings": {}, "_via_img_metadata": files, "_via_attributes": {}})


def as_via_1(root: Path) -> None:
    as_via(root)
    files = json.loads((root / "via_project.json").read_text())["_via_img_metadata"]
    for file in files.values():
        file["regions"] = {str(n): {**region} for n, region in enumerate(file["regions"])}
        file["regions"]["1"]["region_attributes"] = {"class": {"road": False, "building": True}}
    (root / "via_project.json").unlink()
    write_json(root / "via_region_data.json", files)


def as_label_studio(root: Path) -> None:
    picture(root / "images/a.jpg")
    common = {"original_height": HEIGHT, "original_width": WIDTH}
    percent = [[100 * x for x in point] for point in pairs(shares(BAR))]
    results = [
        {**common, "type": "polygonlabels", "value": {"points": percent, "polygonlabels": ["road"]}},
        {
            **common,
            "type": "rectanglelabels",
            "value": {"x": 100 / 12, "y": 12.5, "width": 400 / 12, "height": 50, "rectanglelabels": ["building"]},
        },
    ]
    tasks = [
        {
            "id": 1,
            "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"},
            "annotations": [{"was_cancelled": True, "result": []}, {"was_cancelled": False, "result": results}],
        }
    ]
    write_json(root / "project-1.json", tasks)


def as_yolo(root: Path) -> None:
    picture(root / "images/train/a.jpg")
    lines = [f"0 {' '.join(map(str, shares(BAR)))}", f"1 {' '.join(map(str, shares(SQUARE)))}", ""]
    (root / "labels/train").mkdir(parents=True)
    (root / "labels/train/a.txt").write_text("\n".join(lines))
    (root / "data.yaml").write_text("train: images/train\nnames:\n  0: road\n  1: building\n")


FORMATS = (
    *(as_coco, as_coco_run_lengths, as_coco_packed, as_labelme, as_labelme_masks),
    *(as_via, as_via_1, as_label_studio, as_yolo),
)


@pytest.mark.parametrize("write", FORMATS)
def test_every_format_gives_the_same_mask(write: Any, tmp_path: Path) -> None:
    write(tmp_path)
    done = checked(tmp_path)
    mask = ids(done)
    names = {value: done.schema.names[value] for value in np.unique(mask[mask < 255])}
    expected = {"road": EXPECTED == 0, "building": EXPECTED == 1}
    assert sorted(names.values()) == ["building", "road"]
    for value, name in names.items():
        np.testing.assert_array_equal(mask == value, expected[name])
    assert done.report.class_pixels[done.schema.names.index("building")] == 16
    assert done.report.class_pixels[done.schema.names.index("road")] == 12


def test_classes_have_the_order_of_the_file(tmp_path: Path) -> None:
    as_coco(tmp_path)
    done = checked(tmp_path)
    assert done.schema.names == ("road", "building")  # the category ids 3 and 7
    assert "classes without a polygon, left out: things" in done.report.notes


def test_a_later_polygon_wins_and_is_counted(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    over = [3, 3, 7, 3, 7, 7, 3, 7]  # 2 x 2 px of the square lie under it
    annotations = [{"image_id": 1, "category_id": c, "segmentation": [s]} for c, s in ((3, SQUARE), (7, over))]
    write_json(tmp_path / "labels.json", coco(["a.jpg"], annotations))
    done = checked(tmp_path)
    assert done.report.class_pixels == (12, 16)
    assert "4 pixels lie in polygons of different classes: the later polygon in the file wins" in done.report.notes


def test_parts_of_one_annotation_are_areas_not_holes(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    inner = [2, 2, 4, 2, 4, 4, 2, 4]
    annotations = [
        {"image_id": 1, "category_id": 7, "segmentation": [SQUARE, inner]},
        {"image_id": 1, "category_id": 3, "segmentation": [BAR]},
    ]
    write_json(tmp_path / "labels.json", coco(["a.jpg"], annotations))
    assert checked(tmp_path).report.class_pixels == (12, 16)


def test_what_lies_outside_polygons_is_ignored_or_a_class(tmp_path: Path) -> None:
    as_coco(tmp_path)
    report = checked(tmp_path).report
    assert report.ignored_pixels == HEIGHT * WIDTH - 28
    assert any("outside every polygon (--background NAME makes it a class)" in note for note in report.notes)
    with_rest = checked(tmp_path, background="ground")
    assert with_rest.schema.names == ("ground", "road", "building")
    assert with_rest.report.class_pixels == (HEIGHT * WIDTH - 28, 12, 16)
    assert with_rest.report.ignored_pixels == 0


def test_one_class_alone_asks_for_a_background(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    annotations = [{"image_id": 1, "category_id": 7, "segmentation": [SQUARE]}]
    write_json(tmp_path / "labels.json", coco(["a.jpg"], annotations))
    with pytest.raises(ClassTableError, match=r"one class, 'building', which cannot be learnt alone.*--background"):
        checked(tmp_path)
    assert checked(tmp_path, background="rest").report.class_pixels == (HEIGHT * WIDTH - 16, 16)


def test_a_table_chooses_and_orders_the_classes(tmp_path: Path) -> None:
    as_coco(tmp_path)
    table = tmp_path / "classes.csv"
    table.write_text("name,color\nwater,#0000FF\nbuilding,#FF0000\nroad,#808080\n")
    done = checked(tmp_path, classes=table)
    assert done.schema.names == ("water", "building", "road")
    assert done.schema.colors[1] == (255, 0, 0)
    assert done.report.class_pixels == (0, 16, 12)
    table.write_text("name,color\nbuilding,#FF0000\nwater,#0000FF\n")
    with pytest.raises(ClassTableError, match=r"1 value not in --classes .*'road'"):
        checked(tmp_path, classes=table)


def test_background_is_refused_for_masks(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png", size=(64, 64))
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.eye(64, dtype=np.uint8) * 255).save(tmp_path / "masks/a.png")
    with pytest.raises(InputError, match="--background rest: is for labels that are polygons"):
        checked(tmp_path, background="rest")


def test_downsampled_labels_have_the_value_at_the_centre(tmp_path: Path) -> None:
    as_coco(tmp_path)
    report = checked(tmp_path, downsample=2).report
    assert report.class_pixels == (3, 4)


def test_what_is_no_area_is_counted(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    annotations = [
        {"image_id": 1, "category_id": 7, "segmentation": [SQUARE]},
        {"image_id": 1, "category_id": 3, "segmentation": [BAR]},
        {"image_id": 1, "category_id": 3, "segmentation": [], "bbox": [0, 0, 2, 2]},
        {"image_id": 1, "category_id": 3, "segmentation": [[1, 1, 2, 2]]},
        {"image_id": 1, "category_id": 3, "segmentation": [[50, 50, 60, 50, 60, 60]]},
    ]
    write_json(tmp_path / "labels.json", coco(["a.jpg"], annotations))
    notes = " ".join(checked(tmp_path).report.notes)
    assert "1 box without a polygon, 1 polygon of fewer than three points or without area" in notes
    assert "left out: 1 polygon outside the image, in 1 image" in notes


def test_boxes_alone_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(InputError, match=r"a.txt: is YOLO polygons without a polygon \(1 box without a polygon\)"):
        find_scenes(tmp_path)


def test_a_listed_image_that_is_missing_is_named(tmp_path: Path) -> None:
    for name in "ac":
        picture(tmp_path / f"{name}.jpg")
    annotations = [
        {"image_id": 1, "category_id": 3, "segmentation": [BAR]},
        {"image_id": 1, "category_id": 7, "segmentation": [SQUARE]},
    ]
    write_json(tmp_path / "labels.json", coco(["a.jpg", "b.jpg"], annotations))
    report = checked(tmp_path).report
    text = " ".join(report.lines())
    assert "b.jpg is listed in it, but that image is missing" in text
    assert "image without an annotation" in text
    assert report.refusal is not None


def test_without_any_of_its_images_an_annotation_file_names_one(tmp_path: Path) -> None:
    as_coco(tmp_path)
    (tmp_path / "train/a.jpg").rename(tmp_path / "train/b.jpg")
    with pytest.raises(InputError, match=r"a.jpg is listed in it, but that image is missing"):
        find_scenes(tmp_path)


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    as_coco(tmp_path)
    picture(tmp_path / "train/a.jpg", size=(HEIGHT, WIDTH + 1))
    assert "is 12x8 pixels, its image 13x8" in " ".join(checked(tmp_path).report.lines())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"images": [{"id": 1}], "annotations": [{}], "categories": []}', r"is COCO JSON, but damaged \(KeyError"),
        ('{"images": [], "annotations": [], "categories": []}', "is COCO JSON without a polygon"),
        ('{"shapes": []}', "is LabelMe JSON without a polygon"),
        ('{"type": "FeatureCollection", "features": []}', "is GeoJSON, for georeferenced rasters"),
        ('{"size": {"height": 8, "width": 12}, "objects": []}', "Supervisely's own format; export"),
    ],
)
def test_what_is_damaged_or_not_read_is_refused_in_one_line(content: str, words: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(InputError, match=words) as refused:
        find_scenes(tmp_path)
    assert "\n" not in str(refused.value)


def test_xml_names_the_export_to_choose(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "annotations.xml").write_text('<?xml version="1.0"?>\n<annotations>\n<version>1.1</version>\n')
    with pytest.raises(InputError, match=r"is CVAT's XML; choose the export 'COCO 1.0'"):
        find_scenes(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        (
            "via.csv",
            "filename,region_count,region_shape_attributes\n",
            r"via\.csv: is VIA's CSV; choose the export JSON",
        ),
        (
            "out.ndjson",
            '{"data_row": {"external_id": "a.jpg"}}\n',
            r"out\.ndjson: is a Labelbox export; export it as COCO",
        ),
    ],
)
def test_exports_of_lines_name_the_export_to_choose(tmp_path: Path, file: str, text: str, words: str) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=words):
        find_scenes(tmp_path)


def test_splits_come_from_folders_and_file_names(tmp_path: Path) -> None:
    for number, split in enumerate(("train2017", "val2017")):
        picture(tmp_path / split / "0001.jpg", seed=number)
        annotations = [
            {"image_id": 1, "category_id": 3, "segmentation": [BAR]},
            {"image_id": 1, "category_id": 7, "segmentation": [SQUARE]},
        ]
        write_json(tmp_path / f"annotations/instances_{split}.json", coco(["0001.jpg"], annotations))
    found = find_scenes(tmp_path)
    assert {scene.name: scene.split for scene in found.scenes} == {"train2017/0001": "train", "val2017/0001": "val"}
    assert not found.unpaired


def test_a_zip_is_read_too(tmp_path: Path) -> None:
    as_coco(tmp_path / "data")
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as packed:
        for path in (tmp_path / "data/train").iterdir():
            packed.write(path, f"train/{path.name}")
    assert checked(tmp_path / "data.zip").report.class_pixels == (12, 16)


def test_masks_win_over_annotations(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    picture(tmp_path / "masks/a.png", seed=1)
    write_json(tmp_path / "labels.json", coco(["images/a.png"], []))
    assert find_scenes(tmp_path).layout == "flat"


def test_strokes_of_a_brush_are_decoded() -> None:
    """One run of 4 zeros (3 in three bits, by the first of four lengths), then four values: 0, 0, 0, 255."""
    bits = f"{8:032b}" + f"{7:05b}" + "0010" * 4  # 8 values of 8 bits; lengths of 3 bits
    bits += "1" + "00" + "011" + "00000000"
    bits += "0" + "00" + "011" + "00000000" * 3 + "11111111"
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    np.testing.assert_array_equal(decoded_strokes(rle, (1, 2)), [[False, True]])
    with pytest.raises(ValueError, match="8 values for an image of 2 x 2"):
        decoded_strokes(rle, (2, 2))
    with pytest.raises(ValueError, match="cut short"):
        decoded_strokes(rle[:8], (1, 2))


@pytest.mark.parametrize(
    ("write", "images", "labels"),
    [
        (as_yolo, "images", "labels"),
        (as_coco_run_lengths, "images", "annotations/instances_default.json"),
        (as_coco_run_lengths, "images", "annotations"),
        (as_label_studio, "images", "project-1.json"),
    ],
)
def test_images_and_annotations_may_be_given_apart(write: Any, images: str, labels: str, tmp_path: Path) -> None:
    write(tmp_path)
    naming = Naming(tmp_path / labels)
    assert hold_pictures(tmp_path / images, tmp_path / labels)
    found = find_scenes(tmp_path / images, naming=naming)
    report = check(tmp_path / images, found, LabelOptions(background="ground")).report
    assert sorted(report.class_pixels) == [12, 16, HEIGHT * WIDTH - 28]
    assert any("annotations in" in note for note in report.notes)


def test_geojson_beside_a_folder_stays_a_layer(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.jpg")
    layer = write_json(tmp_path / "labels.geojson", {"type": "FeatureCollection", "features": []})
    assert not hold_pictures(tmp_path / "images", layer)
    other = write_json(tmp_path / "labels.json", {"type": "FeatureCollection", "features": []})
    assert not hold_pictures(tmp_path / "images", other)
