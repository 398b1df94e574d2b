"""Corrections of a model's map: the model decides, nothing is held out, and mistakes are told in a line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from PIL import Image

import terrazzo
from terrazzo.classes.schema import IGNORE
from terrazzo.cli import run
from terrazzo.errors import ClassTableError, InputError, LabelError, ModelFileError, PatchesError, SplitError
from terrazzo.model.normalization import Normalization
from terrazzo.patches.folder import Patches, open_patches
from terrazzo.pixels.bands.reading import BandReading
from tests.worlds.corrections import HEIGHT, SIZE, WIDTH, scene_and_model, write_suggestions
from tests.worlds.layers import rectangle, write_layer
from tests.worlds.models import COLORS, NAMES, write_model
from tests.worlds.rasters import GRID, noise, write_raster


def mosaic(patches: Patches, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> NDArray[np.uint8]:
    """The labels of all patches where they lie in the scene; ignored where there is no patch."""
    ids = np.full((shape[0] + SIZE, shape[1] + SIZE), IGNORE, np.uint8)
    for (row, col), mask in zip(patches.corners, patches.masks, strict=True):
        ids[row : row + SIZE, col : col + SIZE] = mask
    assert (ids[shape[0] :] == IGNORE).all()
    assert (ids[:, shape[1] :] == IGNORE).all()
    return ids[: shape[0], : shape[1]]


def prepared(folder: Path, labels: Path, said: list[str] | None = None, **options: Any) -> Patches:
    scene, model = scene_and_model(folder)
    say = (said if said is not None else []).append
    return terrazzo.prepare(scene, labels, out=folder / "out", for_model=model, say=say, **options).patches


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    """Two of the model's three classes; the second field ends in the corner, where no whole patch of 32 px fits."""
    parts = [rectangle(10, 10, 30, 30), rectangle(90, 120, 100, 150)]
    return write_layer(tmp_path / "corrections.gpkg", parts, ["Green", "Red"])


def test_patches_and_classes_are_the_models_and_every_labelled_pixel_is_trained_on(
    tmp_path: Path, corrections: Path
) -> None:
    patches = prepared(tmp_path, corrections, class_field="cover")
    assert patches.schema.names == NAMES
    assert patches.schema.colors == COLORS
    assert patches.patch_size == SIZE
    expected = np.full((HEIGHT, WIDTH), IGNORE, np.uint8)
    expected[10:30, 10:30], expected[90:100, 120:150] = 1, 0  # Green, Red: the ids of the model
    np.testing.assert_array_equal(mosaic(patches), expected)
    # The first field lies in the patch at (0, 0), the second in those at (64, 96), (64, 128), (96, 96) and (96, 128).
    assert patches.corners.tolist() == [[0, 0], [64, 96], [64, 128], [96, 96], [96, 128]]
    assert patches.rows("train").tolist() == [0, 1, 2, 3, 4]


def test_the_split_is_called_none_held_out(tmp_path: Path, corrections: Path) -> None:
    scene, model = scene_and_model(tmp_path)
    done = terrazzo.prepare(scene, corrections, out=tmp_path / "out", for_model=model, class_field="cover")
    told = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert (told["split_method"], told["splits"], told["leak"]) == (
        "none held out",
        {"train": 5, "val": 0, "test": 0},
        {},
    )
    assert done.summary()[1].startswith("split none held out: every patch is in train")
    assert done.lines == ()  # a class without a correction is no fault
    assert terrazzo.prepare(scene, corrections, out=tmp_path / "out", for_model=model, class_field="cover").kept


def test_a_share_of_validation_divides_them(tmp_path: Path, corrections: Path) -> None:
    patches = prepared(tmp_path, corrections, class_field="cover", val=0.4, split="patch", seed=1)
    assert patches.description["split_method"] == "patch"
    assert len(patches.rows("val")) == 2  # 0.4 of 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patch_size": 64}, "--patch-size 64"),
        ({"gsd": 1.0}, "--gsd 1.0"),
        ({"classes": "classes.csv"}, "--classes classes.csv"),
        ({"palette": "loveda"}, "--palette loveda"),
        ({"ignore_class": ["Red"]}, "--ignore-class Red"),
        ({"recipe": "best"}, "--recipe best"),
        ({"downsample": 2.0}, "--downsample 2.0"),
        ({"scale": "auto"}, "--scale auto"),
    ],
)
def test_what_the_model_decides_is_refused(
    tmp_path: Path, corrections: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=rf"^{words}: with --for the model .* decides it; leave it out"):
        prepared(tmp_path, corrections, **options)


