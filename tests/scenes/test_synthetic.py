"""The synthetic world: reproducible, complete, exact, and written in the layouts that the readers know."""

import itertools
import json
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from terrazzo.classes.palettes import CITYSCAPES, SEMANTIC_DRONE, SYNTHETIC
from terrazzo.classes.tables import parse_table
from terrazzo.cli import run
from terrazzo.errors import InputError
from terrazzo.pixels.photos import read_photo
from terrazzo.scenes.contract.check import Checked, check, read_label
from terrazzo.scenes.contract.options import LabelOptions
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.layouts.cityscapes import TRAINING_IDS
from terrazzo.scenes.synthetic import render, write_world
from terrazzo.scenes.synthetic.draft import Draft
from terrazzo.scenes.synthetic.light import Light
from terrazzo.scenes.synthetic.materials import BUILDING, GROUND, ROAD, VEGETATION, WATER
from terrazzo.scenes.synthetic.noise import grain, smooth_noise, triangle_wave
from terrazzo.scenes.synthetic.paint import paint
from terrazzo.scenes.synthetic.plane import Rect, Warp, divide
from terrazzo.scenes.synthetic.water import Lake, River
from terrazzo.scenes.synthetic.world import plan

MORNING = Light(sun=(0.6, 0.8), stretch=1.2, darkness=0.6)
EVENING = Light(sun=(0.6, -0.8), stretch=0.9, darkness=0.6)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@cache
def planned(seed: int) -> Draft:
    return plan(generator(seed), 317, 421)


def painted(draft: Draft, light: Light) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    painting = paint(draft, light, generator(1))
    return painting.radiance, painting.ids


def bare(draft: Draft) -> Draft:
    """The plan without what hides or shades its ground."""
    return replace(draft, trees=[], casters=[])


def differences(parts: list[NDArray[np.generic]], axis: int) -> NDArray[np.float64]:
    """How far the grey of each row (or column) of nine parts laid out 3 x 3 is from the next one's, on average."""
    whole = np.concatenate([np.concatenate(parts[row : row + 3], axis=1) for row in (0, 3, 6)])
    grey = whole.astype(np.float64).mean(axis=2)
    return np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)


def checked(root: Path) -> Checked:
    return check(root, find_scenes(root), LabelOptions(), 32)


# --- one scene


def test_the_same_seed_gives_the_same_scene_and_another_seed_another() -> None:
    photo, ids = render(7, 97, 131)
    again_photo, again_ids = render(7, 97, 131)
    assert np.array_equal(photo, again_photo)
    assert np.array_equal(ids, again_ids)
    other_photo, other_ids = render(8, 97, 131)
    assert (other_ids != ids).mean() > 0.2
    assert np.abs(other_photo.astype(int) - photo).mean() > 10


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 70), (45, 3), (97, 131)])
def test_photo_and_ids_have_the_size_asked_for(height: int, width: int) -> None:
    photo, ids = render(0, height, width)
    assert (photo.shape, photo.dtype) == ((height, width, 3), np.uint8)
    assert (ids.shape, ids.dtype) == ((height, width), np.uint8)
    assert ids.max() < SYNTHETIC.n_classes


@pytest.mark.parametrize(("seed", "height", "width"), [(-1, 50, 50), (0, 0, 50), (0, 50, -3)])
def test_impossible_scenes_are_refused(seed: int, height: int, width: int) -> None:
    with pytest.raises(InputError, match=r"the seed must be 0 or more, the sides 1 or more"):
        render(seed, height, width)


def test_ids_follow_the_order_of_the_palette() -> None:
    assert SYNTHETIC.names == ("Building", "Road", "Vegetation", "Water", "Ground")
    assert (BUILDING, ROAD, VEGETATION, WATER, GROUND) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("seed", range(12))
def test_every_class_covers_a_hundredth_of_every_scene(seed: int) -> None:
    _, ids = render(seed, 257, 389)
    assert np.bincount(ids.ravel(), minlength=5).min() > 0.01 * ids.size


def test_colour_alone_does_not_tell_the_classes_apart() -> None:
    """The best guess from a pixel's colour, learnt on other scenes, stays well below what shapes can give."""
    votes = np.zeros((1 << 12, 5), np.int64)
    confusion = np.zeros((5, 5), np.int64)
    for seed in range(16):
        photo, ids = render(seed, 200, 301)
        bins = (photo >> 4).astype(np.int64) @ np.array([256, 16, 1])
        if seed < 12:
            np.add.at(votes, (bins.ravel(), ids.ravel()), 1)
        else:
            np.add.at(confusion, (ids.ravel(), votes.argmax(axis=1)[bins].ravel()), 1)
    hits = np.diag(confusion)
    iou = hits / (confusion.sum(axis=0) + confusion.sum(axis=1) - hits)
    assert iou.mean() < 0.65
    assert iou[BUILDING] < 0.5


