"""Masks beside images are not mapped, and nothing else is left out."""

from pathlib import Path, PurePosixPath

import pytest

from terrazzo.cli import run
from terrazzo.maps.label_folders import labels_among
from terrazzo.scenes.synthesize import synthesize
from tests.worlds.models import write_model


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["images/a.jpg", "masks/a.png"], ["masks/a.png"]),
        (["ortho/a.tif", "nir/a.tif", "Labels/a.tif"], ["Labels/a.tif"]),
        (["Tile 1/images/a.jpg", "Tile 1/masks/a.png"], ["Tile 1/masks/a.png"]),
        (["train/north/a.jpg", "labels/north/a.png"], ["labels/north/a.png"]),
        (["images/a.jpg", "masks/b.png"], []),  # no image of its name
        (["Tile 1/images/a.jpg", "Tile 2/masks/a.png"], []),  # another place
        (["masks/a.png", "labels/a.png"], []),  # neither is an image of the other
        (["masks/a.png", "a.jpg"], []),  # not beside it
        (["a.jpg", "a.png"], []),
    ],
)
def test_a_label_has_an_image_of_its_name_beside_it(names: list[str], labels: list[str]) -> None:
    assert labels_among([PurePosixPath(name) for name in names]) == {PurePosixPath(name) for name in labels}


def test_the_folder_of_a_world_is_mapped_without_its_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, model = (
        synthesize(tmp_path / "world", images=2, height=40, width=50).path,
        write_model(tmp_path / "m.safetensors"),
    )
    words = ["--device", "cpu", "--out"]
    assert run(["predict", str(model), str(world), *words, str(tmp_path / "maps")]) == 0
    said = " ".join("".join(capsys.readouterr()).split())
    assert (
        f"{world}: 2 files in folders named masks or labels, as {world / 'masks' / 'scene_001.png'}, not mapped" in said
    )
    assert sorted(path.name for path in (tmp_path / "maps").iterdir() if path.is_dir()) == ["images"]
    assert run(["predict", str(model), str(world / "masks"), *words, str(tmp_path / "of-masks")]) == 0
    assert (tmp_path / "of-masks" / "scene_001_classes.png").is_file(), "named itself, it is mapped"