@pytest.mark.parametrize("options", [{"split": "block"}, {"test": 0.1}, {"seed": 3}, {"buffer": 8, "val": 0.0}])
def test_options_of_a_split_need_a_share_of_validation(
    tmp_path: Path, corrections: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(SplitError, match=r"corrections are not divided without a share of validation; add --val 0.2"):
        prepared(tmp_path, corrections, class_field="cover", **options)


def test_a_class_that_the_model_lacks_comes_behind_its_own(tmp_path: Path) -> None:
    fields = [rectangle(0, 0, 8, 8), rectangle(0, 8, 8, 16), rectangle(0, 16, 8, 24), rectangle(0, 24, 8, 32)]
    labels = write_layer(tmp_path / "c.gpkg", fields, ["pond", "blue", "Quarry", "ignore"])
    said: list[str] = []
    patches = prepared(tmp_path, labels, said, class_field="cover")
    assert patches.schema.names == (*NAMES, "pond", "Quarry")
    assert patches.schema.colors[:3] == COLORS
    assert mosaic(patches)[0, [0, 8, 16, 24]].tolist() == [3, 2, 4, IGNORE]
    (line,) = [text for text in said if "added behind" in text]
    assert "'pond' (id 3), 'Quarry' (id 4) of 2 polygons added behind those of" in line
    assert line.endswith("which lacks them; correct the names if one of these is meant: Red, Green, Blue")


def test_new_classes_are_left_out_with_unknown_ignore(tmp_path: Path) -> None:
    labels = write_layer(tmp_path / "c.gpkg", [rectangle(0, 0, 8, 8), rectangle(0, 8, 8, 16)], ["pond", "Red"])
    patches = prepared(tmp_path, labels, class_field="cover", unknown="ignore")
    assert patches.schema.names == NAMES
    assert mosaic(patches)[0, [0, 8]].tolist() == [IGNORE, 0]


def test_the_field_class_is_read_where_none_is_given(tmp_path: Path) -> None:
    labels = write_layer(tmp_path / "c.gpkg", [rectangle(0, 0, 8, 8)], ["Red"])
    with pytest.raises(LabelError, match="choose the field with --class-field; there are cover, number"):
        prepared(tmp_path, labels)


def test_polygons_outside_the_scene_are_counted(tmp_path: Path) -> None:
    fields = [rectangle(0, 0, 8, 8), rectangle(-20, -20, -5, -5), rectangle(300, 300, 310, 310)]
    labels = write_layer(tmp_path / "c.gpkg", fields, ["Red", "Red", "Blue"])
    said: list[str] = []
    patches = prepared(tmp_path, labels, said, class_field="cover")
    assert int((patches.masks[:] != IGNORE).sum()) == 64
    assert f"left out: 2 polygons of {labels} outside the image" in said


def test_all_polygons_outside_the_scene_are_refused(tmp_path: Path) -> None:
    labels = write_layer(tmp_path / "c.gpkg", [rectangle(300, 300, 310, 310)], ["Red"])
    with pytest.raises(LabelError, match="does not overlap"):
        prepared(tmp_path, labels, class_field="cover")


def test_of_overlapping_polygons_the_later_wins_and_the_pixels_are_counted(tmp_path: Path) -> None:
    labels = write_layer(tmp_path / "c.gpkg", [rectangle(0, 0, 10, 10), rectangle(0, 6, 10, 16)], ["Red", "Blue"])
    said: list[str] = []
    ids = mosaic(prepared(tmp_path, labels, said, class_field="cover"))
    assert ids[0, [0, 5, 6, 15]].tolist() == [0, 0, 2, 2]
    words = "scene.tif: 40 pixels lie in polygons of different classes: the later polygon in the file wins"
    assert words in said  # 10 rows x 4 columns


def test_a_polygon_that_crosses_itself_keeps_both_halves_and_is_named(tmp_path: Path) -> None:
    points = [GRID @ point for point in [(0, 0), (20, 20), (20, 0), (0, 20)]]  # two triangles that touch at (10, 10)
    labels = write_layer(tmp_path / "c.gpkg", [rectangle(40, 40, 50, 50), shapely.Polygon(points)], ["Red", "Blue"])
    said: list[str] = []
    ids = mosaic(prepared(tmp_path, labels, said, class_field="cover"))
    assert ids[10, [1, 18]].tolist() == [2, 2]
    assert ids[[1, 18], 10].tolist() == [IGNORE, IGNORE]
    (line,) = [text for text in said if "drawn wrongly" in text]
    assert line.startswith(f"warning: {labels}: 1 polygon drawn wrongly, e.g. feature 2 (Self-intersection")


def test_an_empty_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"c.gpkg: is empty, it has no feature; expected polygons: draw some"):
        prepared(tmp_path, write_layer(tmp_path / "c.gpkg", [], []), class_field="cover")