# --- light and shadow


@pytest.mark.parametrize("seed", range(3))
def test_the_light_changes_the_photo_and_never_the_ids(seed: int) -> None:
    morning, morning_ids = painted(planned(seed), MORNING)
    evening, evening_ids = painted(planned(seed), EVENING)
    assert np.array_equal(morning_ids, evening_ids)
    assert (np.abs(morning - evening) > 20).mean() > 0.02


@pytest.mark.parametrize("seed", range(3))
def test_shadows_only_darken_and_leave_the_ids_alone(seed: int) -> None:
    draft = replace(planned(seed), trees=[])
    shaded, shaded_ids = painted(draft, MORNING)
    unshaded, unshaded_ids = painted(bare(draft), MORNING)
    assert np.array_equal(shaded_ids, unshaded_ids)
    assert (shaded <= unshaded).all()
    dark = (shaded < 0.6 * unshaded).any(axis=2)
    assert dark.mean() > 0.01
    # What is in the shade keeps the class of its ground: several classes lie in it, roofs do not.
    assert {ROAD, VEGETATION, GROUND} <= set(shaded_ids[dark].tolist())
    assert BUILDING not in shaded_ids[dark]


def test_a_shadow_points_away_from_the_sun_and_grows_with_height() -> None:
    assert Light((0.6, 0.8), 1.5, 0.5).shadow_of(10.0) == pytest.approx((-9.0, -12.0))


# --- what is planned


@pytest.mark.parametrize("seed", range(6))
def test_roads_are_one_network(seed: int) -> None:
    _, ids = painted(bare(planned(seed)), MORNING)
    roads = ids == ROAD
    left, sizes = Image.fromarray(roads.astype(np.uint8)), []
    pixels = np.argwhere(roads)
    while len(pixels):
        ImageDraw.floodfill(left, (int(pixels[0][1]), int(pixels[0][0])), 2)
        sizes.append(int((np.asarray(left) == 2).sum()))
        left = left.point([0, 1, *[0] * 254])
        pixels = np.argwhere(np.asarray(left) == 1)
    # The border of the image cuts off corners, the water some lanes.
    assert max(sizes) > 0.85 * sum(sizes)


def test_dividing_fills_the_rectangle_and_leaves_the_gaps_free() -> None:
    whole = Rect(-100, -150, 100, 150)
    parts, cuts = divide(whole, generator(3), 60.0, (20.0, 10.0))
    area = sum(rect.height * rect.width for rect in [*parts, *(cut.strip for cut in cuts)])
    assert area == pytest.approx(200 * 300)
    assert len(parts) == len(cuts) + 1
    assert all(max(part.height, part.width) <= 60 * 1.2 for part in parts)
    for one, other in itertools.combinations([*parts, *(cut.strip for cut in cuts)], 2):
        rows = min(one.bottom, other.bottom) - max(one.top, other.top)
        cols = min(one.right, other.right) - max(one.left, other.left)
        assert rows <= 1e-9 or cols <= 1e-9


def test_rectangles_by_hand() -> None:
    rect = Rect.spanning(0, (30, 10), (5, 65))
    assert rect == Rect(10, 5, 30, 65)
    assert (rect.height, rect.width, rect.centre, rect.long_axis) == (20, 60, (20, 35), 1)
    assert rect.inset(15) == Rect(20, 20, 20, 50)
    assert rect.nearest == pytest.approx((10**2 + 5**2) ** 0.5)
    assert Rect(-1, -1, 1, 1).nearest == 0
    # Sides of 20 and 60 px in steps of at most 10: 2 * (2 + 6) points.
    assert rect.outline(10).shape == (16, 2)


def test_a_warp_moves_no_point_farther_than_it_says() -> None:
    warp = Warp.random(generator(5), 300, 400)
    turned = replace(warp, waves=())
    points = generator(6).uniform(-250, 250, (500, 2))
    moved = np.linalg.norm(warp(points) - turned(points), axis=1)
    assert moved.max() <= warp.strongest + 0.1
    assert np.allclose(np.linalg.norm(turned(points) - (150, 200), axis=1), np.linalg.norm(points, axis=1), atol=0.1)
    assert np.array_equal(warp(points) * 16, np.round(warp(points) * 16))


