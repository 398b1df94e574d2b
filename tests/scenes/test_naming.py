"""Two folders of pictures, and patterns of names, as a command gives them."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.cli import run
from terrazzo.errors import InputError
from terrazzo.scenes.detect import find_scenes
from terrazzo.scenes.naming import Naming, hold_pictures
from terrazzo.scenes.scene import Found
from tests.worlds.handmade import encoded, photo, write
from tests.worlds.rasters import noise, write_raster

MASK = np.kron(np.array([[0, 255], [255, 0]], np.uint8), np.ones((16, 16), np.uint8))


def files(root: Path, *names: str) -> Path:
    """Photos of these names, masks of 0 and 255 where the name ends with `#`; 32 x 32 px."""
    for seed, name in enumerate(names):
        bare = name.rstrip("#")
        kind = "JPEG" if bare.endswith(".jpg") else "TIFF" if bare.endswith(".tif") else "PNG"
        write(root / bare, encoded(MASK if name.endswith("#") else photo(32, 32, seed), kind))
    return root


def pairs(found: Found, root: Path) -> dict[str, str]:
    below = f"{root}/"
    return {s.image.where.removeprefix(below): s.label.where.removeprefix(below) for s in found.scenes}


def found(root: Path, masks: str | None = None, image: str | None = None, mask: str | None = None) -> Found:
    images, _, of_masks = (masks or "").partition(" ")
    naming = Naming(root / of_masks if masks else None, image, mask)
    return find_scenes(root / images if masks else root, naming=naming)


# --- two folders


def test_two_folders_of_any_names(tmp_path: Path) -> None:
    root = files(tmp_path, "in/a.jpg", "in/b.jpg", "out/a_roofs.png#", "out/b_roofs.png#", "in/note.txt#")
    result = found(root, "in out")
    assert pairs(result, root) == {"in/a.jpg": "out/a_roofs.png", "in/b.jpg": "out/b_roofs.png"}
    assert [scene.name for scene in result.scenes] == ["a", "b"]
    assert result.notes == (
        f"pictures: images in {root / 'in'}, masks in {root / 'out'}",
        "paired by name: 2 images * with *_roofs",
        "1 other file left alone, e.g. in/note.txt",
    )


def test_folders_below_pair_by_their_paths_without_words_else_by_unique_names(tmp_path: Path) -> None:
    trees = files(tmp_path / "a", "one/D1/img/IMG_1.png", "one/D2/img/IMG_1.png", "two/D1/msk/MSK_1.png#")
    files(trees, "two/D2/msk/MSK_1.png#")
    assert pairs(found(trees, "one two"), trees) == {
        f"one/{d}/img/IMG_1.png": f"two/{d}/msk/MSK_1.png" for d in ("D1", "D2")
    }
    loose = files(tmp_path / "b", "one/day 1/a.png", "one/day 2/b.png", "two/a.png#", "two/b.png#")
    assert pairs(found(loose, "one two"), loose) == {"one/day 1/a.png": "two/a.png", "one/day 2/b.png": "two/b.png"}


def test_splits_below_the_two_folders_count(tmp_path: Path) -> None:
    names = [f"{top}/{side}/{side}.png{'#' * (top == 'y')}" for top in "xy" for side in ("train", "val")]
    result = found(files(tmp_path, *names), "x y")
    assert {scene.name: scene.split for scene in result.scenes} == {"train/train": "train", "val/val": "val"}


def test_masks_inside_the_folder_of_the_images_and_zips_and_equal_names(tmp_path: Path) -> None:
    inside = files(tmp_path / "set", "a.png", "masks/a.png#")
    naming = Naming(inside / "masks")
    assert pairs(find_scenes(inside, naming=naming), inside) == {"a.png": "masks/a.png"}
    same = files(tmp_path / "same", "one/png/a.png", "two/png/a.png#")
    assert pairs(found(same, "one/png two/png"), same) == {"one/png/a.png": "two/png/a.png"}


def test_two_zips(tmp_path: Path) -> None:
    root = files(tmp_path, "in/a.jpg", "out/a.png#")
    for side in ("in", "out"):
        shutil.make_archive(str(root / f"{side}put"), "zip", root / side)
    assert hold_pictures(root / "input.zip", root / "output.zip")
    assert pairs(found(root, "input.zip output.zip"), root) == {"input.zip!a.jpg": "output.zip!a.png"}


def test_what_lacks_a_partner_is_told_by_the_folders_names(tmp_path: Path) -> None:
    root = files(tmp_path, "in/a.png", "in/b.png", "out/a.png#")
    assert [lone.problem for lone in found(root, "in out").unpaired] == ["image without mask: there is no out/b.*"]


def test_one_mask_a_class_in_the_second_folder_is_named(tmp_path: Path) -> None:
    names = [f"in/{n}.png" for n in "ab"] + [f"out/{what}/{n}.png#" for n in "ab" for what in ("road", "water")]
    root = files(tmp_path, *names)
    with pytest.raises(InputError, match=r"the masks are one file per class \(road/, water/\)"):
        found(root, "in out")


def test_swapped_or_equal_folders_and_a_layout_are_refused(tmp_path: Path) -> None:
    root = files(tmp_path, "images/a.png", "masks/a.png#")
    with pytest.raises(InputError, match="the names say masks and images; give the images first"):
        found(root, "masks images")
    with pytest.raises(InputError, match="images: is both the images and the masks"):
        found(root, "images images")
    with pytest.raises(InputError, match="--layout camvid: finds images and masks itself; leave it out"):
        find_scenes(root / "images", "camvid", naming=Naming(root / "masks"))


def test_which_folders_are_pictures_and_which_rasters(tmp_path: Path) -> None:
    plain = files(tmp_path / "plain", "i/a.tif", "m/a.tif#", "p/a.png#", "none/a.txt")
    assert hold_pictures(plain / "i", plain / "m")
    assert not hold_pictures(plain / "i", plain / "m", for_rasters=True)
    assert hold_pictures(plain / "i", plain / "p")
    assert not hold_pictures(plain / "i", plain / "none")
    assert not hold_pictures(plain / "i/a.tif", plain / "m/a.tif")
    (tmp_path / "placed").mkdir()
    write_raster(tmp_path / "placed/a.tif", noise(3, 32, 32), photometric="RGB")
    assert not hold_pictures(tmp_path / "placed", plain / "m")
    assert hold_pictures(tmp_path / "placed", plain / "p")


def test_masks_in_a_format_that_is_not_read_are_named(tmp_path: Path) -> None:
    files(tmp_path / "foo", "a.jpg", "b.jpg")
    write(tmp_path / "bar/a.gif", b"GIF89a")
    assert hold_pictures(tmp_path / "foo", tmp_path / "bar")
    words = r"bar: holds no masks; expected pictures; found folders: \./ \(1 file\); \.gif files are not read, e"
    with pytest.raises(InputError, match=words):
        found(tmp_path, "foo bar")


def test_files_outside_the_first_folder_keep_their_whole_names(tmp_path: Path) -> None:
    root = files(tmp_path, "in/a.png", "in/b.png", "out/a.png#", "out/c.png#")
    lines = terrazzo.inspect(root / "in", root / "out", patch_size=32).lines()
    assert f"refuse: {root}/out/c.png: mask without image: there is no in/c.*" in lines
    assert "refuse: b.png: image without mask: there is no out/b.*" in lines


def test_prepare_and_inspect_take_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = files(tmp_path, *(f"in/{n}.jpg" for n in "abc"), *(f"out/{n}.png#" for n in "abc"))
    assert run(["inspect", str(root / "in"), str(root / "out"), "--patch-size", "32"]) == 0
    assert f"pictures: images in {root / 'in'}, masks in {root / 'out'}" in capsys.readouterr().out
    done = terrazzo.prepare(root / "in", root / "out", out=tmp_path / "p", patch_size=32, split="image")
    assert len(done.patches) == 3
    assert run(["prepare", str(root / "in"), str(root / "out"), "--out", str(tmp_path / "q"), "--bands", "1"]) == 2
    assert "--bands 1: is for rasters;" in capsys.readouterr().err.replace("\n", " ")


def test_a_refusal_about_classes_names_both_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in "ab":
        write(tmp_path / f"in/{n}.png", photo(32, 32, ord(n)))
        write(tmp_path / f"out/{n}.png", MASK // 51)
    assert run(["inspect", str(tmp_path / "in"), str(tmp_path / "out")]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"terrazzo inspect {tmp_path / 'in'} {tmp_path / 'out'} --write-classes classes.csv" in said


# --- patterns


@pytest.mark.parametrize(
    ("names", "image", "mask", "expected"),
    [
        (["a_naip.png", "a_lc.png#"], "_naip.png", "_lc.png", {"a_naip.png": "a_lc.png"}),
        (["a.jpg", "a_v2.png#"], None, "_v2.png", {"a.jpg": "a_v2.png"}),
        (["a.jpg", "a.png#"], "jpg", "PNG", {"a.jpg": "a.png"}),
        (["a_v2.jpg", "a.png#"], "_v2.jpg", None, {"a_v2.jpg": "a.png"}),
        (["a.png", "a_roofs.png#"], ".png", "_roofs.png", {"a.png": "a_roofs.png"}),
        (["S_s2_1.png", "S_lc_1.png#"], "*_s2_*.png", "*_lc_*.png", {"S_s2_1.png": "S_lc_1.png"}),
        (["x/f_1.png", "y/t_1.png#"], "f_*.png", "t_*.png", {"x/f_1.png": "y/t_1.png"}),
        (["img/1.png", "out/1.png#"], "img/*.png", "out/*.png", {"img/1.png": "out/1.png"}),
        (
            ["train/B/1.png", "train/label/1.png#", "val/B/1.png", "val/label/1.png#", "val/A/1.png"],
            "B/*.png",
            "label/*.png",
            {"train/B/1.png": "train/label/1.png", "val/B/1.png": "val/label/1.png"},
        ),
        (["a_rgb.jpg", "a_x.tif#"], "_rgb", "_x", {"a_rgb.jpg": "a_x.tif"}),
        (["A_SAT.JPG", "A_Mask.PNG#"], "_sat.jpg", "_mask.png", {"A_SAT.JPG": "A_Mask.PNG"}),
        (
            ["p/1_i.png", "p/1_m.png#", "q/1_i.png", "q/1_m.png#"],
            "_i.png",
            "_m.png",
            {"p/1_i.png": "p/1_m.png", "q/1_i.png": "q/1_m.png"},
        ),
    ],
)
def test_patterns_pair_by_what_the_star_stands_for(
    tmp_path: Path, names: list[str], image: str | None, mask: str | None, expected: dict[str, str]
) -> None:
    root = files(tmp_path / "set", *names)
    result = found(root, image=image, mask=mask)
    assert pairs(result, root) == expected
    assert result.unpaired == ()


def test_the_option_that_a_refusal_names_reads_the_data(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for n in "ab":
        write(root / f"{n}.jpg", encoded(photo(32, 32, ord(n)), "JPEG"))
        write(root / f"{n}.png", np.dstack([MASK] * 3))
    with pytest.raises(InputError) as caught:
        find_scenes(root)
    assert str(caught.value).endswith("or say so with --image-suffix .jpg --mask-suffix .png")
    assert pairs(found(root, image=".jpg", mask=".png"), root) == {f"{n}.jpg": f"{n}.png" for n in "ab"}


def test_patterns_in_two_folders(tmp_path: Path) -> None:
    root = files(tmp_path, "in/a_1m.png", "in/a_2m.png", "out/a_v1.png#", "out/a_v2.png#")
    assert pairs(found(root, "in out", "_1m.png", "_v2.png"), root) == {"in/a_1m.png": "out/a_v2.png"}
    same = files(tmp_path / "same", "in/a.png", "in/b.png", "out/a_v1.png#", "out/b_v1.png#")
    assert pairs(found(same, "in out", ".png", "_v1.png"), same) == {f"in/{n}.png": f"out/{n}_v1.png" for n in "ab"}
    assert found(same, "in out", None, "_v1.png").words == (
        *(str(same / "in"), str(same / "out")),
        *("--mask-suffix", "_v1.png"),
    )


def test_what_the_patterns_leave_over_is_told(tmp_path: Path) -> None:
    root = files(tmp_path / "set", "a_i.png", "a_m.png#", "b_i.png", "c_m.png#", "map.png")
    result = found(root, image="_i.png", mask="_m.png")
    assert result.notes == (
        "paired by name: 1 image *_i.png with *_m.png",
        "1 image file that fits no pattern left alone, e.g. map.png",
    )
    assert {lone.asset.name: lone.problem for lone in result.unpaired} == {
        "b_i.png": "image without mask: no mask is named alike",
        "c_m.png": "mask without image: no image is named alike",
    }
    root = files(tmp_path / "twice", "a.jpg", "p/a_m.png#", "q/a_m.png#", "b.jpg", "b_m.png#")
    result = found(root, mask="_m.png")
    assert pairs(result, root) == {"b.jpg": "b_m.png"}
    assert result.unpaired[0].problem == "a.jpg fits a_m.png and a_m.png by name, so the pair is not clear; keep one"


@pytest.mark.parametrize(
    ("image", "mask", "words"),
    [
        (
            "_x.png",
            None,
            r"--image-suffix _x\.png: fits none of the pictures, e\.g\. a\.png; give what their names end",
        ),
        ("a.png", "b.png", r"the patterns fit 1 image and 1 mask, but no two share what \* stands for: xa.png"),
    ],
)
def test_patterns_that_pair_nothing(tmp_path: Path, image: str, mask: str | None, words: str) -> None:
    root = files(tmp_path / "set", "a.png", "b.png#") if mask is None else files(tmp_path / "set", "xa.png", "yb.png#")
    with pytest.raises(InputError, match=words):
        found(root, image=image, mask=mask)


def test_patterns_are_for_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_raster(tmp_path / "a.tif", noise(3, 32, 32), photometric="RGB")
    words = [str(tmp_path / "a.tif"), str(tmp_path / "b.gpkg"), "--mask-suffix", "_m.png", "--out", str(tmp_path / "o")]
    assert run(["prepare", *words]) == 2
    assert "--mask-suffix _m.png: is for folders of pictures" in " ".join(capsys.readouterr().err.split())
    assert run(["inspect", str(tmp_path), "--mask-suffix", "*"]) == 2
    assert "--mask-suffix '*': expected what names end with: _mask.png" in capsys.readouterr().err
