"""What predict maps of the inputs that people have, what it says of doubtful ones, and the way out of the rest."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.crs import CRS

import terrazzo
from terrazzo.errors import ImageError, InputError, PartialError
from terrazzo.maps.inputs import find_pictures
from terrazzo.maps.predict import Maps
from tests.worlds.mapping import read_map
from tests.worlds.models import write_model
from tests.worlds.rasters import GRID, noise, write_raster


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "model.safetensors")


def mapped(model: Path, raster: Path, **options: object) -> tuple[Maps, list[str]]:
    """The maps of a raster, and what was said."""
    said: list[str] = []
    given = {
        "out": raster.parent / "maps",
        "device": "cpu",
        "precision": "32",
        "vector_format": "none",
        "overwrite": True,
        **options,
    }
    return terrazzo.predict(model, raster, say=said.append, **given), said


# --- doubtful rasters


def test_a_raster_without_a_valid_pixel_is_refused_and_the_others_are_mapped(model: Path, tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    path = write_raster(tmp_path / "scenes" / "a.tif", np.zeros((3, 20, 30), np.uint8), nodata=0)
    with pytest.raises(ImageError, match=r"a\.tif: no pixel is valid, all have the nodata value 0 or are masked"):
        mapped(model, path)
    assert not (path.parent / "maps").exists()
    write_raster(tmp_path / "scenes" / "b.tif", noise(3, 20, 30), nodata=0)
    with pytest.raises(PartialError, match=r"1 of 2 images failed"):
        mapped(model, tmp_path / "scenes")


def test_a_collar_is_said_and_left_out_with_nodata(model: Path, tmp_path: Path) -> None:
    bands = noise(3, 64, 100)
    bands[:, :, :40] = 0
    path = write_raster(tmp_path / "a.tif", bands)
    _, said = mapped(model, path)
    line = f"warning: {path}: a rim of 40% of the pixels has the value 0 and gets a class"
    assert any(words.startswith(line) for words in said)
    _, said = mapped(model, path, nodata=0)
    (ids,) = read_map(tmp_path / "maps" / "a" / "classes.tif")
    assert (ids[:, :40] == 255).all()
    np.testing.assert_array_equal(ids[:, 40:], bands.argmax(axis=0)[:, 40:])
    assert said == []


def test_a_finished_map_of_other_nodata_is_another_map(model: Path, tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(3, 20, 30))
    mapped(model, path)
    with pytest.raises(terrazzo.errors.OutputExistsError):
        mapped(model, path, nodata=0, overwrite=False)


def test_a_scale_that_flattens_is_said(model: Path, tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", (noise(3, 40, 50) / 255).astype(np.float32))
    _, said = mapped(model, path, scale="0,255")
    assert [line for line in said if "leaves nothing to see in band 1" in line]
    _, said = mapped(model, path, scale="0,1")
    assert said == []


def test_near_infrared_called_alpha_is_read_as_a_band_by_a_model_of_four(tmp_path: Path) -> None:
    """The fourth class is none of the model's three, so the map shows that the holes are gone."""
    four = write_model(tmp_path / "four.safetensors", bands=4)
    infrared = np.broadcast_to(np.where(np.arange(60) < 30, 0, 90 + np.arange(60)), (40, 60)).astype(np.uint8)
    colors = [rasterio.enums.ColorInterp[name] for name in ("red", "green", "blue", "alpha")]
    path = write_raster(tmp_path / "a.tif", np.concatenate([noise(3, 40, 60), infrared[None]]), colors=colors)
    with pytest.raises(InputError, match="its alpha is left out; if that is a band, read it with --bands 1,2,3,4"):
        mapped(four, path)
    mapped(four, path, bands="1,2,3,4")
    assert (read_map(tmp_path / "maps" / "a" / "classes.tif") != 255).all()


# --- photos with a place