def test_the_distance_to_water_is_zero_on_its_shore_and_negative_inside() -> None:
    lake = Lake.random(generator(2), (40.0, 60.0), 30.0)
    assert np.abs(lake.distance(lake.outline(0.0))).max() < 0.5
    assert lake.distance(np.array([[40.0, 60.0]]))[0] < -5
    assert lake.distance(np.array([[40.0, 160.0]]))[0] > 69
    river = River.random(generator(2), (0.0, 0.0), 200.0, 40.0)
    assert river.distance(river.line).max() < -10
    assert np.abs(river.distance(river.outline(0.0))).max() < 4


def test_noise_has_the_spread_it_promises() -> None:
    assert grain(generator(0), (200, 300)).std() == pytest.approx(1, abs=0.02)
    assert grain(generator(0), (200, 300)).mean() == pytest.approx(0, abs=0.02)
    smooth = smooth_noise(generator(0), (200, 300), 25.0)
    assert smooth.shape == (200, 300)
    assert -1 <= smooth.min() < -0.5 < 0.5 < smooth.max() <= 1
    assert np.abs(np.diff(smooth, axis=0)).max() < 0.15
    assert triangle_wave(np.array([0, 0.25, 0.5, 0.75, -1], np.float32)).tolist() == [1, 0, -1, 0, 1]


# --- files


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize("mask_mode", ["color", "palette", "id"])
def test_the_flat_layout_reads_back_as_rendered(tmp_path: Path, mask_mode: str, as_zip: bool) -> None:
    out = tmp_path / ("world.zip" if as_zip else "world")
    assert write_world(out, n_images=3, size=(60, 90), mask_mode=mask_mode, as_zip=as_zip, class_table=True) == out
    result = checked(out)
    assert (result.report.refusal, result.layout, result.schema) == (None, "flat", SYNTHETIC)
    assert [scene.scene.name for scene in result.scenes] == ["scene_001", "scene_002", "scene_003"]
    plain = checked(write_world(tmp_path / "plain", n_images=3, size=(60, 90)))
    for one, other in zip(result.scenes, plain.scenes, strict=True):
        assert one.pixel_hash == other.pixel_hash
        ids = read_label(one.scene, SYNTHETIC)
        assert ids.shape == (one.height, one.width)
        assert np.array_equal(ids, read_label(other.scene, SYNTHETIC))


def test_colour_masks_need_no_class_table(tmp_path: Path) -> None:
    result = checked(write_world(tmp_path / "world", n_images=2, size=(130, 170)))
    assert not (tmp_path / "world" / "classes.json").exists()
    assert (result.report.refusal, result.schema) == (None, SYNTHETIC)
    assert result.report.findings == ()


def test_palette_orders_differ_from_file_to_file(tmp_path: Path) -> None:
    out = write_world(tmp_path / "world", n_images=4, size=(40, 50), mask_mode="palette")
    palettes = []
    for path in sorted((out / "masks").iterdir()):
        with Image.open(path) as mask:
            assert mask.mode == "P"
            palettes.append(tuple(mask.getpalette() or ())[:15])
    assert len(set(palettes)) == 4


def test_id_masks_hold_the_ids(tmp_path: Path) -> None:
    out = write_world(tmp_path / "world", n_images=1, size=(200, 210), mask_mode="id")
    with Image.open(out / "masks" / "scene_001.png") as mask:
        assert mask.mode == "L"
        assert set(np.unique(np.asarray(mask))) == {0, 1, 2, 3, 4}


def test_sizes_vary_from_the_least_to_an_eighth_more_and_are_never_multiples_of_32(tmp_path: Path) -> None:
    out = write_world(tmp_path / "world", n_images=8, size=(64, 96))
    sizes = []
    for path in sorted((out / "images").iterdir()):
        with Image.open(path) as photo:
            sizes.append((photo.height, photo.width))
    assert len(set(sizes)) > 4
    assert all(64 < height <= 72 and 96 < width <= 108 for height, width in sizes)


