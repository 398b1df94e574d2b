"""A damaged description of patches is refused when they are opened, whatever entry is hurt."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from terrazzo.errors import PatchesError
from terrazzo.patches.description import check_description
from terrazzo.patches.folder import open_patches
from tests.worlds.striped import striped_patches

NEEDED = (
    *("format", "n_patches", "patch_size", "bands", "fit", "classes", "splits", "split_method", "leak", "seed"),
    *("images", "content_hash"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    striped_patches(folder, 3)
    return folder / "patches"


def changed(whole: Path, folder: Path, **entries: object) -> Path:
    """A copy of the patches with these entries; None removes one."""
    copy = Path(shutil.copytree(whole, folder / "copy"))
    description = json.loads((copy / "dataset.json").read_text())
    description |= entries
    kept = {name: value for name, value in description.items() if value is not None}
    (copy / "dataset.json").write_text(json.dumps(kept))
    return copy


@pytest.mark.parametrize("entry", NEEDED)
def test_a_missing_entry_is_named(entry: str, whole: Path, tmp_path: Path) -> None:
    copy = changed(whole, tmp_path, **{entry: None})
    with pytest.raises(PatchesError, match=rf"is damaged \(ValueError: dataset.json: {entry}: field required\)"):
        open_patches(copy)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({"images": [{"name": "p0", "group": "p0"}]}, "images.0.hash"),
        ({"classes": [{"id": 0, "name": "a", "color": "#FF0000", "pixels": "many"}]}, "classes.0.pixels"),
        ({"leak": {"image": "none"}}, "leak.image"),
        ({"splits": [1, 2]}, "splits"),
        ({"seed": "x"}, "seed"),
        ({"value_range": [[1]]}, "value_range.0"),
        ({"sources": [{"title": "a"}]}, "sources.0.name"),
    ],
)
def test_an_entry_of_another_type_is_named(entries: dict[str, object], named: str, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(PatchesError, match=f"dataset.json: {named}"):
        open_patches(changed(whole, tmp_path, **entries))


def test_a_description_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="its content"):
        check_description([1])


def test_an_index_that_names_an_image_beyond_the_last_is_refused(whole: Path, tmp_path: Path) -> None:
    images = json.loads((whole / "dataset.json").read_text())["images"][:1]
    with pytest.raises(PatchesError, match="do not agree"):
        open_patches(changed(whole, tmp_path, images=images))


@pytest.mark.parametrize(
    "header", [b"{'descr': '|u1', 'fortran_order': False, 'shape': (", b"{'descr': '|u1', 'x", b"\n("]
)
def test_a_damaged_header_of_an_array_is_refused(header: bytes, whole: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(whole, tmp_path / "copy"))
    file = copy / "masks.npy"
    raw = file.read_bytes()
    length = int(np.frombuffer(raw[8:10], "<u2")[0])
    file.write_bytes(raw[:10] + header.ljust(length - 1) + b"\n" + raw[10 + length :])
    with pytest.raises(PatchesError, match=r"masks\.npy: cannot be mapped"):
        open_patches(copy)