@pytest.mark.parametrize(("name", "world"), [("ortho.jpg", "ortho.jgw"), ("ortho.png", "ortho.pgw")])
def test_a_photo_with_a_world_file_keeps_its_place(model: Path, tmp_path: Path, name: str, world: str) -> None:
    Image.fromarray(np.ascontiguousarray(noise(3, 40, 50).transpose(1, 2, 0))).save(tmp_path / name, quality=95)
    (tmp_path / world).write_text("0.5\n0\n0\n-0.5\n500000.25\n3999999.75\n")
    done, said = mapped(model, tmp_path / name)
    assert done.written == (name,)
    assert done.pictures is None
    with rasterio.open(tmp_path / "maps" / "ortho" / "classes.tif") as classes:
        assert (classes.transform, classes.crs) == (GRID, None)
    assert f"is placed by {world}, so it is mapped as a raster; its CRS is not known" in said[0]
    (tmp_path / "ortho.prj").write_text(CRS.from_epsg(32618).to_wkt())
    mapped(model, tmp_path / name)
    with rasterio.open(tmp_path / "maps" / "ortho" / "classes.tif") as classes:
        assert classes.crs == CRS.from_epsg(32618)


# --- other formats


def test_rasters_of_other_formats_are_mapped_in_folders_or_by_name(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    folder.mkdir()
    write_raster(folder / "a.img", noise(3, 40, 50), driver="HFA")
    write_raster(folder / "b.ntf", noise(3, 40, 50), driver="NITF", ICORDS="N")
    envi = write_raster(folder / "a.bil", noise(3, 40, 50, seed=1), driver="ENVI")
    found = find_pictures([folder], tmp_path / "maps")
    assert [str(file.name) for file in found.rasters] == ["a.img", "b.ntf"]
    assert found.ignored == 2, "ENVI's image and header count where they are named"
    for seed, path in enumerate((folder / "a.img", envi)):  # the header of one, a.hdr, is no header of the other
        mapped(model, path)
        (ids,) = read_map(folder / "maps" / path.name / "classes.tif")
        np.testing.assert_array_equal(ids, noise(3, 40, 50, seed=seed).argmax(axis=0))


def stac(href: str) -> str:
    return json.dumps(
        {"type": "Feature", "stac_version": "1.0.0", "assets": {"t": {"href": "t.png"}, "v": {"href": href}}}
    )


def test_the_header_of_an_image_names_the_image(tmp_path: Path) -> None:
    for header, image in (("a.hdr", "a.dat"), ("b.bsq.hdr", "b.bsq"), ("c.hdr", "c")):
        (tmp_path / header).write_text("ENVI")
        (tmp_path / image).write_bytes(b"")
        with pytest.raises(InputError, match=rf"{header}: is the header of an image; name the image: .*/{image}$"):
            find_pictures([tmp_path / header], tmp_path / "maps")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.ecw", "", "is not an image by its name; make a GeoTIFF of it: gdal_translate {path} {stem}.tif"),
        ("a.sid", "", "gdal_translate {path} {stem}.tif"),
        ("a.asc", "", "gdal_translate {path} {stem}.tif"),
        ("a.h5", "", "gdal_translate {path} {stem}.tif"),
        ("a.json", stac("https://host/v.tif"), "is a STAC item; name the raster that it describes: https://host/v.tif"),
        ("a.json", stac("./v.tif"), "is a STAC item; name the raster that it describes: {folder}/v.tif"),
        ("a.json", "{}", "is not an image by its name; expected png, jpg, jpeg, bmp, webp, tif, tiff, jp2, img, ntf"),
        ("a.zip", "", "is a zip; unpack it, and name the folder"),
        ("a.txt", "", "is not an image by its name; expected png"),
        ("a.hdr", "ENVI", "is the header of an image; name the image that lies beside it"),
    ],
)
def test_what_cannot_be_mapped_names_the_way(tmp_path: Path, name: str, content: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        find_pictures([path], tmp_path / "maps")
    assert str(caught.value).startswith(f"{path}: ")
    assert words.format(path=path, stem=path.with_suffix(""), folder=tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