def test_another_crs_is_reprojected_with_a_note(tmp_path: Path, corrections: Path) -> None:
    parts = [rectangle(10, 10, 30, 30), rectangle(90, 120, 100, 150)]
    there = write_layer(tmp_path / "there.gpkg", parts, ["Green", "Red"], crs="EPSG:4326")
    said: list[str] = []
    ids = mosaic(prepared(tmp_path, there, said, class_field="cover"))
    assert ids[12:28, 12:28].min() == ids[12:28, 12:28].max() == 1
    assert any("reprojected from WGS 84" in line for line in said)


def test_only_checked_boxes_are_labels(tmp_path: Path) -> None:
    boxes = [((0, 0, 32, 32), True), ((32, 64, 64, 96), False), ((64, 32, 96, 64), True)]
    polygons = [
        ((0, 0, 32, 16), "Red"),  # the right half of the first box is covered by nothing
        ((32, 64, 64, 96), "Green"),  # of a box that nobody looked at
        ((64, 32, 96, 70), "pond"),  # drawn over the edge of the third box, by 6 columns
    ]
    said: list[str] = []
    labels = write_suggestions(tmp_path / "suggest.gpkg", boxes, polygons)
    patches = prepared(tmp_path, labels, said)
    expected = np.full((HEIGHT, WIDTH), IGNORE, np.uint8)
    expected[0:32, 0:16], expected[64:96, 32:64] = 0, 3
    np.testing.assert_array_equal(mosaic(patches), expected)
    assert len(patches) == 2
    assert f"{labels}: 2 of 3 boxes checked; nothing outside them is a label, and inside what no polygon covers" in said
    assert "scene.tif: left out: 1 polygon outside the checked boxes" in said


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (np.int32, (1, 0)),
        (np.float64, (1.0, np.nan)),
        (np.object_, ("true", "false")),
        (np.object_, ("Yes", None)),
        (np.object_, ("1", "")),
    ],
)
def test_checked_may_be_a_number_or_a_word(tmp_path: Path, kind: Any, values: tuple[object, object]) -> None:
    boxes = [((0, 0, 32, 32), values[0]), ((32, 64, 64, 96), values[1])]
    polygons = [((0, 0, 8, 8), "Red"), ((32, 64, 64, 96), "Green")]
    labels = write_suggestions(tmp_path / "s.gpkg", boxes, polygons, kind)
    assert int((prepared(tmp_path, labels).masks[:] != IGNORE).sum()) == 64


def test_with_no_box_checked_it_refuses(tmp_path: Path) -> None:
    labels = write_suggestions(tmp_path / "s.gpkg", [((0, 0, 32, 32), False)] * 2, [((0, 0, 8, 8), "Red")])
    with pytest.raises(LabelError, match="none of its 2 boxes is checked, and polygons that nobody looked at are no"):
        prepared(tmp_path, labels)
    with pytest.raises(LabelError, match="none of its 2 boxes is checked"):  # nor without a model, nor by its layer
        terrazzo.prepare(tmp_path / "scene.tif", labels, out=tmp_path / "o", layer="polygons", class_field="class")


def test_with_no_box_checked_the_command_ends_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene, model = scene_and_model(tmp_path)
    labels = write_suggestions(tmp_path / "s.gpkg", [((0, 0, 32, 32), False)], [((0, 0, 8, 8), "Red")])
    assert run(["prepare", str(scene), str(labels), "--for", str(model), "--out", str(tmp_path / "o")]) != 0
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert len([line for line in told.splitlines() if "is checked" in line]) == 1
    assert not (tmp_path / "o").exists()


