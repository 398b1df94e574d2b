"""Several rasters as one through prepare and inspect: bands, patches, lines, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import terrazzo
from terrazzo.errors import InputError, LabelError
from tests.worlds.layers import rectangle, write_layer
from tests.worlds.rasters import noise, write_raster
from tests.worlds.stacks import write_labels, write_ortho, write_plane

SIZE = 32
Said = list[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def two(folder: str, *names: str, write: Callable[..., Path], **options: int) -> None:
    Path(folder).mkdir()
    for name in names:
        write(Path(folder) / name, **options)


def test_a_photo_with_heights_becomes_patches_of_four_bands(folder: Path) -> None:
    write_ortho(folder / "ortho.tif", 96, 128)
    write_plane(folder / "height.tif", 48, 64)
    labels = write_layer(folder / "labels.gpkg", [rectangle(0, 0, 96, 60), rectangle(0, 60, 96, 128)], ["a", "b"])
    said: Said = []
    word = "rgb=ortho.tif,dsm=height.tif"
    options = {"class_field": "cover", "patch_size": SIZE, "scale": "0,255"}
    done = terrazzo.prepare(word, labels, out="patches", **options, say=said.append)
    patches = done.patches
    assert (patches.bands, len(patches)) == (4, 12)
    assert patches.description["band_names"] == ["red", "green", "blue", "dsm"]
    assert patches.gsd_m == pytest.approx(0.5, rel=1e-3)
    assert (
        "height.tif: lies on another grid (48 x 64 px of 1 m, EPSG:32618) and is warped to that of ortho.tif "
        "(96 x 128 px of 0.5 m, EPSG:32618) by bilinear interpolation"
    ) in said
    row, col = patches.corners[5].tolist()
    np.testing.assert_array_equal(
        patches.images[5][..., :3], noise(3, 96, 128)[:, row : row + SIZE, col : col + SIZE].transpose(1, 2, 0)
    )
    # 100 m at the corner, +1 a metre to the east, -2 a metre to the south, rounded by the scale of 1 m a level.
    heights = patches.images[5][..., 3].astype(float)
    rows, cols = np.indices((SIZE, SIZE)) * 0.5 + 0.25
    assert np.abs(heights - (100 + cols + col / 2 - 2 * (rows + row / 2))).max() < 0.51
    assert terrazzo.prepare(word, labels, out="patches", **options).kept


def test_folders_are_paired_by_name_and_with_their_labels(folder: Path) -> None:
    two("ortho", "a_rgb.tif", "b_rgb.tif", write=write_ortho, height=64, width=64)
    two("heights", "a_dsm.tif", "b_dsm.tif", write=write_plane, height=32, width=32)
    Path("labels").mkdir()
    for name in ("a", "b"):
        write_labels(Path(f"labels/{name}_label.tif"))
    said: Said = []
    options = {"patch_size": SIZE, "scale": "0,255", "split": "patch"}
    done = terrazzo.prepare("rgb=ortho/,dsm=heights/", "labels", out="patches", **options, say=said.append)
    assert done.patches.image_names == ("a_rgb", "b_rgb")
    assert done.patches.bands == 4
    (line,) = [line for line in said if "warped" in line]
    assert line.startswith("heights/a_dsm.tif: lies on another grid")
    assert line.endswith("by bilinear interpolation (and 1 more raster)")


def test_pixels_outside_a_part_are_ignored_and_counted(folder: Path) -> None:
    """Heights cover 30 m x 20 m of 40 m x 30 m: half of the pixels."""
    write_ortho(folder / "ortho.tif", 64, 64)
    write_plane(folder / "height.tif", 32, 16)
    write_labels(folder / "labels.tif")
    said: Said = []
    word = "rgb=ortho.tif,dsm=height.tif"
    done = terrazzo.prepare(
        word, "labels.tif", out="patches", patch_size=SIZE, scale="0,255", split="patch", say=said.append
    )
    assert any("it covers 50.0% of it, the rest is invalid" in line for line in said)
    assert any("the others are ignored; 50.0% have no valid image" in line for line in said)
    assert any("left out: 2 patches without a labelled pixel" in line for line in said)
    assert len(done.patches) == 2


def test_inspect_describes_the_stack(folder: Path) -> None:
    write_ortho(folder / "ortho.tif", 64, 64)
    write_plane(folder / "height.tif", 32, 32)
    write_labels(folder / "labels.tif")
    found = terrazzo.inspect("rgb=ortho.tif,dsm=height.tif", "labels.tif", patch_size=SIZE)
    assert found.refusal is None
    (told,) = found.value["rasters"]
    assert (told["name"], told["bands"], told["dtype"]) == ("ortho", ["red", "green", "blue", "dsm"], "float32")
    assert any("is warped to that of ortho.tif" in line for line in found.text)


def test_files_without_a_partner_are_refused_or_left_out(folder: Path) -> None:
    two("ortho", "a.tif", "b.tif", write=write_ortho, height=64, width=64)
    two("heights", "a.tif", "c.tif", write=write_plane, height=32, width=32)
    two("labels", "a.tif", "b.tif", write=write_labels)
    options = {"patch_size": SIZE, "scale": "0,255", "split": "patch"}
    with pytest.raises(LabelError, match=r"^ortho/b.tif: has no partner of the same name \(3 such files\); name"):
        terrazzo.prepare("rgb=ortho,dsm=heights", "labels", out="patches", **options)
    said: Said = []
    done = terrazzo.prepare(
        "rgb=ortho,dsm=heights", "labels", out="patches", unpaired="skip", **options, say=said.append
    )
    assert done.patches.image_names == ("a",)
    assert "left out: 3 files without a partner (--unpaired skip)" in said


@pytest.mark.parametrize(
    ("data", "labels", "message"),
    [
        ("rgb=ortho.tif,dsm=far.tif", "labels.tif", "far.tif: does not overlap ortho.tif"),
        ("rgb=ortho.tif,dsm=lost.tif", "labels.tif", "lost.tif: has no coordinate reference system"),
        ("rgb=ortho.tif,dsm=gone.tif", "labels.tif", "gone.tif: no such file or folder"),
        ("rgb=ortho.tif,dsm=labels.tif", "labels.tif", "labels.tif: is both the images and the labels"),
        ("rgb=ortho.tif,dsm=far.tif", None, "is a raster without labels; give them too"),
        (
            "rgb=https://host/a.tif,dsm=far.tif",
            "labels.tif",
            "https:/host/a.tif: is an address that is not",
        ),
    ],
)
def test_refusals_are_one_line(folder: Path, data: str, labels: str | None, message: str) -> None:
    write_ortho(folder / "ortho.tif", 64, 64)
    far = write_plane(folder / "far.tif")
    write_raster(far, np.ones((1, 4, 4), np.float32), crs="EPSG:32619")
    write_raster(folder / "lost.tif", np.ones((1, 4, 4), np.float32), crs=None)
    write_labels(folder / "labels.tif")
    with pytest.raises(InputError) as caught:
        terrazzo.prepare(data, labels, out="patches", patch_size=SIZE, scale="0,255" if labels else None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