def test_a_tile_is_one_scene_cut_row_by_row(tmp_path: Path) -> None:
    out = write_world(tmp_path / "world", layout="humans-in-the-loop", n_images=10, size=(60, 70))
    result = checked(out)
    assert (result.report.refusal, result.layout) == (None, "humans-in-the-loop")
    assert (result.schema.names, result.schema.colors) == (SYNTHETIC.names, SYNTHETIC.colors)
    assert [scene.scene.group for scene in result.scenes] == ["Tile 1"] * 9 + ["Tile 2"] * 9
    assert (out / "Tile 2" / "images" / "image_part_009.jpg").is_file()
    scenes = [scene.scene for scene in result.scenes[:9]]
    photos = [read_photo(scene.image.read(), scene.name) for scene in scenes]
    for axis, size in enumerate(photos[0].shape[:2]):
        seams = [size - 1, 2 * size - 1]
        steps = differences(photos, axis)
        assert steps[seams].max() < np.delete(steps, seams).max()
        # Laid out column by column, the same parts would show their seams.
        steps = differences([photos[part] for part in (0, 3, 6, 1, 4, 7, 2, 5, 8)], axis)
        assert steps[seams].max() > np.delete(steps, seams).max()


def test_an_archive_nests_its_data_and_is_the_same_every_time(tmp_path: Path) -> None:
    one, other = tmp_path / "a" / "world.zip", tmp_path / "b" / "world.zip"
    for out in (one, other):
        write_world(out, n_images=2, size=(40, 50), seed=4, as_zip=True)
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert archive.namelist() == [
            f"world/{kind}/scene_00{number}.{suffix}"
            for number in (1, 2)
            for kind, suffix in (("images", "jpg"), ("masks", "png"))
        ]


def test_the_class_table_on_request_agrees_with_the_masks(tmp_path: Path) -> None:
    out = write_world(tmp_path / "world", n_images=1, size=(40, 50), class_table=True)
    text = (out / "classes.json").read_text(encoding="utf-8")
    assert parse_table(text, "classes.json").schema == SYNTHETIC
    assert [entry["id"] for entry in json.loads(text)] == [0, 1, 2, 3, 4]