def test_a_word_that_is_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    labels = write_suggestions(tmp_path / "s.gpkg", [((0, 0, 32, 32), "maybe")], [((0, 0, 8, 8), "Red")], np.object_)
    with pytest.raises(LabelError, match="box 1 of its layer boxes has checked = 'maybe'; expected true or false"):
        prepared(tmp_path, labels)


def test_suggestions_without_a_model_are_read_inside_checked_boxes_too(tmp_path: Path) -> None:
    scene, _ = scene_and_model(tmp_path)
    boxes = [((0, 0, 64, 64), True), ((64, 96, 96, 128), False)]
    labels = write_suggestions(tmp_path / "s.gpkg", boxes, [((28, 28, 36, 36), "Red"), ((64, 96, 96, 128), "Blue")])
    patches = terrazzo.prepare(scene, labels, out=tmp_path / "o", patch_size=32, split="patch", val=0.5).patches
    assert int((patches.masks[:] != IGNORE).sum()) == 64


def test_the_bands_are_read_in_the_models_order(tmp_path: Path, corrections: Path) -> None:
    bands = noise(3, HEIGHT, WIDTH)
    scene = write_raster(tmp_path / "bgr.tif", bands)
    with rasterio.open(scene, "r+") as dataset:
        dataset.descriptions = ("B02", "B03", "B04")
    _, model = scene_and_model(tmp_path)
    said: list[str] = []
    patches = terrazzo.prepare(
        scene, corrections, out=tmp_path / "out", for_model=model, class_field="cover", say=said.append
    ).patches
    np.testing.assert_array_equal(patches.images[0], bands[::-1, :SIZE, :SIZE].transpose(1, 2, 0))
    assert patches.description["band_names"] == ["red", "green", "blue"]
    assert any("bands 3,2,1 (B04, B03, B02) are read as red, green, blue" in line for line in said)


def test_bands_of_ones_own_are_reported(tmp_path: Path, corrections: Path) -> None:
    said: list[str] = []
    patches = prepared(tmp_path, corrections, said, class_field="cover", bands="3,2,1")
    assert patches.description["band_numbers"] == [3, 2, 1]
    assert any(line.startswith("--bands 3,2,1: is taken instead of the bands of ") for line in said)


def test_deep_values_become_8_bits_by_the_models_scale(tmp_path: Path, corrections: Path) -> None:
    values = np.full((3, HEIGHT, WIDTH), 1500, np.uint16)
    scene = write_raster(tmp_path / "deep.tif", values, photometric="RGB")
    reading = BandReading(("red", "green", "blue"), (0.0, 3000.0))
    model = write_model(tmp_path / "m.safetensors", band_reading=reading)
    patches = terrazzo.prepare(scene, corrections, out=tmp_path / "o", for_model=model, class_field="cover").patches
    assert patches.dtype == "uint8"
    assert set(np.unique(patches.images)) <= {0, 127, 128}  # half of the scale; 0 where padded beyond the scene
    assert patches.description["value_scale"] == [0.0, 3000.0]


def test_a_model_of_stored_values_gets_stored_values(tmp_path: Path, corrections: Path) -> None:
    scene = write_raster(tmp_path / "deep.tif", np.full((3, HEIGHT, WIDTH), 1500, np.uint16), photometric="RGB")
    deep = Normalization(
        "bands",
        (900.0,) * 3,
        (100.0,) * 3,
        dtype="uint16",
        low=(0.0,) * 3,
        high=(3000.0,) * 3,
        clips=(True, False, True),
    )
    reading = BandReading(("red", "green", "blue"))
    model = write_model(tmp_path / "m.safetensors", normalization=deep, band_reading=reading)
    patches = terrazzo.prepare(scene, corrections, out=tmp_path / "o", for_model=model, class_field="cover").patches
    assert patches.dtype == "uint16"
    assert patches.images[0, 0, 0].tolist() == [1500] * 3
    assert patches.description["value_scale"] == [[0.0, 3000.0], None, [0.0, 3000.0]]  # where training was given one
    with pytest.raises(InputError, match="holds uint8 values, the model was trained on deeper ones"):
        plain = write_raster(tmp_path / "plain.tif", noise(3, HEIGHT, WIDTH), photometric="RGB")
        terrazzo.prepare(plain, corrections, out=tmp_path / "o2", for_model=model, class_field="cover")


