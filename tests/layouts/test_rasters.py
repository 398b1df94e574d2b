"""Data sets of deep or many-banded GeoTIFFs: the refusal as pictures names the command that reads them."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from terrazzo.cli import run
from terrazzo.patches.folder import open_patches
from tests.layouts.build import blocks

CLASSES = "id,name\n1,building\n2,water\n3,road\n"


def place(root: Path, images: str, masks: str, names: dict[str, str], kind: tuple[int, str]) -> None:
    """GeoTIFFs of 64 x 64 px of `kind` (bands, dtype), and masks of the ids 1 to 3 on their grids, 1 km apart."""
    bands, dtype = kind
    for number, (image, mask) in enumerate(names.items()):
        grid = {
            "width": 64,
            "height": 64,
            "crs": "EPSG:2154",
            "transform": Affine(0.2, 0, 9e5 + 1e3 * number, 0, -0.2, 6e6),
        }
        values = np.random.default_rng(number).integers(1, 200, (bands, 64, 64))
        for path, array in ((images + image, values.astype(dtype)), (masks + mask, blocks(3, number)[None] + 1)):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            array = array if path.startswith(images) else array.astype(np.uint8)
            with rasterio.open(root / path, "w", driver="GTiff", count=len(array), dtype=array.dtype, **grid) as file:
                file.write(array)


CASES = {
    "FLAIR in one tree": (
        "",
        "",
        {
            "D004_2021/Z1_NN/img/IMG_061946.tif": "D004_2021/Z1_NN/msk/MSK_061946.tif",
            "D004_2021/Z2_UA/img/IMG_061950.tif": "D004_2021/Z2_UA/msk/MSK_061950.tif",
        },
        (5, "uint8"),
        ("{}/D004_2021/*/img/*.tif", "{}/D004_2021/*/msk/*.tif"),
    ),
    "FLAIR in two trees": (
        "flair_aerial_train/",
        "flair_labels_train/",
        {
            "D004_2021/Z1_NN/img/IMG_061946.tif": "D004_2021/Z1_NN/msk/MSK_061946.tif",
            "D006_2020/Z2_UA/img/IMG_003551.tif": "D006_2020/Z2_UA/msk/MSK_003551.tif",
        },
        (5, "uint8"),
        ("{}/flair_aerial_train", "{}/flair_labels_train"),
    ),
    "Zurich Summer": (
        "images_tif/",
        "groundtruth/",
        {f"zh{n}.tif": f"zh{n}_GT.tif" for n in (1, 2)},
        (4, "uint16"),
        ("{}/images_tif", "{}/groundtruth"),
    ),
    "train and val": (
        "",
        "",
        {f"{side}/images/{n}.tif": f"{side}/masks/{n}.tif" for side in ("train", "val") for n in (1, 2)},
        (3, "uint16"),
        ("{}/*/images/*.tif", "{}/*/masks/*.tif"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=[name.replace(" ", "-") for name in CASES])
def test_the_command_in_the_refusal_reads_them(
    case: tuple[str, str, dict[str, str], tuple[int, str], tuple[str, str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images, masks, names, kind, expected = case
    root = tmp_path / "my set"
    place(root, images, masks, names, kind)
    assert run(["inspect", str(root)]) == 2
    error = capsys.readouterr().err.strip()
    what = "has 5 bands" if kind[0] == 5 else "has 16 bits a band"
    assert f"{what}, so it is read as a raster; give images and masks as two folders: terrazzo prepare " in error
    words = shlex.split(error.split("terrazzo prepare ")[1])
    assert words == [word.format(root) for word in expected]
    (tmp_path / "classes.csv").write_text(CLASSES, encoding="utf-8")
    scale = [] if kind[1] == "uint8" else ["--scale", "0,255"]
    options = ["--classes", str(tmp_path / "classes.csv"), "--bands", "1,2,3", "--patch-size", "32", *scale]
    assert run(["prepare", *words, "--out", str(tmp_path / "out"), *options]) == 0, capsys.readouterr()
    assert len(open_patches(tmp_path / "out")) == 4 * len(names)


def test_eight_bits_of_three_bands_stay_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place(tmp_path / "set", "images/", "masks/", {"1.tif": "1.tif"}, (3, "uint8"))
    (tmp_path / "classes.csv").write_text(CLASSES, encoding="utf-8")
    assert (
        run(["inspect", str(tmp_path / "set"), "--classes", str(tmp_path / "classes.csv"), "--patch-size", "32"]) == 0
    )
    assert "layout flat, 1 image" in capsys.readouterr().out