def test_other_seeds_share_no_scene(tmp_path: Path) -> None:
    hashes = set()
    for seed in (0, 1):
        result = checked(write_world(tmp_path / str(seed), n_images=3, size=(40, 50), seed=seed))
        hashes |= {scene.pixel_hash for scene in result.scenes}
    assert len(hashes) == 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layout": "spiral"}, r"--layout spiral: no such layout; there are flat, humans-in-the-loop"),
        ({"mask_mode": "rgb"}, r"--mask-mode rgb: no such mode; there are color, palette, id"),
        ({"n_images": 0}, r"0 images of 256 x 384 px, seed 0; a world needs at least 1 image"),
        ({"size": (0, 9)}, r"12 images of 0 x 9 px"),
        ({"seed": -2}, r"seed -2; .* a seed of 0 or more"),
        (
            {"layout": "camvid", "mask_mode": "id"},
            r"--mask-mode id: the layout camvid has masks and a table of its own",
        ),
        ({"as_zip": True}, r"world: an archive needs a name that ends in \.zip"),
    ],
)
def test_options_out_of_range_are_refused_and_nothing_is_written(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        write_world(tmp_path / "world", **options)
    assert list(tmp_path.iterdir()) == []


# --- the layouts of published data sets


def names(root: Path) -> list[str]:
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    return sorted(path.relative_to(root).as_posix() for path in files)


def pixels(path: Path) -> NDArray[np.generic]:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("layout", ["semantic-drone", "cityscapes", "cityscapes-pairs", "camvid"])
def test_published_layouts_are_the_same_every_time_and_differ_by_seed(tmp_path: Path, layout: str) -> None:
    one, other = (
        write_world(tmp_path / name / "world.zip", layout=layout, n_images=4, size=(45, 70), seed=5, as_zip=True)
        for name in ("a", "b")
    )
    assert one.read_bytes() == other.read_bytes()
    folder = write_world(tmp_path / "folder", layout=layout, n_images=4, size=(45, 70), seed=5)
    with zipfile.ZipFile(one) as archive:
        assert sorted(archive.namelist()) == [f"world/{name}" for name in names(folder)]
    further = write_world(tmp_path / "further", layout=layout, n_images=4, size=(45, 70), seed=6)
    assert names(further) == names(folder)
    image = next(name for name in names(folder) if name.endswith((".jpg", "leftImg8bit.png")) or "images_" in name)
    assert (further / image).read_bytes() != (folder / image).read_bytes()


def test_the_drone_layout_holds_masks_of_both_kinds_and_the_table(tmp_path: Path) -> None:
    root = write_world(tmp_path / "world", layout="semantic-drone", n_images=3, size=(45, 70))
    stems = ("000", "005", "010")
    assert names(root) == [
        *(f"RGB_color_image_masks/RGB_color_image_masks/{stem}.png" for stem in stems),
        "class_dict_seg.csv",
        *(f"dataset/semantic_drone_dataset/label_images_semantic/{stem}.png" for stem in stems),
        *(f"dataset/semantic_drone_dataset/original_images/{stem}.jpg" for stem in stems),
    ]
    lines = (root / "class_dict_seg.csv").read_text().splitlines()
    assert lines[:3] == ["name, r, g, b", "unlabeled, 0, 0, 0", "paved-area, 128, 64, 128"]
    assert lines[24] == "conflicting, 255, 0, 0"
    assert len(lines) == 25
    ids = pixels(root / "dataset/semantic_drone_dataset/label_images_semantic/005.png")
    colors = pixels(root / "RGB_color_image_masks/RGB_color_image_masks/005.png")
    assert np.array_equal(colors, SEMANTIC_DRONE.decode(ids))
    assert set(np.unique(ids)) <= {0, 1, 2, 5, 8, 9}
    assert (ids[-2:] == 0).all()  # 45 // 16 rows


def test_cityscapes_labels_agree_with_each_other(tmp_path: Path) -> None:
    root = write_world(tmp_path / "world", layout="cityscapes", n_images=4, size=(45, 70))
    places = ["train/aachen/aachen_000000", "train/bochum/bochum_000001", "val/frankfurt/frankfurt_000002"]
    places += ["test/berlin/berlin_000003"]
    kinds = ("color.png", "instanceIds.png", "labelIds.png", "labelTrainIds.png", "polygons.json")
    assert names(root) == sorted(
        [f"leftImg8bit/{place}_000019_leftImg8bit.png" for place in places]
        + [f"gtFine/{place}_000019_gtFine_{kind}" for place in places for kind in kinds]
    )
    label = root / "gtFine" / f"{places[1]}_000019_gtFine_"
    ids, training = pixels(Path(f"{label}labelIds.png")), pixels(Path(f"{label}labelTrainIds.png"))
    assert np.array_equal(np.array([*TRAINING_IDS])[ids], training)
    assert np.array_equal(pixels(Path(f"{label}color.png"))[..., :3], CITYSCAPES.decode(training))
    assert (ids[-2:] == 1).all()  # the strip is the car's own bonnet
    assert not pixels(root / "gtFine" / f"{places[3]}_000019_gtFine_labelIds.png").any()


def test_pairs_are_one_jpeg_of_photo_and_mask(tmp_path: Path) -> None:
    root = write_world(tmp_path / "world", layout="cityscapes-pairs", n_images=6, size=(45, 70))
    assert names(root) == [f"cityscapes_data/{name}.jpg" for name in ("train/1", "train/2", "train/3", "train/4")] + [
        f"cityscapes_data/{name}.jpg" for name in ("val/1", "val/2")
    ]
    both = Image.open(root / "cityscapes_data/val/2.jpg")
    assert (both.format, both.size) == ("JPEG", (140, 45))
    assert len(np.unique(np.asarray(both)[:, 70:].reshape(-1, 3), axis=0)) > 100  # smeared


def test_camvid_has_index_masks_and_a_stray_copy(tmp_path: Path) -> None:
    root = write_world(tmp_path / "world", layout="camvid", n_images=4, size=(45, 70))
    train = ("0001TP_00060", "0006R0_f00090", "0016E5_f00150")
    assert names(root) == sorted(
        [f"{kind}_prepped_train/{name}.png" for kind in ("images", "annotations") for name in train]
        + [f"{kind}_prepped_test/0016E5_f00120.png" for kind in ("images", "annotations")]
        + ["images_prepped_train/0001TP_00060(1).png"]
    )
    ids = Image.open(root / "annotations_prepped_train/0006R0_f00090.png")
    assert ids.mode == "L"
    assert set(np.unique(np.asarray(ids))) <= {0, 1, 3, 4, 5, 11}
    assert (np.asarray(ids)[-2:] == 11).all()


@pytest.mark.parametrize("options", [["--mask-mode", "id"], ["--mask-mode", "palette"], ["--mask-mode", "id", "--zip"]])
def test_the_command_that_is_said_to_come_next_works(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world = "world.zip" if "--zip" in options else "world"
    assert run(["synthesize", world, "--images", "4", "--height", "70", "--width", "90", *options]) == 0
    following = capsys.readouterr().out.splitlines()[-1]
    assert following.startswith(f"next: terrazzo prepare {world} ")
    assert run(following.split()[2:]) == 0
    described = json.loads((tmp_path / "patches" / "dataset.json").read_text())
    assert [entry["name"] for entry in described["classes"]] == list(SYNTHETIC.names)