def test_another_resolution_is_read_at_the_models(tmp_path: Path, corrections: Path) -> None:
    scene, model = scene_and_model(tmp_path, gsd_m=1.0004)  # the projection stretches the scene's 0.5 m to 0.5002 m
    said: list[str] = []
    patches = terrazzo.prepare(
        scene, corrections, out=tmp_path / "o", for_model=model, class_field="cover", say=said.append
    ).patches
    assert patches.gsd_m == pytest.approx(1.0004, rel=1e-3)
    ids = mosaic(patches, (HEIGHT // 2, WIDTH // 2))
    assert (ids[5:15, 5:15] == 1).all()
    assert (ids[45:50, 60:75] == 0).all()
    assert int((ids != IGNORE).sum()) == 100 + 75
    assert any("is read at 1 m a pixel, as" in line and "not at its own 0.5 m" in line for line in said)


def test_a_scene_that_is_too_coarse_is_refused(tmp_path: Path, corrections: Path) -> None:
    scene, model = scene_and_model(tmp_path, gsd_m=0.2)
    with pytest.raises(InputError, match=r"has 0.5 m a pixel, .* sees 0.2 m, less than half of that"):
        terrazzo.prepare(scene, corrections, out=tmp_path / "o", for_model=model, class_field="cover")


def test_label_rasters_with_names_are_matched_by_name_and_others_by_the_models_ids(tmp_path: Path) -> None:
    scene, model = scene_and_model(tmp_path)
    ids = np.full((1, HEIGHT, WIDTH), IGNORE, np.uint8)
    ids[0, :8, :8], ids[0, :8, 8:16] = 0, 1
    plain = write_raster(tmp_path / "plain.tif", ids, nodata=IGNORE)
    patches = terrazzo.prepare(scene, plain, out=tmp_path / "a", for_model=model).patches
    assert mosaic(patches)[0, [0, 8, 16]].tolist() == [0, 1, IGNORE]
    named = write_raster(tmp_path / "named.tif", ids, nodata=IGNORE)
    with rasterio.open(named, "r+") as dataset:
        dataset.update_tags(CLASS_0="Blue", CLASS_1="pond")
    patches = terrazzo.prepare(scene, named, out=tmp_path / "b", for_model=model).patches
    assert patches.schema.names == (*NAMES, "pond")
    assert mosaic(patches)[0, [0, 8, 16]].tolist() == [2, 3, IGNORE]


def crops(folder: Path, mask: Image.Image) -> Path:
    """A photo of 40 x 50 px and its mask, in images/ and masks/."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    Image.fromarray(noise(40, 50, 3)).save(folder / "images" / "a.png")
    mask.save(folder / "masks" / "a.png")
    return folder


def palette_mask(ids: NDArray[np.uint8]) -> Image.Image:
    """Ids as a palette picture in the model's colours, ignore in black."""
    mask = Image.fromarray(ids, "P")
    colors = np.zeros((256, 3), np.uint8)
    colors[:3] = COLORS
    mask.putpalette(colors.ravel().tolist())
    return mask


def test_photos_with_palette_masks(tmp_path: Path) -> None:
    ids = np.full((40, 50), 2, np.uint8)
    ids[:10], ids[10:20] = 1, IGNORE
    data = crops(tmp_path / "crops", palette_mask(ids))
    model = write_model(tmp_path / "m.safetensors")
    done = terrazzo.prepare(data, out=tmp_path / "o", for_model=model)
    assert done.patches.schema.names == NAMES
    assert done.patches.schema.colors == COLORS
    assert done.patches.description["split_method"] == "none held out"
    np.testing.assert_array_equal(mosaic(done.patches, (40, 50)), ids)


def test_photos_with_two_of_the_models_values_are_no_binary_masks(tmp_path: Path) -> None:
    ids = np.zeros((40, 50), np.uint8)
    ids[:10] = IGNORE
    data = crops(tmp_path / "crops", Image.fromarray(ids))
    model = write_model(tmp_path / "m.safetensors")
    patches = terrazzo.prepare(data, out=tmp_path / "o", for_model=model).patches
    np.testing.assert_array_equal(mosaic(patches, (40, 50)), ids)


def test_the_names_of_a_table_inside_the_data_decide(tmp_path: Path) -> None:
    ids = np.zeros((40, 50), np.uint8)
    ids[:, 25:] = 1
    data = crops(tmp_path / "crops", Image.fromarray(ids))
    (data / "classes.csv").write_text("id,name\n0,Blue\n1,pond\n")
    model = write_model(tmp_path / "m.safetensors")
    patches = terrazzo.prepare(data, out=tmp_path / "o", for_model=model).patches
    assert patches.schema.names == (*NAMES, "pond")
    np.testing.assert_array_equal(mosaic(patches, (40, 50)), np.where(ids == 1, 3, 2))


def test_pictures_for_a_model_of_other_bands_are_refused(tmp_path: Path) -> None:
    data = crops(tmp_path / "crops", palette_mask(np.zeros((40, 50), np.uint8)))
    model = write_model(tmp_path / "m.safetensors", bands=4)
    with pytest.raises(InputError, match=r"holds pictures of 3 bands of 8 bits, .* takes 4 bands of 8 bits"):
        terrazzo.prepare(data, out=tmp_path / "o", for_model=model)


def test_a_model_of_whole_images_takes_no_raster(tmp_path: Path, corrections: Path) -> None:
    scene, model = scene_and_model(tmp_path, fit="resize")
    with pytest.raises(InputError, match=r"sees whole images made small \(--fit resize\)"):
        terrazzo.prepare(scene, corrections, out=tmp_path / "o", for_model=model, class_field="cover")


def test_a_file_that_is_no_model_is_refused_before_anything_is_read(tmp_path: Path, corrections: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelFileError):
        terrazzo.prepare(tmp_path / "no.tif", corrections, out=tmp_path / "o", for_model=tmp_path / "m.safetensors")


def test_too_many_new_classes_are_refused(tmp_path: Path) -> None:
    fields = [rectangle(0, i / 4, 1, i / 4 + 1) for i in range(253)]
    labels = write_layer(tmp_path / "c.gpkg", fields, [f"name {i}" for i in range(253)])
    with pytest.raises(ClassTableError, match="--class-field cover: holds 253 different values, at most 255 classes"):
        prepared(tmp_path, labels, class_field="cover")


@pytest.mark.parametrize("command", ["evaluate", "show"])
def test_commands_that_need_validation_say_so_in_a_line(tmp_path: Path, corrections: Path, command: str) -> None:
    patches = prepared(tmp_path, corrections, class_field="cover").path
    model = tmp_path / "model.safetensors"
    wanted = {
        "evaluate": lambda: terrazzo.evaluate(model, patches, out=tmp_path / "report"),
        "show": lambda: terrazzo.show(patches, model=model),
    }
    with pytest.raises(PatchesError) as caught:
        wanted[command]()
    words = ": its 5 patches are all in train (none held out), so its split val has none; use other patches"
    assert words in str(caught.value)


def test_scores_on_the_corrections_themselves_say_how_they_were_divided(tmp_path: Path, corrections: Path) -> None:
    patches = prepared(tmp_path, corrections, class_field="cover").path
    terrazzo.evaluate(tmp_path / "model.safetensors", patches, split="train", out=tmp_path / "report")
    scores = json.loads((tmp_path / "report" / "scores.json").read_text())
    assert scores["protocol"]["split_method"] == "none held out"
    assert scores["protocol"]["leaky"]  # these are the patches that are for training


def test_patches_of_corrections_open_and_are_shown(tmp_path: Path, corrections: Path) -> None:
    patches = prepared(tmp_path, corrections, class_field="cover")
    assert open_patches(patches.path).none_held_out
    assert terrazzo.show(patches.path, out=tmp_path / "p.png").path.is_file()


def test_the_command(tmp_path: Path, corrections: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene, model = scene_and_model(tmp_path)
    words = ["prepare", str(scene), str(corrections), "--class-field", "cover", "--for", str(model)]
    assert run([*words, "--out", str(tmp_path / "out")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "5 patches of 32 px from 1 image: train 5, val 0, test 0" in out
    assert f"--from {model} --recipe finetune" in out
