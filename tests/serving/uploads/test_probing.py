"""The probe opens the upload and nothing else, within its limits, in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from terrazzo.serving.closed_gdal import closed_gdal
from terrazzo.serving.folder import DataFolder
from terrazzo.serving.settings import Settings
from terrazzo.serving.uploads import probing
from terrazzo.serving.uploads.errors import ContentError, TooLargeError
from terrazzo.serving.uploads.probing import refuse
from terrazzo.serving.uploads.upload import Upload
from tests.worlds.hostile import CORPUS, SECRET, Hostile, photo, raster, strip_tiff

REPOSITORY = Path(__file__).parents[3]
ENVIRONMENT = (
    sys.prefix,
    sys.base_prefix,
    str(REPOSITORY),
    *filter(None, sys.path),
    "/usr/",
    "/lib",
    "/proc/",
    "/sys/",
    "/dev/",
    "/etc/ld.so",
)
OPENED = re.compile(r'open(?:at)?\(.*?"([^"]*)".*\) = \d+')
RASTERS = [
    attack for attack in CORPUS if attack.media_type in ("image/tiff", "image/jp2") and attack.says != "is empty"
]


def upload(folder: Path, raw: bytes, suffix: str = ".tif", media_type: str = "image/tiff") -> Upload:
    path = folder / f"body{suffix}"
    path.write_bytes(raw)
    return Upload("0" * 32, "", media_type, path, len(raw), len(raw), name="a.img")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(models=tmp_path, data=DataFolder(tmp_path))


def test_pixels_are_counted_from_the_header_up_to_the_limit_itself(tmp_path: Path) -> None:
    """The raster has 96 x 80 = 7680 pixels."""
    made = upload(tmp_path, raster(tmp_path))
    settings = Settings(models=tmp_path, data=DataFolder(tmp_path), max_pixels=7680)
    assert refuse(made, settings)["width"] == 96
    settings = Settings(models=tmp_path, data=DataFolder(tmp_path), max_pixels=7679)
    with pytest.raises(TooLargeError, match=r"^a\.img: has 96 x 80 pixels by its header; at most 7679 are taken"):
        refuse(made, settings)


def test_a_strip_that_holds_more_than_it_claims_is_read_up_to_its_claim(tmp_path: Path, settings: Settings) -> None:
    import zlib

    bomb = strip_tiff(100, 100, zlib.compress(bytes(50_000_000), 9))
    assert refuse(upload(tmp_path, bomb), settings)["height"] == 100


def test_a_page_that_comes_after_itself_ends(tmp_path: Path, settings: Settings) -> None:
    chained = strip_tiff(10, 10, bytes(100), compression=1, chained=True)
    assert refuse(upload(tmp_path, chained), settings)["bands"] == 1


def test_a_probe_that_takes_too_long_is_ended(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ContentError, match=r"^a\.img: did not decode within 0\.001 s"):
        refuse(upload(tmp_path, photo(), ".png", "image/png"), settings, wall_s=0.001)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the address space of a process")
def test_a_probe_without_memory_is_a_refusal_in_one_line(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "MEMORY", 160 << 20)
    with pytest.raises(ContentError, match=r"^a\.img: ") as met:
        refuse(upload(tmp_path, photo("BMP", 6000, 6000), ".bmp", "image/bmp"), settings)
    assert "\n" not in str(met.value)


def test_gdal_has_one_driver_in_the_closed_environment() -> None:
    code = "import rasterio\nwith rasterio.Env() as env: print(sorted(env.drivers()))"
    environment = {**os.environ, **closed_gdal(["GTiff"])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['GTiff']"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("attack", RASTERS, ids=lambda attack: attack.name)
def test_the_probe_opens_no_file_outside_and_no_socket(tmp_path: Path, attack: Hostile) -> None:
    made = upload(tmp_path, attack.make(tmp_path), ".jp2" if attack.media_type == "image/jp2" else ".tif")
    trace = tmp_path / "trace"
    driver = "JP2OpenJPEG" if attack.media_type == "image/jp2" else "GTiff"
    command = [sys.executable, "-P", "-W", "ignore", "-m", "terrazzo.serving.uploads.probe", str(made.path), "a.img"]
    subprocess.run(
        [
            "strace",
            "-f",
            "-e",
            "trace=open,openat,socket,connect",
            "-o",
            str(trace),
            *command,
            "1000000",
            "2000000000",
            "60",
        ],
        env={**os.environ, **closed_gdal([driver])},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    text = trace.read_text()
    opened = {os.path.normpath(found) for found in OPENED.findall(text) if Path(found).is_absolute()}
    assert str(made.path) in opened
    assert SECRET not in opened
    assert {path for path in opened if not path.startswith((*ENVIRONMENT, str(tmp_path)))} == set()
    assert "AF_INET" not in text
