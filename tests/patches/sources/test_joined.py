"""Several data sets prepared together: ids, names, splits, leak and resolution, worked by hand.

North has three images of 64 px, south two (`worlds.sources`), cut into patches of 32 px. Of the south's second image,
the right half is `field`, which no class takes.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import terrazzo
from terrazzo.errors import ClassTableError, InputError, LabelError, OutputExistsError, SplitError, TerrazzoError
from tests.worlds.layers import rectangle, write_layer
from tests.worlds.rasters import noise, write_raster
from tests.worlds.sources import small_source, taxonomy

MAPPING_LINES = [
    "Building <- north/roof (4,096 px), south/House (2,048 px)",
    "Road <- north/road (4,096 px), south/ROAD (4,096 px)",
    "Water <- north/lake (4,096 px)",
    "ignored <- south/field (2,048 px)",
]


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    return small_source(tmp_path, "north", (0, 1, 2)), small_source(tmp_path, "south", (0, 1))


def test_what_is_written(both: tuple[Path, Path], tmp_path: Path) -> None:
    said: list[str] = []
    done = terrazzo.prepare(*both, taxonomy=taxonomy(tmp_path), out=tmp_path / "p", patch_size=32, say=said.append)
    patches = done.patches
    # 3 images of 4 patches; 4 patches and 2 of the south, where 2 have nothing but field.
    assert len(patches) == 12 + 6
    assert patches.schema.names == ("Building", "Road", "Water")
    assert patches.schema.colors == ((255, 0, 0), (16, 32, 48), (0, 0, 255))
    # The left and right patches of each image; rows are equal.
    left_right = [[0, 1], [1, 2], [2, 0], [0, 1], [1]]
    assert [np.unique(mask).tolist() for mask in patches.masks] == [
        [i] for image in left_right for i in [*image, *image]
    ]
    assert patches.image_names == ("north/a0", "north/a1", "north/a2", "south/a0", "south/a1")
    assert patches.image_groups == patches.image_names
    assert patches.source_names == ("north", "south")
    assert patches.image_sources.tolist() == [0, 0, 0, 1, 1]
    pixels = np.asarray(Image.open(both[1] / "images" / "a1.png"))
    assert (patches.images[-1] == pixels[32:, :32]).all()
    told = json.loads((tmp_path / "p" / "dataset.json").read_text())
    assert told["sources"] == [
        {
            "name": "north",
            "images": 3,
            "patches": 12,
            "gsd_m": None,
            "mapping": [
                {"from": "roof", "class": "Building", "pixels": 4096},
                {"from": "road", "class": "Road", "pixels": 4096},
                {"from": "lake", "class": "Water", "pixels": 4096},
            ],
        },
        {
            "name": "south",
            "images": 2,
            "patches": 6,
            "gsd_m": None,
            "mapping": [
                {"from": "House", "class": "Building", "pixels": 2048},
                {"from": "ROAD", "class": "Road", "pixels": 4096},
                {"from": "field", "class": None, "pixels": 2048},
            ],
        },
    ]
    # Each source has a fifth of its images for validation, one at least.
    held = {name for name, image in zip(patches.image_names, range(5), strict=True)
            if (patches.sides[patches.image_of == image] == "val").all()}  # fmt: skip
    assert sorted(name.split("/")[0] for name in held) == ["north", "south"]
    assert patches.leak == {"image": 0.0, "group": 0.0}
    n_south = int((patches.sides[12:] == "val").sum())
    assert n_south in (2, 4)
    assert [line for line in said if " <- " in line] == MAPPING_LINES
    assert "road of class Road is taken for south/ROAD" in said
    assert [line for line in done.summary() if line.startswith("source ")] == [
        "source north: 12 patches: train 8, val 4, test 0",
        f"source south: 6 patches: train {6 - n_south}, val {n_south}, test 0",
    ]
    assert "south: left out: 2 of 8 patches without a class of the taxonomy" in said


def test_the_mapping_is_told_before_anything_is_cut(both: tuple[Path, Path], tmp_path: Path) -> None:
    told: list[str] = []
    terrazzo.prepare(
        *both,
        taxonomy=taxonomy(tmp_path),
        out=tmp_path / "p",
        patch_size=32,
        say=told.append,
        progress=lambda what, done, total: told.append(what),
    )
    assert told.index(MAPPING_LINES[-1]) < told.index("north: cutting patches") < told.index("south: cutting patches")


def test_the_file_may_list_the_sources_and_equal_requests_are_kept(both: tuple[Path, Path], tmp_path: Path) -> None:
    listed = taxonomy(tmp_path, {"name": "north", "images": "north"}, {"name": "south", "images": "south"})
    first = terrazzo.prepare(taxonomy=listed, out=tmp_path / "p", patch_size=32)
    assert not first.kept
    assert terrazzo.prepare(taxonomy=taxonomy(tmp_path), data=both[0], labels=both[1], out=tmp_path / "p",
                            patch_size=32).kept  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["north", "p", "south", "taxonomy.yaml"]
    other = [{"name": "A", "from": ["roof"]}, {"name": "B", "from": ["ROAD"]}]
    with pytest.raises(OutputExistsError, match="not a finished set of patches of these inputs"):
        terrazzo.prepare(*both, taxonomy=taxonomy(tmp_path, classes=other), out=tmp_path / "p", patch_size=32)


def test_a_third_source_and_a_zip(both: tuple[Path, Path], tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "east"), "zip", small_source(tmp_path / "e", "north", (0, 1), seed=9))
    done = terrazzo.prepare(*both, [packed], taxonomy=taxonomy(tmp_path, classes=(
        {"name": "Building", "from": ["roof", "House"]}, {"name": "Road", "from": ["road"]},
    )), out=tmp_path / "p", patch_size=32)  # fmt: skip
    assert done.patches.source_names == ("north", "south", "east")
    assert [source["images"] for source in done.patches.description["sources"]] == [3, 2, 2]


def test_a_source_with_a_split_of_its_own_keeps_it(both: tuple[Path, Path], tmp_path: Path) -> None:
    for side, name in (("train", "a0"), ("train", "a2"), ("val", "a1")):
        for kind in ("images", "masks"):
            (tmp_path / "given" / side / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(both[0] / kind / f"{name}.png", tmp_path / "given" / side / kind)
    shutil.copy(both[0] / "classes.csv", tmp_path / "given")
    classes = ({"name": "Building", "from": ["roof", "House"]}, {"name": "Road", "from": ["road"]})
    patches = terrazzo.prepare(
        tmp_path / "given", both[1], taxonomy=taxonomy(tmp_path, classes=classes), out=tmp_path / "p", patch_size=32
    ).patches
    assert patches.description["split_method"] == "sources"  # given and image
    sides = {name: set(patches.sides[patches.image_of == i].tolist()) for i, name in enumerate(patches.image_names)}
    given = {name.rsplit("/", 1)[-1]: side for name, side in sides.items() if name.startswith("given/")}
    assert given == {"a0": {"train"}, "a1": {"val"}, "a2": {"train"}}
    assert sorted(map(str, (side for name, side in sides.items() if name.startswith("south/")))) == [
        "{'train'}",
        "{'val'}",
    ]


def test_a_picture_in_two_sources_is_one_group_and_counts_as_a_leak(both: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(both[0], tmp_path / "copy")
    done = terrazzo.prepare(
        both[0],
        tmp_path / "copy",
        taxonomy=taxonomy(
            tmp_path, classes=({"name": "Building", "from": ["roof"]}, {"name": "Other", "from": ["road", "lake"]})
        ),
        out=tmp_path / "p",
        patch_size=32,
        seed=1,
    )
    groups = done.patches.image_groups
    assert groups == tuple(f"north/a{i}+copy/a{i}" for i in range(3)) * 2
    assert done.patches.image_pictures.tolist() == [0, 1, 2, 0, 1, 2]
    # Both are divided alike, by the same seed: no copy is on another side.
    assert done.patches.leak == {"image": 0.0, "group": 0.0}
    assert any(
        line.startswith("3 pictures of one source are in another as well (copy/a0, north/a0)") for line in done.lines
    )
    # One source with the copies of training for validation: half of the scored pixels are theirs.
    for side, name in (("train", "a0"), ("val", "a1"), ("val", "a2")):
        for kind in ("images", "masks"):
            (tmp_path / "given" / side / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(both[0] / kind / f"{name}.png", tmp_path / "given" / side / kind)
    shutil.copy(both[0] / "classes.csv", tmp_path / "given")
    leaky = terrazzo.prepare(
        both[0],
        tmp_path / "given",
        taxonomy=tmp_path / "taxonomy.yaml",
        out=tmp_path / "p2",
        patch_size=32,
    ).patches
    # One image of north and two of `given` are scored; at least one of these two is in the training of north.
    val = {leaky.image_names[i] for i in leaky.image_of[leaky.sides == "val"]}
    train = {leaky.image_pictures[i] for i in leaky.image_of[leaky.sides == "train"]}
    shared = [name for name in val if leaky.image_pictures[leaky.image_names.index(name)] in train]
    assert len(val) == 3
    assert leaky.leak["image"] == pytest.approx(len(shared) / 3, abs=1e-6)
    assert len(shared) > 0


def test_gsd_brings_photos_together(both: tuple[Path, Path], tmp_path: Path) -> None:
    listed = taxonomy(
        tmp_path,
        {"name": "north", "images": "north", "gsd_m": 0.5},
        {"name": "south", "images": "south", "gsd_m": 1.5},
    )
    patches = terrazzo.prepare(taxonomy=listed, gsd=1.0, out=tmp_path / "p", patch_size=32).patches
    # North: 64 px of 0.5 m become 32 of 1 m. South: 64 px of 1.5 m become 96.
    told = patches.description
    assert [(image["height"], image["width"]) for image in told["images"]] == [(32, 32)] * 3 + [(96, 96)] * 2
    assert (told["gsd_m"], told["downsample"]) == (1.0, 1.0)
    assert [source["gsd_m"] for source in told["sources"]] == [0.5, 1.5]
    # Each pixel of the north is the mean of four.
    photo = np.asarray(Image.open(both[0] / "images" / "a0.png"), np.float64)
    mean = photo.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(patches.images[0] - mean).max() <= 0.5
    assert (patches.masks[0] == np.repeat([0, 1], 16)).all()
    # South: the nearest of 64 columns for each of 96, so the classes part at column 48.
    south = patches.masks[patches.image_of == 3].reshape(3, 3, 32, 32).swapaxes(1, 2).reshape(96, 96)
    assert (south == np.repeat([0, 1], 48)).all()


def test_without_gsd_the_mean_is_kept_where_all_are_alike(both: tuple[Path, Path], tmp_path: Path) -> None:
    for number, (south, gsd_m) in enumerate(((0.6, 0.55), (1.0, None), (None, None))):
        entries = [{"name": "north", "images": "north", "gsd_m": 0.5}, {"name": "south", "images": "south"}]
        entries[1] |= {} if south is None else {"gsd_m": south}
        said: list[str] = []
        out = tmp_path / f"p{number}"
        told = terrazzo.prepare(taxonomy=taxonomy(tmp_path, *entries), out=out, patch_size=32, say=said.append)
        assert told.patches.gsd_m == gsd_m
        warned = any("the sources have between 0.5 and 1 m a pixel; --gsd 1 brings them together" in x for x in said)
        assert warned == (south == 1.0)


def test_rasters_and_photos_together_at_one_gsd(both: tuple[Path, Path], tmp_path: Path) -> None:
    write_raster(tmp_path / "ortho.tif", noise(3, 128, 128), photometric="RGB")  # 0.5 m
    write_layer(tmp_path / "parcels.gpkg", [rectangle(0, 0, 128, 64)], ["hut"])
    listed = taxonomy(
        tmp_path,
        {"name": "north", "images": "north", "gsd_m": 1.0},
        {"name": "map", "images": "ortho.tif", "labels": "parcels.gpkg"},
        classes=({"name": "Building", "from": ["roof", "hut"]}, {"name": "Road", "from": ["road"]}),
    )
    said: list[str] = []
    patches = terrazzo.prepare(
        taxonomy=listed, gsd=1.0, class_field="cover", out=tmp_path / "p", patch_size=32, buffer=0, say=said.append
    ).patches
    told = patches.description
    # 128 px of 0.5 m become 64: two rows of two patches, of which the right ones have no label.
    assert [(image["name"], image["height"]) for image in told["images"]][-1] == ("map/ortho", 64)
    assert patches.corners[patches.image_of == 3].tolist() == [[0, 0], [32, 0]]
    assert (patches.masks[patches.image_of == 3] == 0).all()
    assert told["sources"][1]["gsd_m"] == pytest.approx(0.5, abs=0.01)
    assert told["sources"][1]["mapping"] == [{"from": "hut", "class": "Building", "pixels": 64 * 32}]
    assert told["gsd_m"] == 1.0
    assert "band_names" not in told  # photos name no bands
    assert any("128 x 128 px of 0.5 m" in line and "is read as 64 x 64 px of 1 m" in line for line in said)


def test_gsd_of_a_raster_alone(tmp_path: Path) -> None:
    image = write_raster(tmp_path / "ortho.tif", noise(3, 128, 128), photometric="RGB")
    labels = write_layer(tmp_path / "parcels.gpkg", [rectangle(0, 0, 128, 128)], ["hut"])
    patches = terrazzo.prepare(image, labels, gsd=1.0, class_field="cover", out=tmp_path / "p", patch_size=32,
                               split="block", block_size=1, buffer=0).patches  # fmt: skip
    assert len(patches) == 4
    assert patches.gsd_m == pytest.approx(1.0, abs=0.01)
    assert terrazzo.prepare(image, labels, gsd=1.0, class_field="cover", out=tmp_path / "p", patch_size=32,
                            split="block", block_size=1, buffer=0).kept  # fmt: skip


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"gsd": 1.0}, InputError, "source north: --gsd 1: the ground sampling distance of its photos is not known"),
        ({"gsd": -1.0}, InputError, "--gsd -1: expected metres per pixel, above 0"),
        ({"gsd": 1.0, "downsample": 2.0}, InputError, "--gsd 1: says how much smaller images are read"),
        ({"ignore_class": ["roof"]}, InputError, "--ignore-class: with --taxonomy"),
        ({"class_field": "cover"}, InputError, "--class-field: is for rasters, and no source is of rasters"),
        ({"patch_size": 128}, LabelError, "source north: .*smaller than a patch of 128"),
        ({"split": "group", "val": 0.0, "test": 0.0}, None, ""),
        ({"split": "given"}, SplitError, "source north: --split given: this layout gives none"),
    ],
)
def test_options_that_do_not_fit(
    both: tuple[Path, Path], tmp_path: Path, options: dict[str, object], error: type[TerrazzoError] | None, words: str
) -> None:
    given: dict[str, object] = {"patch_size": 32, "out": tmp_path / "p", "taxonomy": taxonomy(tmp_path), **options}
    if error is None:
        terrazzo.prepare(*both, **given)  # type: ignore[arg-type]
        return
    with pytest.raises(error, match=f"^{words}"):
        terrazzo.prepare(*both, **given)  # type: ignore[arg-type]
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(("gsd_m", "words"), [
    (2.1, "its pixels of 2.1 m are more than twice as large; give --gsd 1.05 or more"),
    (0.01, "is 100 times its pixels of 0.01 m; expected at most 64 times"),
])  # fmt: skip
def test_a_gsd_too_far_from_the_source(both: tuple[Path, Path], tmp_path: Path, gsd_m: float, words: str) -> None:
    listed = taxonomy(tmp_path, {"name": "north", "gsd_m": gsd_m}, {"name": "south", "gsd_m": 1})
    with pytest.raises(InputError, match=f"source north: --gsd 1: {words}"):
        terrazzo.prepare(*both, taxonomy=listed, gsd=1.0, out=tmp_path / "p", patch_size=32)


def test_images_of_other_bands_are_refused(both: tuple[Path, Path], tmp_path: Path) -> None:
    write_raster(tmp_path / "ortho.tif", noise(4, 64, 64).astype(np.uint16))
    write_layer(tmp_path / "parcels.gpkg", [rectangle(0, 0, 64, 64)], ["hut"])
    listed = taxonomy(tmp_path, {"name": "north"}, {"name": "map", "images": "ortho.tif", "labels": "parcels.gpkg"},
                      classes=({"name": "Building", "from": ["roof", "hut"]},))  # fmt: skip
    with pytest.raises(InputError, match=r"sources north and map: one has 3 bands of uint8 .* 4 bands of uint16"):
        terrazzo.prepare(
            both[0], tmp_path / "ortho.tif", taxonomy=listed, class_field="cover", out=tmp_path / "p", patch_size=32
        )


def test_without_a_taxonomy_the_old_meaning_of_the_arguments_stays(both: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data: give a folder or"):
        terrazzo.prepare(out=tmp_path / "p")
    with pytest.raises(InputError, match="third: is a third path; several data sets need a --taxonomy"):
        terrazzo.prepare(*both, ["third"], out=tmp_path / "p")
    with pytest.raises(InputError, match="--gsd 1: is for rasters; of photos, a --taxonomy gives their gsd_m"):
        terrazzo.prepare(both[0], gsd=1.0, out=tmp_path / "p")
    done = terrazzo.prepare(both[0] / "images", both[0] / "masks", out=tmp_path / "p", patch_size=32,
                            classes=both[0] / "classes.csv")  # fmt: skip
    assert "sources" not in done.patches.description
    assert done.patches.source_names == ()
    assert not any("source" in image for image in done.patches.description["images"])


def test_an_interrupted_prepare_leaves_nothing(
    both: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what == "south: cutting patches":
            raise KeyboardInterrupt

    listed = taxonomy(tmp_path, {"name": "north", "gsd_m": 1}, {"name": "south", "gsd_m": 1})
    with pytest.raises(KeyboardInterrupt):
        terrazzo.prepare(*both, taxonomy=listed, gsd=1.2, out=tmp_path / "p", patch_size=32, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["north", "south", "taxonomy.yaml"]


def test_a_source_that_cannot_be_read_is_named(both: tuple[Path, Path], tmp_path: Path) -> None:
    (both[1] / "masks" / "a1.png").write_bytes(b"no picture")
    with pytest.raises(LabelError, match=r"^source south: .*a1\.png"):
        terrazzo.prepare(*both, taxonomy=taxonomy(tmp_path), out=tmp_path / "p", patch_size=32)
    with pytest.raises(ClassTableError, match=r"taxonomy\.yaml: class Water: from north/sea: no source has it"):
        terrazzo.prepare(
            both[0],
            taxonomy=taxonomy(tmp_path, classes=({"name": "Water", "from": ["north/sea"]},)),
            out=tmp_path / "p",
            patch_size=32,
        )


def test_a_class_is_on_one_side_only_by_all_sources_together(both: tuple[Path, Path], tmp_path: Path) -> None:
    # In the south a House is in one image of two; the north has roofs in train and val.
    classes = ({"name": "Building", "from": ["roof", "House", "field", "ROAD"]}, {"name": "Road", "from": ["road"]},
               {"name": "Water", "from": ["lake"]})  # fmt: skip
    alone = terrazzo.prepare(both[1], taxonomy=taxonomy(tmp_path, classes=(
        {"name": "House", "from": ["House"]}, {"name": "Other", "from": ["ROAD", "field"]},
    )), out=tmp_path / "alone", patch_size=32)  # fmt: skip
    assert any("class House has no" in line for line in alone.lines)
    done = terrazzo.prepare(*both, taxonomy=taxonomy(tmp_path, classes=classes), out=tmp_path / "p", patch_size=32)
    assert not any("Building" in line for line in done.lines)
    with pytest.raises(InputError, match="source nowhere: nowhere: no such file or folder"):
        terrazzo.prepare(both[0], "nowhere", taxonomy=tmp_path / "taxonomy.yaml", out=tmp_path / "q")
